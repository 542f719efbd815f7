"""The real shop through the command line, over three months around the exports' overlap."""

import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from shop_assets.stack.endpoints import Endpoints
from shop_assets_tests.conftest import REPOSITORY
from shop_assets_tests.end_to_end.commands import Command

CONFIG = REPOSITORY / "examples" / "online_retail" / "shop.yaml"
FIRST, LAST = "2010-11-01", "2011-02-01"
HOURS = 92 * 24
pytestmark = [pytest.mark.xdist_group("real_shop"), pytest.mark.no_cover]


@pytest.fixture(scope="module")
def command(stack: Endpoints, stack_home: Path, real_data: Path) -> Command:
    return Command(stack_home, SHOP_CONFIG=str(CONFIG), SHOP_REAL_DATA=str(real_data))


@pytest.fixture(scope="module")
def loaded(command: Command) -> Any:
    return command.json("run", "--from", FIRST, "--to", LAST)


@pytest.fixture(scope="module")
def lines(real_data: Path) -> pd.DataFrame:
    """The lines of those days, told apart by plain pandas: the independent count."""
    parts = []
    for name in ("invoices_2009-12_2010-12", "invoices_2010-12_2011-12"):
        frame = pd.read_csv(real_data / "online_retail" / f"{name}.csv.gz", dtype=str)
        frame.columns = pd.Index(
            ["invoice", "code", "text", "quantity", "at", "price", "customer", "country"]
        )
        frame = frame[(frame["at"] >= FIRST) & (frame["at"] < LAST)]
        frame["nth"] = frame.groupby(list(frame.columns), dropna=False).cumcount()
        parts.append(frame)
    return pd.concat(parts, ignore_index=True)


def amounts(lines: pd.DataFrame) -> pd.Series:
    """Line amounts in micros, exactly."""
    price = lines["price"].map(lambda p: int(Decimal(p) * 1_000_000))
    return price * lines["quantity"].astype(int)


def test_every_row_read_is_accounted_for(loaded: Any, lines: pd.DataFrame) -> None:
    items = next(row for row in loaded["rows"] if row["entity"] == "order_items")
    distinct = len(lines.drop_duplicates())
    assert items["read"] == len(lines)
    assert items["published"] == distinct
    assert items["deduplicated"] == len(lines) - distinct > 20_000
    assert items["quarantined"] == 0


def test_the_totals_are_those_of_the_files_to_the_penny(
    loaded: Any, lines: pd.DataFrame, command: Command
) -> None:
    distinct = lines.drop_duplicates()
    amount = amounts(distinct)
    positive = distinct["price"].astype(float) > 0
    sold = positive & (distinct["quantity"].astype(int) > 0)
    returned = positive & (distinct["quantity"].astype(int) < 0)
    (row,) = command.json(
        "sql",
        "--exact",
        "select sum(gross_sales) g, sum(returns) r, sum(net_sales) n, sum(orders) o "
        "from marts.sales_daily",
    )
    assert Decimal(row["g"]) * 1_000_000 == int(amount[sold].sum())
    assert Decimal(row["r"]) * 1_000_000 == -int(amount[returned].sum())
    assert Decimal(row["n"]) == Decimal(row["g"]) - Decimal(row["r"])
    assert int(row["o"]) == distinct.loc[sold, "invoice"].nunique()


def test_hours_products_and_customers_sum_to_the_days(loaded: Any, command: Command) -> None:
    totals = {
        mart: command.json("sql", "--exact", f"select sum(net_sales) n from marts.{mart}")[0]["n"]
        for mart in ("sales_daily", "sales_hourly", "product_sales_daily")
    }
    assert len(set(map(Decimal, totals.values()))) == 1, totals


def test_running_the_same_days_again_changes_nothing(loaded: Any, command: Command) -> None:
    query = (
        "select * from marts.sales_daily order by day, currency",
        "select * from marts.data_quality_hourly order by hour, entity",
    )
    before = [command.json("sql", "--exact", q) for q in query]
    again = command.json("run", "--from", "2010-12-03", "--to", "2010-12-05")
    assert again["hours"] == 48
    assert [command.json("sql", "--exact", q) for q in query] == before


def test_status_knows_what_is_loaded(loaded: Any, command: Command) -> None:
    status = command.json("status")
    slices = {row["asset"]: row["slices"] for row in status["assets"]}
    assert slices["marts/sales_hourly"] >= loaded["hours"] == HOURS
    assert status["stale"] == []


def test_dagsters_own_command_materializes_an_hour(loaded: Any, command: Command) -> None:
    variables = command.json("env")
    done = subprocess.run(
        [
            command.program("dagster"),
            *("asset", "materialize", "-m", "shop_assets.definitions"),
            *("--select", "group:raw or group:clean or group:warehouse"),
            *("--partition", "2010-12-01-09:00"),
        ],
        env={**command.environment, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_dg_finds_nothing_wrong_with_the_definitions(loaded: Any, command: Command) -> None:
    done = subprocess.run(
        [command.program("dg"), "check", "defs"],
        env={**command.environment, **command.json("env")},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "All definitions loaded successfully" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "--from", "2010-12-05", "--to", "2010-12-03"), "is not before"),
        (("run", "--from", "2010-12-05", "--to", "2999-01-01"), "is after the shop's last day"),
        (("run", "--from", "1999-12-05", "--to", "2010-12-06"), "is before 2009-12-01"),
        (("run", "--from", "yesterday", "--to", "2010-12-06"), "is no date"),
        (("sql", "drop table marts.sales_daily"), "expected a SELECT"),
        (("sql", "select * from warehouse.customers"), "permission denied"),
        (("run", "-c", "nowhere.yaml", "--from", "2010-12-05", "--to", "2010-12-06"), "no such"),
        (("quarantine", "show", "--entity", "unicorns"), "is not configured"),
    ],
)
def test_a_users_mistake_is_one_sentence_and_exit_code_2(
    command: Command, loaded: Any, arguments: tuple[str, ...], said: str
) -> None:
    done = command(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
