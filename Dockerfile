# One image for the code server, the webserver and the daemon; compose.yaml gives each its command.
# No secret is ever in it: addresses and passwords come from the environment when it runs.

FROM python:3.12-slim-trixie AS build
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /src

# The locks are complete: nothing is resolved, nothing without a known hash is installed, nothing is compiled.
COPY requirements.build.lock requirements.runtime.lock ./
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --no-deps --only-binary :all: --require-hashes -r requirements.build.lock \
    && python -m venv /opt/shop-assets \
    && /opt/shop-assets/bin/pip install --no-deps --only-binary :all: --require-hashes -r requirements.runtime.lock

COPY pyproject.toml README.md LICENSE ./
COPY shop_assets ./shop_assets
COPY dagster.yaml ./
COPY examples/demo/shop.yaml ./examples/demo/
RUN /opt/build/bin/pip wheel --no-index --no-deps --no-build-isolation --wheel-dir /dist . \
    && /opt/shop-assets/bin/pip install --no-index --no-deps /dist/*.whl \
    && /opt/shop-assets/bin/pip check


FROM python:3.12-slim-trixie
ENV PATH=/opt/shop-assets/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DAGSTER_HOME=/opt/dagster/home \
    DAGSTER_EVENT_BATCH_SIZE=1000 \
    SHOP_HOME=/opt/dagster/shop \
    SHOP_CONFIG=/etc/shop-assets/shop.yaml \
    SHOP_MAX_CONCURRENT_RUNS=2

RUN groupadd --gid 10001 shop \
    && useradd --uid 10001 --gid shop --no-create-home --home-dir /opt/dagster --shell /usr/sbin/nologin shop \
    && install -d -o shop -g shop -m 0750 /opt/dagster /opt/dagster/home /opt/dagster/home/storage \
    && install -d -o shop -g shop -m 0700 /opt/dagster/shop

COPY --from=build /opt/shop-assets /opt/shop-assets
COPY dagster.yaml deploy/workspace.yaml /opt/dagster/home/

USER 10001:10001
WORKDIR /opt/dagster/home
EXPOSE 3000 4000

HEALTHCHECK --interval=60s --timeout=20s --start-period=120s --start-interval=5s --retries=3 \
    CMD ["dagster", "api", "grpc-health-check", "-p", "4000"]
CMD ["dagster", "code-server", "start", "-h", "127.0.0.1", "-p", "4000", "-m", "shop_assets.definitions", "--location-name", "shop_assets"]
