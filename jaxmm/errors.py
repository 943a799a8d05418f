"""The one error a user can act on: what was wrong, where, and what would be right."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """A bad input or setting; the command line prints its sentence and exits with 2."""


class NotExact(InputError):
    """What was asked for, an engine cannot do exactly; another engine can."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """The end of a sentence that refuses `name`: the closest valid names, or all of them."""
    valid = sorted(valid)
    close = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"valid: {', '.join(valid)}"
