"""A command that is interrupted says so in one sentence, whatever goes on beside its end."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import atexit, os, signal, sys, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from shop_assets.cli import app

def command():
    print("at work", file=sys.stderr)
    stopped = threading.Event()

    def goes_on():
        stopped.wait(60)
        # As a library that is not written in Python does it, and as one that is.
        os.write(2, b"panicked\\n")
        print("complaint", file=sys.stderr)
        print("complaint", file=sys.__stderr__, flush=True)

    thread = threading.Thread(target=goes_on)
    thread.start()
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
    finally:
        print("undone", file=sys.stderr)
        stopped.set()
        thread.join()
        atexit.register(lambda: os.write(2, b"panicked at the end\\n"))

app.application = lambda *asked: command
app.main()
"""


def test_only_the_command_itself_is_heard() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CODE],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        start_new_session=True,
    )
    said = ["at work", "undone", "shop-assets: stopped; what was loaded stays"]
    assert done.stderr.splitlines() == said
    assert done.returncode == 130
