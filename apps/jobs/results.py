"""Results in Redis, where waiters hear of them; the same round trip tells the ledger."""

import os
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from itertools import count
from typing import Any

from celery import states
from celery.backends.redis import RedisBackend
from celery.exceptions import TaskRevokedError
from django.conf import settings
from django.utils.module_loading import import_string
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import dumps

from apps.jobs.identity import instance, life
from apps.jobs.stream import documents
from apps.jobs.stream.calling import Scripts
from apps.jobs.stream.names import SINCE, STREAM, place, tries_key

LIVE_SECONDS = 40 * 86_400  # beyond the longest delay of a job
OWN_STATES = frozenset({states.SUCCESS, states.FAILURE, states.REVOKED, states.RETRY})
# Of Redis when it is full or has lost its master, of PostgreSQL when it is away: both pass.
PASSING = ("OutOfMemoryError", "ReadOnlyError", "OperationalError", "InterfaceError")


_deliveries = count()


@dataclass(frozen=True)
class Start:
    """`verdict` is "run", or why the message must not run: "ended", "superseded" or "copy"."""

    verdict: str
    number: int = 0
    token: str = ""


class LedgerBackend(RedisBackend):
    """Celery's Redis backend whose every outcome is one script: guard, result, waiters, stream."""

    tells_the_ledger = True

    @cached_property
    def mirror(self) -> Any:
        # By name, because Celery may load this module before Django's models can be imported.
        database = import_string("django_celery_results.backends.database.DatabaseBackend")
        # It warns that it can't keep failures for another time. Retention does that.
        return type("Mirror", (database,), {"supports_failure_expires": True})(app=self.app)

    @cached_property
    def ledger(self) -> Any:
        """The module that asks PostgreSQL; by name for the same reason."""
        return import_module("apps.jobs.standing")

    @cached_property
    def scripts(self) -> Scripts:
        return Scripts(self.client)

    def start(self, request: Any, *, tracked: bool) -> Start:
        """Asks whether this delivery may run, and counts its try. Waits for a lost Redis, with a key to free
        for a lost PostgreSQL too.
        """
        key = request.get("frees_key")
        if key and not self._ensure_retryable(lambda: self.ledger.frees(request.id, key)):
            self.mark_as_revoked(request.id, "cancelled", request)
            return Start("ended")
        # The same for every time it is asked: an answer may be lost after Redis has counted the try.
        delivery_mark = f"{life()}.{os.getpid()}.{next(_deliveries)}"
        return self._ensure_retryable(self._start, request, tracked, delivery_mark)  # type: ignore[no-any-return]

    def _start(self, request: Any, tracked: bool, delivery_mark: str) -> Start:
        found = self.ask_to_start(request, tracked, delivery_mark)
        if found.verdict not in ("unsure", "cancelled"):
            return found
        standing = "cancelled" if found.verdict == "cancelled" else self.ledger.ending_of(request.id)
        if standing == "open":
            return self.ask_to_start(request, tracked, delivery_mark, sure=True)
        if standing == "cancelled":
            self.mark_as_revoked(request.id, "cancelled", request)
        return Start("ended")

    def ask_to_start(self, request: Any, tracked: bool, delivery_mark: str, *, sure: bool = False) -> Start:
        delivery, submitted = request.delivery_info or {}, request.get("submitted_at")
        said = self.scripts.call(
            "START",
            [*self.keys_of(request.id), SINCE],
            [
                request.id,
                order(request),
                1 if delivery.get("redelivered") else 0,
                LIVE_SECONDS,
                documents.started(request, instance(request.hostname)),
                settings.LEDGER_STREAM_MAX,
                1 if tracked else 0,
                delivery_mark,
                instance(request.hostname),
                submitted if isinstance(submitted, int | float) else 0,
                1 if sure else 0,
            ],
        )
        verdict = bytes_to_str(said[0])
        return Start(verdict, said[1], bytes_to_str(said[2])) if verdict == "run" else Start(verdict)

    def _store_result(  # noqa: PLR0913 - Celery's signature
        self,
        task_id: str,
        result: Any,
        state: str,
        traceback: str | None = None,
        request: Any = None,
        *,
        kept: bool = True,
        **_: Any,
    ) -> Any:
        task_id, keys = bytes_to_str(task_id), self.keys_of(task_id)
        outcome = documents.Outcome(task_id, state, result, traceback)
        document = documents.finished(outcome, request, self.instance_of(request))
        text = dumps(document)
        if state not in OWN_STATES:
            args = [task_id, int(self.expires or 0), text, settings.LEDGER_STREAM_MAX]
            self.scripts.call("TELL", keys, args)
            return result
        for_ledger = documents.ledger_text(text, document)
        args = [
            task_id,
            state,
            order(request),
            self.guard_seconds(state),
            self.keep_seconds(state),
            text if kept else "",
            for_ledger or ("" if kept else text),
            getattr(request, "try_number", 0),
            getattr(request, "try_token", ""),
            settings.LEDGER_STREAM_MAX,
        ]
        self.scripts.call("FINISH", keys, args)
        return result

    def keep_seconds(self, state: str) -> int:
        """How long Redis keeps a result; 0: for ever."""
        return int((self.failure_expires if state == states.FAILURE else self.expires) or 0)

    def guard_seconds(self, state: str) -> int:
        """How long Redis knows that a job has ended, so that a second copy of it doesn't run."""
        if state in (states.RETRY, states.REVOKED):  # their messages may still be under way
            return LIVE_SECONDS
        return self.keep_seconds(state) or LIVE_SECONDS

    def keys_of(self, task_id: str) -> list[str]:
        return [tries_key(task_id), bytes_to_str(self.get_key_for_task(task_id)), STREAM]

    def instance_of(self, request: Any) -> str | None:
        name = getattr(request, "hostname", None)
        return instance(name) if name else None

    def reopen(self, task_id: str, state: str, document: str) -> int:
        """Lets a job run again. `state` is PENDING as a rule. Returns its place in the stream: who fills the
        job's outbox puts it there as `since`, so that news from before leave it alone.
        """
        args = [task_id, state, LIVE_SECONDS, document, settings.LEDGER_STREAM_MAX]
        entry = self._ensure_retryable(lambda: self.scripts.call("REOPEN", self.keys_of(task_id), args))
        return place(bytes_to_str(entry))

    def ask_to_end(self, task_id: str, note: str) -> bool:
        """Whether the job runs as far as Redis knows; it is asked then. Raises redis's errors."""
        return bool(self.scripts.call("ASK", self.keys_of(task_id), [note, LIVE_SECONDS]))

    def lose(self, task_id: str, document: str, token: str = "") -> bool:
        """Says that the process of a try has died; `token` names the try, else it is the latest."""
        return bool(self._ensure_retryable(self.lose_now, task_id, document, token))

    def lose_now(self, task_id: str, document: str, token: str = "", worker: str = "") -> Any:
        """`lose`, but raises when Redis is out of reach. `worker`: only if it is this one's (`instance`)."""
        args = [task_id, token, document, settings.LEDGER_STREAM_MAX, worker]
        return self.scripts.call("LOSE", self.keys_of(task_id), args)

    def snooze(self, request: Any, why: str, seconds: int) -> None:
        """This try ends without an outcome; the job goes on in `seconds`."""
        document = documents.plain({"error_message": why, "seconds": seconds})
        args = [
            request.id, "SNOOZED", order(request), LIVE_SECONDS, 0, "", document,
            request.get("try_number") or 0, request.get("try_token") or "", settings.LEDGER_STREAM_MAX,
        ]  # fmt: skip
        self._ensure_retryable(lambda: self.scripts.call("FINISH", self.keys_of(request.id), args))

    def hold(self, request: Any, seconds: float | None) -> str:
        """Tells that the job waits at the gate, for about that long: "held", or a verdict of `Start`."""
        document = documents.held(request, seconds)
        redelivered = 1 if (request.delivery_info or {}).get("redelivered") else 0
        args = [request.id, order(request), redelivered, document, settings.LEDGER_STREAM_MAX]
        return bytes_to_str(
            self._ensure_retryable(lambda: self.scripts.call("HOLD", self.keys_of(request.id), args))
        )

    def mark_as_done(
        self,
        task_id: str,
        result: Any,
        request: Any = None,
        store_result: bool = True,
        state: str = states.SUCCESS,
    ) -> Any:
        self.note_unstored(documents.Outcome(task_id, state, result), request, stored=store_result)
        return super().mark_as_done(task_id, result, request, store_result, state)

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
        self.note_unstored(documents.Outcome(task_id, state, exc, traceback), request, stored=store_result)
        return super().mark_as_failure(task_id, exc, traceback, request, store_result, call_errbacks, state)

    def mark_as_revoked(
        self,
        task_id: str,
        reason: str = "",
        request: Any = None,
        store_result: bool = True,
        state: str = states.REVOKED,
    ) -> Any:
        outcome = documents.Outcome(task_id, state, TaskRevokedError(reason))
        self.note_unstored(outcome, request, stored=store_result)
        return super().mark_as_revoked(task_id, reason, request, store_result, state)

    def count_in_chord(self, request: Any) -> None:
        """Of a job that has ended: perhaps its worker died before it could. Redis counts each member once."""
        meta = self.get_task_meta(request.id, cache=False)
        if meta["status"] in states.READY_STATES:
            self.on_chord_part_return(request, meta["status"], meta["result"])

    def note_unstored(self, outcome: documents.Outcome, request: Any, *, stored: bool) -> None:
        """A task may ignore its result; the ledger has a row of it all the same."""
        if stored or request is None or request.is_eager:
            return
        self.store_result(
            outcome.task_id, outcome.result, outcome.state, outcome.traceback, request, kept=False
        )

    def _save_group(self, group_id: str, result: Any) -> Any:
        self.mirror._save_group(group_id, result)  # noqa: SLF001
        return super()._save_group(group_id, result)

    def _delete_group(self, group_id: str) -> None:
        self.mirror._delete_group(group_id)  # noqa: SLF001
        super()._delete_group(group_id)

    def _forget(self, task_id: str) -> None:
        self.mirror._forget(task_id)  # noqa: SLF001
        super()._forget(task_id)

    def exception_safe_to_retry(self, exc: Exception) -> bool:
        return type(exc).__name__ in PASSING or bool(super().exception_safe_to_retry(exc))

    def on_task_call(self, producer: object, task_id: str) -> None:
        """Publishing needs no Redis: whoever waits for the result subscribes when it starts to wait."""


def order(request: Any) -> int:
    """Orders the messages of one job: a replacement comes after what it replaces, a retry after its try."""
    nesting = getattr(request, "replaced_task_nesting", 0) or 0
    retries = getattr(request, "retries", 0) or 0
    return int(nesting) * 1_000_000 + int(retries)
