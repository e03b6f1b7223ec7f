"""The client of RabbitMQ's management API."""

from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

import pytest
from kombu import Connection

from project.rabbitmq.management import Address, Management, ManagementError, RefusedError, reach
from tests.messages import link
from tests.sites import Reply, answer, served
from tests.vhosts import Vhost


@pytest.fixture
def other_site() -> Iterator[str]:
    """Some other web server, which answers everything with the same page."""
    with served(answer(b"<h1>It works!</h1>")) as url:
        yield root_of(url)


def root_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def once_each(asked: Counter[Any]) -> Reply:
    """Promises to keep its connections, and closes each at its second request."""

    def reply(request: BaseHTTPRequestHandler) -> None:
        asked[request.client_address] += 1
        request.protocol_version = "HTTP/1.1"
        request.close_connection = asked[request.client_address] > 1
        if not request.close_connection:
            answer(b"[]")(request)

    return reply


@pytest.mark.parametrize(
    ("broker", "given", "expected"),
    [
        ("amqp://ann:pw@rabbit:5673/jobs", None, Address("http://rabbit:15672", "jobs", "ann", "pw")),
        ("amqps://ann:pw@rabbit/jobs", None, Address("https://rabbit:15671", "jobs", "ann", "pw")),
        ("amqp://ann:p%40w@rabbit//", None, Address("http://rabbit:15672", "/", "ann", "p@w")),
        ("amqp://rabbit", None, Address("http://rabbit:15672", "/", "guest", "guest")),
        ("amqp://ann:pw@rabbit/j", "http://other:80", Address("http://other:80", "j", "ann", "pw")),
        ("amqp://ann:pw@r/j", "https://bob:x%2Fy@o/mq/", Address("https://o/mq", "j", "bob", "x/y")),
    ],
)
def test_the_address_is_the_brokers_but_for_what_is_given(
    broker: str, given: str | None, expected: Address
) -> None:
    assert Address.of(Connection(broker), given) == expected


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(Address("http://x", "/", "ann", "secret"))


def test_the_api_of_another_broker_is_refused(vhost: Vhost) -> None:
    with vhost.management() as api:
        with pytest.raises(ManagementError, match="belongs to another broker: .*, not rabbit@elsewhere"):
            api.refuse_another({"cluster_name": "rabbit@elsewhere"})
        with link(vhost) as connection:
            api.refuse_another(connection.connection.server_properties)


def test_where_no_api_is_the_reason_is_told(vhost: Vhost, other_site: str) -> None:
    with link(vhost) as connection:
        with reach(connection, "http://127.0.0.1:9") as (api, silence):
            assert (api, silence.startswith("nothing answered at http://127.0.0.1:9")) == (None, True)
        with reach(connection, other_site) as (api, silence):
            assert (api, silence) == (None, f"{other_site} is no management API: it answers no JSON")
        with reach(connection, vhost.management_url) as (api, silence):
            assert (api is not None, silence) == (True, "")


def test_a_connection_that_is_closed_between_two_questions_is_made_anew() -> None:
    asked: Counter[Any] = Counter()
    with served(once_each(asked)) as url, Management(Address(root_of(url), "/")) as api:
        assert [api.queues() for _ in range(3)] == [[], [], []]
    assert sorted(asked.values()) == [1, 2, 2]


def test_a_wrong_password_is_refused_and_not_repeated(vhost: Vhost) -> None:
    url = f"http://{vhost.management_url.rpartition('@')[2]}"
    with (
        Management(Address(url, vhost.vhost, "guest", "wrong-word")) as api,
        pytest.raises(RefusedError, match="refuses the user 'guest'") as error,
    ):
        api.policies()
    assert "wrong-word" not in str(error.value)


def test_what_is_not_there_is_none_and_what_is_bad_says_why(vhost: Vhost) -> None:
    with vhost.management() as api:
        assert (api.queue("nothing"), api.exchange("nothing")) == (None, None)
        api.delete_policy("nothing")
        bad = {"pattern": "x", "definition": {"no-such-key": 1}, "apply-to": "queues"}
        with pytest.raises(ManagementError, match="400: Validation failed .*not recognised"):
            api.set_policy("bad", bad)


def test_names_with_strange_characters_reach_the_broker(vhost: Vhost) -> None:
    body = {"pattern": "^x$", "definition": {"max-length": 5}, "apply-to": "queues", "priority": 1}
    with vhost.management() as api:
        api.set_policy("a/b ü%", body)
        assert [row["name"] for row in api.policies()] == ["a/b ü%"]
        api.delete_policy("a/b ü%")
        assert api.policies() == []
