"""From which layer on hours are computed again, and by which job."""

from __future__ import annotations

from typing import Literal

Layer = Literal["raw", "clean", "warehouse", "marts"]
FROM_LAYER: dict[Layer, str] = {
    "raw": "hourly",
    "clean": "from_clean",
    "warehouse": "from_warehouse",
    "marts": "hourly_marts",
}
"""The job that computes hours again from a layer on."""
