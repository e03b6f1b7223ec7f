"""What people write in the environment, and what they get told."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from project.config import AppConfig, CeleryConfig, FlowerConfig
from project.deployment import Deployment, load, unknown_variables
from project.servers import running

HANDBOOK = """
# ========== Celery ==========
CELERY_BROKER_URL=amqp://celery_user:celery_password@localhost:5672/celery
CELERY_RESULT_BACKEND=redis://127.0.0.1:6379/1
CELERY_TASK_SERIALIZER=json
CELERY_RESULT_SERIALIZER=json
CELERY_ACCEPT_CONTENT=json
CELERY_TIMEZONE=Asia/Shanghai
CELERY_ENABLE_UTC=True
CELERY_RESULT_EXPIRES=86400
CELERY_TASK_MAX_RETRIES=3
CELERY_TASK_RETRY_DELAY=60
CELERY_TASK_TIME_LIMIT=3600
CELERY_WORKER_CONCURRENCY=4
CELERY_WORKER_PREFETCH_MULTIPLIER=4
CELERY_TASK_ROUTES={"tasks.email_tasks.*": {"queue": "email"}, "tasks.data_tasks.*": {"queue": "data"}}
FLOWER_PORT=5555
FLOWER_URL_PREFIX=flower
FLOWER_BASIC_AUTH=admin:admin123
"""
PRODUCTION = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "a-long-and-random-value-0123456789-abcdefghijklmnopqrstuvwxyz",
    "WEBHOOK_SECRET": "w" * 32,
    "DATABASE_URL": "postgresql://app:secret@db/switchyard",
    "REDIS_URL": "redis://:secret@state:6379/0",
    "CELERY_BROKER_URL": "amqp://app:secret@rabbit/switchyard",
    "ALLOWED_HOSTS": "jobs.example.com",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Sets variables on an environment that holds none of ours."""
    names = ("CELERY_", "FLOWER_", "REDIS_URL", "DATABASE_URL", "VAR_ROOT", "SWITCHYARD_")
    for name in [name for name in os.environ if name.startswith(names)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SWITCHYARD_ENV_FILE", "")
    monkeypatch.setenv("VAR_ROOT", str(tmp_path))

    def give(**variables: str) -> Deployment:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return load()

    return give


def test_with_nothing_set_every_server_is_embedded(environment: Any) -> None:
    deployment = environment()
    assert deployment.embedded_servers == ("postgres", "valkey")


def test_a_server_that_is_named_is_not_embedded(environment: Any) -> None:
    deployment = environment(DATABASE_URL="postgresql://a:b@db/x", REDIS_URL="redis://state:6379/5")
    assert deployment.embedded_servers == ("valkey",)
    assert environment(CELERY_BROKER_URL="amqp://rabbit").embedded_servers == ()


def test_one_redis_gives_three_databases(environment: Any) -> None:
    deployment = environment(REDIS_URL="redis://:p@state:6379")
    assert deployment.cache_url == "redis://:p@state:6379/0"
    assert deployment.result_url == "redis://:p@state:6379/1"
    assert deployment.state_url == "redis://:p@state:6379/2"


def test_the_cache_may_have_a_redis_of_its_own(environment: Any) -> None:
    assert environment(CACHE_URL="redis://cache/0").cache_url == "redis://cache/0"


def test_the_handbooks_env_file_boots_unchanged(environment: Any, tmp_path: Path) -> None:
    (tmp_path / "env").write_text(HANDBOOK)
    deployment = environment(SWITCHYARD_ENV_FILE=str(tmp_path / "env"))
    assert deployment.celery.task_routes["tasks.data_tasks.*"] == {"queue": "data"}
    assert deployment.celery.hard_time_limit == 3600
    assert deployment.celery.soft_time_limit == 2880
    assert deployment.state_url == "redis://127.0.0.1:6379/2"
    assert deployment.flower_basic_auth == "admin:admin123"
    assert unknown_variables() == {}


def test_the_environment_wins_over_the_env_file(environment: Any, tmp_path: Path) -> None:
    (tmp_path / "env").write_text("CELERY_WORKER_CONCURRENCY=7\n")
    variables = {"SWITCHYARD_ENV_FILE": str(tmp_path / "env"), "CELERY_WORKER_CONCURRENCY": "9"}
    assert environment(**variables).celery.worker_concurrency == 9


@pytest.mark.parametrize("text", ["json", '["json"]', " json "])
def test_accept_content_takes_every_spelling(environment: Any, text: str) -> None:
    assert environment(CELERY_ACCEPT_CONTENT=text).celery.accept_content == ["json"]


def test_routes_are_given_one_by_one_or_in_json_or_both(environment: Any) -> None:
    deployment = environment(
        CELERY_TASK_ROUTES='{"shop.*": {"queue": "data"}}', CELERY_TASK_ROUTES__EMAIL__QUEUE="report"
    )
    assert deployment.celery.task_routes == {"shop.*": {"queue": "data"}, "email": {"queue": "report"}}


def test_a_secret_may_come_from_a_file(environment: Any, tmp_path: Path) -> None:
    (tmp_path / "broker").write_text("amqp://app:from-a-file@rabbit/\n")
    deployment = environment(CELERY_BROKER_URL_FILE=str(tmp_path / "broker"))
    assert deployment.broker_url == "amqp://app:from-a-file@rabbit/"


def test_flower_is_where_it_runs_now_or_as_configured(environment: Any, tmp_path: Path) -> None:
    running.note(tmp_path, "flower", "http://127.0.0.1:5556/flower", 5556, os.getpid())
    assert environment().flower_url == "http://127.0.0.1:5556/flower"
    assert environment(FLOWER_URL="https://flower.example.com").flower_url == "https://flower.example.com"


def test_flower_of_a_killed_run_is_nowhere(environment: Any, tmp_path: Path) -> None:
    killed = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    running.note(tmp_path, "flower", "http://127.0.0.1:5556/flower", 5556, killed.pid)
    killed.kill()
    killed.communicate()
    assert environment().flower_url is None


def test_secrets_are_made_once_in_development(environment: Any) -> None:
    assert environment().secret_key == load().secret_key
    assert len(load().secret_key) >= 32


BAD = [
    ("CELERY_WORKER_CONCURRENCY", "abc", "integer"),
    ("CELERY_WORKER_CONCURRENCY", "0", "greater than or equal to 1"),
    ("CELERY_TASK_TIME_LIMIT", "-1", "greater than or equal to 1"),
    ("CELERY_TASK_TIME_LIMIT", "soon", "integer"),
    ("CELERY_TASK_ROUTES", "shop.routers.ByTenant", "JOB_ROUTERS"),
    ("CELERY_TASK_QUEUES", '[{"name": "video", "type": "lazy"}]', "quorum or classic"),
    ("CELERY_TIMEZONE", "Asia/Shangai", "time zone"),
    ("CELERY_TASK_SERIALIZER", "pickle", "'json'"),
    ("CELERY_ACCEPT_CONTENT", "json,pickle", "'json'"),
    ("CELERY_RESULT_BACKEND", "db+postgresql://x/y", "redis://"),
    ("CELERY_BROKER_URL", "localhost:5672", "amqp://"),
    ("CELERY_BROKER_URL", "amqp://host:port/", "port"),
    ("CELERY_TASK_ROUTES", "{", "JSON"),
    ("CELERY_TASK_ROUTES", '{"a.*": "email"}', "dictionary"),
    ("CELERY_TASK_ROUTES", '{"a.*": {}}', "queue"),
    ("CELERY_TASK_ROUTES", '{"a.*": {"queue": "a.b"}}', "a-z, 0-9 and _"),
    ("CELERY_TASK_QUEUES", '[{"name": "Video"}]', "a-z, 0-9 and _"),
    ("CELERY_TASK_QUEUES", "[{}]", "name"),
    ("CELERY_TASK_RETRY_BACKOFF", "sometimes", "jitter"),
    ("CELERY_ENABLE_UTC", "perhaps", "boolean"),
    ("CELERY_WORKER_LOG_LEVEL", "LOUD", "DEBUG"),
    ("FLOWER_PORT", "70000", "65535"),
    ("FLOWER_BASIC_AUTH", "admin", "name:password"),
    ("DATABASE_URL", "sqlite:///x", "postgres"),
    ("EMAIL_URL", "mail.example.com", "smtp"),
    ("SECRET_KEY", "short", "50"),
    ("ENVIRONMENT", "staging", "production"),
    ("SECRET_KEY_FILE", "/no/such/file", "readable"),
]


@pytest.mark.parametrize(("name", "value", "expected"), BAD)
def test_a_bad_value_is_named_with_what_was_expected(
    environment: Any, capsys: pytest.CaptureFixture[str], name: str, value: str, expected: str
) -> None:
    with pytest.raises(SystemExit) as exit_:
        environment(**{name: value})
    said = capsys.readouterr().err
    assert exit_.value.code == 1
    assert name in said
    assert expected in said


def test_a_secret_is_never_echoed(environment: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        environment(SECRET_KEY="hunter2", FLOWER_BASIC_AUTH="swordfish")
    said = capsys.readouterr().err
    assert "hunter2" not in said
    assert "swordfish" not in said


def test_the_soft_limit_must_come_before_the_hard_one(
    environment: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        environment(CELERY_TASK_TIME_LIMIT="60", CELERY_TASK_SOFT_TIME_LIMIT="90")
    assert "CELERY_TASK_SOFT_TIME_LIMIT: expected less than the hard limit" in capsys.readouterr().err


def test_the_workers_cap_lowers_the_time_limit(environment: Any) -> None:
    celery = environment(CELERY_WORKER_TASK_TIME_LIMIT="100").celery
    assert (celery.hard_time_limit, celery.soft_time_limit) == (100, 80)


def test_a_profiles_cap_must_leave_room_for_the_soft_limit(
    environment: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its worker would not start."""
    assert environment(WORKER_PROFILES__URGENT__TIME_LIMIT_SECONDS="120").app.worker_profiles
    assert environment(CELERY_TASK_SOFT_TIME_LIMIT="119").celery.soft_time_limit == 119
    with pytest.raises(SystemExit):
        environment(CELERY_TASK_SOFT_TIME_LIMIT="120")
    assert capsys.readouterr().err.endswith(
        "  WORKER_PROFILES: urgent: time_limit_seconds: expected more than CELERY_TASK_SOFT_TIME_LIMIT, "
        "which is 120 s, got 120\n"
    )


def test_a_workers_cap_does_not_shorten_the_visibility_timeout(tmp_path: Path) -> None:
    """On Redis, the worker with the shortest would give away jobs that others still run."""
    script = "from project.settings import *; print(CELERY_BROKER_TRANSPORT_OPTIONS['visibility_timeout'])"
    limits = {"CELERY_TASK_TIME_LIMIT": "7200", "CELERY_WORKER_TASK_TIME_LIMIT": "60"}
    done = python("-c", script, **limits, CELERY_BROKER_URL="redis://127.0.0.1:9/3", VAR_ROOT=str(tmp_path))
    assert done.stdout.strip() == "7500", done.stderr


def test_no_limit_can_be_asked_for(environment: Any) -> None:
    celery = environment(CELERY_TASK_TIME_LIMIT="none").celery
    assert celery.hard_time_limit is None


def test_all_bad_variables_are_listed_together_without_a_traceback(tmp_path: Path) -> None:
    bad = {"CELERY_WORKER_CONCURRENCY": "abc", "CELERY_TASK_TIME_LIMIT": "-1", "FLOWER_PORT": "x"}
    done = manage("check", **bad)
    assert done.returncode == 1
    assert all(name in done.stderr for name in bad)
    assert "Traceback" not in done.stderr


def test_production_demands_its_secrets_and_servers(
    environment: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        environment(ENVIRONMENT="production")
    said = capsys.readouterr().err
    needed = ("SECRET_KEY", "WEBHOOK_SECRET", "DATABASE_URL", "REDIS_URL", "ALLOWED_HOSTS")
    assert all(name in said for name in needed)
    assert "CELERY_BROKER_URL" in said


def test_a_complete_production_starts_nothing_embedded(environment: Any) -> None:
    deployment = environment(**PRODUCTION)
    assert deployment.embedded_servers == ()
    assert deployment.flower_basic_auth is None


def test_the_deploy_check_is_clean_in_production(tmp_path: Path) -> None:
    done = manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION, VAR_ROOT=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "secrets.json").exists()


def test_an_unknown_name_is_shown_with_the_nearest_known_one(environment: Any) -> None:
    environment(CELERY_WORKER_CONCURENCY="4", FLOWER_PROT="1", CELERY_APP="project")
    assert unknown_variables() == {
        "CELERY_WORKER_CONCURENCY": "CELERY_WORKER_CONCURRENCY",
        "FLOWER_PROT": "FLOWER_PORT",
    }


@pytest.mark.parametrize("section", [AppConfig, CeleryConfig, FlowerConfig])
def test_every_variable_says_what_it_is(section: Any) -> None:
    assert [name for name, field in section.model_fields.items() if not field.description] == []


def test_every_field_of_the_handbook_exists() -> None:
    fields = [
        "broker_url",
        "result_backend",
        "task_serializer",
        "result_serializer",
        "accept_content",
        "timezone",
        "enable_utc",
        "result_expires",
        "result_extended",
        "task_max_retries",
        "task_retry_delay",
        "task_retry_backoff",
        "task_retry_backoff_max",
        "task_time_limit",
        "task_soft_time_limit",
        "task_strict",
        "worker_concurrency",
        "worker_prefetch_multiplier",
        "worker_max_tasks_per_child",
        "worker_task_time_limit",
        "task_routes",
        "task_default_queue",
        "task_default_routing_key",
        "task_queues",
        "task_send_sent_event",
        "task_track_started",
        "worker_log_level",
        "worker_log_format",
        "worker_task_log_format",
    ]
    assert [name for name in fields if name not in CeleryConfig.model_fields] == []


def test_the_results_url_of_the_environment_tells_the_ledger_too(tmp_path: Path) -> None:
    script = "from project import celery_app; print(type(celery_app.backend).__name__)"
    done = python("-c", script, CELERY_RESULT_BACKEND="redis://127.0.0.1:6379/1", VAR_ROOT=str(tmp_path))
    assert done.stdout.strip() == "CanvasBackend", done.stderr


def test_a_stopped_embedded_server_is_said_in_one_line(tmp_path: Path) -> None:
    done = manage("cleanup", "--list", DATABASE_URL="", REDIS_URL="", VAR_ROOT=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [
        "The embedded servers are not running. Start them in another terminal: make run"
    ]


def manage(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return python("manage.py", *arguments, **variables)


def python(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, *arguments]
    return subprocess.run(argv, env=os.environ | variables, capture_output=True, text=True, check=False)
