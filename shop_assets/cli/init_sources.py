"""The questions of `shop-assets init` about a shop's systems."""

from pathlib import Path
from urllib.parse import quote

import typer

from shop_assets.errors import UserError
from shop_assets.onboarding.answers import (
    Secret,
    SourceAnswer,
    checked,
    needed_options,
    parse_source,
    secret_options,
    source_name,
    variable,
    without_its_password,
)
from shop_assets.onboarding.looking import files_answer, sql_answer
from shop_assets.settings.catalogue import KnownConnector, connectors

_FOLDER = "secrets"
_PASSWORD = "password"  # noqa: S105 - what it is called


class NewSources:
    """The systems named so far. `base`: the configuration's folder; `asks`: whether one may ask."""

    def __init__(self, base: Path, *, asks: bool) -> None:
        self._base = base
        self._asks = asks
        self.answers: list[SourceAnswer] = []

    def ask(self) -> None:
        """Ask for systems until there are no more."""
        known = {connector.name: connector for connector in connectors()}
        typer.echo("Which systems does the shop have?")
        for connector in known.values():
            typer.echo(f"  {connector.name}: {connector.about}")
        while True:
            what = "One of them" if not self.answers else "Another"
            said = typer.prompt(f"{what} (nothing to end)", default="", show_default=False).strip()
            if not said:
                return
            try:
                self.add(*parse_source(said))
            except UserError as error:
                typer.echo(f"  {str(error).removeprefix('--source ')}")

    def add(self, connector: KnownConnector, options: dict[str, str]) -> None:
        """Complete one system's options, look at what it has, and keep it."""
        name = source_name(connector.name, [answer.name for answer in self.answers])
        for option in needed_options(connector):
            if option.name not in options:
                if not self._asks:
                    raise UserError(
                        f"--source {connector.name}: {option.name} is not given, expected "
                        f"{connector.name}=… ({option.meaning})"
                    )
                options[option.name] = typer.prompt(f"{option.name} ({option.meaning})")
        if connector.name == "sql":
            self.answers.append(self._database(name, connector, options["url"]))
        elif connector.name == "files":
            self.answers.append(files_answer(name, connector, options, self._base))
        else:
            plain = checked(connector, options)
            secrets = [self._secret(name, option.name) for option in secret_options(connector)]
            self.answers.append(SourceAnswer(name, connector, plain, secrets))
        streams = len(self.answers[-1].proposals)
        if streams:
            typer.echo(f"  {name}: {streams} of its tables or files look like a shop's.")

    def _database(self, name: str, connector: KnownConnector, url: str) -> SourceAnswer:
        password = without_its_password(url, "")[1]
        connected = url
        if password is None and self._asks and "@" in url.partition("://")[2]:
            typed = typer.prompt(
                "Its password (nothing for none)", default="", hide_input=True, show_default=False
            )
            if typed:
                password = quote(typed, safe="")
                scheme, _, rest = url.partition("://")
                access, _, place = rest.rpartition("@")
                connected = f"{scheme}://{access.rstrip(':')}:{password}@{place}"
        if password is None:
            return sql_answer(name, connector, url, url, (), self._base)
        secret = self._secret(name, _PASSWORD, password)
        written = without_its_password(connected, secret.reference)[0]
        return sql_answer(name, connector, connected, written, [secret], self._base)

    def _secret(self, source: str, option: str, value: str | None = None) -> Secret:
        """Where a secret is to be found; `value`: where it is known already, from a URL."""
        file = f"{_FOLDER}/{source}_{option}"
        name = variable(source, option)
        if not self._asks:
            return Secret(option, file=file, value=value) if value else Secret(option, env=name)
        question = f"Write the {option} of {source} to {file} (mode 0600, kept from git)?"
        if not typer.confirm(question, default=value is not None):
            return Secret(option, env=_variable(name))
        if value is None:
            value = typer.prompt(option, hide_input=True).strip()
        return Secret(option, file=file, value=value)


def _variable(default: str) -> str:
    """The name of an environment variable."""
    while True:
        named: str = typer.prompt("Then from the environment variable", default=default)
        if named.isidentifier() and named.isascii():
            return named
        typer.echo(f"  {named!r} is no name of a variable, expected one like {default}")
