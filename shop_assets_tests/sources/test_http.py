"""Calls are tried again within a budget, honour what the source asks for, and show no key."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from itertools import product
from urllib.parse import quote

import pytest

from shop_assets.demo.apis.serving import Clock
from shop_assets.sources.errors import SourceError
from shop_assets.sources.http import ApiClient, Reply, Retry
from shop_assets_tests.sources.api_clients import KEY, Served, client, served

NOW = datetime(2026, 1, 1, 8, tzinfo=UTC)


@pytest.fixture(scope="module", name="running")
def _running() -> Iterator[Served]:
    with served(Clock(NOW)) as found:
        yield found


@pytest.fixture
def server(running: Served) -> Served:
    running.faults.clear()
    return running


@pytest.fixture
def api(server: Served) -> Iterator[ApiClient]:
    made = client(server.url)
    yield made
    made.close()


def test_an_answer_is_decoded_without_rounding(api: ApiClient) -> None:
    reply = api.get("things")
    assert reply.json == {"ok": Decimal("1.10")}
    assert str(reply.json["ok"]) == "1.10"
    assert reply.now == NOW


def test_calls_go_below_the_base_url_with_what_is_given(server: Served) -> None:
    api = client(f"{server.url}/v1/")
    api.get("/things", {"a": "ä&b", "list": ["1", "2"]})
    api.post("things", {"q": 1})
    get, post = server.faults.calls
    assert (get.path, get.query) == ("/v1/things", {"a": "ä&b", "list": "2"})
    assert (post.path, post.json) == ("/v1/things", {"q": 1})
    api.close()


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520, 529])
def test_what_may_pass_is_tried_again(api: ApiClient, server: Served, status: int) -> None:
    server.faults.answer(status, b"{}", headers={"retry-after": "0"})
    assert api.get("things").status == 200
    assert len(server.faults.calls) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422, 501])
def test_what_does_not_pass_is_an_error_at_once(
    api: ApiClient, server: Served, status: int
) -> None:
    server.faults.answer(status, b'{"error": "why"}', times=None)
    with pytest.raises(SourceError, match=rf'^shop \(API\): GET /things answers {status}: .*"why"'):
        api.get("things")
    assert len(server.faults.calls) == 1


@pytest.mark.parametrize("form", ["seconds", "date", "a date that is over", "nonsense"])
def test_retry_after_is_taken_by_the_sources_clock(
    api: ApiClient, server: Served, form: str
) -> None:
    in_time = {"seconds": "2", "date": format_datetime(NOW + timedelta(seconds=2), usegmt=True)}
    over = format_datetime(NOW - timedelta(days=1), usegmt=True)
    said = in_time.get(form, over if form != "nonsense" else "soon")
    server.faults.answer(503, b"", headers={"retry-after": said})
    began = time.monotonic()
    api.get("things")
    assert (time.monotonic() - began >= 2) == (form in in_time)


def test_a_longer_wait_than_the_budget_is_not_begun(api: ApiClient, server: Served) -> None:
    server.faults.answer(429, b"", headers={"retry-after": "3600"})
    with pytest.raises(SourceError, match="still fails after 0 s of trying again: it answers 429"):
        api.get("things")
    # Nor does it hold back those who come later.
    began = time.monotonic()
    api.begin()
    api.get("things")
    assert time.monotonic() - began < 10


def test_the_budget_is_of_a_read_and_whole_again_for_the_next(server: Served) -> None:
    api = client(server.url, retry_budget_seconds=1)
    server.faults.answer(500, b"", times=None)
    for _ in range(2):
        api.begin()
        began = time.monotonic()
        with pytest.raises(SourceError) as caught:
            api.get("things")
        assert caught.value.transient
        assert time.monotonic() - began < 5
    with pytest.raises(SourceError):
        api.get("things")
    api.close()


def test_time_spent_on_answers_that_do_not_come_is_of_the_budget(server: Served) -> None:
    api = client(server.url, retry_budget_seconds=1, timeout_seconds=0.4)
    server.faults.stall(2, times=None)
    began = time.monotonic()
    with pytest.raises(SourceError, match="it does not answer in time") as caught:
        api.get("things")
    assert caught.value.transient
    assert len(server.faults.calls) <= 4
    assert time.monotonic() - began < 5
    api.close()


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_connection_that_breaks_is_tried_again(
    api: ApiClient, server: Served, share: float
) -> None:
    server.faults.cut(share)
    assert api.get("things").json == {"ok": Decimal("1.10")}
    assert len(server.faults.calls) == 2


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"ok": 1', b"NaN", b'{"a": Infinity}', b"\xff"])
def test_what_is_no_json_is_tried_again(api: ApiClient, server: Served, body: bytes) -> None:
    server.faults.answer(200, body)
    assert api.get("things").json == {"ok": Decimal("1.10")}


def test_a_provider_says_what_its_answers_mean(server: Served) -> None:
    def meaning(reply: Reply) -> Retry | SourceError | None:
        said = reply.json or {}
        if said.get("throttled"):
            return Retry("it is throttled", 0.01)
        return SourceError("shop: account closed") if said.get("closed") else None

    api = client(server.url, classify=meaning)
    server.faults.answer(200, b'{"throttled": true}')
    server.faults.answer(200, b'{"closed": true}', skip=1)
    assert api.get("things").status == 200
    with pytest.raises(SourceError, match="account closed"):
        api.get("things")
    api.close()


def test_an_answer_that_is_too_large_is_refused(
    api: ApiClient, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shop_assets.sources.http._LARGEST_ANSWER", 1 << 20)
    server.faults.answer(200, b"1" * (2 << 20))
    with pytest.raises(SourceError, match="answers more than 1 MiB"):
        api.get("things")


def test_an_error_shows_no_part_of_a_key(server: Served) -> None:
    """However an answer writes it, and wherever it is cut for the message."""
    secret = 'cs_"quoted"/and+more'
    by_header, by_pair = client(server.url), client(server.url, auth=("ck_canary", secret))
    header = "Basic " + b64encode(f"ck_canary:{secret}".encode()).decode()
    forms = [secret, json.dumps(secret), quote(secret, safe=""), header, "ck_canary", KEY]
    for api, said in product((by_header, by_pair), (*forms, *("x" * 190 + f for f in forms))):
        server.faults.clear()
        server.faults.answer(403, said.encode())
        with pytest.raises(SourceError) as caught:
            api.get("things")
        hidden = (KEY[:8],) if api is by_header else ("ck_", "cs_", header[6:12])
        assert not any(part in str(caught.value) for part in hidden), said
    by_header.close()
    by_pair.close()


def test_the_lines_of_a_file_come_as_they_are(api: ApiClient, server: Served) -> None:
    long = b"y" * 300_000
    server.faults.answer(200, b"one\n\ntwo\r\n" + long + b"\nlast")
    assert list(api.lines(f"{server.url}/file")) == [b"one", b"two\r", long, b"last"]


def test_a_download_carries_no_credentials(api: ApiClient, server: Served) -> None:
    api.get("things")
    list(api.lines(f"{server.url}/file?signature=abc"))
    call, download = server.faults.calls
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in str(download)


def test_a_download_that_breaks_is_a_transient_error(api: ApiClient, server: Served) -> None:
    server.faults.answer(200, b"a\n" * 1000, times=1)
    server.faults.cut(0.5, skip=0)
    list(api.lines(f"{server.url}/file"))
    with pytest.raises(SourceError, match="its file cannot be read to the end") as caught:
        list(api.lines(f"{server.url}/file"))
    assert caught.value.transient


def test_a_line_without_end_is_refused(
    api: ApiClient, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shop_assets.sources.http._LONGEST_LINE", 1 << 20)
    server.faults.answer(200, b"a\n" + b"x" * (3 << 20))
    with pytest.raises(SourceError, match="a line of more than 1 MiB"):
        list(api.lines(f"{server.url}/file"))


def test_a_file_that_is_gone_is_an_error(api: ApiClient, server: Served) -> None:
    server.faults.answer(403, b"expired")
    with pytest.raises(SourceError, match="its file answers 403, expected 200"):
        list(api.lines(f"{server.url}/file"))
