"""kill -9 in the middle of a cleanup."""

import os
import subprocess
import sys

import pytest
from django.contrib.sessions.models import Session

from apps.cleanup.cleaning import clean_rows
from apps.cleanup.models import CleanupRun
from apps.cleanup.retention import SESSIONS
from apps.cleanup.tests.conftest import add_sessions
from tests.waiting import of_test_database, wait_until

TOTAL = 60_000
SCRIPT = f"""
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
import django
django.setup()
from apps.cleanup.cleaning import clean_rows
clean_rows({SESSIONS!r})
"""


@pytest.mark.faults
def test_the_next_run_carries_on_after_a_kill(transactional_db: None) -> None:
    add_sessions(TOTAL)
    process = subprocess.Popen([sys.executable, "-c", SCRIPT], env=os.environ | of_test_database())
    try:
        wait_until(lambda: Session.objects.count() < TOTAL, what="the first batch")
    finally:
        process.kill()
        process.wait()
    left = Session.objects.count()
    assert 0 < left < TOTAL
    assert clean_rows(SESSIONS)["deleted"] == left
    whole, cut_off = CleanupRun.objects.all()
    assert (whole.complete, cut_off.complete, cut_off.finished_at) == (True, False, None)
    assert TOTAL - 1_000 <= cut_off.deleted + whole.deleted <= TOTAL
