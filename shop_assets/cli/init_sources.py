"""The questions of `shop-assets init` about a shop's systems."""

from pathlib import Path
from urllib.parse import quote, unquote

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
from shop_assets.onboarding.looking import files_answer, sql_answer, tables_at
from shop_assets.settings.access import in_url
from shop_assets.settings.catalogue import KnownConnector, connectors
from shop_assets.sources.errors import SourceError

_FOLDER = "secrets"
_PASSWORD = "password"  # noqa: S105 - what it is called


class NewSources:
    """The systems named so far. `base`: the configuration's folder; `asks`: whether one may ask.

    `allow_unseen`: whether a database or folder that cannot be seen is taken without streams.
    """

    def __init__(self, base: Path, *, asks: bool, allow_unseen: bool = False) -> None:
        self._base = base
        self._asks = asks
        self._allow_unseen = allow_unseen
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
            self.answers.append(self._files(name, connector, options))
        else:
            plain = checked(connector, options)
            secrets = [self._secret(name, option.name) for option in secret_options(connector)]
            self.answers.append(SourceAnswer(name, connector, plain, secrets))
        streams = len(self.answers[-1].proposals)
        if streams:
            typer.echo(f"  {name}: {streams} of its tables or files look like a shop's.")

    def _database(self, name: str, connector: KnownConnector, url: str) -> SourceAnswer:
        while True:
            connected = self._with_password(url)
            found = tables_at(name, connected, self._base)
            if not isinstance(found, UserError) or self._goes_unseen(connector, found):
                break
            url = _address(_without_password(connected))
        password = without_its_password(connected, "")[1]
        if password is None:
            return sql_answer(name, connector, found, connected, ())
        secret = self._secret(name, _PASSWORD, _as_it_is(password))
        written = without_its_password(connected, secret.reference)[0]
        return sql_answer(name, connector, found, written, [secret])

    def _with_password(self, url: str) -> str:
        """The URL with the password that it lacks, if there is one to ask for."""
        password = without_its_password(url, "")[1]
        scheme, _, rest = url.partition("://")
        if password is not None or not self._asks or "@" not in rest:
            return url
        typed = typer.prompt(
            "Its password (nothing for none)", default="", hide_input=True, show_default=False
        )
        if not typed:
            return url
        access, _, place = rest.rpartition("@")
        return f"{scheme}://{access.rstrip(':')}:{quote(typed, safe='')}@{place}"

    def _files(self, name: str, connector: KnownConnector, options: dict[str, str]) -> SourceAnswer:
        while True:
            try:
                return files_answer(
                    name, connector, options, self._base, allow_unseen=self._allow_unseen
                )
            except SourceError as error:
                if self._goes_unseen(connector, error):
                    return files_answer(name, connector, options, self._base, allow_unseen=True)
                options = {**options, "url": typer.prompt("url", default=options["url"])}

    def _goes_unseen(self, connector: KnownConnector, error: UserError) -> bool:
        """Whether a system is to be written though it cannot be seen; if not, to ask again.

        Raises `UserError` where nobody can be asked.
        """
        if self._allow_unseen:
            return True
        said = str(error).partition(": ")[2]
        if not self._asks:
            raise UserError(
                f"--source {connector.name}: {said}; nothing is written, with --allow-unreachable "
                "it is written without streams"
            )
        typer.echo(f"  {said}.")
        return typer.confirm("Write it all the same, without streams?", default=False)

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


def _without_password(url: str) -> str:
    """The URL as it can be shown, and typed again."""
    bare = without_its_password(url, "")[0]
    return bare.replace(":@", "@", 1)


def _as_it_is(password: str) -> str:
    """A URL's password as a secret store has it, if that is read back as the same."""
    plain = unquote(password)
    kept = plain == plain.strip() and unquote(in_url(plain)) == plain
    return plain if kept else password


def _address(default: str) -> str:
    """The URL of a database."""
    while True:
        typed: str = typer.prompt("url", default=default)
        try:
            without_its_password(typed, "")
        except UserError as error:
            typer.echo(f"  {error}")
        else:
            return typed


def _variable(default: str) -> str:
    """The name of an environment variable."""
    while True:
        named: str = typer.prompt("Then from the environment variable", default=default)
        if named.isidentifier() and named.isascii():
            return named
        typer.echo(f"  {named!r} is no name of a variable, expected one like {default}")
