"""Where runs spent their time, from Dagster's event log: `python -m benchmarks.step_times SINCE`.

Prints JSON: `first` and `last`, the moments (seconds since 1970) at which the first run began and
the last one ended, `runs`, and the seconds of each part of the work of all runs that began at
SINCE or later. A step's work is from its start to its success; of it, what follows the step's
output is writing, and what its checks say that they took is validating. Time in which several steps
are under way is shared among them, so that the parts sum to the runs' seconds; what a run takes
beyond its steps is Dagster's bookkeeping.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from dagster import DagsterEventType, DagsterInstance, EventLogEntry

from shop_assets.checks.report import SECONDS
from shop_assets.cli.shop import Shop

EXTRACT = "extract"
TRANSFORM = "transform"
VALIDATE = "validate"
LAKE = "write to the lake"
LOAD = "load the warehouse"
AGGREGATE = "aggregate"
MARTS = "write the marts"
ANALYTICS = "analytics"
PARTS = (EXTRACT, TRANSFORM, VALIDATE, LAKE, LOAD, AGGREGATE, MARTS, ANALYTICS)
BOOKKEEPING = "Dagster's bookkeeping"
OTHER = "other steps"
_COMPUTED = {
    "raw": EXTRACT,
    "clean": TRANSFORM,
    "warehouse": LOAD,
    "marts": AGGREGATE,
    "analytics": ANALYTICS,
}
_WRITTEN = {"raw": LAKE, "clean": LAKE, "warehouse": LOAD, "marts": MARTS, "analytics": ANALYTICS}
_ONLY_CHECKS = {"warehouse__sales_ledger_contract"}
"""Steps that read back what was written, only to judge it."""
_KINDS = {
    DagsterEventType.ASSET_CHECK_EVALUATION,
    DagsterEventType.STEP_START,
    DagsterEventType.STEP_OUTPUT,
    DagsterEventType.STEP_SUCCESS,
}


@dataclass
class _Step:
    start: float = 0.0
    output: float = 0.0
    end: float = 0.0
    judging: float = 0.0


@dataclass
class Parts:
    """Seconds by part, and when the runs were."""

    first: float = float("inf")
    last: float = 0.0
    runs: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, start: float, end: float, events: Iterable[EventLogEntry]) -> None:
        """Add one run: its moments, and the events of its steps."""
        self.first, self.last = min(self.first, start), max(self.last, end)
        self.runs += 1
        steps: dict[str, _Step] = defaultdict(_Step)
        for entry in events:
            event = entry.dagster_event
            if event is None or event.step_key is None:
                continue
            step = steps[event.step_key]
            if event.event_type == DagsterEventType.STEP_START:
                step.start = entry.timestamp
            elif event.event_type == DagsterEventType.STEP_SUCCESS:
                step.end = entry.timestamp
            elif event.event_type == DagsterEventType.STEP_OUTPUT and not step.output:
                step.output = entry.timestamp
            elif event.event_type == DagsterEventType.ASSET_CHECK_EVALUATION:
                told = event.asset_check_evaluation_data.metadata.get(SECONDS)
                step.judging += float(told.value) if told is not None else 0.0
        for part, seconds in _shared(start, end, steps).items():
            self.seconds[part] += seconds


def _shared(start: float, end: float, steps: dict[str, _Step]) -> dict[str, float]:
    """The seconds of a run, each moment shared among the parts that are worked at in it."""
    moments: list[tuple[float, int, str]] = [(end, 0, BOOKKEEPING)]
    for key, step in steps.items():
        if not step.end:  # failed, or never begun
            continue
        layer = key.split("__", 1)[0]
        output = step.output or step.end
        computed, written = _COMPUTED.get(layer, OTHER), _WRITTEN.get(layer, OTHER)
        judging = output - step.start if key in _ONLY_CHECKS else step.judging
        judged_from = max(output - judging, step.start)
        moments += [(step.start, 1, computed), (judged_from, -1, computed)]
        moments += [(judged_from, 1, VALIDATE), (output, -1, VALIDATE)]
        moments += [(output, 1, written), (step.end, -1, written)]
    found: dict[str, float] = defaultdict(float)
    under_way: Counter[str] = Counter()
    last = start
    for moment, change, part in sorted(moments):
        shares = +under_way or Counter({BOOKKEEPING: 1})
        for name, count in shares.items():
            found[name] += (moment - last) * count / shares.total()
        under_way[part] += change
        last = moment
    return found


def parts_since(instance: DagsterInstance, since: float) -> Parts:
    """The parts of all runs that began at that moment or later."""
    found = Parts()
    for record in instance.get_run_records():
        if record.start_time is None or record.end_time is None or record.start_time < since:
            continue
        events = instance.all_logs(record.dagster_run.run_id, of_type=_KINDS)
        found.add(record.start_time, record.end_time, events)
    return found


def main() -> None:
    shop = Shop.open(None)
    with shop.instance() as instance:
        found = parts_since(instance, float(sys.argv[1]))
    moments = {"first": found.first, "last": found.last, "runs": found.runs}
    print(json.dumps({**moments, **found.seconds}))


if __name__ == "__main__":
    main()
