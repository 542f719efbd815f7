"""What `shop.yaml` may be as a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shop_assets.settings import ConfigError, load_settings
from shop_assets_tests.conftest import REPOSITORY
from shop_assets_tests.settings.writing import RIGHT, changed, refused, write


@pytest.mark.parametrize(
    ("text", "line", "found", "expected"),
    [
        ("shop: [a\nb: c\n", 2, "not YAML", "expected ',' or ']'"),
        ("shop:\n\tname: A\n", 2, "not YAML", "cannot start any token"),
        (RIGHT + "---\nshop: {}\n", 41, "not YAML", "found another document"),
        ("", 1, "found no keys", "`shop:` and `sources:`"),
        ("# nothing yet\n", 1, "found no keys", "`shop:` and `sources:`"),
        ("- shop\n", 1, "found no keys", "`shop:` and `sources:`"),
        (RIGHT.replace("Example", "Bücher").encode("latin-1"), 2, "the byte 0xfc", "UTF-8"),
        (RIGHT.encode("utf-16"), 1, "the byte 0xff", "UTF-8"),
        (changed("Example", "Ex\0ample"), 2, "the character U+0000", "printable text"),
        (changed("name: Example", "name: !shell [ls]"), 2, "not plain YAML", "!shell"),
        (changed("name: Example", "name: !!python/object/apply:os.getcwd []"), 2,
         "not plain YAML", "os.getcwd"),
        ("? [a, b]\n: c\n" + RIGHT, 1, "not plain YAML", "unhashable key"),
        (changed("name: Example", "name: " + "[" * 3000 + "]" * 3000), 1, "nested too deeply",
         "a few levels"),
        ("shop: &shop\n  name: *shop\nsources: {}\n", 2, "shop.name: found keys", "text"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_configuration_is_refused_with_line_and_reason(
    text: str | bytes, line: int, found: str, expected: str, tmp_path: Path
) -> None:
    said = refused(tmp_path, text)
    assert said.startswith(f"shop.yaml:{line}: "), said
    assert found in said
    assert expected in said


def test_a_file_that_is_not_there_is_named_with_the_ways_to_name_another(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"/none\.yaml: no such file; .*--config or SHOP_CONFIG"):
        load_settings(tmp_path / "none.yaml", {})


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r": cannot be read \(Is a directory\); a file that"):
        load_settings(tmp_path, {})


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    text = b"\xef\xbb\xbf" + RIGHT.replace("\n", "\r\n").encode()
    assert load_settings(write(tmp_path, text), {}).shop.name == "Example"


def test_anchors_and_merges_are_read_and_mistakes_in_them_are_found(tmp_path: Path) -> None:
    anchored = changed("url: till", "<<: &local {timezone: Europe/Rome, url: till}")
    assert load_settings(write(tmp_path, anchored), {}).sources["till"].timezone == "Europe/Rome"
    said = refused(tmp_path, anchored.replace("Europe/Rome", "Europe/Room"))
    assert said.startswith("shop.yaml:26: sources.till.timezone: no such time zone: 'Europe/Room'")


def test_aliases_of_aliases_are_refused_in_no_time(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 20)
    )
    assert "unknown key a0 at the top" in refused(tmp_path, RIGHT + bomb)


@pytest.mark.parametrize("name", sorted(p.name for p in (REPOSITORY / "examples").iterdir()))
def test_each_example_is_right(name: str) -> None:
    path = REPOSITORY / "examples" / name / "shop.yaml"
    variables = {
        "SHOP_DEMO_STOREFRONT_URL": "postgresql://demo@127.0.0.1/demo",
        "SHOP_DEMO_WMS_URL": "postgresql://demo@127.0.0.1/demo",
        "SHOP_DEMO_FILES": os.devnull,
    }
    assert load_settings(path, variables).entities
