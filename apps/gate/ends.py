"""Which jobs have ended for good. Redis hears at once that one is sent again, the ledger a little later."""

from collections.abc import Mapping
from typing import Any

from apps.jobs.states import FINISHED
from apps.jobs.stream.names import place, tries_key
from apps.jobs.stream.reaching import stream_redis


def still_ended(versions: Mapping[str, int]) -> set[str]:
    """Of jobs that have ended as far as the ledger knows, those that were not reopened since then.

    Takes the ledger's `version` of each, by id. Raises redis's errors.
    """
    if not versions:
        return set()
    with stream_redis().pipeline(transaction=False) as pipe:
        for job_id in versions:
            pipe.hmget(tries_key(job_id), ["s", "r"])
        answers: list[Any] = pipe.execute()
    pairs = zip(versions.items(), answers, strict=True)
    return {job_id for (job_id, version), (state, since) in pairs if not is_open(state, since, version)}


def is_open(state: bytes | None, since: bytes | None, version: int) -> bool:
    """A Redis that lost its data, or knows only what was before that end, opens nothing."""
    if state is None or since is None or state.decode() in FINISHED:
        return False
    return place(since.decode()) > version
