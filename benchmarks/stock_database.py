"""The database and the queue of stock Celery, empty."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parents[1]
# In a process of its own: the settings of benchmarks.stock are not ours.
MIGRATE = """
from benchmarks.stock import app
from django.core.management import call_command
call_command("migrate", verbosity=0)
with app.connection_for_write() as found:
    queue = app.conf.task_queues[0].bind(found.default_channel)
    queue.declare()
    queue.purge()
"""


def make() -> str:
    """Makes them anew; returns the database's URL."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as raw:
        raw.execute("DROP DATABASE IF EXISTS stock")
        raw.execute("CREATE DATABASE stock")
    subprocess.run([sys.executable, "-c", MIGRATE], cwd=ROOT, check=True)
    return os.environ["DATABASE_URL"].rpartition("/")[0] + "/stock"
