"""docs/configuration.md says what the code expects."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shop_assets.settings import load_settings
from shop_assets.settings.reference import main, reference
from shop_assets.settings.shop import SqlSource
from shop_assets_tests.conftest import REPOSITORY
from shop_assets_tests.settings.writing import write

PAGE = REPOSITORY / "docs" / "configuration.md"


def test_the_page_has_every_key_as_the_code_does() -> None:
    text = PAGE.read_text("utf-8")
    assert text == reference(text), "run `make docs`"


def test_a_page_whose_keys_are_stale_is_made_anew(tmp_path: Path) -> None:
    stale = tmp_path / "configuration.md"
    stale.write_text(PAGE.read_text("utf-8").replace("| `timezone` |", "| `zone` |"), "utf-8")
    main(stale)
    assert stale.read_text("utf-8") == PAGE.read_text("utf-8")


def test_a_page_without_the_mark_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("# Mine\n")
    with pytest.raises(ValueError, match="lacks the line"):
        main(tmp_path / "page.md")
    assert (tmp_path / "page.md").read_text() == "# Mine\n"


def test_every_key_has_a_meaning_and_every_link_a_target() -> None:
    made = reference(PAGE.read_text("utf-8"))
    assert not re.findall(r"^\|.*\|\s*\|$", made, re.M)
    targets = set(re.findall(r'<a id="(\w+)">', made))
    assert set(re.findall(r"\]\(#(\w+)\)", made)) <= targets


def test_the_page_s_example_is_right(tmp_path: Path) -> None:
    [example] = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "storefront").write_text("made-up\n")
    settings = load_settings(write(tmp_path, example), {"STOREFRONT_HOST": "db.example"})
    storefront = settings.sources["storefront"]
    assert isinstance(storefront, SqlSource)
    assert storefront.url == "postgresql://reader:made-up@db.example/shop"
    assert list(settings.entities) == ["orders", "order_items"]
