"""YAML that holds plain JSON and nothing else: no tags, no aliases, no name twice, no dates."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import yaml
from django.utils.translation import gettext as _
from yaml.constructor import ConstructorError, SafeConstructor

BYTES_MOST = 5_000_000
LEVELS = 50
PREFIX = "tag:yaml.org,2002:"
TYPES = ("null", "bool", "int", "float", "str", "seq", "map")


class BadYaml(ValueError):
    """The text can't be read; the message says where and why."""


class Loader(yaml.CSafeLoader):
    """Texts that look like times stay texts, `<<` and `=` are names like others."""

    yaml_constructors: ClassVar = {
        **{PREFIX + name: SafeConstructor.yaml_constructors[PREFIX + name] for name in TYPES},
        None: SafeConstructor.yaml_constructors[None],
    }
    yaml_implicit_resolvers = {  # noqa: RUF012 - as the base class has it
        first: [(tag, pattern) for tag, pattern in found if tag.removeprefix(PREFIX) in TYPES]
        for first, found in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        found: dict[Any, Any] = super().construct_mapping(node, deep=True)
        if len(found) < len(node.value):
            self.refuse_twice(node)
        return found

    def refuse_twice(self, node: Any) -> None:
        names = set()
        for key, _value in node.value:
            name = self.construct_object(key, deep=True)
            if name in names:
                said = _("the name “%s” is there twice") % str(name)[:60]
                raise ConstructorError(None, None, said, key.start_mark)
            names.add(name)


def load(data: bytes) -> Any:
    """Plain values. Raises BadYaml, for more than 5 MB too."""
    if len(data) > BYTES_MOST:
        raise BadYaml(_("expected at most %(most)d MB") % {"most": BYTES_MOST // 1_000_000})
    try:
        text = data.decode()
        check(yaml.parse(text, Loader=yaml.CSafeLoader))
        return yaml.load(text, Loader=Loader)  # noqa: S506 - a subclass of the safe one
    except UnicodeDecodeError as error:
        raise BadYaml(_("expected text in UTF-8: %s") % error) from None
    except yaml.YAMLError as error:
        raise BadYaml(told(error)) from None
    except (ValueError, TypeError) as error:  # a number of too many digits; a list as a name
        raise BadYaml(str(error)) from None


def check(events: Iterable[Any]) -> None:
    """Before anything is built: a few aliases can stand for more than any memory holds."""
    depth = 0
    for event in events:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ConstructorError(None, None, _("aliases and anchors are not taken"), event.start_mark)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > LEVELS:
            said = _("expected at most %d levels") % LEVELS
            raise ConstructorError(None, None, said, event.start_mark)


def told(error: yaml.YAMLError) -> str:
    """In one line, with the place."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return " ".join(str(error).split())
    problem = getattr(error, "problem", None) or getattr(error, "context", None)
    return _("line %(line)d, column %(column)d: %(problem)s") % {
        "line": mark.line + 1, "column": mark.column + 1, "problem": problem,
    }  # fmt: skip


def dump(values: Mapping[str, Any]) -> str:
    """In the given order, letters of every language as they are; `load` reads the same values."""
    text: str = yaml.dump(
        values, Dumper=Dumper, allow_unicode=True, sort_keys=False, width=100, default_flow_style=False
    )
    return text


class Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """Values that happen to be one object are written out each time."""
        return True
