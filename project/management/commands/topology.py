from typing import Any

from celery import current_app
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from kombu.exceptions import OperationalError

from project.broker import declare

CONNECT_TIMEOUT_SECONDS = 30


class Command(BaseCommand):
    help = (
        "Declares every exchange and queue on the broker. Run it before anything publishes; "
        "running it again changes nothing."
    )
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        with current_app.connection_for_write() as connection:
            unreachable: tuple[type[BaseException], ...] = (
                OperationalError,
                *connection.recoverable_connection_errors,
            )
            try:
                connection.ensure_connection(timeout=CONNECT_TIMEOUT_SECONDS)
                names = declare(connection, settings.CELERY_TASK_QUEUES)
            except unreachable as error:
                raise CommandError(f"The broker at {connection.as_uri()} did not answer: {error}") from error
        self.stdout.write(f"{len(names)} queues: {', '.join(names)}")
