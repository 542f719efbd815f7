"""What a new source has: its tables or files, looked at to propose streams."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from shop_assets.errors import UserError
from shop_assets.onboarding.answers import Secret, SourceAnswer, checked
from shop_assets.onboarding.folders import folder_proposals
from shop_assets.onboarding.proposals import proposals
from shop_assets.settings.catalogue import KnownConnector
from shop_assets.settings.shop import SqlSource
from shop_assets.sources.sql_tables import tables_of


def sql_answer(
    name: str,
    connector: KnownConnector,
    url: str,
    written_url: str,
    secrets: Sequence[Secret],
    base: Path,
) -> SourceAnswer:
    """A database with the streams that its tables suggest; a note, where it cannot be reached.

    `url`: to connect by; `written_url`: for the file, without the password.
    """
    options = {"url": written_url}
    try:
        source = SqlSource.model_validate(
            {"connector": "sql", "url": url, "connect_timeout": 10, "streams": {}}
        )
        found = tables_of(name, source, base=base)
    except UserError as error:
        return SourceAnswer(name, connector, options, secrets, note=_unseen(error))
    streams = proposals(found.tables, found.quoted)
    taken = {each.table.name for each in streams}
    others = [table.name for table in found.tables if table.name not in taken]
    note = "" if streams else "None of its tables looks like one of a shop: name those to read."
    return SourceAnswer(name, connector, options, secrets, streams, others, note)


def files_answer(
    name: str, connector: KnownConnector, options: dict[str, str], base: Path
) -> SourceAnswer:
    """A folder with a stream for each kind of file in it; a note, where it cannot be seen."""
    plain = checked(connector, options)
    if "://" in options["url"]:
        note = "Name its kinds of files: see docs/connect/files.md."
        return SourceAnswer(name, connector, plain, note=note)
    try:
        streams = folder_proposals(name, options["url"], base)
    except UserError as error:
        return SourceAnswer(name, connector, plain, note=_unseen(error))
    note = "" if streams else "There are no files in it yet: name those to come."
    return SourceAnswer(name, connector, plain, (), streams, note=note)


def _unseen(error: UserError) -> str:
    return f"When this was written, nothing could be seen of it: {error}."
