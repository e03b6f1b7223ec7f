"""Each role at its work with the rights of docker/rabbitmq/definitions.py, and what it is refused."""

import pytest
from amqp.exceptions import AccessRefused, AMQPError, NotAllowed
from kombu import Connection, Exchange, Producer

from project.topology import DEAD, QUEUES, TASKS, UNROUTED
from tests.docker.channels import channel, management, publish
from tests.docker.stack import Container, Stack
from tests.waiting import wait_until

ROLES = ("topology", "web", "worker", "recorder", "monitor")
WORK_QUEUES = [row.name for row in QUEUES]
EVERY_QUEUE = [*WORK_QUEUES, DEAD, UNROUTED]


def test_only_our_own_users_exist(stack: Stack) -> None:
    lines = stack.rabbitmq.ctl("list_users", "--no-table-headers").splitlines()
    assert {line.split("\t")[0] for line in lines} == set(ROLES)


def test_the_topology_user_has_declared_everything(stack: Stack) -> None:
    found = {row["name"] for row in management(stack, "queues/switchyard")}
    assert found >= {*EVERY_QUEUE, "celery_delayed_0", "celery_delayed_27"}


def test_the_topology_command_can_be_run_again(stack: Stack) -> None:
    assert "7 queues" in stack.run("migrate", "topology")


@pytest.mark.parametrize("name", EVERY_QUEUE)
@pytest.mark.parametrize("act", ["basic_get", "basic_consume", "queue_purge"])
def test_the_site_can_read_no_queue(stack: Stack, name: str, act: str) -> None:
    with channel(stack, "web") as link, pytest.raises(AccessRefused):
        getattr(link, act)(name)


@pytest.mark.parametrize("name", [DEAD, UNROUTED, "celery_delayed_27", "celery_delayed_delivery"])
@pytest.mark.parametrize("act", ["exchange_delete", "queue_delete", "queue_purge"])
def test_the_site_can_not_change_what_is_not_for_it(stack: Stack, name: str, act: str) -> None:
    with channel(stack, "web") as link, pytest.raises(AccessRefused):
        getattr(link, act)(name)


def test_the_site_can_not_put_a_message_past_the_exchange(stack: Stack) -> None:
    """Not through the default exchange, which would reach the dead and any reply queue."""
    with channel(stack, "web") as link, pytest.raises(AMQPError, match="refused"):
        publish(link, "", DEAD)


def test_the_site_publishes_now_and_later_and_tells_flower(stack: Stack) -> None:
    script = """
from celery import current_app as app
from tests.docker.jobs import add_task
for priority in (5, 0, 9):
    add_task.apply_async((1, 2), priority=priority)
add_task.apply_async((1, 2), countdown=1)
print(len(app.amqp._event_dispatcher._outbound_buffer))
"""
    assert stack.shell("web", script) == "0", "events could not be sent"


def test_the_site_can_ask_the_workers_and_hear_them(stack: Stack, worker: Container) -> None:
    script = "from celery import current_app as app; print(app.control.inspect(timeout=5).ping())"
    assert "pong" in stack.shell("web", script)


def test_a_worker_runs_jobs_and_their_retries_and_chords(stack: Stack, worker: Container) -> None:
    script = """
from celery import chord
from tests.docker.jobs import add_task, second_try_task, total_task
later = add_task.apply_async((1, 2), countdown=1)
retried = second_try_task.apply_async(priority=5)
whole = chord([add_task.s(n, n) for n in range(4)])(total_task.s())
print([each.get(timeout=30) for each in (later, retried, whole)])
"""
    assert stack.shell("web", script) == "[3, 1, 12]"
    wrong = [line for line in worker.said().splitlines() if "refused" in line or '"error"' in line]
    # Other modules publish to the same queues, for their limits, what is no job.
    assert [line for line in wrong if "apps.jobs.consuming" not in line] == []


def test_a_running_worker_hears_the_site(stack: Stack, worker: Container) -> None:
    script = "from apps.messaging.broadcasting import send; print(send('log_level', {'level': 'INFO'}))"
    wait_until(
        lambda: stack.shell("web", script) == "True" and "level of everything is now INFO" in worker.said(),
        60,
        "the worker to hear it",
    )


def test_an_urgent_notice_of_the_site_goes_by_its_headers(stack: Stack) -> None:
    with channel(stack, "web") as link:
        headers = {"severity": "critical", "channel": "other"}
        Producer(link, auto_declare=False).publish(
            "x", exchange="notices", routing_key="urgent", headers=headers, mandatory=True, confirm_timeout=5
        )
        with pytest.raises(AMQPError, match="refused"):
            publish(link, "events", "shop.sold")


def test_only_the_recorder_takes_events(stack: Stack) -> None:
    with channel(stack, "topology") as link:
        link.queue_declare("events_probe", durable=True, auto_delete=False)
    with channel(stack, "recorder") as link:
        link.basic_get("events_probe")
    for role in ("web", "worker", "monitor"):
        with channel(stack, role) as link, pytest.raises(AccessRefused):
            link.basic_get("events_probe")
    with channel(stack, "topology") as link:
        link.queue_delete("events_probe")


def test_a_worker_can_read_neither_the_dead_nor_the_unrouted(stack: Stack) -> None:
    for name in (DEAD, UNROUTED):
        with channel(stack, "worker") as link, pytest.raises(AccessRefused):
            link.basic_consume(name)


def test_virtual_hosts_keep_to_themselves(stack: Stack) -> None:
    stack.rabbitmq.ctl("add_vhost", "neighbour")
    stack.rabbitmq.ctl("add_user", "stranger", "stranger")
    stack.rabbitmq.ctl("set_permissions", "-p", "neighbour", "stranger", ".*", ".*", ".*")
    url = f"amqp://stranger:stranger@127.0.0.1:{stack.rabbitmq.port}/switchyard"
    with pytest.raises(NotAllowed), Connection(url) as link:
        link.channel()
    for role in ROLES:
        with pytest.raises(NotAllowed), channel(stack, role, "neighbour"):
            pass
    stack.rabbitmq.ctl("delete_user", "stranger")


def test_a_wrong_password_is_refused(stack: Stack) -> None:
    url = f"amqp://worker:wrong@127.0.0.1:{stack.rabbitmq.port}/switchyard"
    with pytest.raises(AccessRefused), Connection(url) as link:
        link.channel()


def test_the_monitor_may_neither_start_a_job_nor_read_one(stack: Stack) -> None:
    with channel(stack, "monitor") as link, pytest.raises(AMQPError, match="refused"):
        publish(link, TASKS, "default")
    for name in EVERY_QUEUE:
        with channel(stack, "monitor") as link, pytest.raises(AccessRefused):
            link.basic_consume(name)
    with channel(stack, "monitor") as link, pytest.raises(AccessRefused):
        Exchange("mine", type="fanout", channel=link).declare()
