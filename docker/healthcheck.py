"""Whether this container's process does its work: exit code 0 or 1, and a line that says why.

Run as `python -I -S docker/healthcheck.py`: it loads nothing of the project, so it costs some 30 ms.
docker/entrypoint.sh noted which process to look at. What each check can and can't see:

web, flower  The page that answers from the process alone. Says nothing of the servers behind it.
worker       The main process runs and holds a connection to the broker. The broker hangs up on who
             misses two heartbeats, so a frozen worker shows within about a minute. A pool whose
             every process is stuck in a job does not show; time limits end those.
recorder     Each of its duties comes round, as it notes itself in a file; one that hangs for a minute shows,
             a duty that fails and begins anew does not: /health/ready of the site tells what waits.
beat         Its main thread wakes up, which it does once a second. It may yet fail to send.
"""

import http.client
import os
import re
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

HOME = Path(os.environ.get("HOME", "."))
NOTE, PULSE = HOME / ".switchyard-process", HOME / ".switchyard-pulse"
ANSWER_SECONDS = 4
BEAT_SECONDS = 2.5
PULSE_SECONDS = 15
OK = 200
ESTABLISHED = "01"  # in /proc/net/tcp
AMQP_PORTS = {"amqp": 5672, "amqps": 5671, "redis": 6379, "rediss": 6379}


class Sick(Exception):
    """What is wrong, in words."""


def main() -> int:
    try:
        role, pid = NOTE.read_text().split()
        CHECKS[role](int(pid))
    except (Sick, OSError, ValueError, KeyError, http.client.HTTPException) as error:
        sys.stdout.write(f"{type(error).__name__}: {error}\n")
        return 1
    return 0


def web(pid: int) -> None:
    page(int(os.environ.get("WEB_PORT", "8000")), "/health/live")


def flower(pid: int) -> None:
    prefix = os.environ.get("FLOWER_URL_PREFIX", "").strip("/")
    page(int(os.environ.get("FLOWER_PORT", "5555")), f"/{prefix}/healthcheck" if prefix else "/healthcheck")


def worker(pid: int) -> None:
    alive(pid)
    port = broker_port()
    if not sockets(pid) & established(pid, port):
        raise Sick(f"no connection to the broker's port {port}")


def recorder(pid: int) -> None:
    alive(pid)
    silent = time.time() - PULSE.stat().st_mtime
    if silent > PULSE_SECONDS:
        raise Sick(f"has not moved for {silent:.0f} s")
    stuck = PULSE.read_text().strip()
    if stuck:
        raise Sick(f"stuck: {stuck}")


def beat(pid: int) -> None:
    alive(pid)
    before = wake_ups(pid)
    time.sleep(BEAT_SECONDS)
    if wake_ups(pid) == before:
        raise Sick(f"has not moved in {BEAT_SECONDS} s")


CHECKS = {
    "web": web, "flower": flower, "worker": worker, "urgent": worker, "recorder": recorder, "beat": beat,
}  # fmt: skip


def page(port: int, path: str) -> None:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    link.request("GET", path, headers={"Host": host()})
    status = link.getresponse().status
    if status != OK:
        raise Sick(f"{path} answered {status}")


def host() -> str:
    """A name that Django answers to."""
    names = re.findall(r'[^\s,\[\]"]+', os.environ.get("ALLOWED_HOSTS", ""))
    return names[0].lstrip(".").replace("*", "localhost") if names else "localhost"


def alive(pid: int) -> None:
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    if state in "TtZX":
        raise Sick(f"process {pid} is in state {state}")


def broker_port() -> int:
    url = os.environ.get("CELERY_BROKER_URL") or Path(os.environ["CELERY_BROKER_URL_FILE"]).read_text()
    parts = urlsplit(url.strip())
    return parts.port or AMQP_PORTS[parts.scheme]


def sockets(pid: int) -> "set[str]":
    """The numbers of the sockets that the process has open."""
    links = (str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir())
    return {link[8:-1] for link in links if link.startswith("socket:[")}


def established(pid: int, port: int) -> "set[str]":
    """The numbers of the sockets connected to that port of another side."""
    rows = []
    for table in ("tcp", "tcp6"):
        lines = Path(f"/proc/{pid}/net/{table}").read_text().splitlines()
        rows += [line.split() for line in lines[1:]]
    return {row[9] for row in rows if row[3] == ESTABLISHED and int(row[2].rpartition(":")[2], 16) == port}


def wake_ups(pid: int) -> str:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(line for line in status.splitlines() if line.startswith("voluntary_ctxt_switches"))


if __name__ == "__main__":
    sys.exit(main())
