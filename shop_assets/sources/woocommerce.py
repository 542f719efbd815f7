"""WooCommerce as a source: orders, their lines, refunds, products and customers (REST, version 3).

Orders and products are read by when they were modified, refunds by when they were made. Once a day
orders of the last days and all products are read again, and compared with what is known: not every
edit changes a date, and what is deleted for good leaves no trace. Customers are always compared.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pyarrow as pa

from shop_assets.settings.apis import WooCommerceSource
from shop_assets.sources.checkpoints import checkpoint, position
from shop_assets.sources.errors import SourceError
from shop_assets.sources.http import ApiClient
from shop_assets.sources.objects import OBJECT, table
from shop_assets.sources.protocol import (
    PROVENANCE,
    Batch,
    Compared,
    ReadRequest,
    StreamCheck,
    Window,
)
from shop_assets.sources.rate_limit import RateLimit
from shop_assets.sources.woocommerce_lists import (
    Listing,
    NoRouteError,
    Object,
    Site,
    classify,
    moment,
    one_of,
)
from shop_assets.sources.woocommerce_rows import COLUMNS, Row, has_every_line, rows_of
from shop_assets.sources.woocommerce_steps import EXACT, LATER_LISTS, Step, steps

_KEYS = {"order_lines": ("order_id", "id")}
_DAY, _SECOND = timedelta(days=1), timedelta(seconds=1)


class WooCommerceConnector:
    """Reads the streams of a `woocommerce` source."""

    def __init__(self, name: str, source: WooCommerceSource, limit: RateLimit) -> None:
        self._source = source
        self._where = f"{name} (WooCommerce)"
        keys = (source.consumer_key.get_secret_value(), source.consumer_secret.get_secret_value())
        self._client = ApiClient(
            self._where,
            source.api_url,
            options=source,
            limit=limit,
            auth=keys,
            classify=partial(classify, self._where),
        )
        self._site = Site(self._where, self._client, source.permalinks, source.page_size)
        self._lacking: set[str] = set()

    def read(self, request: ReadRequest) -> Iterator[Batch]:
        """Yield the rows of the window; see `Connector.read`."""
        self._client.begin()
        compared = self.compared(request)
        number, after, offset, lacking = self._stands(request)
        todo = self._steps(request, compared, lacking)
        while number < len(todo):
            listing = todo[number].listing
            try:
                for part in self._site.parts(listing, after=after, offset=offset):
                    found = self._batches(request, todo[number], part.objects, compared)
                    *most, last = list(found)
                    yield from most
                    after, offset = part.after, part.offset
                    stands = {"step": number, "after": after, "offset": offset}
                    place = {**stands, "lacking": sorted(lacking)}
                    yield replace(last, checkpoint=checkpoint(request, position=place))
            except NoRouteError:
                if listing.path in lacking or listing.path not in LATER_LISTS:
                    raise
                lacking.add(listing.path)
                self._lacking.add(listing.path)
                todo = self._steps(request, compared, lacking)
                continue
            number, after, offset = number + 1, 0, 0
        yield Batch(self._table(request.stream, [], []), checkpoint(request))

    def _stands(self, request: ReadRequest) -> tuple[int, int, int, set[str]]:
        """Step, last id, position in the list, and the lists that the shop was known to lack.

        Steps are counted with what it was known to lack when the read began. What is no position of
        ours is none: the read then begins at its start.
        """
        at = position(request) or {}
        try:
            step, after, offset = int(at["step"]), int(at["after"]), int(at["offset"])
            lacking = {str(path) for path in at["lacking"]}
        except (KeyError, TypeError, ValueError):
            return 0, 0, 0, set(self._lacking)
        if min(step, after, offset) < 0 or not lacking <= LATER_LISTS:
            return 0, 0, 0, set(self._lacking)
        return step, after, offset, lacking

    def compared(self, request: ReadRequest) -> Compared | None:
        """What is compared, and when; see `Comparing.compared`. Connects to nothing.

        All that changes, at each read: what the daily reading finds changed without a new date must
        come after what was read before. Refunds do not change. Lines go as their order lacks them.
        """
        stream, daily = request.stream, request.midnight is not None
        if stream == "refunds":
            return None
        if stream == "customers" and not daily and self._source.customers == "daily":
            return None
        complete = stream == "customers" or (stream == "products" and daily)
        key, within = _KEYS.get(stream, ("id",)), ("order_id",) if stream == "order_lines" else ()
        return Compared(key, request.window, complete, within=within)

    def check(self, stream: str) -> StreamCheck:
        """Ask for one object of a stream; see `Connector.check`."""
        self._client.begin()
        now = datetime.now(UTC)
        request = ReadRequest(stream, Window(now - _DAY, now), midnight=now)
        asked = self._steps(request, self.compared(request), set())
        for path in dict.fromkeys(step.listing.path for step in asked):
            try:
                reply = self._site.get(path, {"per_page": "1", **EXACT})
            except NoRouteError:
                if path not in LATER_LISTS:
                    raise
                continue
            if not isinstance(reply.json, list):
                raise SourceError(
                    f"{self._where}: GET {path} answers {type(reply.json).__name__}; "
                    "expected a list"
                )
        return StreamCheck(stream, dict.fromkeys((*self._columns(stream), OBJECT), "text"))

    def close(self) -> None:
        """Give back the connections."""
        self._client.close()

    def _columns(self, stream: str) -> Mapping[str, str]:
        """The stream's columns, and those that the configuration adds."""
        more = self._source.streams[stream].columns if stream in self._source.streams else {}
        return {**COLUMNS[stream], **more}

    def _steps(
        self, request: ReadRequest, compared: Compared | None, lacking: Collection[str]
    ) -> list[Step]:
        window = request.window
        whole = compared is not None and compared.complete
        if request.stream == "customers" and not whole:
            return []
        again = None
        if request.midnight is not None and self._source.reread_days:
            again = (request.midnight - self._source.reread_days * _DAY, request.midnight)
        span = None if whole else (window.start, window.end)
        return steps(request.stream, span, again, lacking)

    def _batches(
        self, request: ReadRequest, step: Step, found: Sequence[Object], compared: Compared | None
    ) -> Iterator[Batch]:
        """The rows of what was listed, or of what belongs to it; at least one batch."""
        stream, latest = request.stream, None
        if compared is not None and compared.complete:
            latest = compared.window.end - _SECOND
        if step.children is None:
            yield self._kept(stream, step, self._completed(step.listing.path, found), latest)
            return
        for parent in found:
            of_parent = {"parent_id": parent["id"], "currency": parent.get("currency")}
            if step.children == "variations":
                of_parent["parent_sku"] = parent.get("sku")
            elif not parent.get("refunds"):
                continue
            for inner in step.inner(parent["id"]):
                for part in self._site.parts(inner.listing):
                    own = [{**each, **of_parent} for each in part.objects]
                    yield self._kept(stream, inner, own, latest)
        yield Batch(self._table(stream, [], []))

    def _completed(self, path: str, found: Sequence[Object]) -> Sequence[Object]:
        """The objects with what their parents alone say.

        A variation without an SKU of its own says its product's; a refund names no currency.
        """
        if path == "/variations":
            skus = self._of_parents("/products", found, "sku")
            return [{**each, "parent_sku": skus.get(each.get("parent_id"))} for each in found]
        if path == "/refunds":
            known = self._of_parents("/orders", found, "currency")
            return [{**each, "currency": known.get(each.get("parent_id"))} for each in found]
        return found

    def _of_parents(self, path: str, found: Sequence[Object], name: str) -> dict[Any, Any]:
        """A field of the objects' parents, by their ids; of those that are in the trash too.

        What is not found is asked for once more: an answer that lists nothing may be a stale one.
        """
        missing = {int(each.get("parent_id") or 0) for each in found} - {0}
        said: dict[Any, Any] = {}
        for status in ("any", "trash", "any"):
            if not missing:
                break
            asked = {"include": ",".join(map(str, sorted(missing))), "status": status}
            for part in self._site.parts(Listing(path, asked, one_of(missing))):
                said |= {each["id"]: each.get(name) for each in part.objects}
            missing -= set(said)
        return said

    def _kept(
        self,
        stream: str,
        step: Step,
        found: Sequence[Object],
        latest: datetime | None,
    ) -> Batch:
        """The rows of those objects that the step is about."""
        rows: list[Row] = []
        times: list[datetime] = []
        whole: dict[str, datetime] = {}
        for each in found:
            changed = self._changed(step, each)
            if not step.is_about(changed):
                continue
            try:
                own = list(rows_of(stream, each))
            except (KeyError, TypeError, AttributeError) as error:
                raise SourceError(
                    f"{self._where}: a part of {each['id']} in {step.listing.path} cannot be told "
                    f"({type(error).__name__}: {error}); parts with an id and fields are expected",
                    transient=True,
                ) from None
            rows += own
            times += [changed if latest is None else min(changed, latest)] * len(own)
            if stream == "order_lines" and has_every_line(each):
                whole[str(each["id"])] = changed
        kept = self._table(stream, rows, times)
        return Batch(kept, wholes=_wholes(rows, kept, whole) if whole else None)

    def _changed(self, step: Step, each: Object) -> datetime:
        """When an object changed; a customer who never did, when they came."""
        if each.get(step.dated) is None and step.listing.path == "/customers":
            return moment(self._where, each, "date_created_gmt")
        return moment(self._where, each, step.dated)

    def _table(self, stream: str, rows: Sequence[Row], times: Sequence[datetime]) -> pa.Table:
        positions = [f"{stream} {row['id']}" for row in rows]
        return table(rows, self._columns(stream), changed=times, positions=positions)


def _wholes(rows: Sequence[Row], kept: pa.Table, whole: dict[str, datetime]) -> pa.Table:
    """The orders all of whose lines came. A broken row does not say which line it is."""
    for row, fault in zip(rows, kept["_error"].to_pylist(), strict=True):
        if fault is not None:
            whole.pop(str(row["order_id"]), None)
    changed = pa.array(whole.values(), PROVENANCE.field("_change_time").type)
    return pa.table({"order_id": pa.array(whole, pa.string()), "_change_time": changed})
