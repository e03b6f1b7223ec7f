"""The count at the end: what was lost, doubled or doesn't agree. Reads tables and Redis, nothing else."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from django.db import connection

from apps.jobs.stream.reaching import stream_redis

ENDED = "('SUCCESS', 'FAILURE', 'REVOKED')"
OPEN = f"SELECT count(*) FROM jobs_job WHERE state NOT IN {ENDED} OR outbox IS NOT NULL"
UNSEEN = """SELECT count(*) FROM chaos_sent LEFT JOIN jobs_job ON jobs_job.id = chaos_sent.job_id
WHERE jobs_job.id IS NULL"""


@dataclass
class Verdict:
    """`lost`: handed in, and not ended or without its effect. `doubled`: effects that happened twice.

    `drift`: jobs of which ledger, mirror, Redis and attempts say different things.
    """

    seed: int
    submitted: int = 0
    finished: int = 0
    lost: int = 0
    doubled: int = 0
    drift: int = 0
    executions: int = 0
    drained_seconds: float = 0.0

    @property
    def line(self) -> str:
        names = ("seed", "submitted", "finished", "lost", "doubled", "drift")
        return "chaos: " + " ".join(f"{name}={getattr(self, name)}" for name in names)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.drift) and self.submitted == self.finished

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def still_open() -> int:
    """Jobs and tries without an end, and jobs that the ledger has not heard of."""
    return (
        number(OPEN) + number(UNSEEN) + number("SELECT count(*) FROM jobs_attempt WHERE finished_at IS NULL")
    )


def judge(seed: int) -> tuple[Verdict, dict[str, list[Any]]]:
    """The verdict, and examples of what is wrong."""
    examples = {
        "unended": rows(f"SELECT id, state, reason, note FROM jobs_job WHERE state NOT IN {ENDED}"),
        "unseen": rows("SELECT job_id FROM chaos_sent WHERE job_id NOT IN (SELECT id FROM jobs_job)"),
        "unsuccessful": rows("SELECT id, state, reason, error FROM jobs_job WHERE state <> 'SUCCESS'"),
        "without effect": rows(
            "SELECT id FROM jobs_job WHERE state = 'SUCCESS' AND kwargs->>'name' NOT IN "
            "(SELECT name FROM chaos_effect)"
        ),
        "doubled": rows("SELECT name, count(*) FROM chaos_effect GROUP BY name HAVING count(*) > 1"),
        "mirror differs": rows(
            "SELECT job.id, job.state, mirror.status FROM jobs_job AS job LEFT JOIN "
            "django_celery_results_taskresult AS mirror ON mirror.task_id = job.id "
            "WHERE mirror.status IS DISTINCT FROM job.state"
        ),
        "open tries": rows("SELECT job_id, number FROM jobs_attempt WHERE finished_at IS NULL"),
        "without a try": rows(
            "SELECT id FROM jobs_job WHERE state = 'SUCCESS' AND NOT EXISTS "
            "(SELECT 1 FROM jobs_attempt WHERE job_id = jobs_job.id AND outcome = 'success')"
        ),
        "redis differs": redis_differs(),
        "effects of nobody": rows(
            "SELECT name FROM chaos_effect WHERE name NOT IN (SELECT kwargs->>'name' FROM jobs_job)"
        ),
    }
    lost = ("unended", "unseen", "unsuccessful", "without effect")
    drift = ("mirror differs", "open tries", "without a try", "redis differs", "effects of nobody")
    verdict = Verdict(
        seed=seed,
        submitted=number("SELECT count(*) FROM jobs_job") + number(UNSEEN),
        finished=number(f"SELECT count(*) FROM jobs_job WHERE state IN {ENDED}"),
        lost=sum(len(examples[name]) for name in lost),
        doubled=len(examples["doubled"]),
        drift=sum(len(examples[name]) for name in drift),
        executions=number("SELECT count(*) FROM chaos_start"),
    )
    return verdict, {name: found[:5] for name, found in examples.items() if found}


def redis_differs() -> list[Any]:
    states = dict(rows("SELECT id, state FROM jobs_job"))
    ids = list(states)
    found = stream_redis().mget([f"celery-task-meta-{job_id}" for job_id in ids]) if ids else []
    told = {
        job_id: json.loads(text)["status"] if text else None for job_id, text in zip(ids, found, strict=True)
    }
    return [(job_id, states[job_id], told[job_id]) for job_id in ids if states[job_id] != told[job_id]]


def number(statement: str) -> int:
    return int(rows(statement)[0][0])


def rows(statement: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())
