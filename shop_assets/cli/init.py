"""`shop-assets init`: a first `shop.yaml`, from some questions."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shop_assets.cli import sources as sources_command
from shop_assets.cli.figures import console
from shop_assets.errors import UserError

if TYPE_CHECKING:
    from shop_assets.cli.init_sources import NewSources

_QUESTIONS = {
    "name": "The shop's name",
    "timezone": "Its time zone, in which its days begin",
    "currency": "Its currency",
    "start": "The first day of which there is anything (YYYY-MM-DD)",
}
_PREVIEW = 3

PathOption = Annotated[Path, typer.Option("--config", "-c", help="The file to write.")]
NameOption = Annotated[str | None, typer.Option(help="The shop's name.")]
ZoneOption = Annotated[str | None, typer.Option("--timezone", help="Such as Europe/Berlin.")]
CurrencyOption = Annotated[str | None, typer.Option(help="Such as EUR.")]
StartOption = Annotated[str | None, typer.Option(help="First day with data, such as 2026-01-31.")]
SourceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        help="A system to connect: stripe, shopify=NAME.myshopify.com, woocommerce=https://…, "
        "sql=postgresql://…, files=FOLDER; more of its options after commas. May be repeated.",
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")]
UnreachableOption = Annotated[
    bool,
    typer.Option(
        "--allow-unreachable",
        help="Write databases and folders that cannot be seen from here, too, without streams.",
    ),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]


def init(  # noqa: PLR0913, PLR0917 - each is an option of the command
    config: PathOption = Path("shop.yaml"),
    name: NameOption = None,
    zone: ZoneOption = None,
    currency: CurrencyOption = None,
    start: StartOption = None,
    source: SourceOption = None,
    yes: YesOption = False,
    allow_unreachable: UnreachableOption = False,
    force: ForceOption = False,
) -> None:
    """Ask what a shop has, and write its configuration: no secret stands in it."""
    from shop_assets.cli.init_sources import NewSources
    from shop_assets.onboarding.answers import parse_source, why_not
    from shop_assets.onboarding.configuration import refuse_existing, write_configuration

    path = config.absolute()
    refuse_existing(path, force=force)
    given = {"name": name, "timezone": zone, "currency": currency, "start": start}
    wanted = [parse_source(each) for each in source or ()]
    for option, value in given.items():
        if value is not None and (found := why_not(option, value)) is not None:
            raise UserError(f"--{option}: {found}")
        if value is None and yes:
            raise UserError(f"--{option} is not given, expected with --yes")
    if yes and not wanted:
        raise UserError("no --source is given, expected at least one with --yes")
    shop = {option: value or _asked(option) for option, value in given.items()}
    new = NewSources(path.parent, asks=not yes, allow_unseen=allow_unreachable)
    for connector, options in wanted:
        new.add(connector, options)
    if not wanted:
        new.ask()
    unset = write_configuration(path, shop, new.answers, os.environ, force=force)
    _finish(path, unset, new, asks=not yes)


def _finish(path: Path, unset: list[str], new: NewSources, *, asks: bool) -> None:
    out = console()
    out.print(f"{path} is written.", style="green", soft_wrap=True)
    for answer in new.answers:
        for secret in answer.secrets:
            if secret.value is not None:
                out.print(f"{secret.file} has a secret of {answer.name}, for you alone to read.")
        if answer.note:
            out.print(f"{answer.name}: {answer.note}", markup=False, soft_wrap=True)
    for name in unset:
        out.print(f"Set {name} before the sources are read: export {name}=…")
    quoted = shlex.quote(str(path))
    command = f"shop-assets sources check --config {quoted}"
    ready = asks and new.answers and not unset
    if not ready or not typer.confirm("Look at the sources now?", default=True):
        out.print(f"Then: {command}", soft_wrap=True)
        return
    reports = sources_command.look_at(path, [], _PREVIEW, show_pii=False, quiet=False)
    sources_command.show(reports)
    if not all(report.fine for report in reports):
        raise typer.Exit(1)
    out.print(f"Next: shop-assets run --config {quoted} --from … --to …", soft_wrap=True)


def _asked(option: str) -> str:
    from shop_assets.onboarding.answers import why_not
    from shop_assets.onboarding.zone import zone_here

    defaults = {"timezone": zone_here(os.environ), "currency": "EUR"}
    while True:
        answer: str = typer.prompt(_QUESTIONS[option], default=defaults.get(option))
        found = why_not(option, answer)
        if found is None:
            return answer
        typer.echo(f"  {found}")
