"""The true sessions of the web tracker and how far they came."""

from __future__ import annotations

import numpy as np
import pandas as pd

from shop_assets.demo.browsing import STEPS, Events
from shop_assets.demo.chance import HOUR, MINUTE, NEVER, Ints
from shop_assets.demo.plan import DemoPlan

FUNNEL = (
    "sessions",
    *(f"{step}_sessions" for step in STEPS),
    "bot_sessions",
    "converted_sessions",
)
_GAP = 30 * MINUTE


def funnel(plan: DemoPlan, events: Events) -> pd.DataFrame:
    """hour (microseconds) that sessions began in, and `FUNNEL`.

    A session is one visitor's events with gaps under 30 minutes. A step counts where all before it
    were taken, in order.
    """
    order = np.lexsort((events.step, events.occurred_at, events.visitor))
    e = events.take(order)
    n = len(e.step)
    if n == 0:
        return pd.DataFrame({name: pd.Series(dtype="int64") for name in ("hour", *FUNNEL)})
    starts = np.ones(n, dtype=bool)
    starts[1:] = (e.visitor[1:] != e.visitor[:-1]) | (np.diff(e.occurred_at) >= _GAP)
    session = np.cumsum(starts) - 1
    begun, is_bot = e.occurred_at[starts], e.is_bot[starts]
    reached: Ints = np.full(len(begun), -1, dtype=np.int64)
    columns = {"sessions": ~is_bot}
    for number, step in enumerate(STEPS):
        after = (e.step == number) & (e.occurred_at >= reached[session])
        reached = np.full(len(begun), NEVER, dtype=np.int64)
        np.minimum.at(reached, session[after], e.occurred_at[after])
        columns[f"{step}_sessions"] = (reached < NEVER) & ~is_bot
    bought = np.zeros(len(begun), dtype=bool)
    bought[session[e.step == len(STEPS) - 1]] = True
    columns |= {"bot_sessions": is_bot, "converted_sessions": bought & ~is_bot}
    hour = plan.start_micros + (begun - plan.start_micros) // HOUR * HOUR
    frame = pd.DataFrame({"hour": hour, **{k: v.astype("int64") for k, v in columns.items()}})
    return frame.groupby("hour", as_index=False).sum()
