"""What the report app asks of a report class. Any class of this shape will do; none is inherited."""

from collections.abc import Callable, Iterable
from typing import Protocol

from django.utils.functional import Promise

from apps.jobs.reporting import Section


class ReportDefinition(Protocol):
    """`name` is lower-case letters, digits and underscores, and unique among all apps."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str | Promise: ...

    @property
    def description(self) -> str | Promise: ...

    @property
    def build(self) -> Callable[..., Iterable[Section]]:
        """Its parameters are the report's. Sections may be yielded one by one: each is written and
        forgotten before the next is asked for.
        """
