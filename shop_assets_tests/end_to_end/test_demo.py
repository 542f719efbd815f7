"""The simulated shop through the command line: `make demo` and `make up`."""

import contextlib
import datetime as dt
import json
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from shop_assets.partitions import HOUR, hour_key
from shop_assets.stack import embedded
from shop_assets.stack.process import free_ports
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.end_to_end.commands import Command

SALES = "marts/sales_hourly"
pytestmark = pytest.mark.xdist_group("demo")
SIZE = ("--days", "1", "--orders-per-hour", "15")
QUERY = """{ repositoriesOrError { ... on RepositoryConnection { nodes {
    schedules { name scheduleState { status } } sensors { name sensorState { status } }
} } } }"""
BACKFILL = """mutation($assets: [AssetKeyInput!]!, $hours: [String!]!) {
    launchPartitionBackfill(backfillParams: {assetSelection: $assets, partitionNames: $hours}) {
        ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message }
} }"""
BACKFILL_STATUS = """query($id: String!) { partitionBackfillOrError(backfillId: $id) {
    ... on PartitionBackfill { status }
} }"""


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    home = tmp_path_factory.mktemp("home")
    # What leads to others: a real shop's server, and a company's proxy.
    others = {"SHOP_POSTGRES_URL": "postgresql://a-real-shop.invalid/warehouse"}
    yield Command(home, **others, HTTP_PROXY="http://127.0.0.1:1", all_proxy="http://127.0.0.1:1")
    embedded.stop(home / "demo")


@pytest.fixture(scope="module")
def shown(command: Command) -> Any:
    return command.json("demo", *SIZE)


@pytest.fixture(scope="module")
def inside(command: Command, shown: Any) -> Command:
    """Commands for the demo that is there, with its servers running."""
    home = command.home / "demo"
    found = Command(home, SHOP_CONFIG=str(home / "shop.yaml"))
    assert found("stack", "up").returncode == 0
    return found


def running(home: Path) -> list[str]:
    """Command lines of the processes that name this folder."""
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if str(home) in line:
            found.append(line)
    return found


def test_a_demo_shows_what_its_shop_truly_sold_and_stops_what_it_started(
    shown: Any, command: Command
) -> None:
    assert shown["hours"] == 24
    assert shown["checks_passed"] > 50
    assert {day["currency"] for day in shown["days"]} >= {"EUR", "JPY"}
    assert all(day["is_true"] for day in shown["days"])
    for row in shown["rows"]:
        ended = sum(row[name] for name in ("published", "quarantined", "deduplicated", "folded"))
        assert row["read"] == ended > 0, row
    assert {row["source"] for row in shown["rows"]} == {
        *("storefront", "shopify", "woocommerce", "wms", "tracker", "ads", "crm", "payments")
    }
    assert sum(row["quarantined"] for row in shown["rows"]) > 0
    assert running(command.home) == []


@pytest.mark.no_cover
def test_a_demo_run_twice_works_twice(shown: Any, command: Command) -> None:
    done = command("demo", *SIZE)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Sales by day" in done.stdout
    assert "24 hours loaded" in done.stdout
    assert running(command.home) == []


def test_rows_leave_the_quarantine_when_a_rule_has_changed(inside: Command) -> None:
    listed = inside.json("quarantine", "list")
    held = sum(row["rows"] for row in listed if row["rule"] == "debug_ping")
    (before,) = inside.json("sql", "select sum(rows_published) n from marts.data_quality_hourly")
    assert held > 0
    config = Path(inside.environment["SHOP_CONFIG"])
    text = config.read_text("utf-8")
    changed = text.replace("{type: {is: debug_ping}}", "{type: {is: no_such_step}}").replace(
        "purchase: purchase", "purchase: purchase\n                  debug_ping: view"
    )
    config.write_text(changed, "utf-8")
    replayed = inside.json("quarantine", "replay", "--rule", "debug_ping")
    assert (replayed["before"], replayed["after"]) == (held, 0)
    (after,) = inside.json("sql", "select sum(rows_published) n from marts.data_quality_hourly")
    assert int(after["n"]) == int(before["n"]) + held
    config.write_text(text, "utf-8")


DAILY = "select day, currency, orders, gross_sales, net_sales from marts.sales_daily order by 1, 2"
FIRST_RULE = "              - name: negative_price\n"
PRICE_RULE = """              - name: implausible_price
                when: {unit_price: {above: 60}}
                quarantine: the price is one of the supplier's
"""


@pytest.mark.no_cover
def test_a_changed_price_rule_is_reprocessed_and_what_it_changed_is_shown(inside: Command) -> None:
    config = Path(inside.environment["SHOP_CONFIG"])
    text = config.read_text("utf-8")
    before = inside.json("sql", "--exact", DAILY)
    span = ("--from", before[0]["day"], "--to", _next_day(before[0]["day"]))
    config.write_text(text.replace(FIRST_RULE, PRICE_RULE + FIRST_RULE), "utf-8")
    try:
        why = ("--reason", "the supplier's prices", "--chunk-hours", "12")
        done = inside.json("reprocess", *span, *why)
        assert done["hours"] == 24
        after = inside.json("sql", "--exact", DAILY)
        assert after != before
        restated = {
            (c["day"], c["currency"]): c
            for c in done["changes"]
            if (c["mart"], c["figure"]) == ("sales_daily", "gross_sales_micros")
        }
        for old, new in zip(before, after, strict=True):
            if old["gross_sales"] != new["gross_sales"]:
                change = restated.pop((old["day"], old["currency"]))
                assert Decimal(change["before"]) / 1_000_000 == Decimal(old["gross_sales"])
                assert Decimal(change["after"]) / 1_000_000 == Decimal(new["gross_sales"])
        assert restated == {}
        assert inside.json("changes", *done["runs"]) == done["changes"]
    finally:
        config.write_text(text, "utf-8")


@pytest.mark.no_cover
def test_a_reprocessing_that_was_killed_goes_on_where_it_stood(
    inside: Command, tmp_path: Path
) -> None:
    (row,) = inside.json("sql", "select min(day) as day from marts.sales_daily")
    command = ("reprocess", "--from", row["day"], "--to", _next_day(row["day"]))
    log = tmp_path / "reprocess.log"
    process = inside.start(*command, "--chunk-hours", "12", log=log)
    chunks = "SELECT count(*) AS n FROM meta.reprocessed WHERE starts IS NOT NULL"
    warehouse = Warehouse(inside.json("env")["SHOP_POSTGRES_URL"])
    earlier = int(warehouse.read(chunks)["n"][0])
    try:
        assert _until(lambda: int(warehouse.read(chunks)["n"][0]) > earlier, 120)
    finally:
        process.kill()
        process.wait()
    done = inside.json(*command, "--chunk-hours", "12")
    assert done["resumed"] in (12, 24)
    assert done["hours"] + done["resumed"] == 24
    assert inside.json("status")["stale"] == []


@pytest.mark.no_cover
def test_an_asset_is_materialized_by_dagsters_own_command_over_a_range(inside: Command) -> None:
    last = _last_hour(inside)
    done = subprocess.run(
        [
            inside.program("dagster"),
            *("asset", "materialize", "-m", "shop_assets.definitions"),
            *("--select", "key:raw/crm__contacts or key:clean/crm_contacts"),
            *("--partition-range", f"{hour_key(last - 4 * HOUR)}...{hour_key(last)}"),
        ],
        env={**inside.environment, **inside.json("env")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


# Where three tests share two slow cores, the daemon alone takes minutes for its three rounds.
@pytest.mark.timeout(2000)
def test_up_serves_the_ui_with_schedule_and_sensors_until_it_is_interrupted(
    shown: Any, command: Command, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    log = tmp_path / "up.log"
    process = command.start("up", *SIZE, "--port", str(port), log=log)
    try:
        said = _until(lambda: "The Dagster UI is at" in log.read_text("utf-8", "replace"), 600)
        assert said, log.read_text("utf-8", "replace")[-2000:]
        second = command("demo", *SIZE)
        assert second.returncode == 2
        assert "another demo is running" in second.stderr
        ask = partial(_graphql, port)
        (location,) = ask(QUERY)["repositoriesOrError"]["nodes"]
        states = {s["name"]: s["scheduleState"]["status"] for s in location["schedules"]}
        states |= {s["name"]: s["sensorState"]["status"] for s in location["sensors"]}
        assert states == dict.fromkeys(
            ["every_hour", "every_night", "missing_hours", "stale_marts", "analytics_on_change"],
            "RUNNING",
        )
        place = command.home / "demo"
        inside = Command(place, SHOP_CONFIG=str(place / "shop.yaml"))
        last = _last_hour(inside)
        hours = [hour_key(last - back * HOUR) for back in (2, 1, 0)]
        assets = [{"path": ["warehouse", "sales_ledger"]}, {"path": ["marts", "sales_hourly"]}]
        launched = ask(BACKFILL, assets=assets, hours=hours)
        backfill = launched["launchPartitionBackfill"].get("backfillId")
        assert backfill, launched

        def status() -> str:
            found = ask(BACKFILL_STATUS, id=backfill)["partitionBackfillOrError"]
            return str(found["status"])

        assert _until(lambda: status() == "COMPLETED_SUCCESS", 600), status()
        assert inside.json("changes", backfill) == []
        followed = place / "live.log"
        assert _until(lambda: "loaded until now" in followed.read_text("utf-8"), 300)
        assert [line for line in _deaf(process.pid) if "dagster" in line or "live" in line] == []
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(120)
    assert code == 0, log.read_text("utf-8", "replace")[-2000:]
    assert running(command.home) == []


def _deaf(of: int) -> list[str]:
    """Command lines of a process's children, and theirs, that do not hear Ctrl-C or SIGTERM."""
    either = 1 << signal.SIGINT - 1 | 1 << signal.SIGTERM - 1
    found = []
    for process in psutil.Process(of).children(recursive=True):
        with contextlib.suppress(psutil.Error, FileNotFoundError):
            status = Path(f"/proc/{process.pid}/status").read_text("utf-8")
            (ignored,) = (row.split()[1] for row in status.splitlines() if "SigIgn" in row)
            if int(ignored, 16) & either:
                found.append(" ".join(process.cmdline()))
    return found


def _last_hour(inside: Command) -> dt.datetime:
    (last,) = (r["last"] for r in inside.json("status")["assets"] if r["asset"] == SALES)
    return dt.datetime.fromisoformat(last)


def _graphql(port: int, query: str, **variables: Any) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        json.dumps({"query": query, "variables": variables}).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        answer = json.load(error)
    assert "errors" not in answer, answer["errors"]
    return answer["data"]


def _next_day(day: str) -> str:
    return (dt.date.fromisoformat(day) + dt.timedelta(days=1)).isoformat()


def _until(condition: Any, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.5)
    return False
