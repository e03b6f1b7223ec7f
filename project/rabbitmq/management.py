"""RabbitMQ's management API: policies, bindings and arguments, which AMQP itself does not show."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import quote, unquote, urlsplit

from kombu import Connection

TIMEOUT_SECONDS = 10
PORT, TLS_PORT = 15672, 15671
REFUSALS = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class ManagementError(Exception):
    """The API could not be used; the text says why and fits into a sentence."""


class RefusedError(ManagementError):
    """It answers, but this user may not do that."""


@dataclass(frozen=True)
class Address:
    """Where the API is, who asks, and which virtual host it is about."""

    url: str
    vhost: str
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, connection: Connection, given: str | None) -> Self:
        """As given; what that leaves out is the broker's: its host, user, password and vhost."""
        tls = bool(connection.ssl) or str(connection.transport_cls) == "amqps"
        scheme, port = ("https", TLS_PORT) if tls else ("http", PORT)
        parts = urlsplit(given or f"{scheme}://{connection.hostname}:{port}")
        own = parts.username is not None
        return cls(
            url=f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}",
            vhost=connection.virtual_host or "/",
            user=unquote(parts.username or "") if own else connection.userid or "guest",
            password=unquote(parts.password or "") if own else connection.password or "guest",
        )


class Management:
    """The API for one virtual host. Every method raises ManagementError, and may ask twice: whatever is
    asked for can be repeated."""

    def __init__(self, address: Address) -> None:
        import httpx

        self.address = address
        self._http = httpx.Client(
            base_url=f"{address.url}/api",
            auth=(address.user, address.password),
            timeout=TIMEOUT_SECONDS,
            trust_env=False,  # the broker is in our own network: no proxy
            verify=ssl.create_default_context() if address.url.startswith("https:") else False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def refuse_another(self, properties: Mapping[str, Any]) -> None:
        """Raises unless it belongs to the broker whose AMQP connection told these properties."""
        theirs, ours = self.ask("GET", "overview").get("cluster_name"), properties.get("cluster_name")
        if theirs != ours:
            raise ManagementError(f"{self.address.url} belongs to another broker: {theirs}, not {ours}")

    def queues(self) -> list[dict[str, Any]]:
        return list(self.ask("GET", "queues", self.vhost))

    def queue(self, name: str) -> dict[str, Any] | None:
        """Its figures are some seconds old, and missing at first."""
        return self.find("queues", self.vhost, name)

    def exchanges(self) -> list[dict[str, Any]]:
        return list(self.ask("GET", "exchanges", self.vhost))

    def exchange(self, name: str) -> dict[str, Any] | None:
        return self.find("exchanges", self.vhost, name)

    def bindings(self) -> list[dict[str, Any]]:
        return list(self.ask("GET", "bindings", self.vhost))

    def bindings_of(self, queue: str) -> list[dict[str, Any]]:
        """Without the one that every queue has to the default exchange."""
        return [row for row in self.ask("GET", "queues", self.vhost, queue, "bindings") if row["source"]]

    def policies(self) -> list[dict[str, Any]]:
        return list(self.ask("GET", "policies", self.vhost))

    def set_policy(self, name: str, body: Mapping[str, Any]) -> None:
        self.ask("PUT", "policies", self.vhost, name, body=body)

    def delete_policy(self, name: str) -> None:
        if self.find("policies", self.vhost, name) is not None:
            self.ask("DELETE", "policies", self.vhost, name)

    @property
    def vhost(self) -> str:
        return self.address.vhost

    def find(self, *path: str) -> dict[str, Any] | None:
        answer = self._send("GET", path, None)
        return None if answer.status_code == HTTPStatus.NOT_FOUND else self._content(answer)

    def ask(self, method: str, *path: str, body: Mapping[str, Any] | None = None) -> Any:
        return self._content(self._send(method, path, body))

    def _send(self, method: str, path: tuple[str, ...], body: Mapping[str, Any] | None) -> Any:
        import httpx

        target = "/" + "/".join(quote(part, safe="") for part in path)
        try:
            try:
                return self._http.request(method, target, json=body)
            except httpx.RemoteProtocolError:  # a kept connection, which the server was about to close
                return self._http.request(method, target, json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ManagementError(f"nothing answered at {self.address.url} ({error})") from error

    def _content(self, answer: Any) -> Any:
        if answer.status_code in REFUSALS:
            raise RefusedError(f"{self.address.url} refuses the user {self.address.user!r}: {reason(answer)}")
        if answer.is_error:
            raise ManagementError(f"{self.address.url} answered {answer.status_code}: {reason(answer)}")
        try:
            return answer.json() if answer.content else None
        except ValueError as error:
            raise ManagementError(f"{self.address.url} is no management API: it answers no JSON") from error


@contextmanager
def reach(connection: Connection, given: str | None) -> Iterator[tuple[Management | None, str]]:
    """The API of the broker at the other end of this open connection; or None, and why not."""
    with Management(Address.of(connection, given)) as api:
        silence = why_silent(api, connection)
        yield (None if silence else api), silence


def why_silent(api: Management, connection: Connection) -> str:
    try:
        api.refuse_another(connection.connection.server_properties)
    except ManagementError as error:
        return str(error)
    return ""


def reason(answer: Any) -> str:
    try:
        return " ".join(str(answer.json()["reason"]).split())
    except (ValueError, KeyError, TypeError):
        return str(answer.reason_phrase)
