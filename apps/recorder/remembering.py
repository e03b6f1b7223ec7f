"""What Redis knows of a job, for when the ledger may have missed it, and telling the ledger of it again."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from celery import current_app
from django.conf import settings

from apps.jobs.states import FINISHED, State
from apps.jobs.stream.documents import ledger_text, plain
from apps.jobs.stream.names import SEQUENCE_BITS, STREAM, tries_key
from apps.jobs.stream.reaching import stream_redis

LOST, SNOOZED = "LOST", "SNOOZED"  # states that only the scripts know
# Kinds of entries by the state they lead to. A start can't be told again: its entry is its token.
KINDS: dict[str, str] = {
    **{state: state for state in FINISHED},
    State.RETRY: State.RETRY,
    State.PENDING: "reopened",
    LOST: "lost",
    SNOOZED: SNOOZED,
}
IN_LEDGER: dict[str, str] = {LOST: State.PENDING, SNOOZED: State.PENDING}
NOTE = "this outcome was missing in the ledger and was fetched from Redis"


@dataclass(frozen=True)
class Memory:
    """`state` is "" when Redis has forgotten the job, or never heard of a start of it.

    `number` and `token` are those of its latest try; `result` is Celery's document, as text.
    """

    state: str = ""
    number: int = 0
    token: str = ""
    result: str = ""

    @property
    def ledger_state(self) -> str:
        return IN_LEDGER.get(self.state, self.state)


def recall(job_ids: Sequence[str]) -> dict[str, Memory]:
    """Raises redis's errors."""
    backend = current_app.backend
    with stream_redis().pipeline(transaction=False) as pipe:
        for job_id in job_ids:
            pipe.hmget(tries_key(job_id), ["s", "n", "t"])
            pipe.get(backend.get_key_for_task(job_id))
        answers: list[Any] = pipe.execute()
    return {
        job_id: memory_of(answers[2 * place], answers[2 * place + 1]) for place, job_id in enumerate(job_ids)
    }


def memory_of(tries: Sequence[bytes | None], result: bytes | None) -> Memory:
    state, number, token = [(part or b"").decode() for part in tries]
    text = (result or b"").decode()
    if not state and text:  # its tries are forgotten before its result
        status = json.loads(text).get("status")
        state = status if status in FINISHED else ""
    return Memory(state, int(number or 0), token, text)


def tell_again(job_id: str, memory: Memory) -> None:
    """Appends the entry that the stream has lost."""
    entry = {
        "kind": KINDS[memory.state],
        "id": job_id,
        "n": str(memory.number),
        "token": memory.token,
        "doc": document_of(memory),
    }
    stream_redis().xadd(STREAM, entry, maxlen=settings.LEDGER_STREAM_MAX, approximate=True)  # type: ignore[arg-type]


def document_of(memory: Memory) -> str:
    """Celery's document, if Redis has the one of this very state."""
    found = json.loads(memory.result) if memory.result else {}
    if found.get("status") != memory.state:
        return plain({"note": NOTE})
    noted = {**found, "note": NOTE}
    text = json.dumps(noted)
    return ledger_text(text, noted) or text


def token_text(token: int) -> str:
    """A token as Redis writes it: the id of the entry that it is."""
    return f"{token >> SEQUENCE_BITS}-{token & ((1 << SEQUENCE_BITS) - 1)}"


def states_of(job_ids: Iterable[str]) -> dict[str, str]:
    """Their states alone, as the scripts keep them."""
    ids = list(job_ids)
    with stream_redis().pipeline(transaction=False) as pipe:
        for job_id in ids:
            pipe.hget(tries_key(job_id), "s")
        answers = pipe.execute()
    return {job_id: (state or b"").decode() for job_id, state in zip(ids, answers, strict=True)}
