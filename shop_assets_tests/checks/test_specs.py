from __future__ import annotations

from dagster import AssetCheckSpec, AssetKey

from shop_assets.checks import arrival, cleaning, loading, marts

KEY = AssetKey(["layer", "x"])


def blocking(specs: list[AssetCheckSpec]) -> dict[str, bool]:
    assert all(spec.asset_key == KEY and spec.description for spec in specs)
    return {spec.name: spec.blocking for spec in specs}


def test_what_makes_rows_wrong_blocks_and_what_is_only_suspect_warns() -> None:
    assert blocking(arrival.specs(KEY)) == {"rows_arrived": False}
    assert blocking(cleaning.specs(KEY)) == {
        "contract": True, "rows_accounted_for": True, "accuracy": False,
    }  # fmt: skip
    assert blocking(loading.specs(KEY)) == {"all_published_rows_loaded": True}
    assert blocking(marts.specs(KEY, sums=False)) == {"contract": True}
    assert blocking(marts.specs(KEY, sums=True)) == {"contract": True, "sums_to_the_ledger": True}
