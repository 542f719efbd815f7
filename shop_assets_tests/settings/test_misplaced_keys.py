"""A key in the wrong place of shop.yaml is a mistake, and is not repeated."""

from pathlib import Path

import pytest

from shop_assets_tests.settings.writing import RIGHT, refused

KEY = "shpat_0123456789abcdef"
SOURCES = {
    "api_url": "connector: stripe\n    api_key: x\n    api_url: ${THE_KEY}",
    "shop": "connector: shopify\n    token: x\n    shop: ${THE_KEY}",
}


@pytest.mark.parametrize("place", SOURCES)
def test_a_key_that_stands_for_an_address_is_not_shown(tmp_path: Path, place: str) -> None:
    text = f"{RIGHT}  misplaced:\n    {SOURCES[place]}\n"
    said = refused(tmp_path, text, {"THE_KEY": KEY})
    assert KEY not in said
    assert place in said
    assert "what stands there is no" in said
