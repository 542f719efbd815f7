"""The simulated shop: a clock, and eight source systems that show what has happened until then."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from shop_assets.demo import crm, payments, storefront, tracker, warehouse
from shop_assets.demo.ads import CAMPAIGNS_NAME, SPEND_NAME
from shop_assets.demo.chance import Ints, to_micros, to_moment
from shop_assets.demo.changes import changes as changes_of
from shop_assets.demo.channels import Channels
from shop_assets.demo.database import Database
from shop_assets.demo.homes import Home
from shop_assets.demo.plan import DemoPlan, DemoTargets
from shop_assets.demo.truth import Truth, View, compute_truth
from shop_assets.demo.warehouse import Levels
from shop_assets.demo.world import World
from shop_assets.errors import UserError

_metadata = sa.MetaData()
_CLOCK = sa.Table(
    "clock",
    _metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("plan", sa.Text, nullable=False),
    sa.Column("now", sa.BigInteger, nullable=False),
    sa.Column("levels", sa.Text, nullable=False),
    schema="simulator",
)
_FOLDERS = ("web", "ads", "crm", "payments")
_APIS = "apis"


class SimulatedShop:
    """A shop that lives in the databases and folders of `targets` as far as its clock has come.

    What it writes depends on the plan and the clock alone: not on the machine's clock, nor on the
    steps in which its clock is moved. It can be stopped (or killed) at any moment and made again.
    """

    def __init__(self, plan: DemoPlan, targets: DemoTargets) -> None:
        """Go on with the shop that `create` made; `UserError` where there is none of this plan."""
        self.plan = plan
        self.targets = targets
        self._world = World(plan)
        self._storefront = Database(targets.storefront_url, "storefront")
        self._wms = Database(targets.wms_url, "warehouse-management")
        self._channels: Channels | None = None
        try:
            self._clock, self._levels = self._remembered()
        except UserError:
            self.close()
            raise
        self._channels = Channels(plan, targets.files_root / _APIS, self._clock)

    @classmethod
    def create(cls, plan: DemoPlan, targets: DemoTargets, *, fresh: bool = False) -> Self:
        """Make tables and folders where they are missing, and open the shop.

        A shop of the same plan that is there already goes on where it stood; with `fresh`, what an
        earlier one left is thrown away. Raises `UserError` where a shop of another plan is there.
        """
        with Database(targets.storefront_url, "storefront") as database:
            database.create(storefront.TABLES, fresh=fresh)
        with Database(targets.wms_url, "warehouse-management") as database:
            database.create((*warehouse.TABLES, _CLOCK), fresh=fresh)
            if database.read(_CLOCK).num_rows == 0:
                opening = World(plan).stock_opening()
                database.write(_CLOCK, _clock_row(plan, plan.start_micros, opening))
                database.commit()
        for folder in (*_FOLDERS, _APIS):
            where = targets.files_root / folder
            if fresh and where.exists():
                shutil.rmtree(where)
            where.mkdir(parents=True, exist_ok=True)
        return cls(plan, targets)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back the connections."""
        self._storefront.close()
        self._wms.close()
        if self._channels is not None:
            self._channels.close()

    @contextlib.contextmanager
    def served(self) -> Iterator[dict[str, str]]:
        """Serve its APIs; yields all variables that `examples/demo/shop.yaml` names."""
        with self._channels_of().served() as variables:
            yield {**self.targets.environment(self.plan), **variables}

    @property
    def now(self) -> dt.datetime:
        """How far the shop has lived, UTC."""
        return to_moment(self._clock)

    def live(
        self, until: dt.datetime, progress: Callable[[dt.datetime], None] | None = None
    ) -> None:
        """Let everything happen that happens before `until`; nothing, where that is past.

        An hour's files appear when the hour is over. `progress` is called with the clock after
        each hour (or part of one).
        """
        if until.utcoffset() is None:
            raise ValueError("the moment to live until must have a time zone")
        end = to_micros(until)
        while self._clock < end:
            step = min(end, self.plan.hour_start(self.plan.hour_of(self._clock) + 1))
            try:
                self._happen(self._clock, step)
            except BaseException:
                self._storefront.rollback()
                self._wms.rollback()
                raise
            if progress is not None:
                progress(self.now)

    def truth(
        self,
        start: dt.datetime | None = None,
        end: dt.datetime | None = None,
        *,
        view: View = "final",
    ) -> Truth:
        """What has truly happened until now, of the hours and days of `[start, end)`.

        `view`: `final` as whoever reads the sources now can know it, `lived` as whoever has read
        them after every hour. Both agree in sum.
        """
        return compute_truth(self.plan, self._clock, start, end, view)

    def _happen(self, start: int, end: int) -> None:
        """All writes of a span within one hour. The clock is moved last, with the stock."""
        hour = self.plan.hour_of(start)
        alive = self._world.alive(hour)
        changes = changes_of(
            self.plan, self._world.catalogue, alive, self._world.imported, start, end
        )
        for table, rows in changes[Home.STOREFRONT].items():
            self._storefront.write(table, rows)
        self._storefront.commit()
        self._channels_of().put(changes, self._world.money(hour), start, end)
        stock = self._world.stock(hour, self._levels)
        self._wms.write(warehouse.STOCK_MOVEMENTS, stock.movement_rows(start, end))
        self._wms.write(warehouse.STOCK_LEVELS, stock.reading_rows(start, end))
        over = end == self.plan.hour_start(hour + 1)
        if over:
            for path, content in self._files(hour):
                _put(path, content)
        levels = stock.end if over else self._levels
        self._wms.write(_CLOCK, _clock_row(self.plan, end, levels))
        self._wms.commit()
        self._clock, self._levels = end, levels

    def _files(self, hour: int) -> Iterator[tuple[Path, bytes]]:
        """The files that appear at the end of an hour."""
        world, root = self._world, self.targets.files_root
        at = to_moment(self.plan.hour_start(hour))
        events = tracker.encode(world.catalogue, world.tracker_hour(hour))
        yield root / "web" / at.strftime(tracker.NAME), events
        if not self.plan.stripe:
            sink = pa.BufferOutputStream()
            pq.write_table(payments.table(world.ledger_hour(hour)), sink)
            yield root / "payments" / at.strftime(payments.NAME), sink.getvalue().to_pybytes()
        yield root / "crm" / at.strftime(crm.NAME), crm.encode(self.plan, world.contact_hour(hour))
        if world.ads.exports(hour):
            yield root / "ads" / at.strftime(CAMPAIGNS_NAME), world.ads.encode_campaigns(hour)
            yield root / "ads" / at.strftime(SPEND_NAME), world.ads.encode_spend(hour)

    def _channels_of(self) -> Channels:
        if self._channels is None:
            raise RuntimeError("the simulated shop is closed")
        return self._channels

    def _remembered(self) -> tuple[int, Levels]:
        rows = self._wms.read(_CLOCK).to_pylist()
        self._wms.rollback()
        if not rows:
            raise UserError("there is no simulated shop in these databases: create one first")
        found = DemoPlan.from_json(json.loads(rows[0]["plan"])).as_json()
        expected = self.plan.as_json()
        if found != expected:
            different = ", ".join(
                f"{key} {found.get(key)} instead of {value}"
                for key, value in expected.items()
                if found.get(key) != value
            )
            raise UserError(
                f"another simulated shop lives in these databases ({different}): "
                "go on with its plan, or let it be thrown away"
            )
        levels = json.loads(rows[0]["levels"])
        return int(rows[0]["now"]), Levels(*(np.array(levels[n], dtype=np.int64) for n in _PARTS))


_PARTS = ("on_hand", "committed", "unavailable")


def _clock_row(plan: DemoPlan, now: int, levels: Levels) -> pa.Table:
    parts: dict[str, list[int]] = {}
    for name in _PARTS:
        values: Ints = getattr(levels, name)
        parts[name] = values.tolist()
    return pa.table(
        {
            "id": [1],
            "plan": [json.dumps(plan.as_json())],
            "now": [now],
            "levels": [json.dumps(parts)],
        }
    )


def _put(path: Path, content: bytes) -> None:
    """The whole file or none of it."""
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
