"""Trees that are deeper than Python's stack would like. No worker: all is rows."""

import json
import re
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from apps.canvas.models import Chord
from apps.canvas.tree import DEPTH_MOST, text_of, tree_of
from apps.jobs import Job

pytestmark = pytest.mark.django_db
STEPS = 200


def lineage(steps: int, *, group: bool) -> None:
    """Each job was called by the one before it; with `group`, together with another one."""
    now = timezone.now()
    Job.objects.bulk_create(
        Job(
            id=f"job-{step}{twin}", task="t", state="SUCCESS", submitted_at=now + timedelta(seconds=step),
            parent=f"job-{step - 1}" if step else None, group=f"group-{step}" if group else None,
        )
        for step in range(steps)
        for twin in (["", "-twin"] if group else [""])
    )  # fmt: skip


def test_a_long_chain_has_a_page(admin_client: Client) -> None:
    lineage(STEPS, group=False)
    page = admin_client.get(f"/jobs/job-{STEPS // 2}/")
    text = page.content.decode()
    assert page.status_code == 200
    assert [f"/jobs/job-{step}/" in text for step in range(STEPS)].count(True) >= STEPS - 1
    for tag in ("ul", "li"):
        assert len(re.findall(rf"<{tag}[ >]", text)) == text.count(f"</{tag}>") > DEPTH_MOST


def test_a_long_chain_is_shown_in_the_shell(db: None) -> None:
    lineage(STEPS, group=False)
    out = StringIO()
    call_command("job", "show", "job-0", json=True, stdout=out)
    tree = json.loads(out.getvalue())["tree"]
    assert [line.split()[1] for line in tree] == [f"job-{step}" for step in range(STEPS)]
    depths = [(len(line) - len(line.lstrip())) // 2 for line in tree]
    assert depths == [min(step, DEPTH_MOST) for step in range(STEPS)]


def test_groups_that_call_groups_are_one_tree(admin_client: Client) -> None:
    lineage(STEPS // 2, group=True)
    assert tree_of("job-0").jobs == STEPS
    assert admin_client.get("/jobs/job-0/").status_code == 200


def test_each_job_is_shown_once_whatever_chords_say(db: None) -> None:
    """Two of them claim the same body, of which one is called by it."""
    now = timezone.now()
    Job.objects.bulk_create([
        Job(id="a", task="t", group="first", submitted_at=now),
        Job(id="body", task="t", parent="a", submitted_at=now),
        Job(id="b", task="t", group="second", parent="body", submitted_at=now),
    ])  # fmt: skip
    for group in ("first", "second"):
        Chord.objects.create(group=group, members=[], body_ids=["body"], begun_at=now)
    assert [line.split()[0] for line in text_of(tree_of("a"))].count("PENDING") == 3
