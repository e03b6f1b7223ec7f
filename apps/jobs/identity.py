"""Who a worker process is. A worker that is started again is somebody else, whatever its name."""

from functools import cache
from secrets import token_hex


@cache
def life() -> str:
    """Made once in the worker's main process, and the same in the processes it forks."""
    return token_hex(6)


def instance(node_name: str) -> str:
    return f"{node_name}#{life()}"
