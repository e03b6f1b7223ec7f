"""One function for each thing that has to answer before we are ready. Each raises when it doesn't."""

import logging
from collections.abc import Callable

from celery import current_app
from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from apps.jobs.state import state_redis

logger = logging.getLogger(__name__)

BROKER_TIMEOUT_SECONDS = 2

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


PROBES: dict[str, Probe] = {
    "database": database,
    "migrations": migrations,
    "redis": redis_state,
    "cache": redis_cache,
    "broker": broker,
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
