"""The ledger's result backend, which also tells of chords."""

import logging
import time
from collections import deque
from functools import cached_property
from typing import Any

from celery import current_task, states
from celery.app.task import Context
from celery.utils import functional
from kombu.utils.json import dumps

from apps.canvas.signatures import COMPOSITE, beginnings, flat, ids_of, leaves, nodes
from apps.jobs.redacting import redact
from apps.jobs.results import LedgerBackend
from apps.jobs.state import redis_error

logger = logging.getLogger(__name__)

CHORDS = "switchyard:chords"  # a list in the Redis of the results, emptied by the duty
NOTES_BYTES = 32_000_000  # a note that would be more, were all before it as large, is not made
MEMBERS_MOST = 10_000
BODY_MOST_BYTES = 256_000
GENERATED: Any = functional._regen  # type: ignore[attr-defined] # noqa: SLF001 - what Celery makes of a generator


class CanvasBackend(LedgerBackend):
    """Beside the outcome of each job it tells of each chord, once, as it begins."""

    failing: dict[str, Any] | None = None  # while a chord fails: the tasks of its body, by id

    @cached_property
    def unlisted(self) -> deque[str]:
        """The groups of chords that begin, whose members the note doesn't name: their number is told."""
        return deque(maxlen=100)

    def apply_chord(self, header_result_args: Any, body: Any, **options: Any) -> Any:
        self.tell_chord(header_result_args, body)
        return super().apply_chord(header_result_args, body, **options)

    def set_chord_size(self, group_id: Any, chord_size: int) -> None:
        """Celery calls it before it sends the last job of the header."""
        super().set_chord_size(group_id, chord_size)
        if group_id in self.unlisted:
            self.unlisted.remove(group_id)
            self.tell({"group": group_id, "size": chord_size})

    def tell_chord(self, header_result_args: Any, body: Any) -> None:
        group, results = header_result_args[0], header_result_args[1]
        # A generator's jobs are made as they are sent, and must not be made before.
        members = None if isinstance(results, GENERATED) else ids_of(results)
        if members is None or len(flat(members)) > MEMBERS_MOST:
            members = None
            self.unlisted.append(group)
        self.tell({
            "group": group,
            "members": members,
            "body": keepable(body),
            "body_ids": beginnings(body),
            "begun_at": time.time(),
        })  # fmt: skip

    def tell(self, found: dict[str, Any]) -> None:
        """The chord runs all the same when Redis can't be told: it is only not watched."""
        note = dumps(found)
        try:
            if self.client.llen(CHORDS) * len(note) > NOTES_BYTES:
                logger.warning("the chord %s is not watched: no recorder reads of chords", found["group"])
                return
            self.client.rpush(CHORDS, note)
        except redis_error() as error:
            logger.warning("the chord %s is not watched: %s", found["group"], error)

    def chord_error_from_stack(self, callback: Any, exc: BaseException | None = None) -> Any:
        """Celery fails the body by its id alone; the ledger shall know its task, too."""
        self.failing = {leaf.id: leaf for leaf in leaves(callback) if leaf.id}
        try:
            return super().chord_error_from_stack(callback, exc)
        finally:
            self.failing = None

    def mark_as_failure(  # noqa: PLR0913, PLR0917 - Celery's signature
        self,
        task_id: str,
        exc: BaseException,
        traceback: str | None = None,
        request: Any = None,
        store_result: bool = True,
        call_errbacks: bool = True,
        state: str = states.FAILURE,
    ) -> Any:
        if request is not None:
            join_chain(request)
        elif self.failing is not None:
            if task_id not in self.failing:
                return None  # the id of a group, which is no job
            request = described(self.failing[task_id])
        return super().mark_as_failure(task_id, exc, traceback, request, store_result, call_errbacks, state)


def join_chain(request: Any) -> None:
    """The rest of its chain fails with a job: each step's row shall say what it would have come after."""
    before, root = request.id, request.root_id or request.id
    for step in reversed(request.chain or ()):
        options = step.get("options") if isinstance(step, dict) else None
        if not isinstance(options, dict) or not options.get("task_id"):
            return
        options.setdefault("parent_id", before)
        options.setdefault("root_id", root)
        before = options["task_id"]


def described(body: Any) -> Context:
    """A request that says what the job is, and links to nothing: Celery calls the error callbacks itself."""
    options = body.options
    # As Celery has it: the error callbacks were just sent by the task that runs here.
    children = (current_task.request.children or ()) if current_task else ()
    return Context(
        id=body.id, task=body.task, args=list(body.args), kwargs=dict(body.kwargs),
        group=options.get("group_id"), root_id=options.get("root_id"), parent_id=options.get("parent_id"),
        delivery_info={"routing_key": options.get("queue")}, _children=list(children),
    )  # fmt: skip


def keepable(body: Any) -> Any:
    """None where its arguments must not be kept, are too large, or are no JSON."""
    if any(hides(found) for found in nodes(body)):
        return None
    try:
        return body if len(dumps(body)) <= BODY_MOST_BYTES else None
    except (TypeError, ValueError, RecursionError):
        return None


def hides(signature: Any) -> bool:
    """Whether it may hold a secret. A callback's own arguments come after those that it is called with: a
    result, a job's id, or the three of Celery's old error callbacks.
    """
    if isinstance(signature, COMPOSITE):  # its own arguments go to whichever of its tasks come first
        own = [value for name, value in signature.kwargs.items() if name not in ("tasks", "header", "body")]
        return bool(signature.args) or any(own)
    task, args = signature.app.tasks.get(signature.task), list(signature.args)
    return any(
        redact(task, [None] * before + args, signature.kwargs).names
        for before in ((0,) if signature.immutable else (0, 1, 3))
    )
