from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from project.documenting import env_example, markdown
from project.environment import BASE_DIR

FILES = {"docs/configuration.md": markdown, ".env.example": env_example}


class Command(BaseCommand):
    help = "Shows every environment variable with its default and meaning."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--write", action="store_true", help="write docs/configuration.md and .env.example"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["write"]:
            self.stdout.write(markdown())
            return
        for name, make in FILES.items():
            (BASE_DIR / name).write_text(make(), encoding="utf-8")
            self.stdout.write(f"wrote {name}")
