import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from amqp.exceptions import AMQPError
from celery import current_app
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.module_loading import import_string
from kombu import Connection
from kombu.exceptions import OperationalError

from project.broker import Wanted, declare, is_amqp, unbind_events
from project.rabbitmq.management import ManagementError, reach
from project.rabbitmq.migrating import Migration, MigrationError
from project.rabbitmq.moving import MoveError
from project.rabbitmq.policies import Limits
from project.rabbitmq.telling import checked, kept, told
from project.rabbitmq.upkeep import Broker, keep, look
from project.topology import SubscriptionRow

CONNECT_TIMEOUT_SECONDS = 30
DIFFERS = "The broker is not as it has to be."


class Command(BaseCommand):
    help = (
        "Declares every exchange and queue on the broker and sets its policies. Run it before anything "
        "publishes; running it again changes nothing."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--check", action="store_true", help="only say what differs; exits with 1")
        what.add_argument(
            "--migrate",
            nargs="+",
            metavar="QUEUE",
            help="give these queues, which are in use, the arguments they have to have; loses no message, "
            "and after a kill goes on where it was",
        )
        parser.add_argument(
            "--force", action="store_true", help="with --migrate: even while workers read them"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        with self.connected() as connection:
            try:
                self.act(connection, options)
            except (AMQPError, ManagementError, MigrationError, MoveError) as error:
                raise CommandError(str(error)) from error

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        with current_app.connection_for_write(heartbeat=0) as connection:
            unreachable: tuple[type[BaseException], ...] = (
                OperationalError,
                *connection.recoverable_connection_errors,
            )
            try:
                connection.ensure_connection(timeout=CONNECT_TIMEOUT_SECONDS)
            except unreachable as error:
                raise CommandError(f"The broker at {connection.as_uri()} did not answer: {error}") from error
            yield connection

    def act(self, connection: Connection, options: dict[str, Any]) -> None:
        if not is_amqp(connection.as_uri()):
            self.act_without_rabbitmq(connection, options)
            return
        with reach(connection, settings.BROKER_MANAGEMENT_URL) as (api, silence):
            limits = Limits(settings.QUEUE_DELIVERY_LIMIT, settings.QUEUE_MAX_BYTES)
            broker = Broker(
                connection, tuple(settings.CELERY_TASK_QUEUES), limits, api, silence, beside_the_work_queues()
            )
            if options["migrate"]:
                self.migrate(broker, options)
            elif options["check"]:
                self.check_broker(broker, options)
            else:
                self.keep(broker, options)

    def act_without_rabbitmq(self, connection: Connection, options: dict[str, Any]) -> None:
        if options["migrate"]:
            raise CommandError("Only RabbitMQ has queues with arguments; this broker is another.")
        names = [queue.name for queue in settings.CELERY_TASK_QUEUES]
        more = beside_the_work_queues()
        subscribed = [row.queue for row in more.subscriptions]
        if not options["check"]:
            declare(connection, settings.CELERY_TASK_QUEUES, more)
            unbind_events(connection, more.subscriptions)
        note = "This broker has neither exchanges nor policies." if options["check"] else ""
        lines = [f"{len(names)} queues: {', '.join(names)}", told(subscribed), note]
        data = {"queues": names, "subscriptions": subscribed, "differences": []}
        self.tell(data, [line for line in lines if line], options)

    def keep(self, broker: Broker, options: dict[str, Any]) -> None:
        outcome = keep(broker)
        self.tell(*kept(broker, outcome), options)
        if outcome.left:
            raise CommandError(DIFFERS)

    def check_broker(self, broker: Broker, options: dict[str, Any]) -> None:
        differences = look(broker)
        self.tell(*checked(broker, differences), options)
        if differences:
            raise CommandError(DIFFERS)

    def migrate(self, broker: Broker, options: dict[str, Any]) -> None:
        if broker.api is None:
            raise CommandError(f"A migration needs the management API: {broker.silence}")
        queues = {queue.name: queue for queue in broker.queues}
        unknown = [name for name in options["migrate"] if name not in queues]
        if unknown:
            raise CommandError(f"No queue of ours: {', '.join(unknown)}. Ours are {', '.join(queues)}.")
        done = {}
        for name in options["migrate"]:
            say = self.stderr.write if options["json"] else self.stdout.write
            done[name] = Migration(broker.connection, broker.api, queues[name], say, options["force"]).run()
        lines = [f"{name}: {'migrated' if moved else 'unchanged'}" for name, moved in done.items()]
        self.tell({"migrated": done}, lines, options)

    def tell(self, data: dict[str, Any], lines: list[str], options: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(data, indent=2) if options["json"] else "\n".join(lines))


def beside_the_work_queues() -> Wanted:
    rows = import_string("apps.messaging.subscribing.patterns")()
    return Wanted(
        tuple(SubscriptionRow(name, pattern) for name, pattern in rows.items()), tuple(settings.NOTICE_LANES)
    )
