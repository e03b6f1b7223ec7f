import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = "Starts Flower on a private address, never without a password."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=settings.FLOWER_PORT)
        parser.add_argument("--address", default=settings.FLOWER_ADDRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.FLOWER_BASIC_AUTH:
            raise CommandError("Set FLOWER_BASIC_AUTH=name:password: Flower is never open.", returncode=2)
        # Flower reads FLOWER_ variables itself; a password on its command line would show in `ps`.
        environment = os.environ | {
            "FLOWER_BASIC_AUTH": settings.FLOWER_BASIC_AUTH,
            "FLOWER_URL_PREFIX": settings.FLOWER_URL_PREFIX,
            "FLOWER_MAX_TASKS": "10000",
            "FLOWER_MAX_WORKERS": "200",
            "FLOWER_READ_ONLY": str(settings.ENVIRONMENT == "production"),
            "FLOWER_PORT": str(options["port"]),
            "FLOWER_ADDRESS": options["address"],
        }
        os.execve(  # noqa: S606 - Flower takes this process's place, so signals reach it
            sys.executable,
            [sys.executable, "-m", "celery", "-A", "project", "--quiet", "flower"],
            environment,
        )
