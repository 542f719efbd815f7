"""Results as tables: on the terminal, with what has fallen behind in red, and in Markdown."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.machine import LOOP
from benchmarks.results import Cell, Section, Verdict

_HEAD = (
    "Made by `make bench` (see `benchmarks/run.py`); do not edit. Ratios within one run count: "
    "single times hang on the machine, and on what else it does."
)


def show(console: Console, section: Section) -> None:
    """Print a section."""
    if section.rows:
        table = Table(title=section.title, title_justify="left")
        for name in section.rows[0]:
            table.add_column(name, justify="left" if name in _WORDS else "right")
        for row in section.rows:
            table.add_row(*(escape(_text(value)) for value in row.values()))
        console.print(table)
    for verdict in section.verdicts:
        console.print(f"  [{_colour(verdict)}]{escape(_sentence(verdict))}[/]")
    for note in section.notes:
        console.print(f"  [dim]{escape(note)}[/]")


def page(results: dict[str, Any]) -> str:
    """All results as a page of Markdown."""
    machine, size = results["machine"], results["size"]
    lines = [
        "# Benchmarks",
        "",
        _HEAD,
        "",
        f"- size: `{size['name']}`, medians of {size['runs']} runs",
        f"- orders of a normal hour: {size['hour_orders']:,}; of the peak: {size['peak_orders']:,}",
        f"- command: `{results['command']}`",
        *(f"- {name}: {value}" for name, value in machine.items()),
        "",
    ]
    for name, case in results["cases"].items():
        measured = case["measured"]
        when = f"{measured['date']}, commit {measured['commit']}"
        when += f", load of the machine before {measured['load before']}"
        when = ", ".join([when, *_where(measured, machine)])
        lines += [
            f"## {name}",
            "",
            f"{when}; {case['seconds']:,.0f} s with all that was prepared.",
            "",
        ]
        for values in case["sections"]:
            lines += _markdown(Section.from_json(values))
    return "\n".join(lines).rstrip() + "\n"


def _where(measured: dict[str, str], machine: dict[str, str]) -> list[str]:
    """How fast a core was when a case was measured, and what was not what the page's head says."""
    return [
        f"{name} {value}"
        for name, value in measured.items()
        if name == LOOP or (name not in _SAID and machine.get(name) != value)
    ]


def _markdown(section: Section) -> list[str]:
    lines = [f"### {section.title}", ""]
    if section.rows:
        names = list(section.rows[0])
        lines.append("| " + " | ".join(names) + " |")
        lines.append("|" + "|".join("---" if n in _WORDS else "---:" for n in names) + "|")
        lines += ["| " + " | ".join(_text(row[n]) for n in names) + " |" for row in section.rows]
        lines.append("")
    if section.verdicts:
        lines += [f"- {_sentence(verdict)}" for verdict in section.verdicts]
        lines.append("")
    for note in section.notes:
        lines += [note, ""]
    return lines


_SAID = {"date", "commit", "load before"}
_WORDS = {"how", "as", "what", "table"}


def _colour(verdict: Verdict) -> str:
    if verdict.behind:
        return "bold red"
    if not verdict.judged:
        return "dim"
    return "green" if verdict.met else "yellow"


def _sentence(verdict: Verdict) -> str:
    sign = "≥" if verdict.better == "higher" else "≤"
    unit = verdict.unit if verdict.unit in ("x", "") else f" {verdict.unit}"
    if not verdict.judged:
        state = "not judged at this size"
    elif verdict.behind:
        state = "BEHIND by more than a quarter"
    else:
        state = "met" if verdict.met else "missed, by less than a quarter"
    here = "" if verdict.speed == 1 else f", here {sign} {verdict.bound:.1f}{unit}"
    return (
        f"{verdict.what}: {verdict.measured:g}{unit}, "
        f"declared {sign} {verdict.declared:g}{unit}{here}: {state}"
    )


def _text(value: Cell) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int | float) else value
