"""One function for each thing that has to answer before we are ready. Each raises when it doesn't."""

import logging
from collections.abc import Callable

from celery import current_app
from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from apps.jobs import backlog
from apps.jobs.state import state_redis
from apps.schedules import condition

logger = logging.getLogger(__name__)

BROKER_TIMEOUT_SECONDS = 2
STREAM_SHARE = 0.1  # of LEDGER_STREAM_MAX, at which the oldest entries would be thrown away
UNREAD_SECONDS = 60
OUTBOX_SECONDS = 60

Probe = Callable[[], None]


class NotReady(Exception):
    """What is missing, in words."""


def database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def migrations() -> None:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        raise NotReady(f"{len(plan)} migrations are not applied")


def redis_state() -> None:
    state_redis().ping()


def redis_cache() -> None:
    cache.get("health")


def broker() -> None:
    with current_app.connection_for_write() as wire:
        wire.ensure_connection(max_retries=1, interval_start=0, timeout=BROKER_TIMEOUT_SECONDS)


def stream() -> None:
    found = backlog.of_stream()
    if found.length > STREAM_SHARE * found.length_most:
        raise NotReady(
            f"{found.length} entries wait in the stream, more than a tenth of LEDGER_STREAM_MAX: "
            "the recorder does not keep up"
        )


def recorder() -> None:
    found = backlog.of_stream()
    if found.length and found.unread_seconds > UNREAD_SECONDS:
        raise NotReady(
            f"no recorder has read the stream for {found.unread_seconds:.0f} s, and {found.length} entries "
            "wait in it"
        )


def outbox() -> None:
    late = backlog.outbox_seconds()
    if late > OUTBOX_SECONDS:
        raise NotReady(f"a job should have been published {late:.0f} s ago and still waits in the outbox")


def beat() -> None:
    found = condition.signs()
    if found.absent:
        seconds = found.silence.total_seconds()
        raise NotReady(f"no beat has been alive for {seconds:.0f} s, and schedules are enabled")


PROBES: dict[str, Probe] = {
    "database": database,
    "migrations": migrations,
    "redis": redis_state,
    "cache": redis_cache,
    "broker": broker,
    "stream": stream,
    "recorder": recorder,
    "outbox": outbox,
    "beat": beat,
}


def probe_all() -> dict[str, str]:
    """`ok` or the kind of error for each probe; details are logged, not shown."""
    return {name: outcome(name, probe) for name, probe in PROBES.items()}


def outcome(name: str, probe: Probe) -> str:
    try:
        probe()
    except NotReady as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, the answer is "not ready"
        logger.warning("health probe %s failed: %s", name, error)
        return type(error).__name__
    return "ok"
