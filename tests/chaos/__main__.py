"""The run: stage, faults, peace, verdict."""

import argparse
import json
import random
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.chaos.plan import Fault, draw
from tests.chaos.stage import Stage

GAP_SECONDS = 3.0
DRAIN_SECONDS = 240
EXPIRY_NOTE = "a kill -9 of Redis may lose its last second; here it is stopped cleanly"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    faults = draw(options.seed, options.seconds, GAP_SECONDS)
    tell(f"chaos: seed={options.seed}, {options.jobs} jobs, {len(faults)} faults")
    folder = Path(tempfile.mkdtemp(prefix="switchyard-chaos-"))
    stage = Stage(folder)
    try:
        stage.start_servers()
        verdict, examples = run(stage, options, faults)
    finally:
        stage.close()
    for name, found in examples.items():
        tell(f"  {name}: {found}")
    if options.report:
        found = {**verdict.as_dict(), "faults": [str(fault) for fault in faults], "examples": examples}
        options.report.write_text(json.dumps(found, indent=2, default=str) + "\n")
    if verdict.clean:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        tell(f"  logs: {folder}")
    tell(verdict.line)
    return 0 if verdict.clean else 1


def run(stage: Stage, options: argparse.Namespace, faults: list[Fault]):  # type: ignore[no-untyped-def]
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from tests.chaos.checking import judge
    from tests.chaos.faults import Saboteur
    from tests.chaos.jobs import TABLES

    call_command("migrate", verbosity=0)
    call_command("topology", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
    connection.close()
    stage.cast(options.seed, options.jobs, options.seconds)
    threading.Thread(target=stage.keep_running, daemon=True).start()
    saboteur = Saboteur(stage, tell)
    saboteur.play(faults)
    began = time.monotonic()
    tell("peace: waiting until every job has ended")
    wait_for_peace(stage)
    verdict, examples = judge(options.seed)
    if saboteur.failed:
        examples["faults that could not be made"] = saboteur.failed
        verdict.drift += len(saboteur.failed)
    verdict.drained_seconds = round(time.monotonic() - began, 1)
    connection.close()
    tell(
        f"{verdict.executions} executions of {verdict.submitted} jobs; drained in {verdict.drained_seconds} s"
    )
    return verdict, examples


def wait_for_peace(stage: Stage) -> None:
    """Until nothing is open any more, twice in a row, or the time is up."""
    from django.db import DatabaseError, connection

    from tests.chaos.checking import still_open

    deadline, quiet = time.monotonic() + DRAIN_SECONDS, 0
    while time.monotonic() < deadline and quiet < 2:
        time.sleep(1)
        try:
            left = still_open() if stage.handed_in() else -1
        except DatabaseError:
            connection.close()
            continue
        quiet = quiet + 1 if left == 0 else 0


def tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
