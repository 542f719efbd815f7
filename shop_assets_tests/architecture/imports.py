"""What each module of the package imports, read from its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "shop_assets"


@dataclass(frozen=True)
class Import:
    """One import: `by` imports `name`, both as dotted names."""

    by: str
    name: str
    line: int

    def __str__(self) -> str:
        return f"{self.by}:{self.line} imports {self.name}"


def modules(root: Path) -> Iterator[tuple[str, ast.Module]]:
    """Every module below the folder of the package, by dotted name."""
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield name, ast.parse(path.read_text("utf-8"), str(path))


def imports(root: Path) -> list[Import]:
    """Every import of every module, inside functions too."""
    found = []
    for by, tree in modules(root):
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found += [Import(by, alias.name, node.lineno) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                found += [
                    Import(by, f"{node.module}.{alias.name}", node.lineno) for alias in node.names
                ]
    return found


def unit(name: str) -> str | None:
    """The package's part that a dotted name belongs to; None where it is not the package's."""
    parts = name.split(".")
    if parts[0] != PACKAGE:
        return None
    return parts[1] if len(parts) > 1 else ""
