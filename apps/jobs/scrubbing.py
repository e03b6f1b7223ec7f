"""Taking secrets out of free text: errors, traces, log lines."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from typing import Any
from urllib.parse import quote, quote_plus

from apps.jobs.secret_names import HIDDEN, Find, finder, hides, may_be_in

SHORTEST = 4  # characters: anything shorter is in every text by chance
SHORTEST_LINE = 8  # of a secret of several lines, such as a key
STAND_IN = "\ue000"  # of a private area of Unicode; while secrets are taken out one after the other
LEVELS = 20

KEY_BLOCK = re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S)
# https://user:password@host, redis://:password@host
URL_PASSWORD = re.compile(r"(://[^\s/:@'\"<>]*:)[^\s/'\"<>]+(?=@)")
# As HTTP writes them; a sentence such as "cookie: missing" is no header.
HEADER = re.compile(
    r"(?<![\w-])((?:Proxy-)?Authorization|(?:Set-)?Cookie|X-[A-Za-z-]*(?:Key|Token|Secret))(: *)[^\r\n]+"
)
# What follows has to look like no word: "bearer authentication" is two.
SCHEME = re.compile(
    r"\b(Bearer +)(?=[^\s\d]{16}|[^\s\d]{0,15}\d)[\w.~+/=-]+|\b(Basic +)(?=[A-Za-z+/]*[\d=])[\w+/]{8,}=*",
    re.I,
)
# Tokens that tell what they are: JSON Web Tokens, and those of GitHub, GitLab, Slack, Stripe, AWS.
TOKEN_SIGNS = (
    "eyJ", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "k_live_", "k_test_",
    "AKIA", "ASIA",
)  # fmt: skip
TOKEN = re.compile(
    r"(?<![\w-])(?:eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
    r"|xox[a-z]-[\w-]{10,}|[rs]k_(?:live|test)_\w{10,}|(?:AKIA|ASIA)[A-Z0-9]{16}(?!\w))"
)
# password=, "password":, 'password': and the like in text that is quoted itself
NAMED = re.compile(r"(?<![\w.-])(?P<name>[\w.-]{1,100})(?:=|\\{0,3}[\"']\s{0,3}[:=]\s{0,3})")
# In quotes (group `open`; to the end of the text if they are never closed), in brackets, or bare.
VALUE = re.compile(
    r"(?P<open>[bru]?(?P<mark>[\"']))(?:(?!(?P=mark))[^\\]|\\.)*"
    r"|(?P<escaped>\\{1,3}[\"']).*?(?=\\{1,3}[\"']|\Z)"
    r"|\[[^\[\]]*\]|\{[^{}]*\}|\([^()]*\)|[^\s\"'\\&,;(){}\[\]<>]+",
    re.S,
)
NO_SECRET = re.compile(r"None|null|[Tt]rue|[Ff]alse")


def scrub(text: str, values: Iterable[str]) -> str:
    """The text without these secrets, as they are or quoted, escaped or encoded."""
    clean = scrubber(values, text)
    return clean(text) if clean else text


def scrubber(values: Iterable[str], left: str) -> Callable[[str], str] | None:
    """The same for all texts of which `left` is made up; None when none has a secret in it."""
    left = left.replace(HIDDEN, STAND_IN)
    found = {spelling.replace(HIDDEN, STAND_IN) for value in values for spelling in spellings_of(value)}
    spellings = sorted((spelling for spelling in found if spelling in left), key=len, reverse=True)

    def clean(text: str) -> str:
        text = text.replace(HIDDEN, STAND_IN)
        for spelling in spellings:
            text = text.replace(spelling, STAND_IN)
        return text.replace(STAND_IN, HIDDEN)

    return clean if spellings else None


def scrub_text(text: str) -> str:
    """The text without whatever has the shape of a secret: nobody has to know it.

    Every line of every log comes through here, so each expression has a cheaper look before it.
    """
    lower = text.lower()
    if "-----begin" in lower:
        text = KEY_BLOCK.sub(rf"\1{HIDDEN}\2", text)
    if "://" in lower:
        text = URL_PASSWORD.sub(rf"\1{HIDDEN}", text)
    if "cookie" in lower or "authorization" in lower or "x-" in lower:
        text = HEADER.sub(rf"\1\2{HIDDEN}", text)
    if may_be_in(lower):
        text = "".join(without_named(text, finder()))
    if "bearer " in lower or "basic " in lower:
        text = SCHEME.sub(rf"\1\2{HIDDEN}", text)
    return TOKEN.sub(HIDDEN, text) if any(map(text.__contains__, TOKEN_SIGNS)) else text


def redact_event(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: no line of the log shows what goes by a secret's name or has its shape."""
    find = finder()
    for name, value in event.items():
        if not name.startswith("_") and name != "exc_info":
            event[name] = scrubbed(name, value, find, LEVELS)
    return event


def scrubbed(name: Any, value: Any, find: Find, levels: int) -> Any:
    if hides(find, name, value):
        return HIDDEN
    if isinstance(value, str):
        return scrub_text(value)
    if not isinstance(value, dict | list | tuple):
        return value
    if not levels:
        return HIDDEN
    if isinstance(value, dict):
        return {key: scrubbed(key, inner, find, levels - 1) for key, inner in value.items()}
    return [scrubbed(None, inner, find, levels - 1) for inner in value]


def spellings_of(value: str) -> set[str]:
    lines = [line.strip() for line in value.splitlines()] if "\n" in value else []
    parts = [value, *(line for line in lines if len(line) >= SHORTEST_LINE)]
    found: set[str] = set()
    for part in parts:
        found |= {part, repr(part)[1:-1], json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1]}
        found |= {quote(part, safe="", errors="replace"), quote_plus(part, errors="replace")}
    return {spelling for spelling in found if len(spelling) >= SHORTEST}


def without_named(text: str, find: Find) -> Iterator[str]:
    """The text in pieces, without the value after each name of a secret."""
    done = 0
    for named in NAMED.finditer(text):
        word = find(named["name"]) if named.start() >= done else None
        value = VALUE.match(text, named.end()) if word else None
        if word is None or value is None or is_no_secret(value[0], is_plural=bool(word["many"])):
            continue
        yield text[done : named.end()]
        yield (value["open"] or value["escaped"] or "") + HIDDEN
        done = value.end()
    yield text[done:]


def is_no_secret(value: str, *, is_plural: bool) -> bool:
    return bool(NO_SECRET.fullmatch(value)) or (is_plural and value.isdecimal())
