"""What a new source has: its tables or files, looked at to propose streams."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from shop_assets.errors import UserError
from shop_assets.onboarding.answers import Secret, SourceAnswer, checked
from shop_assets.onboarding.file_text import some
from shop_assets.onboarding.folders import folder_proposals
from shop_assets.onboarding.proposals import proposals
from shop_assets.settings.catalogue import KnownConnector
from shop_assets.settings.file_streams import FilesSource
from shop_assets.settings.shop import Source, SqlSource
from shop_assets.sources.sql_tables import Tables, tables_of


def tables_at(name: str, url: str, base: Path) -> Tables | UserError:
    """What a database has; or why it cannot be seen."""
    try:
        source = SqlSource.model_validate(
            {"connector": "sql", "url": url, "connect_timeout": 10, "streams": {}}
        )
        return tables_of(name, source, base=base)
    except UserError as error:
        return error


def why_no_streams(name: str, source: Source, base: Path) -> str:
    """Why a source without streams has none, as far as a look at it tells; and what is expected."""
    lacking = f"{name}: it has no streams; expected"
    try:
        if isinstance(source, SqlSource):
            found = [table.name for table in tables_of(name, source, base=base).tables]
            there = some(found) if found else "no tables that this user may see"
            return f"{lacking} tables of it, named below `streams:` (it has {there})"
        if isinstance(source, FilesSource):
            if "://" not in source.url:
                folder_proposals(name, source.url, base)
            return f"{lacking} kinds of its files, named below `streams:`"
    except UserError as error:
        return str(error)
    return f"{lacking} some, named below `streams:`"


def sql_answer(
    name: str,
    connector: KnownConnector,
    found: Tables | UserError,
    written_url: str,
    secrets: Sequence[Secret],
) -> SourceAnswer:
    """A database with the streams that its tables suggest.

    `found`: what was seen of it, or why nothing was, which the file then says. `written_url`: for
    the file, without the password.
    """
    options = {"url": written_url}
    if isinstance(found, UserError):
        return SourceAnswer(name, connector, options, secrets, note=_unseen(found))
    streams = proposals(found.tables, found.quoted)
    taken = {each.table.name for each in streams}
    others = [table.name for table in found.tables if table.name not in taken]
    note = "" if streams else "None of its tables looks like one of a shop: name those to read."
    return SourceAnswer(name, connector, options, secrets, streams, others, note)


def files_answer(
    name: str,
    connector: KnownConnector,
    options: dict[str, str],
    base: Path,
    *,
    allow_unseen: bool = False,
) -> SourceAnswer:
    """A folder with a stream for each kind of file in it.

    Raises `UserError` where it cannot be seen, unless that is allowed: then the file says why.
    """
    plain = checked(connector, options)
    if "://" in options["url"]:
        note = "Name its kinds of files: see docs/connect/files.md."
        return SourceAnswer(name, connector, plain, note=note)
    try:
        streams = folder_proposals(name, options["url"], base)
    except UserError as error:
        if not allow_unseen:
            raise
        return SourceAnswer(name, connector, plain, note=_unseen(error))
    note = "" if streams else "There are no files in it yet: name those to come."
    return SourceAnswer(name, connector, plain, (), streams, note=note)


def _unseen(error: UserError) -> str:
    return f"When this was written, nothing could be seen of it: {error}."
