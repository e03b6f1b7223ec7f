"""One job by its id."""

import json
import logging
from typing import Any

from celery import current_app
from django.utils.dateparse import parse_datetime

from apps.jobs.reading.jobview import JobView, view
from apps.jobs.reading.rows import rows
from apps.jobs.state import redis_error
from apps.jobs.states import FINISHED, State
from apps.jobs.stream.documents import error_of

logger = logging.getLogger(__name__)


def find(job_id: str) -> JobView | None:
    """The job as the ledger has it, else as Redis remembers it, else None."""
    if not job_id or "\x00" in job_id:  # which PostgreSQL's text can't hold
        return None
    row = rows(id=job_id).first()
    if row:
        return view(row)
    memory = remembered(job_id)
    return recalled(job_id, memory) if memory else None


def remembered(job_id: str) -> dict[str, Any]:
    """What the result backend keeps of a job.

    Read here and not through AsyncResult, which waits for a lost Redis without end.
    """
    backend = current_app.backend
    try:
        found = backend.get(backend.get_key_for_task(job_id))
    except redis_error() as error:
        logger.warning("Redis can't be asked about job %s: %s", job_id, error)
        return {}
    return dict(json.loads(found)) if found else {}


def recalled(job_id: str, memory: dict[str, Any]) -> JobView:
    state = str(memory.get("status", State.PENDING))
    return JobView(
        id=job_id,
        task=memory.get("name") or "",
        state=state,
        reason=memory.get("reason") or "",
        error=error_of(state, memory.get("result")).get("error"),
        result=memory.get("result"),
        args=memory.get("args"),
        kwargs=memory.get("kwargs"),
        redacted=tuple(memory.get("redacted") or ()),
        queue=memory.get("queue") or "",
        worker=memory.get("worker") or "",
        finished=parse_datetime(memory.get("date_done") or "") if state in FINISHED else None,
        parent=memory.get("parent_id"),
        root=memory.get("root_id"),
        group=memory.get("group_id"),
    )
