"""A job's arguments as people may see them: in the ledger, in logs, in Flower.

Secret is what goes by a secret's name (settings.REDACTED_NAMES), what pydantic's SecretStr, SecretBytes
and Secret are hints of, and what the task says: `@shared_task(secret_arguments=("card", "customer.pin"))`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from apps.jobs.arguments import AnyTask, Signature, signature
from apps.jobs.hints import EACH, SECRETS, Places, merged, reaches
from apps.jobs.scrubbing import scrub, scrub_text, scrubber
from apps.jobs.secret_names import HIDDEN, Find, finder, hides

__all__ = [
    "HIDDEN", "Redacted", "redact", "reprs", "scrub", "scrub_text", "secret_values",
    "unknown_secret_arguments",
]  # fmt: skip

REPR_LENGTH, REPR_LOOKED_AT = 1024, 8192
LEAVES = {str, int, float, bool, type(None)}
LEVELS = 50  # what lies deeper can't be looked through, so it is hidden

NAMELESS = Signature({}, (), frozenset(), None, others=True)  # of a task that is not known


@dataclass(frozen=True)
class Redacted:
    """`names` are the dotted places of what is hidden, such as `customer.pin` and `rows.3.token`.

    What a task takes as *codes is `*codes.0` and on; without a task the first by place is `*.0`.
    """

    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    names: tuple[str, ...] = ()


def redact(task: AnyTask | None, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Redacted:
    """The arguments with `[redacted]` for each secret; the very same ones when there is none.

    Hidden too is every other text or number that has one of the secrets in it: always as a whole, so
    that what is hidden can be put back. An unknown task is None: then nothing by place has a name.
    """
    known, places = (signature(task), places_of(task)) if task else (NAMELESS, {})
    named, hiding = known.named(args, kwargs), Hiding(finder())
    shown = [hiding.under(name, value, places.get(name, False), (name,)) for name, value in named]
    if not hiding.names:
        return Redacted(args, kwargs)
    left = "\n".join(texts(shown, keys=True))
    clean = scrubber(secret_values(args, kwargs, hiding.names, task), left)
    shown = [veiled(value, clean) for value in shown] if clean else shown
    shown_args = by_place(shown, len(args), known)
    shown_kwargs = dict(zip(kwargs, shown[len(named) - len(kwargs) :], strict=True))
    names = [place for name, value in known.named(shown_args, shown_kwargs) for place in hidden(value, name)]
    return Redacted(shown_args, shown_kwargs, tuple(names))


def by_place(shown: Sequence[Any], count: int, known: Signature) -> list[Any]:
    """The arguments by place: those of *args are one value in `shown`, a list or hidden as a whole."""
    own, extra = list(shown[: min(count, len(known.places))]), count - len(known.places)
    if extra <= 0:
        return own
    rest = shown[len(known.places)]
    return own + (rest if isinstance(rest, list) else [HIDDEN] * extra)


def reprs(redacted: Redacted) -> tuple[str, str]:
    """Celery's argsrepr and kwargsrepr, which logs and Flower show: at most 1 KB each."""
    return shortened(tuple(redacted.args)), shortened(dict(redacted.kwargs))


def secret_values(
    args: Sequence[Any], kwargs: Mapping[str, Any], names: Iterable[str], task: AnyTask | None = None
) -> tuple[str, ...]:
    """The texts and numbers at the places that `redact` named, for `scrub` to take out of other text.

    Without the task a name of an argument by place says nothing: then all arguments count.
    """
    call = dict((signature(task) if task else NAMELESS).named(args, kwargs))
    found = {text for name in names for value in followed(call, name.split(".")) for text in texts(value)}
    return tuple(sorted(found - {HIDDEN}))


def unknown_secret_arguments(task: AnyTask) -> list[str]:
    """Those of the task's `secret_arguments` that its signature and type hints know nothing of."""
    known = signature(task)
    return [dotted for dotted in marked(task) if not known.others and not is_known(task, dotted)]


def is_known(task: AnyTask, dotted: str) -> bool:
    known = signature(task)
    name, *keys = dotted.split(".")
    if name not in known.parameters:
        return name == known.more
    return reaches(known.parameters[name].annotation, keys)


def marked(task: AnyTask) -> tuple[str, ...]:
    given = getattr(task, "secret_arguments", ())
    return tuple(map(str, given)) if isinstance(given, list | tuple | set) else (str(given),)


@dataclass
class Hiding:
    """One look through a call for what is secret in itself. `names` are the places found so far."""

    find: Find
    names: list[str] = field(default_factory=list)

    def under(self, name: Any, value: Any, places: Places, place: tuple[str, ...]) -> Any:
        """The value, which goes by that name, or what people may see of it."""
        is_container = isinstance(value, dict | list | tuple)
        if (
            (places is True and value is not None)
            or hides(self.find, name, value)
            or isinstance(value, SECRETS)
            or (is_container and len(place) > LEVELS)
        ):
            self.names.append(".".join(place))
            return HIDDEN
        return self.inside(value, places, place) if is_container else value

    def inside(self, value: Any, places: Places, place: tuple[str, ...]) -> Any:
        already, found = len(self.names), value
        if isinstance(value, dict):
            found = {
                key: inner
                if type(inner) in LEAVES and not places and not (isinstance(key, str) and self.find(key))
                else self.under(key, inner, places_at(places, key), (*place, str(key)))
                for key, inner in value.items()
            }
        else:
            found = [
                inner
                if type(inner) in LEAVES and not places
                else self.under(None, inner, places, (*place, str(number)))
                for number, inner in enumerate(value)
            ]
        return found if len(self.names) > already else value


def places_of(task: AnyTask) -> dict[str, Places]:
    """Where the hints and the marker of a task say that its secrets are, by argument."""
    return _places_of(task, marked(task))


@cache
def _places_of(task: AnyTask, dotted_names: tuple[str, ...]) -> dict[str, Places]:
    known = signature(task)
    found: dict[str, Places] = {name: parameter.secrets for name, parameter in known.parameters.items()}
    for dotted in dotted_names:
        name, *keys = dotted.split(".")
        name = f"*{name}" if name == known.more else name
        places: Places = True
        for key in reversed(keys):
            places = {key: places}
        found[name] = merged(found.get(name, False), places)
    return found


def places_at(places: Places, key: Any) -> Places:
    if isinstance(places, dict):
        return merged(places.get(key, False), places.get(EACH, False))
    return places


def followed(value: Any, place: Sequence[str]) -> Iterator[Any]:
    """What is at the place; all there is where it can't be followed further. A key may have dots in it."""
    found = [
        (inner, place[length:])
        for length in range(1, len(place) + 1)
        for inner in item(value, ".".join(place[:length]))
    ]
    if not found:
        yield value
    for inner, rest in found:
        yield from followed(inner, rest)


def item(value: Any, key: str) -> list[Any]:
    if isinstance(value, dict):
        return [value[key]] if key in value else []
    is_place = isinstance(value, list | tuple) and key.isdecimal() and len(key) <= len(str(len(value)))
    return value[int(key) : int(key) + 1] if is_place else []


def texts(value: Any, *, keys: bool = False) -> Iterator[str]:
    """Every text and number in a value, however deep; with `keys`, those of objects too."""
    left, seen = [value], set()
    while left:
        inner = left.pop()
        if isinstance(inner, SECRETS):
            left.append(inner.get_secret_value())
        elif isinstance(inner, dict | list | tuple):
            if id(inner) not in seen:  # a cycle has no end
                left += parts_of(inner, keys=keys)
            seen.add(id(inner))
        elif isinstance(inner, bytes):
            yield inner.decode(errors="replace")
        elif inner is not None and not isinstance(inner, bool):
            yield str(inner)


def parts_of(value: Any, *, keys: bool) -> list[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()] if keys else [*value.values()]
    return list(value)


def veiled(value: Any, clean: Callable[[str], str]) -> Any:
    """The value, hidden where `clean` finds a secret in a text, and where it finds one in a key."""
    if isinstance(value, str):
        return value if clean(value) == value else HIDDEN
    if isinstance(value, dict):
        if any(isinstance(key, str) and clean(key) != key for key in value):
            return HIDDEN
        return {key: veiled(inner, clean) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [veiled(inner, clean) for inner in value]
    return value if clean(str(value)) != HIDDEN else HIDDEN


def hidden(value: Any, place: str) -> Iterator[str]:
    """The places in it at which something is hidden."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from hidden(inner, f"{place}.{key}")
    elif isinstance(value, str) and value == HIDDEN:
        yield place


def shortened(value: Any) -> str:
    try:
        text = scrub_text(repr(value)[:REPR_LOOKED_AT])
    except RecursionError:
        return "..."
    return text if len(text) <= REPR_LENGTH else f"{text[: REPR_LENGTH - 3]}..."
