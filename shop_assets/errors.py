"""Errors a user can act upon: they are shown as one sentence, without a traceback."""


class UserError(Exception):
    """A mistake or a missing piece that the user can put right.

    The message is one sentence that says where (file and line, table, variable or server),
    what was found and what was expected. Commands print it and exit with code 2.
    """
