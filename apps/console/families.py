"""Every registered task, grouped by the app it belongs to, with what a person may run."""

from dataclasses import dataclass
from itertools import groupby

from django.apps import apps
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from apps.jobs import catalog
from apps.jobs.arguments import AnyTask
from apps.jobs.permissions import codename, may_run
from apps.taskforms import docstrings


@dataclass(frozen=True)
class Entry:
    """`permission` is what it takes to run the task."""

    family: str
    title: str
    name: str
    summary: str
    allowed: bool
    permission: str


@dataclass(frozen=True)
class Family:
    title: str
    entries: list[Entry]

    @property
    def modules(self) -> list[str]:
        return sorted({entry.name.rpartition(".")[0] for entry in self.entries})


def families(user: AbstractBaseUser | AnonymousUser, search: str = "") -> list[Family]:
    """Those tasks whose name, title or docstring has all the words."""
    words = search.casefold().split()
    entries = [entry(task, user) for task in catalog.tasks().values() if has_all(task, words)]
    entries.sort(key=lambda found: (found.family.casefold(), found.family, found.title))
    return [Family(title, list(group)) for title, group in groupby(entries, lambda found: found.family)]


def entry(task: AnyTask, user: AbstractBaseUser | AnonymousUser) -> Entry:
    name = str(task.name)
    return Entry(
        family=family_title(name),
        title=catalog.title(name),
        name=name,
        summary=docstrings.read(catalog.description(task), ()).summary,
        allowed=may_run(user, name),
        permission=f"jobs.{codename(name)}",
    )


def family_title(name: str) -> str:
    """The app's own name for people."""
    config = apps.get_containing_app_config(name)
    return str(config.verbose_name) if config else catalog.family(name).capitalize()


def has_all(task: AnyTask, words: list[str]) -> bool:
    text = f"{task.name} {catalog.title(str(task.name))} {catalog.description(task)}".casefold()
    return all(word in text for word in words)
