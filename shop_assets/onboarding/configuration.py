"""Writing a first configuration: its secrets apart, and only once it is known to load."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from shop_assets.errors import UserError
from shop_assets.onboarding.answers import SourceAnswer
from shop_assets.onboarding.file_text import shop_yaml
from shop_assets.settings import load_settings

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_UNSET = "not-set-yet"


def write_configuration(
    path: Path,
    shop: Mapping[str, str],
    sources: Sequence[SourceAnswer],
    environ: Mapping[str, str],
    *,
    force: bool = False,
) -> list[str]:
    """Write `shop.yaml` at `path` and its secret files; the variables that are yet to be set.

    It and secret files replace others only with `force`, and only once it loads; variables that are
    not set count as set for that. Secret files have mode 0600 and are kept from git. Raises
    `UserError`, and has then written nothing.
    """
    refuse_existing(path, force=force)
    text = shop_yaml(shop, sources)
    secrets = [secret for source in sources for secret in source.secrets]
    named = _REFERENCE.findall(yaml.safe_dump(yaml.safe_load(text)))
    unset = sorted({name for name in named if name not in environ})
    files = {
        path.parent / secret.file: secret.value
        for secret in secrets
        if secret.file is not None and secret.value is not None
    }
    for file in files:
        refuse_existing(file, force=force)
    new = [file for file in files if not file.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_secrets(files)
        _write_loading(path, text, {**dict.fromkeys(unset, _UNSET), **environ})
    except UserError:
        for file in new:
            file.unlink(missing_ok=True)
        raise
    except OSError as error:
        raise UserError(
            f"{error.filename or path}: it cannot be written ({error.strerror}), expected a folder "
            "that this user may write to"
        ) from None
    return unset


def refuse_existing(path: Path, *, force: bool) -> None:
    """`UserError` where there is a file already, which is not to be replaced."""
    if path.exists() and not force:
        raise UserError(f"{path} is there already, expected another --config, or --force")


def _write_secrets(files: Mapping[Path, str]) -> None:
    for file, value in files.items():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        ignore = file.parent / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", "utf-8")
        _write(file, value + "\n")


def _write_loading(path: Path, text: str, environ: Mapping[str, str]) -> None:
    """Put the text at the path, if it loads from there."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    new = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        # To be read by whoever may read the folder: no secret is in it.
        new.chmod(0o644)
        try:
            load_settings(new, environ)
        except UserError as error:
            raise UserError(str(error).replace(str(new), str(path))) from None
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    """A file of mode 0600 from its first moment on, in the place of another of its name."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
