"""The benchmarks: `make bench`, or `python -m benchmarks.run [tiny|quick|full] [case ...]`.

Each case runs in a process and with servers of its own. Results go to `results.json` and
`RESULTS.md` in the folder of `--output`; those of cases that were not run stay as they were, and
those of another machine's CPU beside those of this one.
Exit code 1 where a case failed, or a figure is worse than declared by more than a quarter.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import machine, tables
from benchmarks.place import placed
from benchmarks.results import Section
from benchmarks.sizes import SIZES, Size
from shop_assets.cli.memory import keep_memory

_FOLDER = Path(__file__).parent
STAGES = ("limits", "slices", "reading", "aggregates", "lake", "events", "range_runs")
WHOLE = ("hours", "day", "history", "freshness", "delta_year")
CASES = (*STAGES, *WHOLE)
LONG = ("week", "real_shop")
"""Cases that are run only if they are named."""


def main(arguments: list[str] | None = None) -> int:
    """Run the cases; returns the exit code."""
    # As the platform's own command does: what a case imports is told by what it inherits.
    keep_memory()
    parser = argparse.ArgumentParser(prog="benchmarks.run", description=__doc__)
    parser.add_argument("size", nargs="?", default="full", choices=sorted(SIZES))
    parser.add_argument("cases", nargs="*", help=f"of {', '.join((*CASES, *LONG))}")
    parser.add_argument("--output", type=Path, default=None, help="folder of the results")
    parser.add_argument("--judge", action="store_true", help="hold small sizes to the ratios, too")
    parser.add_argument("--as-case", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.cases if name not in (*CASES, *LONG)]:
        parser.error(f"found {', '.join(unknown)}, expected of {', '.join((*CASES, *LONG))}")
    size = SIZES[given.size]
    if given.judge:
        size = dataclasses.replace(size, judged=True)
    if given.as_case is not None:
        (name,) = given.cases
        given.as_case.write_text(json.dumps(_measured(name, size)), "utf-8")
        return 0
    # Only what was measured in full is a result to be kept beside the code.
    output = given.output or (_FOLDER if size.name == "full" else _FOLDER / size.name)
    return _run_all(size, given.cases or list(CASES), output, judge=given.judge)


def _measured(name: str, size: Size) -> list[dict[str, Any]]:
    case = importlib.import_module(f"benchmarks.cases.{name}")
    with placed() as place:
        return [section.as_json() for section in case.measure(place, size)]


def _run_all(size: Size, cases: list[str], output: Path, *, judge: bool) -> int:
    console = Console(width=200) if not sys.stdout.isatty() else Console()
    output.mkdir(parents=True, exist_ok=True)
    results = _known(output, size)
    results["machine"] = machine.described()
    results["command"] = " ".join(["python -m benchmarks.run", size.name, *cases])
    failed = False
    for name in cases:
        console.print(f"[bold]{name}[/] ...")
        measured, began = machine.described(), time.monotonic()
        found = _in_a_process(name, size, judge=judge)
        if found is None:
            failed = True
            console.print(f"[bold red]{name} failed[/]")
            continue
        case = {
            "sections": found,
            "seconds": round(time.monotonic() - began, 1),
            "measured": measured,
        }
        keep(results["cases"], name, case)
        for section in found:
            tables.show(console, Section.from_json(section))
        _write(output, results)
    behind = [
        verdict["what"]
        for name in cases
        for section in results["cases"].get(name, {"sections": []})["sections"]
        for verdict in section["verdicts"]
        if verdict["behind"]
    ]
    if behind:
        console.print(f"[bold red]behind what is declared: {', '.join(behind)}[/]")
    console.print(f"results: {output / 'results.json'}, {output / 'RESULTS.md'}")
    return 1 if failed or behind else 0


def keep(cases: dict[str, Any], name: str, case: dict[str, Any]) -> None:
    """Put a case's results in place of former ones; those of another CPU stay, right after them."""
    cpu = case["measured"]["cpu"]
    cases.pop(f"{name}, {cpu}", None)
    former = list(cases.items())
    cases.clear()
    for title, known in former:
        cases[title] = case if title == name else known
        if title == name and (other := known["measured"]["cpu"]) != cpu:
            cases[f"{name}, {other}"] = known
    cases[name] = case


def _in_a_process(name: str, size: Size, *, judge: bool) -> list[dict[str, Any]] | None:
    """A case's sections, measured in a process of its own; None where it failed."""
    with tempfile.TemporaryDirectory() as folder:
        to = Path(folder) / "sections.json"
        command = [sys.executable, "-m", "benchmarks.run", size.name, name, "--as-case", str(to)]
        done = subprocess.run(
            [*command, *(["--judge"] if judge else [])],
            cwd=_FOLDER.parent,
            env={"PYTHONWARNINGS": "ignore", **os.environ},
            check=False,
        )
        if done.returncode != 0:
            return None
        found: list[dict[str, Any]] = json.loads(to.read_text("utf-8"))
        return found


def _known(output: Path, size: Size) -> dict[str, Any]:
    """The results of an earlier run of this size, to be brought up to date."""
    fresh: dict[str, Any] = {"size": dataclasses.asdict(size), "cases": {}}
    try:
        known = json.loads((output / "results.json").read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return fresh
    return {**fresh, "cases": known["cases"]} if known["size"]["name"] == size.name else fresh


def _write(output: Path, results: dict[str, Any]) -> None:
    text = json.dumps(results, indent=1) + "\n"
    (output / "results.json").write_text(text, "utf-8")
    (output / "RESULTS.md").write_text(tables.page(results), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
