"""Results that carry a value and checks."""

from collections.abc import Callable
from typing import Any, TypeVar

Compute = TypeVar("Compute", bound=Callable[..., Any])


def with_value(compute: Compute) -> Compute:
    """Hide the return annotation of an asset's function from Dagster.

    Dagster takes an asset with checks that is annotated `MaterializeResult` for one without a
    value, and would not call its IO manager; without annotation it takes the value.
    """
    compute.__annotations__.pop("return", None)
    return compute
