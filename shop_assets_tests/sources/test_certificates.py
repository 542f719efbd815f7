"""The authorities that calls trust are read once; a file of the environment once it is new."""

from __future__ import annotations

import ssl
from pathlib import Path

import certifi
import pytest

from shop_assets.sources import certificates
from shop_assets_tests.sources.api_clients import client


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each file that authorities are read of."""
    files: list[str] = []
    make = ssl.create_default_context

    def noted(*given: object, cafile: str | None = None, capath: str | None = None) -> object:
        files.append(str(cafile or capath))
        return make(cafile=cafile, capath=capath)

    monkeypatch.setattr(ssl, "create_default_context", noted)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    certificates._of_certifi.cache_clear()
    return files


def test_the_clients_of_a_process_read_the_authorities_once(read: list[str]) -> None:
    for _ in range(3):
        client("https://api.example.com").close()
    assert read == [certifi.where()]


def test_a_file_that_the_environment_names_may_be_replaced(
    read: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = tmp_path / "authorities.pem"
    own.write_bytes(Path(certifi.where()).read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(own))
    for _ in range(2):
        client("https://api.example.com").close()
    assert read == [str(own)]
    new = tmp_path / "new.pem"
    new.write_bytes(own.read_bytes())
    new.replace(own)
    for _ in range(2):
        client("https://api.example.com").close()
    assert read == [str(own)] * 2


def test_what_lies_in_a_folder_that_the_environment_names_is_read_each_time(
    read: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    for _ in range(2):
        client("https://api.example.com").close()
    assert read == [str(tmp_path)] * 2


def test_who_is_unknown_is_not_trusted() -> None:
    context = certificates.trusted()
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
