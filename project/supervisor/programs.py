"""What `manage.py up` runs, as data: a new process is one row of `children`."""

import signal
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from project.profiles import ProfileRow
from project.servers.postgres import Postgres
from project.servers.secrets import secret
from project.servers.server import Server
from project.servers.valkey import Valkey
from project.supervisor.child import Child, Colour

# In order, with the words after `manage.py`; see preparing.py.
PREPARATIONS = (
    ("migrate", "--no-input"),
    ("topology",),
    ("schedule", "sync"),
    ("admin_user",),
)
SHOWN = {"admin_user"}  # their output is for the user: a new password is told once
DEMO = ("demo",)

CELERY = (sys.executable, "-m", "celery", "-A", "project", "--quiet")
WORKER_COLOURS = {"urgent": Colour.MAGENTA}
SERVER_PORTS = {"postgres": 54320, "valkey": 63790}
# On one's own machine Ctrl-C should not take long: running jobs go back to their queue sooner.
SOFT_SHUTDOWN_SECONDS = 2
GRACE_SECONDS = 15


@dataclass(frozen=True)
class Plan:
    """What this run was asked for. Ports are wishes until `starting` has looked."""

    root: Path
    var: Path
    embedded: tuple[str, ...]
    workers: tuple[tuple[ProfileRow, tuple[str, ...]], ...]  # each with the queues that it reads
    soft_shutdown_seconds: float
    flower_host: str
    flower_prefix: str
    flower_port: int | None  # None: no Flower
    host: str = "127.0.0.1"
    port: int = 8000
    demo: bool = False

    @property
    def web_url(self) -> str:
        return f"http://{shown_host(self.host)}:{self.port}"

    @property
    def flower_url(self) -> str:
        return f"http://{shown_host(self.flower_host)}:{self.flower_port}/{self.flower_prefix}".rstrip("/")


def servers(plan: Plan) -> list[Server]:
    """The embedded servers this run needs, not yet started."""
    kinds: dict[str, Any] = {"postgres": Postgres, "valkey": Valkey}
    return [
        kinds[name](folder=plan.var / name, password=secret(plan.var, f"{name}_password"))
        for name in plan.embedded
    ]


def children(plan: Plan) -> tuple[Child, ...]:
    """In the order of their start; they are stopped in the reverse order."""
    rows = (
        web(plan),
        *(worker(plan, row, queues) for row, queues in plan.workers),
        recorder(plan),
        celery(plan, "beat", "--pidfile=", colour=Colour.BLUE),
        flower(plan),
    )
    return tuple(row for row in rows if row is not None)


def web(plan: Plan) -> Child:
    argv = (
        sys.executable, "-m", "gunicorn", "project.wsgi", "--bind", f"{bracketed(plan.host)}:{plan.port}",
        "--workers", "1", "--threads", "4", "--graceful-timeout", "5", "--no-control-socket",
        "--log-level", "warning",
    )  # fmt: skip
    return Child("web", argv, folder=plan.root, colour=Colour.GREEN, early=True)


def worker(plan: Plan, row: ProfileRow, queues: Iterable[str]) -> Child:
    soft = min(SOFT_SHUTDOWN_SECONDS, plan.soft_shutdown_seconds)
    return Child(
        row.name,
        (*CELERY, "worker", *row.words(queues)),
        env=row.environment()
        | {
            "CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT": str(soft),
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser",
        },
        folder=plan.root,
        colour=WORKER_COLOURS.get(row.name, Colour.CYAN),
        # To Celery SIGTERM means to wait for the running jobs without a limit.
        stop_signal=signal.SIGQUIT,
        grace_seconds=soft + GRACE_SECONDS,
        ready_text=" ready.",
    )


def recorder(plan: Plan) -> Child:
    argv = (sys.executable, "manage.py", "recorder")
    return Child("recorder", argv, folder=plan.root, colour=Colour.WHITE, ready_text="recorder ready")


def celery(plan: Plan, name: str, *more: str, colour: Colour) -> Child:
    argv = (*CELERY, name, *more)
    return Child(name, argv, folder=plan.root, colour=colour, essential=False)


def flower(plan: Plan) -> Child | None:
    if plan.flower_port is None:
        return None
    argv = (sys.executable, "manage.py", "flower", "--port", str(plan.flower_port))
    return Child("flower", argv, folder=plan.root, colour=Colour.YELLOW, essential=False, early=True)


def command(plan: Plan, name: str, argv: tuple[str, ...]) -> Child:
    """A `manage.py` command that runs to its end."""
    return Child(name, (sys.executable, "manage.py", *argv), folder=plan.root)


def preparation(plan: Plan) -> Child:
    argv = (sys.executable, "-m", "project.supervisor.preparing")
    return Child("prepare", argv, folder=plan.root)


def shown_host(host: str) -> str:
    """The address under which one's own browser reaches a server that listens on `host`."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104 - not bound
    return everywhere.get(host, bracketed(host))


def bracketed(host: str) -> str:
    """An IPv6 address as URLs write it."""
    return f"[{host}]" if ":" in host else host
