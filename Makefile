# `make demo` and `make test` are all a newcomer needs; `make help` lists the rest.

# The first interpreter that fits; `make demo PYTHON=/path/to/python3.12` chooses another. 3.13 comes last: the embedded
# Redis has no wheel for it and is compiled.
PYTHON ?= $(shell for p in python3 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null && echo $$p && exit; done; \
	python3.13 -c '' 2>/dev/null && echo python3.13)
UV ?= uv
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
WITH_PEERS := $(VENV)/.installed-bench

# Tests run in this many processes; PYTEST_ARGS adds to or narrows a run: make test PYTEST_ARGS="-k ledger"
WORKERS ?= 3
PYTEST_ARGS ?=
# How many histories `make soak` plays.
SOAK_HISTORIES ?= 2000
# How many times as many examples `make soak-properties` takes.
SOAK_EXAMPLES ?= 20
# What `make bench` measures: tiny, quick or full, and the cases, if not all: make bench BENCH="full hours day"
BENCH ?= full

# What one process compiled, the others import, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help venv demo up test soak soak-properties soak-connectors bench lint format docs lock clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

venv: $(INSTALLED) ## install everything, hash-checked, into .venv (once)

$(INSTALLED): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 found: install one, or name it with make PYTHON=..." >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (once, a few minutes) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(INSTALLED) ## three days of a simulated shop, from sources to marts
	@$(BIN)/shop-assets demo

up: $(INSTALLED) ## the same, then the Dagster UI and daemon until Ctrl-C
	@$(BIN)/shop-assets up

test: $(INSTALLED) ## all tests, against real embedded servers
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(PYTEST_ARGS)

soak: $(INSTALLED) ## thousands of random histories against their rebuilds: SOAK_HISTORIES=2000, SOAK_SEED=
	@SOAK_HISTORIES=$(SOAK_HISTORIES) $(BIN)/python -m pytest -n 0 -s -q -m soak shop_assets_tests/histories shop_assets_tests/reconciliation

soak-properties: $(INSTALLED) ## each test of random examples with many times as many: SOAK_EXAMPLES=20
	@SOAK_EXAMPLES=$(SOAK_EXAMPLES) $(BIN)/python -m pytest -n $(WORKERS) -q --timeout 0 -m "hypothesis and not soak"

bench: $(WITH_PEERS) ## measure each stage, whole hours and their cost, beside peers: BENCH=quick
	@PYTHONWARNINGS=ignore $(BIN)/python -m benchmarks.run $(BENCH)

# What the benchmarks compare with is installed for them alone.
$(WITH_PEERS): requirements.bench.lock $(INSTALLED)
	@echo "Installing what the benchmarks compare with ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.bench.lock
	@touch $@

soak-connectors: $(INSTALLED) ## every stream of every connector: a million rows each, each fault at each call
	@$(BIN)/python -m pytest -n 0 -s -q -m soak shop_assets_tests/acceptance

lint: $(INSTALLED) ## ruff, format check and strict types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(INSTALLED) ## put the code into its one format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: $(INSTALLED) ## make docs/configuration.md and docs/data-dictionary.md anew from the code
	@$(BIN)/python -m shop_assets.settings.reference docs/configuration.md
	@$(BIN)/python -m shop_assets.entities.dictionary docs/data-dictionary.md

# The runtime and build locks are subsets of the first, at the same versions; that of the benchmarks has their
# peers besides. Needs uv.
lock: ## resolve pyproject.toml anew into the four lock files
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header \
		--extra dev --group build -o requirements.lock pyproject.toml
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header \
		-c requirements.lock -o requirements.runtime.lock pyproject.toml
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header \
		-c requirements.lock --group build -o requirements.build.lock
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header \
		-c requirements.lock --extra bench -o requirements.bench.lock pyproject.toml

clean: ## remove the environment and caches; the embedded stack's data in .shop stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis htmlcov build dist
	rm -f .coverage .coverage.* coverage.xml
	find shop_assets shop_assets_tests -type d -name __pycache__ -prune -exec rm -rf {} +
