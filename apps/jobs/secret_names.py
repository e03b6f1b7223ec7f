"""Which names say that their value is a secret: `reset_token`, `apiKey`, `X-Api-Key`, not `tokenizer`."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

from django.conf import settings

HIDDEN = "[redacted]"
NAMES_KEPT, LONGEST_KEPT = 4096, 100  # keys of objects may be data: no end of them, of any length

# Between the words of snake_case, kebab-case and camelCase, and between letters and digits.
SEAM = re.compile(
    r"[\W_]+|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-zA-Z])(?=\d)|(?<=\d)(?=[a-zA-Z])"
)

# The word of the setting that is in a name; its group `many` says whether as a plural.
Find: TypeAlias = Callable[[str], "re.Match[str] | None"]


def may_be_in(text: str) -> bool:
    """Whether a longer look is worth it: a part of one of the words is in the text, in lower case."""
    return any(map(text.__contains__, _parts(tuple(settings.REDACTED_NAMES))))


def finder() -> Find:
    """Finds one of settings.REDACTED_NAMES in a name."""
    return _finder(tuple(settings.REDACTED_NAMES))


def hides(find: Find, name: Any, value: Any) -> bool:
    """Whether a value under that name is for nobody's eyes.

    Nothing, a switch (`has_password`) and a number under a plural (`max_tokens`) are no secrets.
    """
    if not isinstance(name, str) or not (found := find(name)):
        return False
    if value is None or isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return not found["many"]
    return value not in ("", [], (), {})


@lru_cache(maxsize=8)
def _parts(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple({spelled(word).partition("_")[0] for word in words})


@lru_cache(maxsize=8)
def _finder(words: tuple[str, ...]) -> Find:
    known = "|".join(filter(None, (spelled(word).replace("_", "_?") for word in words)))
    pattern = re.compile(rf"(?:^|_)(?:{known or '(?!)'})(?P<many>s?)(?:_|$)")

    def find(name: str) -> re.Match[str] | None:
        return pattern.search(spelled(name))

    kept = lru_cache(maxsize=NAMES_KEPT)(find)
    return lambda name: kept(name) if len(name) <= LONGEST_KEPT else find(name)


def spelled(name: str) -> str:
    """`X-ApiKey2` is `x_api_key_2`."""
    return SEAM.sub("_", name).lower().strip("_")
