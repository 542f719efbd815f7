"""`${NAME}` and `${file:...}`: what they stand for, and that no error repeats it."""

from __future__ import annotations

from pathlib import Path

import pytest

from shop_assets.settings import load_settings
from shop_assets_tests.settings.writing import changed, refused, write

SECRET = "s3cr3t-Kanarienvogel"


def owner(folder: Path, written: str, environ: dict[str, str]) -> str:
    text = changed("  start:", f"  owner: {written}\n  start:")
    return load_settings(write(folder, text), environ).shop.owner


@pytest.mark.parametrize(
    ("written", "environ", "read"),
    [
        ("${WHO}", {"WHO": "ann@x"}, "ann@x"),
        ("<${WHO}@${AT}>", {"WHO": "ann", "AT": "x"}, "<ann@x>"),
        ("${WHO:-bob@x}", {}, "bob@x"),
        ("${WHO:-bob@x}", {"WHO": ""}, "bob@x"),
        ("${WHO:-bob@x}", {"WHO": "ann@x"}, "ann@x"),
        ("a${WHO:-}b", {}, "ab"),
        ("${WHO}", {"WHO": "${HOME} ${file:/etc/hostname}"}, "${HOME} ${file:/etc/hostname}"),
        ("'$WHO $5 {x}'", {"WHO": "ann"}, "$WHO $5 {x}"),
    ],
)  # fmt: skip
def test_a_variable_stands_for_its_value(
    written: str, environ: dict[str, str], read: str, tmp_path: Path
) -> None:
    assert owner(tmp_path, written, environ) == read


def test_a_secret_file_stands_for_its_text_without_the_space_around(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "at:home").write_text(f"\n{SECRET}\n")
    assert owner(tmp_path, f"${{file:{tmp_path}/secrets/at:home}}", {}) == SECRET
    assert owner(tmp_path, "${file:secrets/at:home}", {}) == SECRET


def test_what_an_anchor_repeats_is_replaced_once(tmp_path: Path) -> None:
    text = changed("name: Example", "name: &who ${WHO}").replace("start:", "owner: *who\n  start:")
    shop = load_settings(write(tmp_path, text), {"WHO": "${NOT_SET}"}).shop
    assert (shop.name, shop.owner) == ("${NOT_SET}", "${NOT_SET}")


def test_a_variable_that_is_not_set_is_named_with_its_line(tmp_path: Path) -> None:
    said = refused(tmp_path, changed("hunter2", "${STOREFRONT_PASSWORD}"))
    assert said == (
        "shop.yaml:9: environment variable STOREFRONT_PASSWORD is not set; because of "
        "${STOREFRONT_PASSWORD} it is expected"
    )


@pytest.mark.parametrize("written", ["${WHO", "${}", "${WHO-x}", "${1}", "${file:}", "${a b}"])
def test_a_reference_that_is_none_is_refused(written: str, tmp_path: Path) -> None:
    said = refused(tmp_path, changed("Example", f'"{written}"'), {"WHO": "x"})
    assert said == (
        f"shop.yaml:2: found {written}; "
        "${NAME}, ${NAME:-default} or ${file:/path} is expected"
    )


def test_a_secret_file_that_cannot_be_read_is_named_with_line_and_reason(tmp_path: Path) -> None:
    said = refused(tmp_path, changed("hunter2", "${file:/nowhere/secret}"))
    assert said.startswith(
        "shop.yaml:9: secret file /nowhere/secret cannot be read (No such file or directory);"
    )
    (tmp_path / "binary").write_bytes(b"\xff\xfe" + SECRET.encode())
    said = refused(tmp_path, changed("hunter2", "${file:binary}"))
    assert "secret file binary cannot be read (not UTF-8)" in said
    assert SECRET not in said


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("postgresql://reader:hunter2@db/shop", f"{SECRET} is no url"),
        ("postgresql://reader:hunter2@db/shop", f"postgresql://u:{SECRET}@db:port/shop"),
        ("postgresql://reader:hunter2@db/shop", f"[postgresql://u:{SECRET}@db/shop]"),
        ("    url: till", f"    url: ftp://u:{SECRET}@host/x"),
        ("    url: till", f"    url: s3://b\n    endpoint: ftp://u:{SECRET}@host"),
        ("    url: till", f"    url: s3://b\n    endpoint: http://u:{SECRET}@host"),
        ("    url: till", f"    url: till\n    {'endpoint'}: {{{SECRET}: 1}}"),
        ("Europe/Berlin", "${SECRET}"),
        ("currency: EUR", "currency: ${SECRET}"),
        ("2026-01-01", "${SECRET}"),
        ("lines-*.csv", "/${SECRET}"),
        ("format: csv", "format: ${SECRET}"),
        ("format: csv", "format: csv\n        encoding: ${SECRET}"),
        ("format: csv", "format: csv\n        delimiter: ${SECRET}"),
        ("{column: at}", "{name: '${SECRET}'}"),
        ("{missing: true}", "{matches: '(${SECRET}'}"),
        ("connector: files", "connector: ${SECRET}"),
        ("[trim]", "['${SECRET}']"),
        ("[iso]", "['${SECRET}']"),
        ("    url: till", "    url: till\n    overlap_minutes: ${SECRET}"),
    ],
)
def test_no_sentence_repeats_a_secret(old: str, new: str, tmp_path: Path) -> None:
    said = refused(tmp_path, changed(old, new), {"SECRET": SECRET})
    assert SECRET not in said
    assert said.startswith("shop.yaml:"), said


def test_a_wrong_value_from_a_variable_is_shown_as_the_file_has_it(tmp_path: Path) -> None:
    said = refused(tmp_path, changed("Europe/Berlin", "${ZONE}"), {"ZONE": "Moon"})
    assert said == (
        "shop.yaml:3: shop.timezone: no such time zone: ${ZONE}; an IANA name, such as "
        "Europe/Berlin, is expected"
    )
