"""The recorder's side of the stream: batches by consumer group, shared by any number of recorders."""

import logging
import os
import socket
from secrets import token_hex
from typing import Any

from apps.jobs.stream.names import GROUP, STREAM, place
from apps.jobs.stream.reaching import stream_redis
from apps.recorder.batch import Entry

logger = logging.getLogger(__name__)

DEAD_MILLISECONDS = 30_000  # a recorder that holds entries for this long has died
FORGET_MILLISECONDS = 3_600_000


class Reader:
    """One consumer of the group. Every method raises redis's errors when Redis is out of reach."""

    def __init__(self) -> None:
        self.name = f"{socket.gethostname()}-{os.getpid()}-{token_hex(3)}"
        self.redis: Any = stream_redis()

    def join(self) -> None:
        """Makes the group where it isn't there, such as after Redis has lost its data."""
        from redis import ResponseError

        try:
            self.redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def read(self, count: int, wait_milliseconds: int) -> list[Entry]:
        """The next entries that no other recorder has; empty when none came in that time."""
        found = self.redis.xreadgroup(GROUP, self.name, {STREAM: ">"}, count=count, block=wait_milliseconds)
        return entries_of(found)

    def claim(self, count: int) -> list[Entry]:
        """Entries that a recorder took and never finished."""
        found = self.redis.xautoclaim(STREAM, GROUP, self.name, DEAD_MILLISECONDS, count=count)
        return [(entry_id, fields) for entry_id, fields in found[1] if fields]

    def done(self, ids: list[bytes]) -> None:
        """These are in the ledger. What no recorder has in hand any more leaves the stream.

        Entries are handed out in their order, so all before the oldest one in hand are done. To trim
        them together costs Redis far less than to delete each.
        """
        with self.redis.pipeline(transaction=False) as pipe:
            pipe.xack(STREAM, GROUP, *ids)
            pipe.xinfo_groups(STREAM)  # before what is in hand is asked: it may be handed out in between
            pipe.xpending(STREAM, GROUP)
            _, groups, pending = pipe.execute()
        handed_out = next(group["last-delivered-id"] for group in groups if group["name"] == GROUP.encode())
        oldest = min(
            filter(None, [after(handed_out), pending["min"]]), key=lambda entry_id: place(entry_id.decode())
        )
        self.redis.xtrim(STREAM, minid=oldest, approximate=False)

    def length(self) -> int:
        return int(self.redis.xlen(STREAM))

    def forget_the_dead(self) -> None:
        """Consumers with nothing left to claim."""
        for consumer in self.redis.xinfo_consumers(STREAM, GROUP):
            if consumer["pending"] == 0 and consumer["idle"] > FORGET_MILLISECONDS:
                self.redis.xgroup_delconsumer(STREAM, GROUP, consumer["name"])


def after(entry_id: bytes) -> bytes:
    """The smallest id that can follow."""
    milliseconds, _, sequence = entry_id.partition(b"-")
    return b"%s-%d" % (milliseconds, int(sequence) + 1)


def entries_of(answer: Any) -> list[Entry]:
    """redis-py answers with a list or, on protocol 3, with a dict of lists of lists."""
    if not answer:
        return []
    parts = answer.values() if isinstance(answer, dict) else [part for _, part in answer]
    found: list[Entry] = []
    for part in parts:
        for item in part:
            found += [item] if isinstance(item, tuple) else item
    return found
