"""A password in a URL is what the secret store has, whatever characters it has."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import make_url

from shop_assets.settings import load_settings
from shop_assets.settings.access import in_url
from shop_assets.settings.shop import SqlSource
from shop_assets_tests.examples import examples
from shop_assets_tests.settings.writing import changed, refused, write

URL = "postgresql://reader:hunter2@db/shop"
OWN_AT = (
    "shop.yaml:9: sources.storefront.url: its password seems to have an @ of its own; user and "
    "password percent-encoded (@ as %40, / as %2F, : as %3A, # as %23, % as %25), or a reference "
    "in the place of each alone, is expected"
)


def read(folder: Path, url: str, environ: dict[str, str]) -> SqlSource:
    source = load_settings(write(folder, changed(URL, url)), environ).sources["storefront"]
    assert isinstance(source, SqlSource)
    return source


@pytest.mark.parametrize(
    "password",
    [
        *("p@ss", "a/b", "a:b", "a#b", "a?b", "100%", "50%25@off", "a b", "[x]", "ä€", "%zz", "%4"),
        *("a\\b", '"', "@", "@db/x?y=z#", "+", "a+b=c&d", "hunter2", "p%40ss word"),
    ],
)
@pytest.mark.parametrize("place", ["${PASSWORD}", "${file:password}"])
def test_a_reference_stands_for_the_password_as_it_is(
    password: str, place: str, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(f"{password}\n")
    url = f"postgresql://reader:{place}@db:5433/shop?sslmode=require"
    found = make_url(read(tmp_path, url, {"PASSWORD": password}).url)
    assert (found.username, found.password) == ("reader", password)
    assert (found.host, found.port, found.database) == ("db", 5433, "shop")
    assert found.query == {"sslmode": "require"}


@pytest.mark.parametrize(
    ("written", "password"),
    [("p%40ss", "p@ss"), ("a%2Fb", "a/b"), ("a/b%40c", "a/b@c"), ("100%25", "100%"), ("%41", "A")],
)
def test_what_is_percent_encoded_already_stays_so(
    written: str, password: str, tmp_path: Path
) -> None:
    url = read(tmp_path, "mysql://reader:${PASSWORD}@db/shop", {"PASSWORD": written}).url
    assert url == f"mysql://reader:{written}@db/shop"
    assert make_url(url).password == password


@examples(300)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1))
def test_every_password_is_read_back_as_it_is_or_as_its_encoding_says(password: str) -> None:
    """By its encoding only where it looks percent-encoded; encoded, each is read back as it is."""
    found = make_url(f"postgresql://u:{in_url(password)}@h/d")
    if in_url(password) != password:
        assert found.password == password
    assert (found.host, found.database) == ("h", "d")
    encoded = make_url(f"postgresql://u:{in_url(quote(password, safe=''))}@h/d")
    assert encoded.password == password


def test_a_users_name_is_taken_as_it_is_too_and_a_pair_of_both_as_it_was(tmp_path: Path) -> None:
    environ = {"WHO": "ann@x", "PASSWORD": "a:b", "BOTH": "ann:p%40ss", "HOST": "db:5433"}
    found = make_url(read(tmp_path, "mysql://${WHO}:x${PASSWORD}@${HOST}/shop", environ).url)
    assert (found.username, found.password, found.host) == ("ann@x", "xa:b", "db")
    assert (
        read(tmp_path, "mysql://${BOTH}@${HOST}/s", environ).url == "mysql://ann:p%40ss@db:5433/s"
    )


def test_elsewhere_a_reference_is_taken_as_it_was(tmp_path: Path) -> None:
    environ = {"DB": "sh/op", "URL": "mysql://u:p%40@h/d", "OPTIONS": "ssl_mode=DISABLED&a=b"}
    assert read(tmp_path, "mysql://u:p@h/${DB}?${OPTIONS}", environ).url.endswith(
        "@h/sh/op?ssl_mode=DISABLED&a=b"
    )
    assert read(tmp_path, "${URL}", environ).url == environ["URL"]
    text = changed("  start:", "  owner: see ${URL}:x@y\n  start:")
    assert load_settings(write(tmp_path, text), environ).shop.owner == "see mysql://u:p%40@h/d:x@y"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://reader:hunt@er2@db/shop",
        "mysql://reader:hunt@er2/x@db/shop",
        "mysql://reader:hunt@er2:x@db/shop",
        "postgresql://reader:hunt@er2#x@db/shop",
        "postgresql://reader:hunt@er2?x@db/shop",
    ],
)
def test_an_at_that_is_not_encoded_is_said_and_nothing_of_it_shown(
    url: str, tmp_path: Path
) -> None:
    assert refused(tmp_path, changed(URL, "${URL}"), {"URL": url}) == OWN_AT
    assert refused(tmp_path, changed(URL, f'"{url}"')) == OWN_AT


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://reader:hunter2@db/shop@home",
        "postgresql:///shop?host=/run/pg&user=ann@x",
        "mysql://reader:p@db/shop?ssl_ca=/etc/ca@home.pem",
        "sqlite:////srv/a@b/c@d.db",
    ],
)
def test_an_at_elsewhere_is_no_mistake(url: str, tmp_path: Path) -> None:
    assert read(tmp_path, f'"{url}"', {}).url == url


def test_a_url_that_cannot_be_read_is_told_how_passwords_stand_in_it(tmp_path: Path) -> None:
    said = refused(tmp_path, changed(URL, "postgresql://u:hunter2@db:port/x"))
    assert "one like postgresql://user:password@host/database, both percent-encoded (@ as" in said
    assert "hunter2" not in said
