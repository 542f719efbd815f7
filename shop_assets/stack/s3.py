"""The embedded S3 server: SeaweedFS, all its parts in one process, on loopback only."""

import contextlib
import itertools
import json
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

from shop_assets.stack import process
from shop_assets.stack.endpoints import BUCKET, DEFAULT_REGION, DIRECT
from shop_assets.stack.process import HOST, PortTakenError
from shop_assets.stack.state import Secrets, ServiceRecord, write_secret

NAME = "s3"
PROGRAM = "weed"
# Its graceful stop waits 15 seconds for a stream that its own parts hold open. What it has answered
# is in its files by then, so it is not waited for.
_STOP = [(signal.SIGTERM, 1.0), (signal.SIGKILL, 5.0)]
_PARTS = ("s3", "master", "volume", "filer")
_SOCKET = "/tmp/seaweedfs-{part}-grpc-{port}.sock"  # noqa: S108 - the server's choice


def start(folder: Path, secrets: Secrets, known: ServiceRecord | None) -> ServiceRecord:
    """Start the server on its former ports where those are free, and make the bucket."""
    home = folder / "s3"
    data = home / "data"
    for path in (home, data):
        path.mkdir(mode=0o700, exist_ok=True)
    _configure(home, secrets)
    marker = f"-dir={data}"
    for orphan in process.find(PROGRAM, marker):
        process.end(orphan, _STOP)
    count = 2 * len(_PARTS)
    former = [known.port, *known.other_ports] if known else []
    ports = former if len(former) == count and all(map(process.is_free, former)) else []
    pid = 0
    while not pid:
        ports = ports or process.free_ports(count)
        try:
            pid = _spawn(home, marker, ports, folder, secrets)
        except PortTakenError:
            ports = []
    return ServiceRecord(
        pid=pid, program=PROGRAM, marker=marker, port=ports[0], other_ports=ports[1:]
    )


def stop(record: ServiceRecord) -> None:
    """End the server cleanly."""
    process.end(record.pid, _STOP)
    remove_sockets(record.other_ports)


def remove_sockets(ports: Iterable[int]) -> None:
    """Remove what a server that has ended leaves of its ports, where no option puts it."""
    for part, port in itertools.product(_PARTS, ports):
        with contextlib.suppress(OSError):  # another user's, of a server that has the port now
            Path(_SOCKET.format(part=part, port=port)).unlink(missing_ok=True)


def is_healthy(record: ServiceRecord, secrets: Secrets) -> bool:
    """Whether the bucket is there and can be listed.

    Asked by each command that starts the stack or says how it is, by what the lake is read with:
    another client takes a third of a second to be made.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    options = {
        "AWS_ENDPOINT_URL": f"http://{HOST}:{record.port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": DEFAULT_REGION,
        "AWS_ACCESS_KEY_ID": secrets.s3_access_key,
        "AWS_SECRET_ACCESS_KEY": secrets.s3_secret_key,
        **DIRECT,
        "connect_timeout": "2s",
        "timeout": "5s",
        "max_retries": "0",
    }
    try:
        DeltaTable.is_deltatable(f"s3://{BUCKET}/.health", options)
    except (OSError, DeltaError):
        return False
    return True


def _configure(home: Path, secrets: Secrets) -> None:
    identity = {
        "name": "shop",
        "credentials": [{"accessKey": secrets.s3_access_key, "secretKey": secrets.s3_secret_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    write_secret(home / "identities.json", json.dumps({"identities": [identity]}))
    # Without signing keys of its own the server's parts would trust any caller on this machine.
    lines = []
    for part in ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read"):
        lines += [f"[{part}]", f'key = "{secrets.s3_signing_key}"']
    write_secret(home / "security.toml", "\n".join(lines) + "\n")
    # One volume at a time: a volume takes a file handle and a moment to make.
    write_secret(home / "master.toml", "[master.volume_growth]\ncopy_1 = 2\n")


def _spawn(home: Path, marker: str, ports: list[int], folder: Path, secrets: Secrets) -> int:
    flags = [f"-{part}.port={port}" for part, port in zip(_PARTS, ports, strict=False)]
    flags += [
        f"-{part}.port.grpc={port}" for part, port in zip(_PARTS, ports[len(_PARTS) :], strict=True)
    ]
    log = folder / "s3.log"
    log_start = process.log_size(log)
    server = process.spawn(
        [
            str(Path(sys.executable).with_name(PROGRAM)),
            "-logtostderr=true",
            "server",
            marker,
            f"-ip={HOST}",
            f"-ip.bind={HOST}",
            "-filer",
            "-s3",
            *flags,
            f"-s3.config={home / 'identities.json'}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            # In the working directory, since the path of a socket has 107 bytes at most.
            "-s3.localSocket=s3.sock",
            "-filer.localSocket=filer.sock",
            "-master.telemetry=false",
            "-master.electionTimeout=500ms",
            "-master.volumePreallocate=false",
            "-master.volumeSizeLimitMB=256",
            "-volume.max=200",
            "-volume.preStopSeconds=0",
        ],
        log=log,
        cwd=home,
    )
    process.wait_until(
        lambda: _bucket_is_there(ports[0], secrets),
        server,
        name="SeaweedFS",
        log=log,
        log_start=log_start,
        timeout=60,
    )
    return server.pid


def _bucket_is_there(port: int, secrets: Secrets) -> bool:
    # Only where a server starts: see `is_healthy`.
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    client = boto3.client(
        "s3",
        endpoint_url=f"http://{HOST}:{port}",
        aws_access_key_id=secrets.s3_access_key,
        aws_secret_access_key=secrets.s3_secret_key,
        region_name=DEFAULT_REGION,
        config=Config(
            connect_timeout=2,
            read_timeout=5,
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
            proxies={},
        ),
    )
    try:
        try:
            client.head_bucket(Bucket=BUCKET)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
                return False
            client.create_bucket(Bucket=BUCKET)
        # A server whose volumes are not there yet lists buckets but takes no object.
        client.put_object(Bucket=BUCKET, Key=".health", Body=b"ok")
    except (BotoCoreError, ClientError):
        return False
    finally:
        client.close()
    return True
