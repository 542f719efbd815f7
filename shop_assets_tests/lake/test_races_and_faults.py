"""Writers of the lake that race, die or lose an answer, on a real S3 server."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
from deltalake import DeltaTable

from shop_assets.io_managers.delta_store import DeltaStore

START = datetime(2026, 1, 31, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOURS = pa.timestamp("us", "UTC")
TABLE = "clean/orders"

WRITER = """
import json, sys
from datetime import UTC, datetime, timedelta
import pyarrow as pa
from shop_assets.io_managers.delta_store import DeltaStore

root, options, table, first, hours, size, writer = json.loads(sys.argv[1])
store = DeltaStore(root, options)
print("ready", flush=True)
sys.stdin.readline()
for number in range(hours):
    hour = datetime.fromisoformat(first) + timedelta(hours=number)
    data = pa.table({
        "writer": [writer] * size,
        "id": range(size),
        "_hour": pa.array([hour] * size, pa.timestamp("us", "UTC")),
    })
    store.replace(table, data, hour, hour + timedelta(hours=1), load_id=f"{writer}-{number}")
    print("wrote", flush=True)
"""


def writer(lake: Any, name: str, first: datetime, hours: int, size: int) -> subprocess.Popen[bytes]:
    arguments = [lake.root, lake.storage_options, TABLE, first.isoformat(), hours, size, name]
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, json.dumps(arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def run_together(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=120)
        assert process.returncode == 0


def counts(store: DeltaStore) -> dict[tuple[datetime, str], int]:
    found = store.read(TABLE, START, START + 48 * HOUR)
    assert found is not None
    grouped = found.group_by(["_hour", "writer"]).aggregate([([], "count_all")]).to_pylist()
    return {(row["_hour"], row["writer"]): row["count_all"] for row in grouped}


def test_processes_that_replace_different_hours_at_once_both_land(
    lake: Any, store: DeltaStore
) -> None:
    run_together([writer(lake, "a", START, 8, 300), writer(lake, "b", START + 8 * HOUR, 8, 300)])
    expected = {(START + n * HOUR, "a" if n < 8 else "b"): 300 for n in range(16)}
    assert counts(store) == expected


def test_of_processes_that_replace_the_same_hours_one_result_survives_whole(
    lake: Any, store: DeltaStore
) -> None:
    run_together([writer(lake, name, START, 6, 500) for name in ("a", "b", "c")])
    found = counts(store)
    assert len(found) == 6
    assert {hour for hour, _ in found} == {START + n * HOUR for n in range(6)}
    assert set(found.values()) == {500}


def one_row(hour: datetime, name: str, size: int = 200) -> pa.Table:
    return pa.table({"writer": [name] * size, "_hour": pa.array([hour] * size, HOURS)})


def together(tasks: list[Callable[[], bool]]) -> list[bool]:
    gate = threading.Barrier(len(tasks))

    def start(task: Callable[[], bool]) -> bool:
        gate.wait()
        return task()

    with ThreadPoolExecutor(len(tasks)) as threads:
        return list(threads.map(start, tasks))


def test_stores_that_fill_the_same_empty_hour_do_not_mix(lake: Any, store: DeltaStore) -> None:
    stores = [DeltaStore(lake.root, lake.storage_options) for _ in range(4)]
    for number in range(5):
        hour = START + number * HOUR

        def fill(at: int, hour: datetime = hour, number: int = number) -> bool:
            data = one_row(hour, f"writer-{at}")
            return stores[at].replace(TABLE, data, hour, hour + HOUR, load_id=f"{at}-{number}")

        assert together([partial(fill, at) for at in range(4)]) == [True] * 4
    found = counts(store)
    assert len(found) == 5
    assert set(found.values()) == {200}


def test_threads_share_a_store(store: DeltaStore) -> None:
    def fill(number: int) -> bool:
        hour = START + number * HOUR
        data = one_row(hour, "thread")
        done = store.replace(TABLE, data, hour, hour + HOUR, load_id=str(number))
        found = store.read(TABLE, hour, hour + HOUR)
        return done and found is not None and found.num_rows == 200

    assert together([partial(fill, number) for number in range(8)]) == [True] * 8
    assert counts(store) == {(START + n * HOUR, "thread"): 200 for n in range(8)}


def test_the_same_load_from_two_stores_at_once_is_added_once(lake: Any, store: DeltaStore) -> None:
    stores = [DeltaStore(lake.root, lake.storage_options) for _ in range(4)]
    for number in range(6):
        load_id, data = f"load-{number}", one_row(START + number * HOUR, "x")
        done = together([partial(each.append, TABLE, data, load_id=load_id) for each in stores])
        assert any(done)
    assert set(counts(store).values()) == {200}


def test_a_retyped_column_loses_a_race_without_harm(lake: Any, store: DeltaStore) -> None:
    from shop_assets.io_managers.delta_store import SchemaDrift

    def add(each: DeltaStore, column: pa.Array, load_id: str) -> bool:
        data = pa.table({"_hour": pa.array([START], HOURS), "value": column})
        try:
            return each.append(TABLE, data, load_id=load_id)
        except SchemaDrift:
            return False

    other = DeltaStore(lake.root, lake.storage_options)
    number = partial(add, store, pa.array([1]), "number")
    done = together([number, partial(add, other, pa.array(["text"]), "text")])
    assert sorted(done) == [False, True]
    found = store.read(TABLE, START, START + HOUR, ["value"])
    assert found is not None
    assert found.num_rows == 1


def test_a_writer_that_is_killed_leaves_whole_hours_only(lake: Any, store: DeltaStore) -> None:
    size = 200_000
    for attempt, delay in enumerate((0.0, 0.06, 0.12, 0.2)):
        process = writer(lake, f"killed-{attempt}", START, 20, size)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        process.stdin.write(b"\n")
        process.stdin.flush()
        for _ in range(attempt):
            process.stdout.readline()
        time.sleep(delay)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        if store.exists(TABLE):
            found = counts(store)
            assert set(found.values()) <= {size}
            assert len({hour for hour, _ in found}) == len(found)
    run_together([writer(lake, "again", START, 2, 100)])
    found = counts(store)
    assert found[START, "again"] == found[START + HOUR, "again"] == 100


@contextmanager
def losing_answers(
    endpoint: str, lose: Callable[[bytes], bool]
) -> Iterator[tuple[str, list[bytes]]]:
    """A proxy before the S3 server that closes instead of passing on the answers to `lose`."""
    target = urlsplit(endpoint)
    lost: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(client: socket.socket) -> None:
        with client, socket.create_connection((target.hostname or "", target.port or 0)) as server:
            while request := read_message(client):
                server.sendall(request)
                answer = read_message(server, to_head=request.startswith(b"HEAD"))
                line = request.split(b"\r\n", 1)[0]
                if lose(line):
                    lost.append(line)
                    return
                client.sendall(answer)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", lost
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def read_message(connection: socket.socket, *, to_head: bool = False) -> bytes:
    """One HTTP message with a Content-Length, or in chunks, or without a body."""
    message = b""
    while b"\r\n\r\n" not in message:
        part = connection.recv(65536)
        if not part:
            return b""
        message += part
    head, _, body = message.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    if to_head:
        return message
    if fields.get(b"transfer-encoding", b"").strip() == b"chunked":
        while not body.endswith(b"0\r\n\r\n"):
            body += connection.recv(65536)
    while len(body) < int(fields.get(b"content-length", b"0")):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def test_a_lost_answer_to_a_commit_loads_nothing_twice(lake: Any, store: DeltaStore) -> None:
    store.append(TABLE, one_row(START - 5 * HOUR, "before"), load_id="before")
    pending = [0]

    def lose(line: bytes) -> bool:
        if line.startswith(b"PUT") and b"_delta_log" in line and pending[0]:
            pending[0] -= 1
            return True
        return False

    with losing_answers(lake.storage_options["AWS_ENDPOINT_URL"], lose) as (endpoint, lost):
        options = {**lake.storage_options, "AWS_ENDPOINT_URL": endpoint}
        unlucky = DeltaStore(lake.root, options)
        for number, losses in enumerate((1, 1, 2, 12)):
            pending[0] = losses
            hour = START + number * HOUR
            assert unlucky.append(TABLE, one_row(hour, "x"), load_id=f"load-{number}")
            assert not unlucky.append(TABLE, one_row(hour, "x"), load_id=f"load-{number}")
        pending[0] = 1
        hour = START + 9 * HOUR
        assert unlucky.replace(TABLE, one_row(hour, "y"), hour, hour + HOUR, load_id="replace")
        pending[0] = 1
        empty = one_row(hour, "z", 0)
        assert unlucky.replace(TABLE, empty, START, START + HOUR, load_id="delete")
    assert len(lost) >= 6
    expected = {(START + n * HOUR, "x"): 200 for n in (1, 2, 3)} | {(hour, "y"): 200}
    assert counts(store) == expected


def test_an_outdated_writer_finds_a_table_whose_log_went_on(lake: Any, store: DeltaStore) -> None:
    store.append(TABLE, one_row(START, "first"), load_id="first")
    other = DeltaStore(lake.root, lake.storage_options)
    for number in range(60):
        other.append(TABLE, one_row(START + HOUR, "other", 1), load_id=str(number))
    assert counts(store)[START + HOUR, "other"] == 60
    assert store.append(TABLE, one_row(START, "last"), load_id="last")
    version = DeltaTable(f"{lake.root}/{TABLE}", storage_options=lake.storage_options).version()
    assert version == 62


def test_stores_that_create_a_table_at_once_keep_the_columns_of_all(lake: Any) -> None:
    def first(each: DeltaStore, table: str, name: str) -> bool:
        data = pa.table({"_hour": pa.array([START], HOURS), name: [1]})
        return each.append(table, data, load_id=name)

    names = ["a", "b", "c", "d"]
    stores = [DeltaStore(lake.root, lake.storage_options) for _ in names]
    for attempt in range(5):
        table = f"raw/attempt-{attempt}"
        together([partial(first, *pair) for pair in zip(stores, [table] * 4, names, strict=True)])
        found = DeltaStore(lake.root, lake.storage_options).read(table, START, START + HOUR)
        assert found is not None
        assert found.num_rows == 4
        assert set(found.column_names) == {"_hour", *names}
