"""What the ledger and Redis say of jobs, asked past the project's own code."""

import json
from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg
from redis import Redis

from tests.waiting import wait_until

ENDED = ("SUCCESS", "FAILURE", "REVOKED")
PATIENCE_SECONDS = 90


class Ledger:
    """A new connection for each question, because the servers come and go."""

    def __init__(self, postgres_url: str, results_url: str) -> None:
        self.postgres_url, self.results_url = postgres_url, results_url

    def rows(self, statement: LiteralString, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.postgres_url, autocommit=True) as connection:
            return connection.execute(statement, values).fetchall()

    def number(self, statement: LiteralString, *values: Any) -> int:
        return int(self.rows(statement, *values)[0][0])

    def ended(self, ids: Sequence[str], seconds: float = PATIENCE_SECONDS) -> list[str]:
        """The states of jobs once each of them, and each of their tries, has ended."""
        wait_until(lambda: self.are_over(ids), seconds, f"{len(ids)} jobs to end")
        return [state for (state,) in self.rows("SELECT state FROM jobs_job WHERE id = ANY(%s)", list(ids))]

    def are_over(self, ids: Sequence[str]) -> bool:
        over = self.number(
            "SELECT count(*) FROM jobs_job WHERE id = ANY(%s) AND state = ANY(%s) AND outbox IS NULL "
            "AND NOT EXISTS (SELECT 1 FROM jobs_attempt WHERE job_id = jobs_job.id AND finished_at IS NULL)",
            list(ids),
            list(ENDED),
        )
        return over == len(ids)

    def running(self, ids: Sequence[str]) -> int:
        return self.number(
            "SELECT count(*) FROM jobs_job WHERE id = ANY(%s) AND state = 'STARTED'", list(ids)
        )

    def outcomes(self, job_id: str) -> list[str]:
        found = self.rows("SELECT outcome FROM jobs_attempt WHERE job_id = %s ORDER BY token", job_id)
        return [outcome for (outcome,) in found]

    def job(self, job_id: str, *columns: LiteralString) -> tuple[Any, ...]:
        found = self.rows(f"SELECT {', '.join(columns)} FROM jobs_job WHERE id = %s", job_id)
        return found[0] if found else ()

    def starts(self, ids: Sequence[str]) -> int:
        """How often the code of `effect_task` began, guarded by nothing."""
        return self.number("SELECT count(*) FROM chaos_start WHERE job_id = ANY(%s)", list(ids))

    def effects(self, names: Sequence[str]) -> list[int]:
        """How often each name's guarded effect happened."""
        found: dict[str, int] = dict(
            self.rows(
                "SELECT name, count(*) FROM chaos_effect WHERE name = ANY(%s) GROUP BY name", list(names)
            )
        )
        return [found.get(name, 0) for name in names]

    def check_success(self, ids: Sequence[str]) -> None:
        """Every `effect_task` of these succeeds, has had its effect once, and all that is told agrees."""
        assert self.ended(ids) == ["SUCCESS"] * len(ids)
        named = self.rows("SELECT kwargs->>'name' FROM jobs_job WHERE id = ANY(%s)", list(ids))
        assert self.effects([name for (name,) in named]) == [1] * len(ids)
        assert self.disagreements(ids) == {}

    def disagreements(self, ids: Sequence[str]) -> dict[str, tuple[str, str, str]]:
        """Jobs of which ledger, mirror and Redis don't say the same."""
        rows = self.rows(
            "SELECT job.id, job.state, mirror.status FROM jobs_job AS job LEFT JOIN "
            "django_celery_results_taskresult AS mirror ON mirror.task_id = job.id WHERE job.id = ANY(%s)",
            list(ids),
        )
        with Redis.from_url(self.results_url) as redis:
            texts: Any = [redis.get(f"celery-task-meta-{row[0]}") for row in rows]
        told = [json.loads(text)["status"] if text else "" for text in texts]
        found = {row[0]: (row[1], row[2], said) for row, said in zip(rows, told, strict=True)}
        return {job_id: said for job_id, said in found.items() if len(set(said)) > 1}
