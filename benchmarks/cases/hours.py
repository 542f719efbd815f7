"""Hours of the simulated shop through the real command: normal ones, the peak, and their cost."""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Iterator, Mapping

from benchmarks import declared, machine_limits
from benchmarks.command import CommandFailedError
from benchmarks.costs import Stored, stored
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
_SPLIT_NOTE = (
    "Each hour is loaded when it is over, before the next one begins in the sources. In the first "
    "one tables are made. Process start: until the first run begins. Dagster's bookkeeping: what "
    "runs take beyond their steps. The parts sum to the seconds. What is declared is for raw to "
    "marts: analytics, which follow in a run of their own, are left out of what is held to it."
)
_LIMIT_NOTE = (
    f"The limited hour may have {declared.NORMAL_HOUR_MIB:.0f} MiB of memory of its own "
    "(RLIMIT_DATA)."
)
_PEAK = "peak hours that are done"
_LIMITED = "normal hours that keep within their limit of memory"
_COST_NOTE = (
    "Bytes on S3 are those of SeaweedFS' volumes, where nothing is taken back before compaction: "
    "all that was written. The write-ahead log is that of the whole server, Dagster's events "
    "included. Requests were counted while another hour was loaded, by a proxy before the server."
)


def measure(place: Place, size: Size) -> Iterator[Section]:
    """An hour in which all is made, the normal hours, one limited, one counted, the peak."""
    peak = size.hours + 3
    sale = FlashSale(peak, 1, size.peak_orders / size.hour_orders)
    speed = machine_limits.speed_now(place, size)
    shop = BenchShop(place, plan_of(START, size.hour_orders, at_hour=1, sale=sale))
    costs: list[Stored] = []
    failures: list[str] = []
    try:

        def hour(number: int, limit: float | None = None) -> Loaded:
            before = stored(place)
            shop.live(number + 1)
            lived = stored(place)
            start = START + number * _HOUR
            loaded = load(place.home, shop.variables, start, 1, data_limit=limit)
            if 1 <= number <= size.hours:
                # What the shop itself has written is no cost of the platform.
                told = stored(place).since(lived)
                costs.append(Stored(**{**vars(told), "sources": lived.since(before).sources}))
            return loaded

        loads = {"first hour": hour(0)}
        normal = {f"normal hour {n}": hour(n) for n in range(1, size.hours + 1)}
        loads |= normal
        try:
            loads["limited hour"] = hour(size.hours + 1, declared.NORMAL_HOUR_MIB)
        except CommandFailedError as error:
            failures.append(f"The limited hour failed: {error}")
        shop.live(size.hours + 3)
        counted = _counted(place, shop, START + (size.hours + 2) * _HOUR)
        shop.live(peak + 1)
    finally:
        shop.close()
    within = not failures
    try:
        loads["peak hour"] = load(place.home, shop.variables, START + peak * _HOUR, 1)
    except CommandFailedError as error:
        failures.append(f"The peak hour failed: {error}")
    speed = max(speed, machine_limits.speed_now(place, size))
    section = Section("Hours, from the sources to the marts", table_of(loads))
    section.notes = [_SPLIT_NOTE, machine_limits.note(speed), _LIMIT_NOTE, *failures]
    section.verdicts = [
        *_verdicts(list(normal.values()), loads.get("peak hour"), speed, judged=size.judged),
        Verdict(_LIMITED, float(within), 1.0, "higher", "", judged=size.judged),
    ]
    yield section
    placed = [shop.plan.counts(n)[0] for n in range(peak)]
    yield _costs(Stored.total(costs), sum(placed[1 : size.hours + 1]), counted, placed[-1])


def _verdicts(
    normal: list[Loaded], peak: Loaded | None, speed: float, *, judged: bool
) -> list[Verdict]:
    """Of the normal hours' medians, and of the peak hour, which may have failed."""

    def verdict(what: str, seconds: float, bound: float) -> Verdict:
        return Verdict(what, round(seconds, 2), bound, "lower", "s", judged=judged, speed=speed)

    seconds = statistics.median(loaded.to_marts for loaded in normal)
    work = statistics.median(loaded.work for loaded in normal)
    found = [
        verdict("normal hour, raw to marts", seconds, declared.NORMAL_HOUR_SECONDS),
        verdict("normal hour, raw to marts, work alone", work, declared.NORMAL_HOUR_WORK_SECONDS),
        Verdict(_PEAK, float(peak is not None), 1.0, "higher", "", judged=judged),
    ]
    if peak is not None:
        found += [
            verdict("peak hour, raw to marts", peak.to_marts, declared.PEAK_HOUR_SECONDS),
            Verdict(
                "peak hour, memory",
                round(peak.peak, 2),
                declared.PEAK_HOUR_MIB,
                "lower",
                "MiB",
                judged=judged,
            ),
        ]
    return found


def _counted(place: Place, shop: BenchShop, first: dt.datetime) -> dict[str, int]:
    """S3 requests by method, and bytes sent ("bodies"), of the load of one hour.

    The command gets the servers as a user's own, in a home folder where there are none.
    """
    where = place.endpoints
    assert where.s3_endpoint is not None
    other = place.folder / "counted"
    with counting(where.s3_endpoint) as proxy:
        named = {**where.environment(), "SHOP_S3_ENDPOINT": proxy.url}
        load(other, {**shop.variables, **named}, first, 1, servers_of=place.home)
        return {"bodies": proxy.sent, **proxy.requests}


def _costs(cost: Stored, orders: int, counted: Mapping[str, int], of_one: int) -> Section:
    """What normal hours cost, per million orders placed, beside what the sources grew by."""

    def row(what: str, size: float, count: int = orders) -> dict[str, Cell]:
        each = size / count
        return {
            "what": what,
            "MiB": round(size / 2**20, 2),
            "per million orders": f"{each * 1_000_000 / 2**30:.2f} GiB",
            "to the sources": f"{each * orders / cost.sources:.2f}x",
        }

    section = Section("Cost of the normal hours", notes=[_COST_NOTE])
    section.rows = [
        row("sources: files exported, growth of their databases", cost.sources),
        row("S3", cost.s3),
        row("S3: bodies of requests", counted["bodies"], of_one),
        row("PostgreSQL: warehouse", cost.warehouse),
        row("PostgreSQL: Dagster's events", cost.dagster),
        row("PostgreSQL: write-ahead log", cost.wal),
    ]
    section.rows += [
        {
            "what": f"S3: {method} requests of an hour: {count:,}",
            "MiB": None,
            "per million orders": f"{count / of_one * 1_000_000:,.0f}",
            "to the sources": None,
        }
        for method, count in sorted(counted.items())
        if method != "bodies"
    ]
    return section
