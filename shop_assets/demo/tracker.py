"""The web tracker's files: JSON lines, gzipped, one an hour of receipt, as messy as real ones."""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shop_assets.demo.browsing import AGENTS, BOT_AGENTS, Events
from shop_assets.demo.catalogue import Catalogue
from shop_assets.demo.chance import MINUTE, Bools, Ints, generator, texts
from shop_assets.demo.plan import DemoPlan
from shop_assets.demo.storefront import campaign_ids

NAME = "events-%Y-%m-%dT%H.jsonl.gz"
_LEVEL = 3
_LINES_AT_ONCE = 50_000
_TYPES = texts(["page_view", "product_view", "add_to_cart", "begin_checkout", "purchase"])
_PATHS = texts(["/", "/p/", "/cart", "/checkout", "/thank-you"])
_AGENTS = texts([*AGENTS, *BOT_AGENTS])


@dataclass(frozen=True)
class TrackerHour:
    """The lines of one hour's file. `events`: what they tell, with `row` an index into it.

    `broken`: the line ends in its middle (and is sent again whole). `invalid`: 1 for an unknown
    type, 2 for a missing visitor; such lines tell of nothing that happened. `duplicate`: delivered
    before. `late`: received an hour or more after it happened.
    """

    events: Events
    row: Ints
    broken: Bools
    invalid: Ints
    duplicate: Bools

    def part(self, first: int, last: int) -> TrackerHour:
        """The lines from `first` to before `last`."""
        chosen = slice(first, last)
        return TrackerHour(
            self.events,
            self.row[chosen],
            self.broken[chosen],
            self.invalid[chosen],
            self.duplicate[chosen],
        )

    @property
    def late(self) -> Bools:
        """Which lines tell of what happened an hour or more before its receipt."""
        happened = self.events.occurred_at[self.row]
        late = self.events.received_at[self.row] - happened >= 60 * MINUTE
        return np.asarray(late & ~self.broken & (self.invalid == 0) & ~self.duplicate)


def compose(plan: DemoPlan, hour: int, received: Events) -> TrackerHour:
    """The lines of an hour from the true events received in it, and dirt between them."""
    chance = generator(plan.seed, "tracker", hour)
    received = received.take(np.lexsort((received.event_id, received.received_at)))
    n = len(received.event_id)
    draw = chance.random(n)
    dirt = plan.dirt
    copies = [np.arange(n)]
    kinds = [np.zeros(n, dtype=np.int64)]
    # Of all dirt lines, half are cut off, a third of unknown type, the rest without visitor.
    borders = [0.0, dirt / 2, dirt * 5 / 6, dirt, dirt + 0.01]
    for kind in (1, 2, 3, 4):
        rows = np.flatnonzero((draw >= borders[kind - 1]) & (draw < borders[kind]))
        copies.append(rows)
        kinds.append(np.full(len(rows), kind, dtype=np.int64))
    row, kind_of = np.concatenate(copies), np.concatenate(kinds)
    order = np.argsort(row * 2 + (kind_of != 1), kind="stable")
    row, kind_of = row[order], kind_of[order]
    return TrackerHour(
        received,
        row,
        kind_of == 1,
        np.where(kind_of == 2, 1, np.where(kind_of == 3, 2, 0)),
        kind_of == 4,
    )


def encode(catalogue: Catalogue, lines: TrackerHour) -> bytes:
    """The file's bytes, the same on every machine."""
    packed = io.BytesIO()
    with gzip.GzipFile("", "wb", _LEVEL, packed, mtime=0) as file:
        for first in range(0, len(lines.row), _LINES_AT_ONCE):
            file.write(_text(catalogue, lines.part(first, first + _LINES_AT_ONCE)).encode())
    return packed.getvalue()


def _text(catalogue: Catalogue, lines: TrackerHour) -> str:
    e = lines.events.take(lines.row)
    event_id = _hex(e.event_id)
    spoilt = lines.invalid > 0
    event_id = pc.if_else(
        pa.array(spoilt), pc.binary_join_element_wise("x", event_id, ""), event_id
    )
    kind = np.where(lines.invalid == 1, "debug_ping", _TYPES[e.step])
    sku = _optional(catalogue.skus[np.maximum(e.product, 0)], e.product >= 0)
    campaign = _optional(campaign_ids(np.maximum(e.campaign, 0)), e.campaign >= 0)
    url = np.where(
        e.step == 1,
        texts(_PATHS[e.step]) + catalogue.skus[np.maximum(e.product, 0)],
        _PATHS[e.step],
    )
    query = pc.coalesce(
        pc.binary_join_element_wise("?utm_source=ads&utm_campaign=", campaign, ""), ""
    )
    url = pc.binary_join_element_wise("https://shop.example", pa.array(url, pa.string()), query, "")
    agent = _AGENTS[np.where(e.is_bot, e.agent + len(AGENTS), e.agent)]
    fields: list[tuple[str, pa.Array]] = [
        ("event_id", event_id),
        ("type", pa.array(kind, pa.string())),
        ("ts", _times(e.occurred_at, e.event_id)),
        ("received_at", _iso(e.received_at, "Z", 0)),
        (
            "anonymous_id",
            pc.if_else(pa.array(lines.invalid == 2), pa.scalar(None, pa.string()), _hex(e.visitor)),
        ),
        ("user_id", pa.array(e.customer.astype(str), pa.string(), mask=e.customer == 0)),
        ("url", url),
        ("sku", sku),
        ("order_id", pa.array(e.order_id.astype(str), pa.string(), mask=e.order_id == 0)),
        ("utm_campaign", campaign),
        ("user_agent", pa.array(agent, pa.string())),
    ]
    parts: list[pa.Array | str] = []
    for position, (name, values) in enumerate(fields):
        parts.append(f'{"{" if position == 0 else ", "}"{name}": ')
        parts.append(pc.coalesce(pc.binary_join_element_wise('"', values, '"', ""), "null"))
    text = pc.binary_join_element_wise(*parts, "}", "")
    if lines.broken.any():
        cut = pc.utf8_slice_codeunits(text, 0, 120)
        text = pc.if_else(pa.array(lines.broken), cut, text)
    return "\n".join(text.to_pylist()) + "\n"


def _optional(values: object, present: Bools) -> pa.Array:
    return pa.array(values, pa.string(), mask=~present)


def _hex(values: np.typing.NDArray[np.uint64]) -> pa.Array:
    digits = values.astype(">u8").tobytes().hex().encode()
    return pa.array(np.frombuffer(digits, dtype="S16").astype("U16"), pa.string())


def _iso(micros: Ints, suffix: str, shift: int) -> pa.Array:
    moved = (micros // 1_000 + shift).astype("datetime64[ms]")
    text = pa.array(np.datetime_as_string(moved), pa.string())
    return pc.binary_join_element_wise(text, suffix, "")


def _times(occurred: Ints, event_id: np.typing.NDArray[np.uint64]) -> pa.Array:
    """When it happened, as different versions of the tracker's script write it."""
    style = (event_id % np.uint64(100)).astype(np.int64)
    utc = _iso(occurred, "Z", 0)
    ahead = _iso(occurred, "+01:00", 3_600_000)
    epoch = pa.array((occurred // 1_000).astype(str), pa.string())
    return pc.if_else(pa.array(style < 4), ahead, pc.if_else(pa.array(style == 4), epoch, utc))
