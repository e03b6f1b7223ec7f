"""A user's own routers: whose word counts, in each way a job is handed in; and what wrong ones do."""

from typing import Any

import pytest
from celery import current_app, shared_task
from django.core.checks import run_checks

from apps.jobs import Call, chaining, submit, submit_many
from apps.jobs.errors import ArgumentError, RoutingError
from apps.jobs.models import Job
from apps.jobs.routing import route
from apps.jobs.tests.ledger import drain, entries, own_stream  # noqa: F401
from apps.jobs.tests.mailbox import empty, letters
from apps.jobs.tests.routers_of_a_user import HERE
from apps.jobs.tests.sample_tasks import add_task

NAME = str(add_task.name)


@pytest.fixture
def routers(settings: Any) -> Any:
    def use(*names: str) -> None:
        settings.JOB_ROUTERS = [f"{HERE}.{name}" for name in names]

    return use


@pytest.fixture
def sized() -> Any:
    """A task whose long lists go elsewhere."""

    def queue_by(_task: Any, args: Any, kwargs: Any) -> str | None:
        return "data" if len(args[0] if args else kwargs["rows"]) > 2 else None

    @shared_task(name="test.sized", queue_by=queue_by)  # type: ignore[call-overload] # celery-types doesn't know it
    def take(rows: list[int]) -> None:
        """Takes rows."""

    task = current_app.tasks["test.sized"]
    yield task
    current_app.tasks.pop("test.sized")


def queue(args: Any = (), task: Any = add_task, **options: Any) -> str:
    return str(route(task.name, args, {}, options, task)["queue"])


@pytest.mark.parametrize(
    ("name", "expected"), [("by_name", "cleanup"), ("OldStyle", "email"), ("by_object", "data")]
)
def test_celerys_own_kinds_of_router_work_unchanged(routers: Any, name: str, expected: str) -> None:
    routers(name)
    assert queue() == expected


def test_the_first_router_that_minds_is_heard(routers: Any) -> None:
    routers("ByTenant", "OldStyle")
    assert (queue([13]), queue([1])) == ("report", "email")
    routers("OldStyle", "ByTenant")
    assert queue([13]) == "email"


def test_a_router_sees_arguments_and_options(routers: Any) -> None:
    routers("ByTenant")
    assert (queue([13]), queue(priority=9), queue([12], priority=8)) == ("report", "report", "default")


def test_what_else_a_celery_router_says_goes_to_celery(routers: Any) -> None:
    routers("OldStyle")
    assert route(NAME, (), {}, {}, add_task)["expires"] == 600


def test_the_order_is_asked_for_urgent_router_arguments_pattern_default(
    routers: Any, sized: Any, settings: Any
) -> None:
    routers("ByTenant")
    long: Any = [[1, 2, 3]]
    assert "queue" not in route(sized.name, [[13]], {}, {"queue": "email", "priority": 0}, sized)
    assert queue([13], priority=0) == "urgent"
    assert queue([13, 1, 1]) == "report"
    assert queue([*long, 13], sized) == "report"
    assert queue(long, sized) == "data"
    assert queue([[1]], sized) == "default"
    assert str(route("apps.email.tasks.any", [13], {}, {})["queue"]) == "report"
    assert str(route("apps.email.tasks.any", [1], {}, {})["queue"]) == "email"


@pytest.mark.django_db
def test_every_way_of_submitting_asks_the_router(routers: Any) -> None:
    routers("ByTenant")
    assert submit(add_task, args=[13]).queue == "report"
    assert [job.queue for job in submit_many(add_task, [[13], [1]])] == ["report", "default"]
    steps = [(NAME, Call([1])), (NAME, Call([13]))]
    assert [job.queue for job in chaining.submit_chain(steps)] == ["default", "report"]


@pytest.mark.django_db
@pytest.mark.usefixtures("no_others", "own_stream")
def test_plain_celery_asks_the_router_too(routers: Any) -> None:
    empty()
    routers("ByTenant")
    add_task.delay(13)
    add_task.s(1).set(queue="data").delay()
    add_task.apply_async((13,), priority=1)
    current_app.send_task("a.task.that.is.not.here", (13,))
    drain()
    assert list(Job.objects.order_by("submitted_at").values_list("queue", flat=True)) == [
        "report", "data", "urgent", "report",
    ]  # fmt: skip
    empty()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Mistyped", f"the router {HERE}.Mistyped said 'emial', which is no queue; did you mean email?"),
        ("Broken", f"the router {HERE}.Broken failed: KeyError: 'tenant'"),
        ("Missing", f"the router {HERE}.Missing can't be imported"),
        ("NoMethod", f"the router {HERE}.NoMethod has no method route"),
    ],
)
@pytest.mark.django_db
def test_a_wrong_router_is_told_to_the_caller_and_nothing_is_handed_in(
    routers: Any, name: str, words: str
) -> None:
    routers(name)
    with pytest.raises(RoutingError) as told:
        submit(add_task, args=[1])
    assert told.value.problems["queue"].startswith(words)
    with pytest.raises(ArgumentError, match=r"calls\.0\.queue: the router"):
        submit_many(add_task, [[1], [2]])
    with pytest.raises(RoutingError, match=HERE):
        add_task.delay(1)
    assert not Job.objects.exists()


@pytest.mark.django_db
def test_who_asks_for_a_queue_needs_no_router(routers: Any) -> None:
    routers("Broken")
    assert submit(add_task, args=[1], queue="data").queue == "data"


def test_a_retry_needs_no_router(routers: Any) -> None:
    routers("Broken")
    assert queue(routing_key="data", exchange="tasks") == "data"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Missing", "can't be imported: "),
        ("NoMethod", "has no method route: expected a class with a method route("),
        ("WantsMore", "can't be made without arguments: TypeError"),
        ("HERE", "has no method route"),
    ],
)
def test_a_router_that_cannot_be_asked_stops_the_start(routers: Any, name: str, words: str) -> None:
    routers("ByTenant", name)
    (found,) = [message for message in run_checks() if message.id == "jobs.E004"]
    assert found.msg.startswith(f"The router {HERE}.{name} {words}")
    assert found.is_serious()


def test_good_routers_pass_the_check(routers: Any) -> None:
    routers("ByTenant", "by_name", "OldStyle", "by_object")
    assert [message for message in run_checks() if message.id == "jobs.E004"] == []


@pytest.mark.parametrize("priority", [-1, 10, "high", 2.5])
def test_a_priority_that_is_none_is_refused(priority: Any) -> None:
    with pytest.raises(ArgumentError, match="expected 0 .first. to 9"):
        add_task.apply_async((1,), priority=priority)


@pytest.mark.usefixtures("no_others", "own_stream")
@pytest.mark.parametrize(("given", "sent"), [(0, 9), (None, 4), (9, 0)])
def test_plain_celery_has_the_same_priorities_as_submit(given: int | None, sent: int) -> None:
    """RabbitMQ has the highest number first."""
    empty()
    options: Any = {"priority": given, "queue": "default"}
    add_task.apply_async((1,), **options)
    (letter,) = letters()
    assert letter.properties["priority"] == sent
