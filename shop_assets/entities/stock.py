"""Inventory: what moved, and what was there."""

from __future__ import annotations

from pandera.typing import Series

from shop_assets.entities.model import Bool, Int, Table, Text, Timestamp, column


class InventoryMovements(Table):
    """One row per movement of stock."""

    source: Series[Text] = column("Name of the source", key=True)
    movement_id: Series[Text] = column("The source's id", key=True)
    moved_at: Series[Timestamp] = column("When the stock moved", merge="earliest")
    product_id: Series[Text] = column("The product")
    location_id: Series[Text] = column("The warehouse or shop")
    quantity: Series[Int] = column("Units; negative when they leave")
    reason: Series[Text] = column("sale, return, receipt, correction, ...", nullable=True)
    version_at: Series[Timestamp] = column("When the source gave the row this version")
    deleted: Series[Bool] = column("The source has deleted the row")


class InventoryLevels(Table):
    """One row per reading of a product's stock at a location.

    `on_hand` = available + committed + unavailable; available may be negative (oversold).
    """

    source: Series[Text] = column("Name of the source", key=True)
    product_id: Series[Text] = column("The product", key=True)
    location_id: Series[Text] = column("The warehouse or shop", key=True)
    measured_at: Series[Timestamp] = column("When the level was read", key=True)
    available: Series[Int] = column("Units that can be sold; negative when oversold")
    committed: Series[Int] = column("Units promised to orders")
    unavailable: Series[Int] = column("Damaged, safety stock, quality control")
    version_at: Series[Timestamp] = column("When the source gave the row this version")
    deleted: Series[Bool] = column("The source has deleted the row")
