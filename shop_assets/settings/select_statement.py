"""Whether a text is one SELECT statement, so that it can be read like a table.

What a statement may do is decided by the database, in a transaction that only reads; this is for
the sentence that a person gets before anything runs.
"""

from __future__ import annotations

import re

_PIECES = re.compile(
    r"""
      (?P<skipped> --[^\n]* | /\*.*?\*/ | '(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*`
        | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
    | (?P<open> \( ) | (?P<close> \) ) | (?P<end> ; )
    | (?P<cut> /\* | ['"`] )
    | (?P<word> \w+ )
    | .
    """,
    re.VERBOSE | re.DOTALL,
)


def why_no_select(text: str) -> str | None:
    """What makes the text something else than one SELECT (or WITH … SELECT); None if nothing."""
    depth, first, ended = 0, "", False
    for piece in _PIECES.finditer(text):
        kind = piece.lastgroup if piece.lastgroup != "tag" else "skipped"
        if kind == "cut":
            return f"the {piece.group()} in it has no end"
        comment = kind == "skipped" and piece.group().startswith(("--", "/*"))
        if comment or piece.group().isspace():
            continue
        if ended:
            return "more follows after its semicolon"
        if kind == "word" and not first:
            first = piece.group().upper()
        depth += {"open": 1, "close": -1}.get(kind or "", 0)
        if depth < 0:
            return "a bracket is closed that was never opened"
        ended = kind == "end"
    if depth:
        return "a bracket is never closed"
    if first not in ("SELECT", "WITH"):
        return f"it begins with {first}" if first else "it is empty"
    return None


def without_semicolon(text: str) -> str:
    """The statement without a semicolon at its end."""
    for piece in _PIECES.finditer(text):
        if piece.lastgroup == "end":
            return text[: piece.start()] + text[piece.end() :]
    return text
