"""The guardian: a tiny process that outlives ours and ends what we started if we are killed.

It reads lines from its input until that closes, which happens when its owner ends in any way:

    watch <pid> <signal> <grace seconds> <wave>
    release <pid>

Then it ends what is still watched, lowest wave first: the signal, the grace, SIGKILL to the
process, its group and its descendants. It needs only the standard library.
"""

import signal
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass

from project.servers import processes


@dataclass(frozen=True)
class Ward:
    pid: int
    start: str
    number: signal.Signals
    grace_seconds: float
    wave: int

    @property
    def living(self) -> bool:
        return processes.alive(self.pid, self.start)


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    wards = read(sys.stdin)
    for wave in sorted({ward.wave for ward in wards}):
        end([ward for ward in wards if ward.wave == wave])


def read(lines: Iterable[str]) -> list[Ward]:
    """Follow the lines to their end; what is still watched then, latest first."""
    wards: dict[int, Ward] = {}
    for line in lines:
        verb, pid, *rest = line.split()
        wards.pop(int(pid), None)
        start = processes.started(int(pid))
        if verb == "watch" and start is not None:
            number, grace, wave = rest
            ward = Ward(int(pid), start, signal.Signals(int(number)), float(grace), int(wave))
            wards[ward.pid] = ward
    return list(reversed(wards.values()))


def end(wards: list[Ward]) -> None:
    began, living = time.monotonic(), [ward for ward in wards if ward.living]
    for ward in living:
        processes.send([ward.pid], ward.number)
        processes.send(processes.family(ward.pid), signal.SIGCONT)
    for ward in sorted(living, key=lambda ward: ward.grace_seconds):
        left_seconds = ward.grace_seconds - (time.monotonic() - began)
        if not processes.wait_gone([ward.pid], left_seconds) and ward.living:
            processes.kill_family(ward.pid)
        processes.send_group(ward.pid, signal.SIGKILL)
