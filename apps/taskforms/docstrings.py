"""A task's docstring as help for people: what it does, and a line for each argument."""

import re
from collections.abc import Collection
from dataclasses import dataclass

SECTION = re.compile(r"(Args|Arguments|Parameters|Params|Keyword Args):?\s*|-{3,}\s*")
ARGUMENT = re.compile(r"\s*(?::param\s+(?:\w+\s+)?)?\*{0,2}`{0,2}(\w+)`{0,2}\s*(?:\([^)]*\))?\s*:\s+(.+)")


@dataclass(frozen=True)
class Help:
    """`summary` is the first paragraph, `rest` the others, `arguments` what is said of each."""

    summary: str
    rest: tuple[str, ...]
    arguments: dict[str, str]


def read(docstring: str, names: Collection[str]) -> Help:
    """Takes out the lines `name: text` (or `:param name: text`) whose name is an argument's."""
    prose: list[str] = []
    arguments: dict[str, str] = {}
    current, indent = "", 0
    for line in docstring.splitlines():
        found = ARGUMENT.fullmatch(line)
        if found and found[1] in names:
            current, indent = found[1], indent_of(line)
            arguments[current] = found[2].strip()
        elif current and line.strip() and indent_of(line) > indent:
            arguments[current] += " " + line.strip()
        else:
            current = ""
            prose.append("" if SECTION.fullmatch(line) else line)
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", "\n".join(prose))]
    summary, *rest = [part for part in paragraphs if part] or [""]
    return Help(summary, tuple(rest), {name: as_sentence(text) for name, text in arguments.items()})


def as_sentence(text: str) -> str:
    ended = text if text[-1] in ".!?…。" else f"{text}."
    return ended[0].upper() + ended[1:]


def indent_of(line: str) -> int:
    return len(line) - len(line.lstrip())
