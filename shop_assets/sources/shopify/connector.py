"""The connector: windows by pages or in bulk, and what belongs to the objects in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from shop_assets.settings.apis import ShopifySource
from shop_assets.sources.checkpoints import checkpoint, position
from shop_assets.sources.errors import SourceError
from shop_assets.sources.objects import OBJECT, table
from shop_assets.sources.protocol import Batch, Compared, ReadRequest, StreamCheck, Window
from shop_assets.sources.rate_limit import RateLimit
from shop_assets.sources.shopify import details, refund_rows, windows
from shop_assets.sources.shopify.bulk import Bulk, FailedError, GoneError
from shop_assets.sources.shopify.calls import Admin, Object
from shop_assets.sources.shopify.columns import COLUMNS, KEYS
from shop_assets.sources.shopify.levels import Levels
from shop_assets.sources.shopify.lists import Lists
from shop_assets.sources.shopify.rows import PLAIN, MissingError, order_lines, variants
from shop_assets.sources.shopify.selections import (
    LEVELS,
    ROOTS,
    SCOPES,
    Part,
)

MOST_PAGED = 24_000
"""Objects after which a list is asked for anew: Shopify pages no further than 25,000."""
_EVER = Window(datetime(1990, 1, 1, tzinfo=UTC), datetime(2190, 1, 1, tzinfo=UTC))
_TIME = pa.timestamp("us", "UTC")
_HIDDEN_AFTER = timedelta(days=60)
_BATCH = 200
_PIECE = 2_000
_ORDERED = "sortKey:UPDATED_AT"


class ShopifyConnector:
    """Reads the streams of a `shopify` source."""

    def __init__(self, name: str, source: ShopifySource, limit: RateLimit) -> None:
        self._source = source
        self._admin = Admin(name, source, limit)
        self._lists = Lists(self._admin)
        self._bulk = Bulk(self._admin, source.retry_budget_seconds)
        self._currency: str | None = None
        self._scopes: frozenset[str] | None = None

    def read(self, request: ReadRequest) -> Iterator[Batch]:
        """Yield the rows of the window; see `Connector.read`."""
        if request.stream not in ROOTS:
            raise SourceError(
                f"{self._admin.where}: there is no stream {request.stream}, expected one of "
                f"{', '.join(ROOTS)}"
            )
        self._admin.begin()
        self._currency = self._scopes = None
        self._refuse_hidden(request)
        at = position(request) or {}
        asked = request
        if self._is_whole(request):
            # All there is: what is missing is gone, and is seen in no other way.
            asked = replace(request, window=_EVER)
        bulk = self._by_bulk(asked.window) and "paged" not in at
        read = self._in_bulk(asked, at) if bulk else self._paged(asked, at)
        for batch in read:
            yield self._dated(batch, request) if asked is not request else batch
        yield Batch(self._table(request, []), checkpoint(request))

    def compared(self, request: ReadRequest) -> Compared | None:
        """Products, once a day all of them: Shopify does not say which were deleted."""
        if request.stream != "products":
            return None
        return Compared(KEYS["products"], request.window, self._is_whole(request))

    def check(self, stream: str) -> StreamCheck:
        """Look at the token's scopes and one object; see `Connector.check`."""
        self._admin.begin()
        lacking = [scope for scope in SCOPES[stream] if scope not in self._granted()]
        problems = [
            f"{self._admin.where}: the token lacks the scope {scope}, which stream {stream} needs"
            for scope in lacking
        ]
        if not lacking:
            now = self._admin.now or datetime.now(UTC)
            request = ReadRequest(stream, Window(now - timedelta(hours=1), now))
            next(iter(self._paged(request, {})), None)
        columns = dict.fromkeys((*self._columns(stream), OBJECT), "text")
        return StreamCheck(stream, columns, problems)

    def close(self) -> None:
        """Give back the connections."""
        self._admin.close()

    def _is_whole(self, request: ReadRequest) -> bool:
        return request.stream == "products" and request.midnight is not None

    def _dated(self, batch: Batch, request: ReadRequest) -> Batch:
        """A batch of a whole list as one of the window: what changed after it, at its end."""
        last = pa.scalar(request.window.end - timedelta(seconds=1), _TIME)
        place = batch.rows.column_names.index("_change_time")
        told = batch.rows["_change_time"]
        times = pc.if_else(pc.greater(told, last), last, told)
        rows = batch.rows.set_column(place, batch.rows.schema.field(place), times)
        kept = batch.checkpoint
        window = {"start": request.window.start.isoformat(), "end": request.window.end.isoformat()}
        return replace(batch, rows=rows, checkpoint=None if kept is None else {**kept, **window})

    def _by_bulk(self, window: Window) -> bool:
        return window.end - window.start >= timedelta(hours=self._source.bulk_from_hours)

    def _paged(self, request: ReadRequest, at: Mapping[str, Any]) -> Iterator[Batch]:
        """The window, page by page."""
        if request.stream == "inventory_levels":
            yield from self._levels(request, at)
            return
        if at.get("end"):
            return
        root, end = ROOTS[request.stream], request.window.end
        start = windows.moment(at.get("from")) or request.window.start
        after, seen = (
            windows.text(at.get("after")),
            {str(id_) for id_ in windows.items(at.get("seen"))},
        )
        # How far the list was paged before counts, too: it goes on under the same limit.
        count, newest = windows.whole(at.get("count")), list(seen)
        while True:
            query = windows.between(start, end)
            again = False
            for page in self._lists.pages(root, _ORDERED, query, after):
                fresh = [node for node in page.nodes if node.get("id") not in seen]
                rows = self._rows(request, fresh)
                count += len(page.nodes)
                latest, newest = self._latest(page.nodes, newest, start)
                place: dict[str, Any] = {"after": page.cursor, "end": page.cursor is None}
                place |= {"paged": True, "from": start.isoformat(), "seen": sorted(seen)}
                place |= {"count": count}
                again = count >= MOST_PAGED and page.cursor is not None
                if again:
                    if latest <= start and len(newest) >= MOST_PAGED:
                        raise SourceError(
                            f"{self._admin.where}: more than {MOST_PAGED:,} of {root.field} "
                            f"changed at {latest}, expected fewer; read them in bulk"
                        )
                    start, after, seen, count = latest, None, set(newest), 0
                    place |= {"after": None, "from": start.isoformat(), "seen": sorted(seen)}
                    place |= {"count": 0}
                yield Batch(self._table(request, rows), checkpoint(request, position=place))
                if again:
                    break
            if not again:
                return

    def _latest(
        self, nodes: Sequence[Object], ids: list[str], start: datetime
    ) -> tuple[datetime, list[str]]:
        """The newest change of a page, and the objects seen that changed then."""
        latest = start
        for node in nodes:
            moment = self._changed(node)
            if moment > latest:
                latest, ids = moment, []
            if moment == latest:
                ids = [*ids, str(node.get("id"))]
        return latest, ids

    def _levels(self, request: ReadRequest, at: Mapping[str, Any]) -> Iterator[Batch]:
        """Stock: levels can be asked for by their time at one location after the other."""
        levels = Levels(self._lists, self._admin.where, MOST_PAGED)
        for place, stands in levels.pages(request.window, at):
            rows = self._rows(request, [place])
            marked = checkpoint(request, position={"paged": True, **stands})
            yield Batch(self._table(request, rows), marked)

    def _in_bulk(self, request: ReadRequest, at: Mapping[str, Any]) -> Iterator[Batch]:
        """The window by a bulk operation; page by page where none comes to an end."""
        root, between = (
            ROOTS[request.stream],
            windows.between(request.window.start, request.window.end),
        )
        stock = request.stream == "inventory_levels"
        if stock:
            levels = replace(LEVELS, arguments=f"query:{windows.quoted(between)}")
            root = replace(root, parts=(levels,))
        arguments = "includeInactive:true" if stock else ""
        id_, skip = windows.text(at.get("bulk")), windows.whole(at.get("lines"))
        for _ in range(2):
            try:
                if id_ is None:
                    id_, skip = self._bulk.start(root, arguments, "" if stock else between), 0
                    yield Batch(self._table(request, []), self._stands(request, id_, 0))
                done = self._bulk.finish(id_)
                yield from self._of_file(request, root, done, skip)
            except GoneError:
                # Rows that were given before come again, equal to themselves.
                id_ = None
                continue
            except FailedError:
                break
            return
        yield from self._paged(request, {})

    def _of_file(self, request: ReadRequest, root: Part, done: Any, skip: int) -> Iterator[Batch]:
        held: list[Object] = []
        lines = skip
        piece = _PIECE if request.stream == "inventory_levels" else 0
        for read in self._bulk.objects(done, root, skip, most=piece):
            held.append(read.node)
            lines = read.lines
            if len(held) >= _BATCH or piece:
                rows = self._rows(request, held)
                yield Batch(self._table(request, rows), self._stands(request, done.id, lines))
                held = []
        yield Batch(
            self._table(request, self._rows(request, held)), self._stands(request, done.id, lines)
        )

    def _stands(self, request: ReadRequest, id_: str, lines: int) -> dict[str, Any]:
        return checkpoint(request, position={"bulk": id_, "lines": lines})

    def _rows(self, request: ReadRequest, nodes: Sequence[Object]) -> list[tuple[Object, datetime]]:
        """The rows of the objects that changed in the window, each with its time."""
        stream, window = request.stream, request.window
        if stream == "inventory_levels":
            pairs = [(row, self._changed(row)) for node in nodes for row in self._of(stream, node)]
            return [(row, at) for row, at in pairs if window.start <= at < window.end]
        timed = [(node, self._changed(node)) for node in nodes]
        inside = [(node, at) for node, at in timed if window.start <= at < window.end]
        chosen = [node for node, _ in inside]
        refunds = details.refunds(self._lists, stream, chosen)
        added = details.added(self._lists, chosen) if stream == "order_lines" else {}
        found = []
        for node, at in inside:
            of_order = [refunds[id_] for id_ in windows.ids(node.get("refunds")) if id_ in refunds]
            found += [(row, at) for row in self._of(stream, node, of_order, added)]
        return found

    def _of(
        self,
        stream: str,
        node: Object,
        refunds: Sequence[Object] = (),
        added: Mapping[str, str] | None = None,
    ) -> list[Object]:
        """An object's rows. `SourceError` where one lacks what it is named by."""
        try:
            if stream == "refunds":
                return [row for each in refunds for row in refund_rows.rows(node, each)]
            if stream == "order_lines":
                return order_lines(node, details.units(refunds), added or {})
            if stream == "products":
                return variants(node, self._shop_currency())
            return list(PLAIN[stream](node))
        except MissingError:
            raise self._admin.expected(
                f"an id within {node.get('id')}", None, "one in each object"
            ) from None

    def _changed(self, node: Object) -> datetime:
        moment = windows.moment(node.get("updatedAt"))
        if moment is None:
            raise self._admin.expected(
                f"updatedAt of {node.get('id')}", node.get("updatedAt"), "a time with its zone"
            )
        return moment

    def _columns(self, stream: str) -> Mapping[str, str]:
        """The stream's columns, and those that the configuration adds."""
        more = self._source.streams[stream].columns if stream in self._source.streams else {}
        return {**COLUMNS[stream], **more}

    def _table(self, request: ReadRequest, rows: Sequence[tuple[Object, datetime]]) -> pa.Table:
        objects = [row for row, _ in rows]
        return table(
            objects,
            self._columns(request.stream),
            changed=[at for _, at in rows],
            positions=[f"{request.stream}:{row.get('id')}" for row in objects],
        )

    def _shop_currency(self) -> str | None:
        if self._currency is None:
            shop = self._admin.ask("shop", "", "{currencyCode}", {})
            code = shop.get("currencyCode") if isinstance(shop, dict) else None
            if not isinstance(code, str):
                raise self._admin.expected("shop.currencyCode", code, "a currency's code")
            self._currency = code
        return self._currency

    def _granted(self) -> frozenset[str]:
        if self._scopes is None:
            found = self._admin.ask("currentAppInstallation", "", "{accessScopes{handle}}", {})
            scopes = found.get("accessScopes") if isinstance(found, dict) else None
            if not isinstance(scopes, list):
                raise self._admin.expected("accessScopes", scopes, "a list")
            self._scopes = frozenset(str(each.get("handle")) for each in scopes)
        return self._scopes

    def _refuse_hidden(self, request: ReadRequest) -> None:
        """Stop before a window in which the token can see no order, and would see no error."""
        if ROOTS[request.stream].field != "orders":
            return
        # By this machine's clock: only windows that are long past are asked about.
        old = datetime.now(UTC) - _HIDDEN_AFTER
        if request.window.end >= old or "read_all_orders" in self._granted():
            return
        now = self._admin.now or datetime.now(UTC)
        if request.window.end < now - _HIDDEN_AFTER:
            raise SourceError(
                f"{self._admin.where}: the token lacks the scope read_all_orders, without which "
                f"orders of before {now - _HIDDEN_AFTER:%Y-%m-%d} are hidden; expected it, or a "
                "later shop.start"
            )
