"""Sharing an amount out so that the parts sum to the whole, to the last micro."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

Ints = npt.NDArray[np.int64]

_EXACT_PRODUCT = 2.0**62


def allocate(total: pd.Series, weights: pd.Series, group: pd.Series, unit: pd.Series) -> pd.Series:
    """Each row's part of its group's total, by the largest remainder in minor units, Int64.

    `weights` and `group` are per row; `total` (micros) and `unit` (the minor unit in micros) are
    indexed by group. A group's parts sum exactly to its total: what is finer than a minor unit
    goes to the largest part. Ties go to the row that comes first. A negative or missing weight
    counts as zero; where all are zero the parts are equal. A group without a total gets zeros.
    """
    codes, labels = pd.factorize(group)
    totals = total.reindex(labels).fillna(0).to_numpy(dtype=np.int64)
    units = unit.reindex(labels).fillna(1).to_numpy(dtype=np.int64)
    rows = weights.fillna(0).to_numpy(dtype=np.int64)
    parts = largest_remainder(totals, rows, codes.astype(np.int64), units)
    return pd.Series(parts, index=weights.index, dtype="Int64")


def largest_remainder(total: Ints, weight: Ints, group: Ints, unit: Ints) -> Ints:
    """`allocate` on arrays: `group` numbers the groups from 0, `total` and `unit` are per group."""
    if not len(weight):
        return np.zeros(0, dtype=np.int64)
    weight = np.maximum(weight, 0)
    heaviest = np.zeros(len(total), dtype=np.int64)
    np.maximum.at(heaviest, group, weight)
    weight = np.where(heaviest[group] > 0, weight, 1)
    size = np.abs(total)
    whole = size // unit
    base, rest = _quotas(whole, weight, group)

    given = np.zeros(len(total), dtype=np.int64)
    np.add.at(given, group, base)
    by_rest = np.lexsort((np.arange(len(weight)), -rest, group))
    extra = np.zeros(len(weight), dtype=np.int64)
    extra[by_rest] = _rank(group[by_rest]) < (whole - given)[group[by_rest]]
    part = (base + extra) * unit[group]

    by_size = np.lexsort((np.arange(len(weight)), -weight, -part, group))
    largest = by_size[_rank(group[by_size]) == 0]
    part[largest] += (size - whole * unit)[group[largest]]
    return np.where(total[group] < 0, -part, part)


def _rank(sorted_group: Ints) -> Ints:
    """Position within each run of equal groups, from 0."""
    position = np.arange(len(sorted_group))
    first = np.r_[True, sorted_group[1:] != sorted_group[:-1]]
    return position - np.maximum.accumulate(np.where(first, position, 0))


def _quotas(whole: Ints, weight: Ints, group: Ints) -> tuple[Ints, Ints]:
    """Each row's whole minor units, and a number that orders the remainders within a group."""
    size = np.bincount(group, weights=weight.astype(np.float64), minlength=len(whole))
    fits = (size * np.maximum(whole, 1) < _EXACT_PRODUCT)[group]
    sums = np.zeros(len(whole), dtype=np.int64)
    np.add.at(sums, group[fits], weight[fits])
    product = np.where(fits, whole[group] * np.where(fits, weight, 0), 0)
    base, rest = np.divmod(product, np.where(fits, sums[group], 1))
    if not fits.all():
        # Beyond 64 bits, Python's integers; such amounts are rare.
        for code in np.unique(group[~fits]):
            rows = np.flatnonzero(group == code)
            weights = [int(w) for w in weight[rows]]
            all_of_them, amount = sum(weights), int(whole[code])
            pairs = [divmod(amount * w, all_of_them) for w in weights]
            base[rows] = [quotient for quotient, _ in pairs]
            order = sorted({remainder for _, remainder in pairs})
            rest[rows] = [order.index(remainder) for _, remainder in pairs]
    return base, rest
