"""The orders, lines and refunds of a ledger, as numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from shop_assets.transforms.versions import Ints, micros


@dataclass(frozen=True)
class Keys:
    """Orders, lines and refunds, numbered in the order of their ids.

    Each order has, besides its own lines, one without an id: the order as a whole. The `*_rows`
    are the numbers of the inputs' rows.
    """

    order_source: pd.Series
    order_id: pd.Series
    item_id: pd.Series
    refund_id: pd.Series
    item_order: Ints
    whole_order: Ints
    refund_order: Ints
    refund_item: Ints
    order_rows: Ints
    item_rows: Ints
    refund_rows: Ints

    @classmethod
    def of(cls, orders: pd.DataFrame, items: pd.DataFrame, refunds: pd.DataFrame) -> Keys:
        """The keys of all rows of the three frames."""
        frames = (orders, items, refunds)
        borders = np.cumsum([len(f) for f in frames])[:-1]
        source, sources = _numbered(*(f["source"] for f in frames))
        text, texts = _numbered(*(f["order_id"] for f in frames))
        pairs, joint = np.unique(source * len(texts) + text, return_inverse=True)
        of_order, of_item, of_refund = np.split(joint.astype(np.int64), borders)

        blank = pd.Series([""], dtype="str")
        label, labels = _numbered(blank, items["item_id"], refunds["item_id"].fillna(""))
        whole = np.arange(len(pairs), dtype=np.int64)
        parent = np.concatenate([whole, of_item, of_refund])
        label = np.concatenate([np.zeros(len(pairs), dtype=np.int64), label[1:]])
        lines, joint = np.unique(parent * len(labels) + label, return_inverse=True)
        whole_order, item_rows, item_of_refund = np.split(
            joint.astype(np.int64), [len(pairs), len(pairs) + len(items)]
        )

        refund, refund_ids = _numbered(refunds["refund_id"])
        refund_sources = source[len(orders) + len(items) :]
        pairs_r, refund_rows = np.unique(
            refund_sources * max(len(refund_ids), 1) + refund, return_inverse=True
        )
        # A refund belongs where its newest version says.
        latest = np.lexsort((micros(refunds["version_at"]), refund_rows))
        refund_order = np.zeros(len(pairs_r), dtype=np.int64)
        refund_order[refund_rows[latest]] = of_refund[latest]
        refund_item = np.zeros(len(pairs_r), dtype=np.int64)
        refund_item[refund_rows[latest]] = item_of_refund[latest]
        return cls(
            order_source=sources.take(pairs // len(texts)).reset_index(drop=True),
            order_id=texts.take(pairs % len(texts)).reset_index(drop=True),
            item_id=labels.take(lines % len(labels)).reset_index(drop=True),
            refund_id=refund_ids.take(pairs_r % max(len(refund_ids), 1)).reset_index(drop=True),
            item_order=lines // len(labels),
            whole_order=whole_order,
            refund_order=refund_order,
            refund_item=refund_item,
            order_rows=of_order,
            item_rows=item_rows,
            refund_rows=refund_rows.astype(np.int64),
        )


def _numbered(*columns: pd.Series) -> tuple[Ints, pd.Series]:
    """Numbers of the values, in the values' own order, and the values."""
    codes, labels = pd.factorize(
        pd.concat([c.astype("str") for c in columns], ignore_index=True), sort=True
    )
    return codes.astype(np.int64), pd.Series(labels, dtype="str")
