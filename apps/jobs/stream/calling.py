"""Calling the scripts: one connection for each thread and process, asked directly.

A job waits for two of these calls; redis-py's client, with its pool, retries and metrics around each
command, takes as long as Redis itself. `redis.Connection` is its documented lower half.
"""

import os
import threading
from typing import Any

from apps.jobs.stream import scripts

NAMES = ("START", "FINISH", "TELL", "REOPEN", "LOSE", "HOLD", "ASK")


class Scripts(threading.local):
    """Raises redis's errors. After any of them the connection is made anew, so no answer goes astray."""

    def __init__(self, client: Any) -> None:
        super().__init__()
        self.client = client
        self.pid = 0
        self.connection: Any = None
        self.digests: dict[str, str] = {}

    def call(self, name: str, keys: list[str], args: list[Any]) -> Any:
        from redis.exceptions import NoScriptError

        try:
            return self.ask("EVALSHA", self.digest(name), len(keys), *keys, *args)
        except NoScriptError:  # Redis was started anew
            self.digests.clear()
            return self.ask("EVALSHA", self.digest(name), len(keys), *keys, *args)

    def digest(self, name: str) -> str:
        if name not in self.digests:
            loaded = self.ask("SCRIPT", "LOAD", getattr(scripts, name))
            self.digests[name] = loaded.decode() if isinstance(loaded, bytes) else str(loaded)
        return self.digests[name]

    def ask(self, *words: Any) -> Any:
        from redis.exceptions import ResponseError

        connection = self.own_connection()
        try:
            connection.send_command(*words)
            return connection.read_response()
        except ResponseError:
            raise
        except BaseException:  # a time limit may strike in between: the answer would be the next one's
            connection.disconnect()
            raise

    def own_connection(self) -> Any:
        if self.connection is None or self.pid != os.getpid():
            self.connection, self.pid = self.client.connection_pool.make_connection(), os.getpid()
        return self.connection
