"""The long run, on servers of its own."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from tests.servers import servers  # sets the environment that Django's settings read

os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from tests.beats.run import run  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.beats")
    parser.add_argument("--schedules", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--beats", type=int, default=3)
    options = parser.parse_args()
    servers.start_broker()
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    call_command("topology", verbosity=0)
    try:
        folder = Path(tempfile.mkdtemp(prefix="switchyard-beats-"))
        verdict = run(options.schedules, options.seconds, options.beats, folder)
    finally:
        connection.close()
        servers.stop()
    sys.stdout.write(f"lag p50, p99, max: {verdict.lag}\n{verdict.line}\n")
    return 0 if verdict.clean else 1


if __name__ == "__main__":
    sys.exit(main())
