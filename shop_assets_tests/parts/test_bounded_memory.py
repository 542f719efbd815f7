"""The bound of memory that an hour has, whatever it brings: held to by a resource limit."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.declared import NORMAL_HOUR_MIB

ROWS, LENGTH = 70_000, 15_000

pytestmark = pytest.mark.no_cover

CHILD = f"""
import gzip, resource, sys
from pathlib import Path
from benchmarks.web_hour import web_hour
from shop_assets import repeated_keys, spool
from shop_assets.transforms import parts

hour = web_hour(20, Path(sys.argv[1]))
line = '{{"event_id": "%d", "type": "page_view", "ts": "2026-11-02T10:59:59.694Z", '
line += '"received_at": "2026-11-02T11:00:00.000Z", "anonymous_id": "a%d", "user_id": null, '
line += '"sku": null, "order_id": null, "utm_campaign": null, "user_agent": "a", "url": "%s"}}\\n'
text = "https://shop.example/?q=" + "x" * {LENGTH}
with gzip.open(hour.path, "wt", 1) as file:
    file.writelines(line % (n, n % 999, text) for n in range({ROWS}))
if sys.argv[2] == "whole":
    endless = 10**15
    parts.gathered.__defaults__ = endless, endless
    spool.Spool.__init__.__defaults__ = (endless,)
    repeated_keys.RepeatedKeys.__init__.__defaults__ = endless, endless
bound = {NORMAL_HOUR_MIB:.0f} * 2**20
resource.setrlimit(resource.RLIMIT_DATA, (bound, bound))
made = hour.clean(hour.read())
print(*made.counts[["rows_read", "rows_published"]].sum(), end=" ")
print(sum(part.num_rows for part in made.published.each()))
"""


@pytest.mark.parametrize(("how", "fits"), [("parts", True), ("whole", False)])
def test_an_hour_of_more_bytes_than_the_bound_is_read_and_cleaned_within_it(
    how: str, fits: bool, tmp_path: Path
) -> None:
    """Which it is not when it is held as a whole: the limit does limit."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHILD, str(tmp_path), how],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    if fits:
        assert done.returncode == 0, done.stderr[-2_000:]
        assert done.stdout.split() == [str(ROWS)] * 3
    else:
        assert done.returncode != 0
        assert re.search("alloc|memory|Memory|resource|Resource", done.stderr), done.stderr[-2_000:]
