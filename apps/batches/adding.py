"""Adding jobs to a batch: each with its membership, in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Unpack

from django.db import connection, transaction

from apps.batches.opening import take
from apps.jobs import Call, Job, submit_chain, submit_many
from apps.jobs.arguments import AnyTask
from apps.jobs.errors import ArgumentError
from apps.jobs.orders import Options

PORTION = 5_000  # of calls, for one statement
JOIN = "INSERT INTO batches_member (job_id, batch_id, state) SELECT unnest(%s::text[]), %s, ''"

AnyCall = Call | Sequence[Any] | Mapping[str, Any]


def add(batch_id: int, task: str | AnyTask, call: Call, **options: Unpack[Options]) -> Job:
    """One member, or the job that has its key already. Raises as `submit` and `add_many` do."""
    try:
        (job,) = add_many(batch_id, task, [call], **options)
    except ArgumentError as error:
        problems = {place.removeprefix("calls.0").lstrip("."): text for place, text in error.problems.items()}
        raise ArgumentError(problems) from None
    return job


def add_many(
    batch_id: int, task: str | AnyTask, calls: Iterable[AnyCall], **options: Unpack[Options]
) -> list[Job]:
    """One member for each call, as `submit_many` has it, of any number: all of them or none.

    With a key by arguments, some of the jobs returned may be `existing` ones: they stay what they were, the
    batch's own or somebody else's.
    Raises UnknownBatch, BatchClosed and what `submit_many` raises.
    """
    jobs: list[Job] = []
    rest = iter(calls)
    with transaction.atomic():
        take(batch_id)
        while portion := list(islice(rest, PORTION)):
            try:
                added = submit_many(task, portion, **options)
            except ArgumentError as error:
                raise renumbered(error, len(jobs)) from None
            join(batch_id, added)
            jobs += added
    return jobs


def add_chain(batch_id: int, steps: Sequence[tuple[str, Call]], **options: Unpack[Options]) -> list[Job]:
    """One member for each step, as `submit_chain` has it."""
    with transaction.atomic():
        take(batch_id)
        jobs = submit_chain(steps, **options)
        join(batch_id, jobs)
    return jobs


def join(batch_id: int, jobs: Sequence[Job]) -> None:
    """Those that were made now: what somebody else has asked for must not be cancelled with the batch."""
    own = [job.id for job in jobs if not job.existing]
    with connection.cursor() as cursor:
        cursor.execute(JOIN, [own, batch_id])


def renumbered(error: ArgumentError, before: int) -> ArgumentError:
    """`calls.3` of a portion is another one of the whole."""
    found = {}
    for place, text in error.problems.items():
        word, _, rest = place.partition(".")
        number, dot, name = rest.partition(".")
        moves = word == "calls" and number.isdecimal()
        found[f"calls.{int(number) + before}{dot}{name}" if moves else place] = text
    return ArgumentError(found)
