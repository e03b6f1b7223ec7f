"""By which index the jobs of a list are found, so that none is read that isn't shown.

PostgreSQL's planner guesses that what fits is spread evenly over time. Where it isn't, a list would
read the whole table; so the way is chosen here, by what each index can answer.
"""

import json
from dataclasses import dataclass, field

from django.db import connection

from apps.jobs.reading.criteria import Condition, Criteria, conditions, equal, tasks_of
from apps.jobs.states import State

FEW = 2_000
BRANCHES_MOST = 60
TAGGED = Condition("tags <> '{}'")  # which lets the index of tags be used


@dataclass(frozen=True)
class Plan:
    """An index finds the jobs for which `asked` holds, in the order of time; `sieve` says which to keep.

    `few`: they are read whole and then sorted. `branches`, where there are any, are conditions each of
    which an index answers by itself; None where one index answers it all.
    """

    asked: list[Condition] = field(default_factory=list)
    sieve: list[Condition] = field(default_factory=list)
    few: bool = False
    branches: list[list[Condition]] | None = None


def plan(wanted: Criteria) -> Plan:
    asked, tasks = conditions(wanted), tasks_of(wanted)
    one_of = [] if tasks is None else [Condition("task = ANY(%s)", (tasks,))]
    if name := narrowest(asked):
        first = [asked.pop(name), *([TAGGED] if name == "tag" else [])]
        return Plan(first, [*asked.values(), *one_of], few=name in ("text", "tag"))
    if tasks is not None and not asked.keys() - {"state"}:
        states = [wanted.state] if wanted.state else State.values
        if len(tasks) * len(states) <= BRANCHES_MOST:
            pairs = [[equal("task", task), equal("state", state)] for task in tasks for state in states]
            return Plan([*asked.values(), *one_of], branches=pairs)
    if tasks and len(tasks) == 1 and "state" in asked:
        return Plan([equal("task", tasks[0]), asked.pop("state")], list(asked.values()))
    # Successes are as good as all jobs, and have no index of their own.
    state = asked.pop("state") if wanted.state not in ("", State.SUCCESS) else None
    return Plan([state] if state else [], [*asked.values(), *one_of])


def narrowest(asked: dict[str, Condition]) -> str | None:
    """Of the conditions that have an index of their own, the one that few jobs fit."""
    for name in ("special", "text", "tag", "schedule"):
        if name in asked and (name in ("special", "schedule") or expected(asked[name]) <= FEW):
            return name
    return None


def expected(condition: Condition) -> int:
    """How many jobs PostgreSQL believes to fit."""
    with connection.cursor() as cursor:
        query = f"EXPLAIN (FORMAT JSON) SELECT FROM jobs_job WHERE {condition.sql}"
        cursor.execute(query, condition.values)
        found = cursor.fetchone()[0]
    explained = json.loads(found) if isinstance(found, str) else found
    return int(explained[0]["Plan"]["Plan Rows"])
