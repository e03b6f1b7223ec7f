"""A virtual host of our own on a broker that somebody gave: it is as good as a broker of our own."""

import secrets
from dataclasses import dataclass
from typing import Protocol, Self
from urllib.parse import unquote, urlsplit, urlunsplit

from project.rabbitmq.management import Address, Management, ManagementError

# Where the management API is when nobody says: beside the broker, or as far off as RabbitMQ puts it.
OFFSETS = (1, 10_000)
DEFAULT_PORT = 5672
EVERYTHING = {"configure": ".*", "write": ".*", "read": ".*"}


class Broker(Protocol):
    """What a test may know of the broker it runs on."""

    @property
    def url(self) -> str: ...

    @property
    def management_url(self) -> str: ...

    @property
    def vhost(self) -> str: ...


@dataclass(frozen=True)
class Vhost:
    url: str
    management_url: str
    vhost: str

    @classmethod
    def make(cls, broker: str, api_url: str | None) -> Self:
        """On the broker of this URL. Exits when its management API can't be used."""
        parts = urlsplit(broker)
        found = api_url or first_answering(broker)
        name = f"switchyard-tests-{secrets.token_hex(4)}"
        made = cls(urlunsplit(parts._replace(path=f"/{name}")), found, name)
        with made.management() as api:
            api.ask("PUT", "vhosts", name, body={})
            for user in {unquote(parts.username or "guest"), api.address.user}:
                api.ask("PUT", "permissions", name, user, body=EVERYTHING)
        return made

    def delete(self) -> None:
        with self.management() as api:
            api.ask("DELETE", "vhosts", self.vhost)

    def management(self) -> Management:
        return management(self)


def management(broker: Broker) -> Management:
    """The API of a given broker, or of one of our own."""
    return Management(address(broker.management_url, broker.vhost))


def first_answering(broker: str) -> str:
    parts = urlsplit(broker)
    login = parts.netloc.rpartition("@")[0]
    port = parts.port or DEFAULT_PORT
    tried = [f"http://{login}@{parts.hostname}:{port + offset}" for offset in OFFSETS]
    complaints = []
    for url in tried:
        try:
            with Management(address(url, "/")) as api:
                api.ask("GET", "overview")
        except ManagementError as error:
            complaints.append(str(error))
        else:
            return url
    raise SystemExit(f"TEST_BROKER_MANAGEMENT_URL is needed: {'; '.join(complaints)}.")


def address(url: str, vhost: str) -> Address:
    parts = urlsplit(url)
    plain = f"{parts.scheme}://{parts.hostname}:{parts.port}"
    return Address(plain, vhost, unquote(parts.username or "guest"), unquote(parts.password or "guest"))
