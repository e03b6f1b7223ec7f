"""Writes something durable to a server and reads it back, with the client that we really use."""

from collections.abc import Callable
from typing import Protocol

import psycopg
import redis
from kombu import Connection, Queue

from project.servers.server import Server


class Client(Protocol):
    def __call__(self, server: Server) -> str | None: ...


def write_postgres(server: Server) -> None:
    with psycopg.connect(server.url) as link:
        link.execute("CREATE TABLE IF NOT EXISTS note (text text)")
        link.execute("INSERT INTO note VALUES ('kept')")


def read_postgres(server: Server) -> str | None:
    with psycopg.connect(server.url) as link:
        row = link.execute("SELECT text FROM note").fetchone()
    return str(row[0]) if row else None


def write_valkey(server: Server) -> None:
    with redis.Redis.from_url(server.url, decode_responses=True) as link:
        link.set("note", "kept")
        # Only what reached the disk survives a kill; Valkey does that once a second by itself.
        link.execute_command("WAITAOF", 1, 0, 10_000)


def read_valkey(server: Server) -> str | None:
    with redis.Redis.from_url(server.url, decode_responses=True) as link:
        value = link.get("note")
    return str(value) if value is not None else None


def write_rabbitmq(server: Server) -> None:
    with Connection(server.url, transport_options={"confirm_publish": True}) as link:
        queue = link.SimpleQueue("note")
        queue.put("kept")
        queue.close()


def read_rabbitmq(server: Server) -> str | None:
    with Connection(server.url) as link:
        message = Queue("note", channel=link.default_channel).get()
    return str(message.payload) if message is not None else None


WRITE: dict[str, Callable[[Server], None]] = {
    "postgres": write_postgres,
    "valkey": write_valkey,
    "rabbitmq": write_rabbitmq,
}
READ: dict[str, Client] = {
    "postgres": read_postgres,
    "valkey": read_valkey,
    "rabbitmq": read_rabbitmq,
}
