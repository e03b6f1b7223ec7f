"""Finding the places of jobs in the list: the statement behind it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from apps.jobs.reading.criteria import Condition, Criteria, period
from apps.jobs.reading.planning import expected, plan

WINDOW = 10_000  # rows that are looked at where no index answers the whole question
KEY = "submitted_at, id"
SIFTED = f"{KEY}, key, state, task, queue, worker, schedule, tags"

Place = tuple[datetime, str]  # when a job was submitted, and its id
Statement = tuple[str, list[Any]]


@dataclass(frozen=True)
class Direction:
    """From `place`, or from the end of the list where that is None, to older or to newer jobs."""

    place: Place | None = None
    newer: bool = False

    @property
    def order(self) -> str:
        return "submitted_at, id" if self.newer else "submitted_at DESC, id DESC"

    @property
    def side(self) -> list[Condition]:
        sign = ">" if self.newer else "<"
        return [Condition(f"(submitted_at, id) {sign} (%s, %s)", self.place)] if self.place else []


class Seeker:
    """Looks for jobs in one direction."""

    def __init__(self, wanted: Criteria, direction: Direction) -> None:
        self.plan, self.order = plan(wanted), direction.order
        self.everywhere = [*period(wanted), *direction.side]

    def places(self, limit: int) -> list[Place]:
        """The next places."""
        sql, values = self.sifted(limit)
        return ask(f"SELECT {KEY} FROM {sql} ORDER BY {self.order} LIMIT %s", [*values, limit])  # noqa: S608

    def count(self, limit: int) -> int:
        sql, values = self.sifted(limit)
        found = ask(f"SELECT count(*) FROM (SELECT FROM {sql} LIMIT %s) AS counted", [*values, limit])  # noqa: S608
        return int(found[0][0])

    def end(self) -> Place | None:
        """The last place that was looked at, where more lie beyond it."""
        if not self.plan.sieve or self.plan.few:
            return None
        sql, values = self.candidates(KEY, WINDOW + 1)
        last_two = f"SELECT {KEY} FROM {sql} ORDER BY {self.order} OFFSET %s"  # noqa: S608
        last, *further = ask(last_two, [*values, WINDOW - 1]) or [None]
        return last if further else None

    def estimate(self) -> int | None:
        """How many there are as PostgreSQL believes; None where the sieve would make that a wild guess."""
        if self.plan.sieve:
            return None
        sql, values = joined([*self.plan.asked, *self.everywhere])
        return expected(Condition(sql, tuple(values)))

    def sifted(self, limit: int) -> Statement:
        if not self.plan.sieve:
            return self.candidates(KEY, limit)
        sql, values = self.candidates(SIFTED, WINDOW)
        kept, more = joined(self.plan.sieve)
        return f"{sql} WHERE {kept}", [*values, *more]

    def candidates(self, columns: str, limit: int) -> Statement:
        """What indexes find, as a table named `found`."""
        if self.plan.branches is not None:
            return self.merged(columns, limit)
        where, values = joined([*self.plan.asked, *self.everywhere])
        listed = f"SELECT {columns} FROM jobs_job WHERE {where}"  # noqa: S608
        if self.plan.few:  # OFFSET keeps the planner from walking through all jobs in their order
            return f"({listed} OFFSET 0) AS found", values
        return f"({listed} ORDER BY {self.order} LIMIT %s) AS found", [*values, limit]

    def merged(self, columns: str, limit: int) -> Statement:
        """Each branch is planned by itself, with what is known of its task and state."""
        parts, values = [], []
        for place, branch in enumerate(self.plan.branches or ()):
            where, found = joined([*branch, *self.everywhere])
            listed = f"SELECT {columns} FROM jobs_job WHERE {where} ORDER BY {self.order} LIMIT %s"  # noqa: S608
            parts.append(f"branch{place} AS MATERIALIZED ({listed})")
            values += [*found, limit]
        if not parts:
            return "(SELECT now() AS submitted_at, '' AS id LIMIT 0) AS found", []
        tables = " UNION ALL ".join(f"TABLE branch{place}" for place in range(len(parts)))
        return f"(WITH {', '.join(parts)} {tables}) AS found", values


def joined(conditions: Iterable[Condition]) -> Statement:
    found = list(conditions)
    values = [value for condition in found for value in condition.values]
    return " AND ".join(condition.sql for condition in found) or "true", values


def ask(sql: str, values: list[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())
