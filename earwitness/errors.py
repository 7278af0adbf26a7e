"""The one exception type that a person's mistake, or a missing resource, raises."""


class EarwitnessError(Exception):
    """Something the user can act on.

    The message is one clear sentence, or one sentence and a list: what is wrong, where,
    what to do. Entry points print it without a traceback and exit with status 2.
    """
