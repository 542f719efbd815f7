"""What the checks say of differences, and which shops have them at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from dagster import AssetCheckSeverity, AssetKey

from shop_assets.assets.reconciliation import comparisons, providers
from shop_assets.checks.reconciliation import SHOWN, judge, specs
from shop_assets.settings import ShopSettings, load_settings
from shop_assets.settings.values import Name
from shop_assets_tests.settings.writing import refused
from shop_assets_tests.transforms.frames import frame_of

_STREAM = """
      {name}:
        files: {name}-*.csv
        format: csv
        time: {{column: at}}
        entities:
          {name}:
            fields: {{{fields}}}"""
_KEYS = {
    "orders": ("order_id",),
    "order_items": ("order_id", "item_id"),
    "refunds": ("refund_id",),
    "charges": ("charge_id",),
    "payment_refunds": ("refund_id",),
    "payments": ("payment_id",),
    "payouts": ("payout_id",),
    "payout_transactions": ("payout_id", "payment_id"),
}


def configured(sources: dict[Name, tuple[str, ...]], **more: str) -> str:
    """A shop whose sources have these entities; `more`: lines for some of the sources."""
    text = "shop: {name: S, timezone: UTC, currency: EUR, start: 2026-01-01}\nsources:\n"
    for source, entities in sources.items():
        text += f"  {source}:\n    connector: files\n    url: x\n"
        text += f"    {more[source]}\n" if source in more else ""
        text += "    streams:" + "".join(
            _STREAM.format(name=name, fields=", ".join(f"{k}: {k}" for k in _KEYS[name]))
            for name in entities
        )
        text += "\n"
    return text


def settings_of(folder: Path, text: str) -> ShopSettings:
    path = folder / "shop.yaml"
    path.write_text(text, "utf-8")
    return load_settings(path, {})


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ({"shop": ("orders", "order_items", "refunds")}, set()),
        ({"bank": ("charges", "payments", "payment_refunds")}, set()),
        ({"shop": ("orders", "order_items"), "bank": ("payments",)}, {"charge"}),
        ({"shop": ("orders", "order_items"), "bank": ("charges",)}, {"charge"}),
        (
            {"shop": ("orders", "order_items", "refunds"), "bank": ("charges",)},
            {"charge", "refund"},
        ),
        ({"bank": ("payouts",)}, set()),
        ({"bank": ("payouts", "payout_transactions")}, {"payout"}),
    ],
)
def test_a_shop_has_the_tables_that_its_entities_allow(
    sources: dict[Name, tuple[str, ...]], expected: set[str], tmp_path: Path
) -> None:
    settings = settings_of(tmp_path, configured(sources))
    found = [d for made in comparisons(settings, settings.entities).values() for d in made]
    assert {d.name.removesuffix("_differences") for d in found} == expected


def test_each_provider_is_read_where_it_says_most(tmp_path: Path) -> None:
    text = configured(
        {
            "shop": ("orders", "order_items"),
            "outlet": ("orders", "order_items"),
            "stripe": ("charges", "payment_refunds", "payments"),
            "klarna": ("charges", "payments"),
            "ledger": ("payments",),
            "paypal": ("payments", "payment_refunds"),
        },
        klarna="pays_for: [outlet]",
    )
    assert [
        (p.source, p.charges_in, p.refunds_in, p.pays_for)
        for p in providers(settings_of(tmp_path, text))
    ] == [
        ("stripe", "charges", "payment_refunds", ("shop", "outlet")),
        ("klarna", "charges", "charges", ("outlet",)),
        ("ledger", "payments", "payments", ("shop", "outlet")),
        # Its refunds name charges, of which it tells nothing.
        ("paypal", "payments", "payments", ("shop", "outlet")),
    ]


def test_a_shop_whose_orders_come_in_two_streams_is_paid_for_once(tmp_path: Path) -> None:
    text = configured({"shop": ("orders", "order_items"), "bank": ("payments",)})
    older = _STREAM.format(name="orders", fields="order_id: number").replace(
        "orders:\n        files", "older:\n        files"
    )
    text = text.replace("    streams:", f"    streams:{older}", 1)
    settings = settings_of(tmp_path, text)
    assert settings.entities["orders"] == [("shop", "older"), ("shop", "orders")]
    [bank] = providers(settings)
    assert bank.pays_for == ("shop",)


def test_a_source_that_pays_for_no_shop_is_a_mistake(tmp_path: Path) -> None:
    text = configured({"shop": ("orders",), "bank": ("payments",)}, bank="pays_for: [shop, shopp]")
    said = refused(tmp_path, text)
    line = text[: text.index("shopp")].count("\n") + 1
    assert said.startswith(f"shop.yaml:{line}: ")
    assert "no source shopp with orders to pay for" in said
    assert "one of shop" in said


def test_a_source_that_is_named_twice_is_a_mistake(tmp_path: Path) -> None:
    text = configured({"shop": ("orders",), "bank": ("payments",)}, bank="pays_for: [shop, shop]")
    said = refused(tmp_path, text)
    line = text[: text.index("pays_for")].count("\n") + 1
    assert said.startswith(f"shop.yaml:{line}: ")
    assert "shop is named twice; each source once is expected" in said


_SELLS = ("orders", "order_items")


@pytest.mark.parametrize("of", ["", "outlet"])
@pytest.mark.parametrize("taken", ["charges", "payments"])
def test_money_of_no_order_that_could_go_by_the_name_of_an_order_is_a_mistake(
    of: str, taken: str, tmp_path: Path
) -> None:
    sources = {"shop": (*_SELLS, taken), "outlet": _SELLS, "stripe": ("charges",)}
    text = configured(sources, shop=f"pays_for: [{of}]")
    said = refused(tmp_path, text)
    line = text[: text.index("pays_for")].count("\n") + 1
    assert said == (
        f"shop.yaml:{line}: sources.shop.pays_for: its money is not for its own orders "
        "(paid for by stripe), and where it is for no order it would go by the name of one; "
        "shop among these, or a pays_for of stripe without shop is expected"
    )


@pytest.mark.parametrize(
    ("sources", "more"),
    [
        # It pays for itself, among others.
        ({"shop": (*_SELLS, "payments"), "stripe": ("charges",)}, {"shop": "pays_for: [shop]"}),
        ({"shop": (*_SELLS, "payments"), "stripe": ("charges",)}, {}),
        # Nobody pays for it.
        (
            {"shop": (*_SELLS, "payments"), "outlet": _SELLS, "stripe": ("charges",)},
            {"shop": "pays_for: [outlet]", "stripe": "pays_for: [outlet]"},
        ),
        # It takes no money, whatever its refunds say.
        (
            {"shop": (*_SELLS, "payment_refunds"), "outlet": _SELLS, "stripe": ("charges",)},
            {"shop": "pays_for: [outlet]"},
        ),
        # Who could pay for it takes none.
        ({"shop": (*_SELLS, "payments"), "bank": ("payouts",)}, {"shop": "pays_for: []"}),
        # Nothing is compared.
        ({"shop": ("orders", "payments"), "stripe": ("charges",)}, {"shop": "pays_for: []"}),
    ],
)
def test_money_that_no_order_can_be_taken_for_is_no_mistake(
    sources: dict[Name, tuple[str, ...]], more: dict[str, str], tmp_path: Path
) -> None:
    assert list(settings_of(tmp_path, configured(sources, **more)).sources) == list(sources)


def test_the_check_passes_without_differences_and_warns_of_each_kind() -> None:
    key = AssetKey(["analytics", "charge_differences"])
    assert {spec.name: spec.blocking for spec in specs(key, "All")} == {
        "contract": True,
        "agrees_with_the_provider": False,
    }
    assert judge({}, frame_of("charge_differences", [])).passed
    rows = [
        {
            "source": "shop", "order_id": str(n), "charge_id": "", "currency": "EUR",
            "kind": "not_charged" if n else "charged_twice", "expected_micros": 10,
            "found_micros": 0, "difference_micros": -10, "since": "2026-01-31",
        }
        for n in range(SHOWN + 5)
    ]  # fmt: skip
    outcome = judge(
        {"not_charged": SHOWN + 4, "charged_twice": 1}, frame_of("charge_differences", rows)
    )
    assert not outcome.passed
    assert outcome.severity == AssetCheckSeverity.WARN
    said = outcome.metadata
    assert (said["differences"], said["not_charged"], said["charged_twice"]) == (25, 24, 1)
    assert len(said["offenders"]) == SHOWN
    assert said["offenders"][1] == "shop 1: not_charged, expected 10, found 0 micros of EUR"
