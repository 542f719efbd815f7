"""Hours of the simulated shop through the real command: normal ones, the peak, and their cost."""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Iterator

from benchmarks import declared
from benchmarks.costs import Stored, database_size, stored
from benchmarks.loads import Loaded, load, table_of
from benchmarks.place import Place
from benchmarks.results import Cell, Section, Verdict
from benchmarks.s3_counter import counting
from benchmarks.shop import BenchShop, plan_of
from benchmarks.sizes import Size
from shop_assets.demo import FlashSale

START = dt.datetime(2025, 11, 3, 9, tzinfo=dt.UTC)
"""A Monday at ten in Berlin: the hours that follow have nearly the same load."""

_HOUR = dt.timedelta(hours=1)
_SPLIT = (
    "Process start: until the first run begins. Dagster's bookkeeping: what runs take beyond their "
    "steps. The parts sum to the seconds."
)
_REQUESTS_NOTE = (
    "Bytes on S3 are those of SeaweedFS' volumes, where nothing is taken back before compaction: "
    "all that was written. The write-ahead log is that of the whole server, Dagster's events "
    "included. Requests were counted in another load of an hour, by a proxy in front of the server."
)


def measure(place: Place, size: Size) -> Iterator[Section]:
    """An hour to warm the servers, the normal hours, one with a limit, one counted, the peak."""
    peak = size.hours + 3
    factor = size.peak_orders / size.hour_orders
    plan = plan_of(START, size.hour_orders, at_hour=1, sale=FlashSale(peak, 1, factor))
    shop = BenchShop(place, plan)
    try:
        shop.live(peak + 1)
        database_bytes = sum(
            map(database_size, (shop.targets.storefront_url, shop.targets.wms_url))
        )
    finally:
        shop.close()

    def hour(number: int, limit: float | None = None) -> Loaded:
        return load(place.home, shop.variables, START + number * _HOUR, 1, data_limit=limit)

    first = hour(0)
    before = stored(place)
    normal = [hour(number) for number in range(1, size.hours + 1)]
    after = stored(place)
    limited = hour(size.hours + 1, declared.NORMAL_HOUR_MIB)
    counted = _counted(place, shop, START + (size.hours + 2) * _HOUR)
    busiest = hour(peak)

    names = [f"normal hour {n}" for n in range(1, size.hours + 1)]
    loads = dict(zip(names, normal, strict=True))
    loads = {"first hour": first} | loads
    loads |= {"limited hour": limited, "peak hour": busiest}
    section = Section("Hours, from the sources to the marts")
    section.rows = table_of(loads)
    limit = f"{declared.NORMAL_HOUR_MIB:.0f} MiB"
    section.notes = [
        _SPLIT,
        "In the first hour, tables are made.",
        f"The limited hour may have {limit} of memory of its own (RLIMIT_DATA).",
    ]
    median = statistics.median(loaded.seconds for loaded in normal)
    work = statistics.median(loaded.work for loaded in normal)

    def verdict(what: str, measured: float, bound: float, unit: str) -> Verdict:
        return Verdict(what, round(measured, 2), bound, "lower", unit, judged=size.judged)

    section.verdicts = [
        verdict("normal hour", median, declared.NORMAL_HOUR_SECONDS, "s"),
        verdict("normal hour, work alone", work, declared.NORMAL_HOUR_WORK_SECONDS, "s"),
        verdict("peak hour", busiest.seconds, declared.PEAK_HOUR_SECONDS, "s"),
        verdict("peak hour, memory", busiest.peak, declared.PEAK_HOUR_MIB, "MiB"),
    ]
    yield section
    # The peak counts as the normal hours that its load is worth.
    share = size.hours / (peak + factor)
    yield _costs(before, after, normal, counted, share, database_bytes)


def _counted(place: Place, shop: BenchShop, first: dt.datetime) -> dict[str, float]:
    """S3 requests by method, and bytes sent, of one normal hour; with its transactions.

    The command gets the servers as a user's own, in a home folder where there are none.
    """
    where = place.endpoints
    assert where.s3_endpoint is not None
    other = place.folder / "counted"
    with counting(where.s3_endpoint) as proxy:
        named = {**where.environment(), "SHOP_S3_ENDPOINT": proxy.url}
        found = load(other, {**shop.variables, **named}, first, 1, servers_of=place.home)
        return {
            "orders": float(found.rows["orders"]),
            "sent": float(proxy.sent),
            **{f"requests {name}": float(count) for name, count in proxy.requests.items()},
        }


def _costs(
    before: Stored,
    after: Stored,
    normal: list[Loaded],
    counted: dict[str, float],
    share: float,
    database_bytes: int,
) -> Section:
    """What the normal hours cost, per million orders, beside what the sources themselves hold."""
    orders = sum(loaded.rows["orders"] for loaded in normal)
    raw = (after.sources + database_bytes) * share

    def row(what: str, size: float, count: float = orders) -> dict[str, Cell]:
        million = size / count * 1_000_000
        return {
            "what": what,
            "measured": round(size),
            "per million orders": f"{million / 2**30:.2f} GiB",
            "to the sources": f"{size / count / (raw / orders):.2f}x",
        }

    section = Section("Cost, of normal hours", notes=[_REQUESTS_NOTE])
    section.rows = [
        row("sources: files as exported, and their databases' share", raw),
        row("S3", after.s3 - before.s3),
        row("PostgreSQL: warehouse", after.warehouse - before.warehouse),
        row("PostgreSQL: Dagster's events", after.dagster - before.dagster),
        row("PostgreSQL: write-ahead log", after.wal - before.wal),
        row("S3: bodies of requests, of one hour", counted["sent"], counted["orders"]),
    ]
    requests = {k.split()[1]: v for k, v in counted.items() if k.startswith("requests ")}
    section.rows += [
        {
            "what": f"S3: {method} requests, of one hour",
            "measured": round(count),
            "per million orders": f"{count / counted['orders'] * 1_000_000:,.0f}",
            "to the sources": None,
        }
        for method, count in sorted(requests.items())
    ]
    return section
