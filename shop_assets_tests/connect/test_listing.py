"""`shop-assets sources list`: everything the settings' models allow, and nothing else."""

from __future__ import annotations

from shop_assets.errors import UserError
from shop_assets.settings.catalogue import connector_name, connectors, source_models, stream_model
from shop_assets_tests.connect.conftest import Run, reported


def test_every_connector_is_listed_with_every_option_of_its_model(command: Run) -> None:
    listed = {each["name"]: each for each in reported(command("sources", "list", "--json"))}
    assert list(listed) == ["sql", "files", "stripe", "shopify", "woocommerce"]
    for model in source_models():
        found = listed[connector_name(model)]
        options = {option["name"] for option in found["options"]}
        assert options == set(model.model_fields) - {"connector"}
        of_streams = {option["name"] for option in found["stream_options"]}
        assert of_streams == set(stream_model(model).model_fields)


def test_every_option_has_a_meaning_and_secrets_are_marked() -> None:
    secret = set()
    for connector in connectors():
        for option in (*connector.options, *connector.stream_options):
            assert option.meaning, f"{connector.name}.{option.name}"
            assert "](#" not in option.kind
            if option.secret:
                secret.add(f"{connector.name}.{option.name}")
    assert secret == {
        "stripe.api_key",
        "shopify.token",
        "woocommerce.consumer_key",
        "woocommerce.consumer_secret",
    }


def test_what_must_be_given_comes_first() -> None:
    for connector in connectors():
        needed = [option.default is None for option in connector.options]
        assert needed == sorted(needed, reverse=True)


def test_streams_are_listed_with_what_they_become(command: Run) -> None:
    (stripe,) = reported(command("sources", "list", "stripe", "--json"))
    becomes = {stream["name"]: stream["becomes"] for stream in stripe["streams"]}
    assert becomes["charges"] == ["charges"]
    assert becomes["refunds"] == ["payment_refunds"]
    assert stripe["presets"] == []
    (files,) = reported(command("sources", "list", "files", "--json"))
    assert {p["name"]: p["becomes"] for p in files["presets"]} == {
        "google_ads": ["ad_spend", "campaigns"],
        "meta_ads": ["ad_spend", "campaigns"],
    }


def test_the_list_can_be_read(command: Run) -> None:
    said = command("sources", "list", "shopify").stdout
    assert "my-shop.myshopify.com" in said
    assert "must be given" in said
    assert "order_lines" in said
    assert "docs/connect/shopify.md" in said
    assert "woocommerce" not in said


def test_a_connector_that_there_is_not_is_a_mistake(command: Run) -> None:
    done = command("sources", "list", "magento")
    assert isinstance(done.exception, UserError)
    assert str(done.exception).startswith("no connector magento, expected one of sql, files,")
