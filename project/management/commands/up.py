"""Runs the whole platform on this machine."""

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from project.checks import in_use
from project.environment import BASE_DIR
from project.servers.ports import HIGHEST
from project.supervisor.output import Output
from project.supervisor.programs import Plan
from project.supervisor.starting import up


class Command(BaseCommand):
    help = (
        "Start the embedded servers, the site, the workers, beat and Flower; "
        "restart what crashes; stop all of it on Ctrl-C."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help=_("address of the site"))
        parser.add_argument("--port", type=port, default=8000, help=_("port of the site"))
        parser.add_argument(
            "--flower-port", type=port, default=settings.FLOWER_PORT, help=_("port of Flower")
        )
        parser.add_argument("--no-flower", action="store_true", help=_("leave Flower out"))
        parser.add_argument("--demo", action="store_true", help=_("run the demo once all is up"))

    def handle(self, *args: Any, **options: Any) -> None:
        handle = sys.stdout.fileno()
        colour = os.isatty(handle) and not os.environ.get("NO_COLOR") and not options["no_color"]
        code = up(plan(options), Output(handle, colour=colour, width=width()))
        # Nothing of ours is buffered, and a closed pipe must not become an error at the exit.
        sys.exit(code)


def width() -> int:
    return max(map(len, ("recorder", *settings.WORKER_SET)))


def port(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= HIGHEST):
        raise ArgumentTypeError(_("expected a port from 1 to {}, got {!r}").format(HIGHEST, text))
    return int(text)


def plan(options: dict[str, Any]) -> Plan:
    rows, names = in_use(), [queue.name for queue in settings.CELERY_TASK_QUEUES]
    return Plan(
        root=BASE_DIR,
        var=BASE_DIR / settings.VAR_ROOT,
        embedded=tuple(settings.EMBEDDED_SERVERS),
        workers=tuple((row, tuple(read)) for row in rows if (read := row.queues_of(rows, names))),
        soft_shutdown_seconds=settings.CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT,
        flower_host=settings.FLOWER_ADDRESS,
        flower_prefix=settings.FLOWER_URL_PREFIX,
        flower_port=None if options["no_flower"] else options["flower_port"],
        host=options["host"],
        port=options["port"],
        demo=options["demo"],
    )
