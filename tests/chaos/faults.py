"""How each fault is made, and undone."""

import random
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence

import psutil

from project.servers.server import Server, ServerError
from tests.chaos.plan import RECORDERS, SUBMITTERS, WORKERS, Fault
from tests.chaos.stage import Stage

HUGE_DISK = "1000000GB"  # the largest unit that rabbitmqctl takes
SMALL_DISK = "50MB"


class Saboteur:
    """Makes the faults at their times, side by side; no two on one target at once."""

    def __init__(self, stage: Stage, tell: Callable[[str], None]) -> None:
        self.stage, self.tell = stage, tell
        self.failed: list[str] = []
        self.locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self.acts: dict[str, Callable[[Fault], None]] = {
            "kill worker": lambda f: self.to_role("worker", f.target % WORKERS, signal.SIGKILL),
            "kill pool child": self.kill_child,
            "stop worker": lambda f: self.terminate("worker", f.target % WORKERS),
            "freeze worker": lambda f: self.freeze("worker", f.target % WORKERS, f.seconds),
            "kill recorder": lambda f: self.to_role("recorder", f.target % RECORDERS, signal.SIGKILL),
            "freeze recorder": lambda f: self.freeze("recorder", f.target % RECORDERS, f.seconds),
            "kill submitter": lambda f: self.to_role("submitter", f.target % SUBMITTERS, signal.SIGKILL),
            "stop rabbitmq": lambda f: self.stop_server(stage.rabbitmq, f.seconds),
            "freeze rabbitmq": lambda f: self.freeze_server(stage.rabbitmq, f.seconds),
            "close connections": self.close_connections,
            "disk alarm": self.disk_alarm,
            "stop redis": lambda f: self.stop_server(stage.valkey, f.seconds),
            "restart postgres": lambda f: self.stop_server(stage.postgres, f.seconds, kill=f.target % 2 == 0),
        }

    def play(self, faults: Sequence[Fault]) -> None:
        """Returns when the last fault is undone."""
        began, threads = time.monotonic(), []
        for fault in faults:
            time.sleep(max(0.0, fault.at - (time.monotonic() - began)))
            self.tell(str(fault))
            thread = threading.Thread(target=self.make, args=(fault,), daemon=True)
            thread.start()
            threads.append(thread)
        for thread in threads:
            thread.join()

    def make(self, fault: Fault) -> None:
        target = "rabbitmq" if fault.kind in {"disk alarm", "close connections"} else fault.kind.split()[1]
        number = fault.target % {"worker": WORKERS, "recorder": RECORDERS}.get(target, 1)
        with self.locks[f"{target} {number}"]:
            try:
                self.acts[fault.kind](fault)
            except psutil.NoSuchProcess as error:  # the target was just dead
                self.tell(f"          {fault.kind}: {error}")
            except ServerError as error:
                self.failed.append(f"{fault.kind}: {error}")
                self.tell(f"          {fault.kind} could not be made: {error}")

    def to_role(self, name: str, number: int, what: signal.Signals) -> None:
        self.stage.roles[f"{name} {number}"].signal(what)

    def terminate(self, name: str, number: int) -> None:
        process = self.stage.roles[f"{name} {number}"].process
        if process is not None and process.poll() is None:
            process.terminate()

    def kill_child(self, fault: Fault) -> None:
        family = self.stage.roles[f"worker {fault.target % WORKERS}"].family()
        if len(family) > 1:
            random.Random(fault.at).choice(family[1:]).kill()

    def freeze(self, name: str, number: int, seconds: float) -> None:
        family = self.stage.roles[f"{name} {number}"].family()
        for process in family:
            process.suspend()
        time.sleep(seconds)
        for process in family:
            if process.is_running():
                process.resume()

    def stop_server(self, server: Server, seconds: float, *, kill: bool = False) -> None:
        server.kill() if kill else server.stop()
        time.sleep(seconds)
        server.restart()

    def freeze_server(self, server: Server, seconds: float) -> None:
        server.freeze()
        time.sleep(seconds)
        server.thaw()

    def disk_alarm(self, fault: Fault) -> None:
        self.control("set_disk_free_limit", HUGE_DISK)
        time.sleep(fault.seconds)
        self.control("set_disk_free_limit", SMALL_DISK)

    def close_connections(self, _: Fault) -> None:
        said = self.control("close_all_connections", "--global", "chaos")
        self.tell(f"          {said.strip()}")

    def control(self, *words: str) -> str:
        return self.stage.rabbitmq.ctl(*words)
