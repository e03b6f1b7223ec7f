import pytest

from project.topology import QUEUES, ROUTES, expand_queues, expand_routes, valid_name


def test_every_route_names_a_queue_that_exists() -> None:
    names = {row.name for row in QUEUES}
    assert {route["queue"] for route in ROUTES.values()} <= names


def test_every_name_is_safe_for_native_delays() -> None:
    assert [row.name for row in QUEUES if valid_name(row.name) != valid_name(row.key)] == []


@pytest.mark.parametrize("name", ["", "a.b", "a#", "*", "Email", "é", "a b", "x" * 101])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a-z, 0-9 and _"):
        valid_name(name)


def test_queues_of_the_environment_come_after_ours() -> None:
    rows = expand_queues([{"name": "video"}, {"name": "email", "routing_key": "mail"}])
    assert rows[-1].name == "video"
    assert next(row.key for row in rows if row.name == "email") == "mail"


def test_routes_of_the_environment_are_tried_first() -> None:
    routes = expand_routes({"apps.email.tasks.slow_*": {"queue": "report"}})
    assert next(iter(routes)) == "apps.email.tasks.slow_*"
    assert routes["apps.email.*"] == {"queue": "email"}


def test_a_bare_app_name_stands_for_all_of_its_tasks() -> None:
    routes = expand_routes({"email": {"queue": "report"}})
    assert routes["apps.email.*"] == routes["email.*"] == {"queue": "report"}
