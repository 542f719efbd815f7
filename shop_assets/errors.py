"""What ends a command with a sentence instead of a traceback."""


class UserError(Exception):
    """Something the user can put right, in one sentence: where, what was found, what was expected.

    Commands print the message without a traceback and exit with code 2.
    """


class RunError(Exception):
    """A run did not come to its end, for a reason that the message names: a blocking check, a step.

    Commands print the message without a traceback and exit with code 1.
    """
