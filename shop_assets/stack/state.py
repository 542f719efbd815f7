"""What the embedded stack remembers between commands: credentials, ports and process ids."""

import fcntl
import json
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from shop_assets.errors import UserError

POSTGRES_ROLES = ("shop_admin", "loader", "reader", "dagster")
VERSION = 1
LOCK_TIMEOUT = 120.0


class StackError(UserError):
    """The embedded stack cannot do what was asked; the sentence names the server and its log."""


@dataclass
class ServiceRecord:
    """One running server: `marker` is the command-line argument by which it is recognised."""

    pid: int
    program: str
    marker: str
    port: int
    other_ports: list[int] = field(default_factory=list)


@dataclass
class Secrets:
    """Generated credentials; they survive restarts of the stack."""

    postgres: dict[str, str]
    s3_access_key: str
    s3_secret_key: str
    s3_signing_key: str
    redis: str


@dataclass
class StackState:
    """The contents of `state.json`."""

    secrets: Secrets
    services: dict[str, ServiceRecord] = field(default_factory=dict)


def stack_dir(home: Path) -> Path:
    """The folder of the embedded stack inside the home folder, absolute."""
    return home.expanduser().resolve() / "stack"


def prepare_home(home: Path) -> Path:
    """Make the home and stack folders, both with mode 0700, and return the stack folder."""
    folder = stack_dir(home)
    try:
        for path in (folder.parent, folder):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.chmod(0o700)
    except OSError as error:
        raise StackError(
            f"{error.filename or folder}: the home folder of the stack cannot be made "
            f"({error.strerror}), expected a folder that this user may write; set SHOP_HOME."
        ) from None
    return folder


def load(home: Path) -> StackState | None:
    """Read the state of `home`; None where no stack was ever started."""
    path = stack_dir(home) / "state.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["version"] != VERSION:
            raise StackError(
                f"{path} has version {document['version']}, expected {VERSION}: it was written "
                "by another release of shop-assets."
            )
        return StackState(
            secrets=Secrets(**document["secrets"]),
            services={
                name: ServiceRecord(**record) for name, record in document["services"].items()
            },
        )
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        raise StackError(
            f"{path} cannot be read by this user, expected the user who started the stack; "
            "set SHOP_HOME to a folder of your own."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # Not the error itself: it may repeat a part of the file.
        raise StackError(
            f"{path} is not a state file of the stack ({type(error).__name__}); move it away "
            "and run `shop-assets stack up` to make new credentials."
        ) from None


def new() -> StackState:
    """A state with fresh credentials and no services."""
    return StackState(
        secrets=Secrets(
            postgres={role: secrets.token_urlsafe(24) for role in POSTGRES_ROLES},
            s3_access_key="SHOP" + secrets.token_hex(8).upper(),
            s3_secret_key=secrets.token_urlsafe(30),
            s3_signing_key=secrets.token_urlsafe(30),
            redis=secrets.token_urlsafe(24),
        )
    )


def save(home: Path, state: StackState) -> None:
    """Replace the state file in one step, readable by its owner only."""
    document = {
        "version": VERSION,
        "secrets": asdict(state.secrets),
        "services": {name: asdict(record) for name, record in state.services.items()},
    }
    write_secret(stack_dir(home) / "state.json", json.dumps(document, indent=2) + "\n")


def write_secret(path: Path, text: str) -> None:
    """Write a file with mode 0600 so that readers see the old or the new text, never a part."""
    # mkstemp creates the file with mode 0600.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the stack's lock: one start or stop at a time, over all processes.

    Raises:
        StackError: another command held the lock for two minutes.
    """
    try:
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StackError(
            f"{folder}/lock cannot be opened ({error.strerror}), expected a folder that this user "
            "may write; set SHOP_HOME."
        ) from None
    try:
        deadline = time.monotonic() + LOCK_TIMEOUT
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StackError(
                        f"{folder}/lock: another command has been starting or stopping this "
                        f"stack for {LOCK_TIMEOUT:.0f} seconds, expected it to end."
                    ) from None
                time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)
