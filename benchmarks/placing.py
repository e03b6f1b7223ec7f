"""Which processors a process may use: worker and servers apart, as on machines of their own."""

import os
from collections.abc import Iterable

import psutil


def halves() -> tuple[set[int], set[int]]:
    """The worker's processors and those of everything else; the same ones if there is just one."""
    found = sorted(os.sched_getaffinity(0))
    middle = len(found) // 2
    return set(found[:middle] or found), set(found[middle:])


def place(pids: Iterable[int], processors: set[int]) -> None:
    """Moves these processes, their children and all their threads; what they start later comes along."""
    for pid in pids:
        for process in family(pid):
            for thread in process.threads():
                os.sched_setaffinity(thread.id, processors)


def family(pid: int) -> list[psutil.Process]:
    """A process and all below it."""
    top = psutil.Process(pid)
    return [top, *top.children(recursive=True)]
