"""`up` with small programs in place of the platform's: `python -m project.tests.driver FOLDER JSON`.

The JSON object may name other programs for "web", "prepare" and "demo", and the ports of the site
and of Flower. Valkey is the real one.
"""

import json
import sys
from pathlib import Path
from typing import Any

from project.supervisor import programs, starting
from project.supervisor.child import Child
from project.supervisor.output import Output
from project.supervisor.programs import Plan

ROOT = Path(__file__).parents[2]
WEB = """
import http.server, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health/live" else 404)
        self.end_headers()
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
"""
WORKER = "import time; time.sleep(.2); print('worker@here ready.', flush=True); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


def run(folder: Path, wishes: dict[str, Any]) -> int:
    def child(name: str, program: str, *argv: str, **options: Any) -> Child:
        return Child(name, (sys.executable, "-c", wishes.get(name, program), *argv), **options)

    def children(plan: Plan) -> tuple[Child, ...]:
        return (
            child("web", WEB, str(plan.port), early=True),
            child("worker", WORKER, ready_text=" ready."),
            child("stubborn", STUBBORN, grace_seconds=0.5, essential=False),
            *([child("flower", WEB, str(plan.flower_port), essential=False)] if plan.flower_port else []),
        )

    programs.children = children
    programs.preparation = lambda plan: child("prepare", "print('a new password')")
    programs.command = lambda plan, name, argv: child(name, "print('the table')")
    plan = Plan(
        root=ROOT, var=folder, embedded=("valkey",), workers=(),
        soft_shutdown_seconds=1, flower_host="127.0.0.1", flower_prefix="",
        flower_port=wishes.get("flower_port"), port=wishes["port"], demo="demo" in wishes,
    )  # fmt: skip
    return starting.up(plan, Output(sys.stdout.fileno(), width=len("worker")))


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), json.loads(sys.argv[2])))
