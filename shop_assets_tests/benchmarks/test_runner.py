"""The benchmarks' runner with the tiniest sizes: what it writes, and what it says of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks import machine_limits
from benchmarks.machine import LOOP
from benchmarks.machine_limits import Limit
from benchmarks.place import Place
from benchmarks.results import Verdict
from benchmarks.run import keep
from benchmarks.tables import page
from shop_assets.stack.endpoints import Endpoints
from shop_assets_tests.conftest import REPOSITORY

pytestmark = [pytest.mark.xdist_group("benchmarks"), pytest.mark.no_cover]


@dataclass(frozen=True)
class Ran:
    """A run of three cases, held to ratios, one of which rows so few cannot reach."""

    code: int
    said: str
    results: dict[str, Any]
    page: str

    def section(self, case: str, number: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = self.results["cases"][case]["sections"][number]
        return found

    def load(self, case: str) -> dict[str, float]:
        rows = self.section(case)["rows"]
        (name,) = (column for column in rows[0] if column != "what")
        return {row["what"]: row[name] for row in rows}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    output = tmp_path_factory.mktemp("bench")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.run", "tiny", "slices", "range_runs", "day"),
            *("--judge", "--output", str(output)),
        ],
        cwd=REPOSITORY,
        env={**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (output / "results.json").exists(), done.stderr[-3000:]
    return Ran(
        done.returncode,
        done.stdout,
        json.loads((output / "results.json").read_text("utf-8")),
        (output / "RESULTS.md").read_text("utf-8"),
    )


@pytest.fixture
def place(stack: Endpoints, tmp_path: Path) -> Place:
    return Place(tmp_path, stack)


def test_results_say_where_and_how_they_were_measured(ran: Ran) -> None:
    machine = ran.results["machine"]
    assert int(machine["cores"]) >= 1
    assert machine["postgres"].startswith("18")
    assert machine["memory"].endswith("GiB")
    assert all(machine[name] for name in ("cpu", "python", "pandas", "pyarrow", "date", "commit"))
    assert ran.results["command"] == "python -m benchmarks.run tiny slices range_runs day"
    assert f"- pandas: {machine['pandas']}" in ran.page
    assert ran.page.count(f", {LOOP} ") == len(ran.results["cases"])


def test_a_case_that_was_measured_elsewhere_says_so(ran: Ran) -> None:
    day = ran.results["cases"]["day"]
    elsewhere = day | {"measured": day["measured"] | {"cpu": "Abacus 9", LOOP: "9.00 s"}}
    text = page(ran.results | {"cases": {**ran.results["cases"], "day": elsewhere}})
    assert f", cpu Abacus 9, {LOOP} 9.00 s; " in text.partition("## day")[2]
    assert "Abacus" not in text.partition("## day")[0]


def test_results_of_another_machine_stay_beside_those_of_this_one() -> None:
    def case(cpu: str, seconds: float) -> dict[str, Any]:
        return {"seconds": seconds, "measured": {"cpu": cpu}}

    cases: dict[str, Any] = {}
    for cpu, seconds in (("A", 1.0), ("A", 2.0), ("B", 3.0), ("A", 4.0)):
        keep(cases, "hours", case(cpu, seconds))
    assert cases == {"hours, B": case("B", 3.0), "hours": case("A", 4.0)}
    keep(cases, "hours", case("B", 5.0))
    assert cases == {"hours, A": case("A", 4.0), "hours": case("B", 5.0)}
    keep(cases, "day", case("B", 6.0))
    keep(cases, "hours", case("A", 7.0))
    assert list(cases) == ["hours", "hours, B", "day"]


def test_the_parts_of_a_load_sum_to_its_seconds(ran: Ran) -> None:
    day = ran.load("day")
    parts = {what: seconds for what, seconds in day.items() if what.startswith("- ")}
    assert len(parts) == 11
    assert sum(parts.values()) == pytest.approx(day["seconds"], abs=0.07)
    assert min(parts.values()) >= 0
    assert parts["- process start"] > 0.5, "Python and Dagster take longer to import"
    for part in ("extract", "transform", "validate", "write to the lake", "aggregate"):
        assert parts[f"- {part}"] > 0
    assert day["memory of the process, MiB"] > 100
    assert day["memory of the servers, MiB"] > 50


def test_seconds_are_held_to_what_they_are_on_this_machine(ran: Ran) -> None:
    (verdict,) = ran.section("day")["verdicts"]
    day = ran.load("day")
    assert verdict["measured"] == pytest.approx(day["seconds"] - day["- analytics"], abs=0.06)
    assert verdict["measured"] == pytest.approx(day["seconds, raw to marts"], abs=0.06)
    assert f"declared ≤ 180 s, here ≤ {180 / verdict['speed']:.1f} s: met" in ran.page


def test_a_slower_machine_may_take_longer_by_as_much() -> None:
    def day(seconds: float, speed: float) -> Verdict:
        return Verdict("a day", seconds, 100, "lower", "s", speed=speed)

    assert day(199, 0.5).met
    assert not day(201, 0.5).met
    assert not day(249, 0.5).behind
    assert day(251, 0.5).behind
    assert not day(60, 2.0).met


def test_the_speed_of_the_machine_is_the_mean_of_all_that_was_tried(place: Place) -> None:
    found = machine_limits.measured(place, 1_000, 1)
    assert len({limit.how for limit in found}) == 8
    assert min(limit.measured for limit in found) > 0
    assert min(limit.speed for limit in found) < machine_limits.speed_of(found)
    halves = [Limit("a", 100, 50), Limit("b", 100, 200), Limit("c", 100, 12.5)]
    assert machine_limits.speed_of(halves) == 0.5


def test_a_load_tells_of_the_rows_that_it_read(ran: Ran) -> None:
    day = ran.load("day")
    read = {entity: day[f"rows read: {entity}"] for entity in ("orders", "items", "web events")}
    assert read["items"] > read["orders"] > 10
    assert read["web events"] > 10 * read["orders"]
    assert day["rows read: payments"] > 0


def test_each_contender_writes_the_same_rows_and_is_compared_with_the_platform(ran: Ran) -> None:
    rows = ran.section("slices")["rows"]
    assert {row["rows"] for row in rows} == {40}
    roles = [row["as"] for row in rows]
    assert roles[:5] == ["platform", "platform", "limit", "limit", "peer"]
    for row in rows:
        assert row["fastest s"] <= row["median s"] <= row["slowest s"]
        assert row["rows/s"] == pytest.approx(40 / row["median s"], rel=0.02)
    bare = next(row for row in rows if row["how"].endswith("rows at a time"))
    assert bare["as"] == "limit"
    (verdict, _) = ran.section("slices")["verdicts"]
    assert verdict["measured"] == pytest.approx(bare["median s"] / rows[0]["median s"], rel=0.05)


def test_the_bookkeeping_of_range_runs_is_that_of_each_asset_and_hour(ran: Ran) -> None:
    rows = ran.section("range_runs")["rows"]
    assert [row["storage"] for row in rows] == ["batching", "upstream"]
    for row in rows:
        each = row["ms per asset and hour"]
        assert each * row["hours"] * row["assets"] == pytest.approx(1000 * row["seconds"], rel=0.01)
    (verdict,) = ran.section("range_runs")["verdicts"]
    assert (verdict["measured"], verdict["declared"]) == (rows[0]["ms per asset and hour"], 2.0)


def test_what_has_fallen_behind_is_red_and_fails_the_run(ran: Ran) -> None:
    behind = [v["what"] for v in ran.section("slices", 1)["verdicts"] if v["behind"]]
    assert "slice replace to pandas.to_sql" in behind
    assert ran.code == 1
    (red,) = re.findall(r"\x1b\[1;31mbehind what is declared: ([^\x1b]+)", ran.said)
    assert "slice replace to pandas.to_sql" in red
    assert "a day of 24 hours" not in red
    assert "BEHIND by more than a quarter" in ran.page


@pytest.mark.parametrize(
    ("measured", "better", "behind"),
    [
        (0.46, "higher", False),
        (0.44, "higher", True),
        (0.74, "lower", False),
        (0.76, "lower", True),
    ],
)
def test_a_quarter_worse_than_declared_is_behind(
    measured: float, better: Any, behind: bool
) -> None:
    assert Verdict("a stage", measured, 0.6, better).behind is behind
    assert not Verdict("a stage", measured, 0.6, better, judged=False).behind


def test_a_case_that_is_not_there_is_said_to_be_so() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.run", "tiny", "moon"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "found moon, expected of limits, slices" in done.stderr
    assert "Traceback" not in done.stderr
