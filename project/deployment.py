"""What the configuration means on this machine: which servers serve us, and with which secrets.

A server that no variable names is an embedded one, started by `manage.py up` with its data under
`var/`. Everything after this module sees URLs only.
"""

import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NoReturn, TypeVar
from urllib.parse import urlsplit, urlunsplit

from pydantic import ValidationError
from pydantic_settings.exceptions import SettingsError

from project.config import AppConfig, CeleryConfig, FlowerConfig
from project.environment import BASE_DIR, Section, complaints, unknown, variables
from project.profiles import expand_profiles
from project.servers.private_files import UnreadableError
from project.servers.running import Running
from project.servers.secrets import secret

CACHE_DATABASE, RESULT_DATABASE, STATE_DATABASE, BROKER_DATABASE = 0, 1, 2, 3


@dataclass(frozen=True)
class Deployment:
    """The three sections of configuration and what follows from them."""

    app: AppConfig
    celery: CeleryConfig
    flower: FlowerConfig

    @property
    def var(self) -> Path:
        """Folder of the embedded servers, generated secrets, mail, uploads and reports."""
        return BASE_DIR / (self.app.var_root or "var")

    @property
    def production(self) -> bool:
        return self.app.environment == "production"

    @cached_property
    def embedded_servers(self) -> tuple[str, ...]:
        """Which of "postgres" and "valkey" `manage.py up` has to start."""
        postgres = () if self.app.database_url else ("postgres",)
        valkey = () if self.redis_given and self.celery.broker_url else ("valkey",)
        return postgres + valkey

    @property
    def redis_given(self) -> str | None:
        return self.app.redis_url or self.celery.result_backend

    @cached_property
    def database_url(self) -> str:
        return self.app.database_url or self.embedded_url("postgres")

    @property
    def cache_url(self) -> str:
        return self.app.cache_url or self.redis(CACHE_DATABASE)

    @property
    def result_url(self) -> str:
        return self.celery.result_backend or self.redis(RESULT_DATABASE)

    @property
    def state_url(self) -> str:
        """Locks, progress and heartbeats."""
        return self.redis(STATE_DATABASE)

    @property
    def broker_url(self) -> str:
        return self.celery.broker_url or numbered(self.embedded_url("valkey"), BROKER_DATABASE)

    def redis(self, database: int) -> str:
        return numbered(self.redis_given or self.embedded_url("valkey"), database)

    def embedded_url(self, name: str) -> str:
        """The last known address; before the first start, one where nothing listens."""
        placeholder = {"postgres": "postgresql://switchyard@127.0.0.1:9/switchyard"}
        return self.running.urls().get(name) or placeholder.get(name, "redis://127.0.0.1:9/0")

    @cached_property
    def running(self) -> Running:
        return Running.read(self.var)

    @property
    def secret_key(self) -> str:
        return self.app.secret_key or secret(self.var, "secret_key")

    @property
    def webhook_secret(self) -> str:
        return self.app.webhook_secret or secret(self.var, "webhook_secret")

    @property
    def flower_url(self) -> str | None:
        """Where people find Flower: as configured, or where the `manage.py up` that runs now keeps it."""
        return self.flower.url or self.running.url("flower")

    @property
    def flower_basic_auth(self) -> str | None:
        """None only in production, where `manage.py flower` then refuses to start."""
        if self.flower.basic_auth or self.production:
            return self.flower.basic_auth
        return f"admin:{secret(self.var, 'flower_password')}"


def numbered(url: str, database: int) -> str:
    """The same Redis server, another of its databases."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def unknown_variables() -> dict[str, str | None]:
    """CELERY_ and FLOWER_ names that nothing reads, each with the nearest one that something does."""
    found: dict[str, str | None] = {}
    for section in (CeleryConfig, FlowerConfig):
        prefix = str(section.model_config["env_prefix"])
        known = [f"{prefix}{name.upper()}" for name in section.model_fields]
        found |= unknown(prefix, [*known, *FOREIGN], variables())
    return found


# Read by Celery itself.
FOREIGN = (
    "CELERY_APP", "CELERY_LOADER", "CELERY_CONFIG_MODULE", "CELERY_SKIP_CHECKS", "CELERY_TRACE_APP",
    "CELERY_BROKER", "CELERY_RDBSIG", "CELERY_RDB_HOST", "CELERY_RDB_PORT", "CELERY_LOG_LEVEL",
    "CELERY_NO_COLOR", "CELERY_QUIET", "CELERY_WORKDIR", "CELERYBEAT_SCHEDULE",
)  # fmt: skip


AnySection = TypeVar("AnySection", bound=Section)


def load() -> Deployment:
    """The whole configuration; prints every bad variable and exits with 1 if there is one."""
    wrong: list[str] = []
    app, celery, flower = (
        read(AppConfig, wrong), read(CeleryConfig, wrong), read(FlowerConfig, wrong),
    )  # fmt: skip
    if celery is not None and not celery.broker_url and wants_production():
        wrong.append("CELERY_BROKER_URL: must be set when ENVIRONMENT=production")
    if app is not None and celery is not None:
        wrong += caps_below_soft_limit(app, celery)
    if app is None or celery is None or flower is None or wrong:
        refuse(wrong)
    deployment = Deployment(app, celery, flower)
    try:
        deployment.running, deployment.secret_key  # noqa: B018 - a damaged file is told here, not in a traceback
    except UnreadableError as error:
        refuse([str(error)])
    return deployment


def caps_below_soft_limit(app: AppConfig, celery: CeleryConfig) -> list[str]:
    """A worker of such a profile would refuse to start."""
    soft = celery.task_soft_time_limit if "task_soft_time_limit" in celery.model_fields_set else None
    return [
        f"WORKER_PROFILES: {row.name}: time_limit_seconds: expected more than "
        f"CELERY_TASK_SOFT_TIME_LIMIT, which is {soft} s, got {row.time_limit_seconds}"
        for row in expand_profiles(app.worker_profiles).values()
        if soft and row.time_limit_seconds and row.time_limit_seconds <= soft
    ]


def wants_production() -> bool:
    return variables().get("ENVIRONMENT") == "production"


def read(section: type[AnySection], wrong: list[str]) -> AnySection | None:
    try:
        return section()
    except ValidationError as error:
        wrong += complaints(section, error)
    except SettingsError as error:
        wrong.append(str(error))
    return None


def refuse(wrong: list[str]) -> NoReturn:
    lines = "\n".join(f"  {line}" for line in wrong)
    sys.stderr.write(f"Switchyard can't start: bad configuration.\n{lines}\n")
    raise SystemExit(1)
