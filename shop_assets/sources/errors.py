"""What goes wrong with a source, said in one sentence."""

from __future__ import annotations

from shop_assets.errors import UserError


class SourceError(UserError):
    """A source cannot be read: where, what was found, what was expected; never a password.

    `transient`: whether trying again later may help (a server that does not answer, a connection
    that broke, a file that changed while it was read), as against a wrong name or a wrong file.
    """

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient
