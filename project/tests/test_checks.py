from collections.abc import Iterator
from typing import Any

import pytest
from celery import current_app
from django.core.checks import Tags
from django.core.checks.registry import registry
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from kombu import Exchange, Queue
from redis import Redis

from project.checks import (
    exchanges_can_delay,
    jobs_end_in_time,
    keys_are_distinct,
    queue_names_are_free,
    redis_keeps_everything,
    routes_lead_somewhere,
    unknown_names,
)
from project.config import CeleryConfig
from project.environment import BASE_DIR
from project.servers.valkey import Valkey
from project.topology import LaneRow, expand_lanes

OFFLINE = (
    exchanges_can_delay, jobs_end_in_time, keys_are_distinct, queue_names_are_free, routes_lead_somewhere,
)  # fmt: skip


def queue(name: str, key: str = "", kind: str = "topic") -> Queue:
    return Queue(name, Exchange("tasks", type=kind), routing_key=key or name)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A server of our own, to be set to evict."""
    server = Valkey(tmp_path_factory.mktemp("evicting") / "valkey", "pw", durable=False)
    server.start()
    with Redis.from_url(server.url) as redis:
        yield redis
    server.kill()


def url(redis: Redis, database: int = 0) -> str:
    options = redis.connection_pool.connection_kwargs
    return f"redis://:{options['password']}@{options['host']}:{options['port']}/{database}"


def test_a_name_that_nothing_reads_is_warned_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_WORKER_CONCURENCY", "4")
    (found,) = unknown_names()
    assert found.hint == "Did you mean CELERY_WORKER_CONCURRENCY?"
    assert not found.is_serious()


@pytest.mark.parametrize("check", OFFLINE)
def test_what_is_shipped_has_no_error(check: Any) -> None:
    assert check() == []


@pytest.mark.parametrize("check", [*OFFLINE, unknown_names])
def test_every_check_is_registered(check: Any) -> None:
    assert check in registry.get_checks()


def test_a_route_to_no_queue_is_an_error_with_the_nearest_queue(settings: Any) -> None:
    settings.ROUTES = {"shop.*": {"queue": "emial"}}
    (found,) = routes_lead_somewhere()
    assert found.is_serious()
    assert found.hint == "Did you mean email?"


def test_a_lane_of_notices_to_no_queue_is_an_error(settings: Any) -> None:
    settings.NOTICE_LANES = expand_lanes([LaneRow("urgnet", severity="critical")])
    (found,) = routes_lead_somewhere()
    assert "'urgnet'" in found.msg
    assert found.hint == "Did you mean urgent?"


def test_a_default_queue_that_does_not_exist_is_an_error(settings: Any) -> None:
    settings.CELERY_TASK_DEFAULT_QUEUE = "main"
    (found,) = routes_lead_somewhere()
    assert "CELERY_TASK_DEFAULT_QUEUE" in found.msg


@pytest.mark.parametrize(
    ("limit", "timeout", "wrong"),
    [(1500, 1800, False), (1501, 1800, True), (None, 1800, True), (None, None, False), (7200, 7500, False)],
)
def test_a_job_must_end_before_the_broker_takes_it_away(
    settings: Any, limit: int | None, timeout: int | None, wrong: bool
) -> None:
    settings.CELERY_TASK_TIME_LIMIT, settings.BROKER_ACK_TIMEOUT_SECONDS = limit, timeout
    general = [found for found in jobs_end_in_time() if found.msg.startswith("CELERY_TASK_TIME_LIMIT")]
    assert bool(general) is wrong
    assert all("CELERY_BROKER_ACK_TIMEOUT" in (found.hint or "") for found in general)


def test_a_task_with_a_limit_of_its_own_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    task = current_app.tasks["apps.report.tasks.generate_report_task"]
    monkeypatch.setattr(task, "time_limit", 3600)
    (found,) = jobs_end_in_time()
    assert found.msg.startswith("apps.report.tasks.generate_report_task: a job may run 3600 s")
    assert "at most 1500 s" in (found.hint or "")


def test_a_direct_exchange_is_an_error(settings: Any) -> None:
    settings.CELERY_TASK_QUEUES = [queue("email", kind="direct")]
    assert [found.id for found in exchanges_can_delay()] == ["switchyard.E003"]


@pytest.mark.parametrize(
    ("queues", "text"),
    [
        ([queue("high"), queue("email.high")], "'email.high' is no name"),
        ([queue("high"), queue("email.high")], "queue 'email.high' would also reach 'high'"),
        ([queue("high"), queue("email", "email.high")], "queue 'email' would also reach 'high'"),
        ([queue("email"), queue("video", "email")], "queue 'email' would also reach 'video'"),
        ([queue("Email")], "'Email' is no name"),
        ([queue("email", "mail.#")], "'mail.#' is no name"),
    ],
)
def test_a_key_that_reaches_two_queues_is_an_error(settings: Any, queues: list[Queue], text: str) -> None:
    settings.CELERY_TASK_QUEUES = queues
    assert any(text in found.msg for found in keys_are_distinct())


def test_names_with_a_common_end_are_no_tails_of_each_other(settings: Any) -> None:
    settings.CELERY_TASK_QUEUES = [queue("mail"), queue("email"), queue("bulk_email")]
    assert keys_are_distinct() == []


def test_a_routing_key_of_a_route_is_looked_at_too(settings: Any) -> None:
    settings.ROUTES = {"shop.*": {"queue": "data", "routing_key": "shop.data"}}
    assert "'shop.data' is no name" in keys_are_distinct()[0].msg


@pytest.mark.parametrize(
    "name",
    ["dead", "unrouted", "events", "broadcast", "notices", "celery", "celery_delayed_3", "email_moving"],
)
def test_a_name_that_is_taken_is_an_error(settings: Any, name: str) -> None:
    settings.CELERY_TASK_QUEUES = [queue(name)]
    (found,) = queue_names_are_free()
    assert (found.id, name in found.msg) == ("switchyard.E005", True)


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-lru", "allkeys-random"])
def test_a_redis_that_evicts_must_not_keep_results(settings: Any, redis: Redis, policy: str) -> None:
    redis.config_set("maxmemory-policy", policy)
    settings.CELERY_RESULT_BACKEND = settings.STATE_REDIS_URL = url(redis, 1)
    (found,) = redis_keeps_everything(databases=["default"])
    assert (found.id, policy in found.msg) == ("switchyard.E006", True)
    assert "which keeps results and state, throws" in found.msg
    assert "pw" not in found.msg
    assert "CACHE_URL" in str(found.hint)
    redis.config_set("maxmemory-policy", "noeviction")
    assert redis_keeps_everything(databases=["default"]) == []


def test_a_cache_of_its_own_may_evict(settings: Any, redis: Redis) -> None:
    redis.config_set("maxmemory-policy", "allkeys-lru")
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": url(redis)}}
    assert redis_keeps_everything(databases=["default"]) == []


def test_messages_on_a_redis_that_evicts_are_an_error_too(settings: Any, redis: Redis) -> None:
    redis.config_set("maxmemory-policy", "allkeys-lru")
    settings.CELERY_BROKER_URL = url(redis, 3)
    (found,) = redis_keeps_everything(databases=["default"])
    assert "which keeps messages" in found.msg


def test_a_redis_that_does_not_answer_is_a_warning(settings: Any) -> None:
    settings.STATE_REDIS_URL = "redis://:secret@127.0.0.1:9/2"
    (found,) = redis_keeps_everything(databases=["default"])
    assert (found.id, found.is_serious()) == ("switchyard.W002", False)
    assert "secret" not in found.msg


def test_servers_are_asked_only_when_a_database_is_named(settings: Any, redis: Redis) -> None:
    redis.config_set("maxmemory-policy", "allkeys-lru")
    settings.STATE_REDIS_URL = url(redis, 2)
    call_command("check")
    with pytest.raises(SystemCheckError, match="E006"):
        call_command("check", databases=["default"])
    assert Tags.database in redis_keeps_everything.tags


def test_the_timeout_is_that_of_the_broker_in_docker() -> None:
    lines = (BASE_DIR / "docker" / "rabbitmq" / "rabbitmq.conf").read_text().splitlines()
    (milliseconds,) = [line.split("=")[1] for line in lines if line.startswith("consumer_timeout")]
    assert CeleryConfig.model_fields["broker_ack_timeout"].default * 1000 == int(milliseconds)
