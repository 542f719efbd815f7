"""An order's amounts over its lines, and back."""

from __future__ import annotations

import numpy as np

from shop_assets.demo.chance import Ints


def order_sums(order: Ints, values: Ints, size: int) -> Ints:
    """The sum of the values of each order's lines, for orders 0 to `size` - 1."""
    result = np.zeros(size, dtype=np.int64)
    np.add.at(result, order, values)
    return result


def allocate(order: Ints, weights: Ints, amounts: Ints, minor: Ints) -> Ints:
    """Each order's amount shared by its lines in proportion to `weights`, by largest remainder.

    `amounts` and `minor` (the size of the minor unit) are per order; shares are whole minor units
    and sum to the amount, which is a whole number of them.
    """
    unit = minor[order]
    weight, units = weights // unit, (amounts // minor)[order]
    total = order_sums(order, weight, len(amounts))[order]
    product = np.where(total > 0, units * weight, 0)
    share, rest = np.divmod(product, np.maximum(total, 1))
    missing = amounts // minor - order_sums(order, share, len(amounts))
    by_rest = np.lexsort((np.arange(len(order)), -rest, order))
    sorted_order = order[by_rest]
    starts = np.searchsorted(sorted_order, sorted_order, side="left")
    rank = np.empty(len(order), dtype=np.int64)
    rank[by_rest] = np.arange(len(order)) - starts
    extra = (rank < missing[order]) & (total > 0)
    return (share + extra) * unit
