"""What a batch of the stream says, one record for each job and one for each try.

The documents pass through as text: PostgreSQL takes them apart, so that history costs little here.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from apps.jobs.states import FINISHED, Outcome, Reason, State
from apps.jobs.stream.names import place

Fields = dict[bytes, bytes]
Entry = tuple[bytes, Fields]

# The state that an entry puts its job into, and why; "" leaves that to the document.
MOVES: dict[str, tuple[str, str]] = {
    "STARTED": (State.STARTED, Reason.NONE),
    "RETRY": (State.RETRY, ""),
    "SUCCESS": (State.SUCCESS, ""),
    "FAILURE": (State.FAILURE, ""),
    "REVOKED": (State.REVOKED, ""),
    "SNOOZED": (State.PENDING, Reason.SNOOZED),
    "held": (State.PENDING, Reason.HELD),
    "lost": (State.PENDING, Reason.WORKER_LOST),
    "reopened": (State.PENDING, Reason.SENT_AGAIN),
}
OUTCOMES: dict[str, str] = {
    "STARTED": Outcome.RUNNING,
    "RETRY": Outcome.RETRY,
    "SUCCESS": Outcome.SUCCESS,
    "FAILURE": Outcome.FAILURE,
    "REVOKED": Outcome.REVOKED,
    "SNOOZED": Outcome.SNOOZED,
    "lost": Outcome.WORKER_LOST,
}

WHOLE = frozenset({"RETRY", "SUCCESS", "FAILURE", "REVOKED"})
NOBODY = '"instance": null'  # the end was told by another process than the worker


@dataclass(slots=True)
class JobRecord:
    """One job's part of a batch. Times are places in the stream, or None.

    `seen` is that of its first entry, `version` that of the latest move, `told` that of the latest state of
    the task's own. What gives way to a later move leaves its facts in the document "past".
    """

    id: str
    seen: int
    version: int = 0
    reopened: int = 0
    told: int = 0
    kind: str = ""
    number: int = 0
    published: int | None = None
    first_started: int | None = None
    started: int | None = None
    documents: dict[str, str] = field(default_factory=dict)

    def json(self) -> str:
        state, reason = MOVES.get(self.kind, ("", ""))
        ended = self.version if state in FINISHED else None
        documents = ",".join(f'"{name}":{text or "null"}' for name, text in self.documents.items())
        return (
            f'{{"id":{json.dumps(self.id)},"seen":{self.seen},"version":{self.version},'
            f'"reopened":{self.reopened},'
            f'"told_at":{self.told},"kind":"{self.kind}",'
            f'"state":"{state}","reason":"{reason}","number":{self.number},'
            f'"published":{number(self.published)},"first_started":{number(self.first_started)},'
            f'"started":{number(self.started)},"finished":{number(ended)}'
            f"{',' if documents else ''}{documents}}}"
        )


@dataclass(slots=True)
class TryRecord:
    """One try's part of a batch. `ended` is the place of its end."""

    job_id: str
    token: int
    number: int = 0
    ended: int | None = None
    outcome: str = ""
    started_document: str = "null"
    document: str = "null"

    def json(self) -> str:
        return (
            f'{{"job_id":{json.dumps(self.job_id)},"token":{self.token},"number":{self.number},'
            f'"ended":{number(self.ended)},"outcome":"{self.outcome}",'
            f'"begun":{self.started_document or "null"},"document":{self.document or "null"}}}'
        )


class Batch:
    """Entries, in the order of the stream, merged."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.ids: list[bytes] = []
        self.jobs: dict[str, JobRecord] = {}
        self.tries: dict[tuple[str, int], TryRecord] = {}
        for entry_id, fields in entries:
            self.add(entry_id, fields)

    def add(self, entry_id: bytes, fields: Fields) -> None:
        self.ids.append(entry_id)
        version = place(entry_id.decode())
        kind, job_id = fields[b"kind"].decode(), fields[b"id"].decode()
        document = fields.get(b"doc", b"").decode()
        job = self.jobs.get(job_id)
        if job is None:
            job = self.jobs[job_id] = JobRecord(job_id, version)
        if kind in MOVES:
            self.move(job, kind, version, fields)
        elif kind == "told":
            job.told, job.documents[kind] = version, document
        elif kind != "ended":
            job.published = job.published or version
            if kind == "submitted":
                job.documents[kind] = document
        if kind in OUTCOMES or kind == "ended":
            token = version if kind == "STARTED" else place_of(fields, b"token")
            if token:
                self.note_try(job_id, token, kind, version, fields)

    def move(self, job: JobRecord, kind: str, version: int, fields: Fields) -> None:
        document = fields.get(b"doc", b"").decode()
        reopened = version if kind == "reopened" else place_of(fields, b"since")
        if kind == "STARTED":
            job.started = version
            job.first_started = job.first_started or version
        if is_final(job.kind) and reopened <= job.version:
            return  # after an end, without a reopening
        job.version, job.kind, job.reopened = version, kind, reopened
        if "final" in job.documents:
            job.documents["past"] = job.documents.pop("final")
        job.documents["begun" if kind == "STARTED" else "final"] = document
        if place_of(fields, b"token") == job.started and tells_all(kind, document):
            job.documents.pop("begun", None)

    def note_try(self, job_id: str, token: int, kind: str, version: int, fields: Fields) -> None:
        found = self.tries.get((job_id, token))
        if found is None:
            found = self.tries[job_id, token] = TryRecord(job_id, token)
        found.number = int(fields.get(b"n") or 0)
        self.jobs[job_id].number = max(self.jobs[job_id].number, found.number)
        document = fields.get(b"doc", b"").decode()
        if kind == "STARTED":
            found.started_document = document
        else:
            outcome = OUTCOMES[fields.get(b"as", b"").decode() or kind]
            if tells_all(kind, document):
                found.started_document = "null"
            elif found.started_document == "null":
                found.started_document = found.document  # of an earlier end, which told it all
            found.ended, found.outcome, found.document = version, outcome, document

    def jobs_json(self) -> str:
        return f"[{','.join(job.json() for job in self.jobs.values())}]"

    def tries_json(self) -> str:
        return f"[{','.join(found.json() for found in self.tries.values())}]"


def tells_all(kind: str, document: str) -> bool:
    """Whether the end of a try says all that its start said, so that the start need not be read too."""
    return kind in WHOLE and NOBODY not in document


def is_final(kind: str) -> bool:
    return kind in MOVES and MOVES[kind][0] in FINISHED


def place_of(fields: Fields, name: bytes) -> int:
    """The place of the entry that a field names; 0 without one."""
    found = fields.get(name, b"").decode()
    return place(found) if found else 0


def number(value: int | None) -> str:
    return "null" if value is None else str(value)
