"""The sentence for a name that nobody knows."""

import difflib
from collections.abc import Iterable


def unknown(what: str, given: str, known: Iterable[str]) -> str:
    """`no report is named 'job_activty'; did you mean 'job_activity'?`, or else the known names."""
    names = list(known)
    near = difflib.get_close_matches(given, names, n=1)
    if near:
        return f"no {what} is named {given!r}; did you mean {near[0]!r}?"
    return f"no {what} is named {given!r}; expected " + (f"one of {', '.join(names)}" if names else "none")
