"""Chains, groups, chords and callbacks as one tree, and chords that nobody would ever finish."""

import json
from io import StringIO
from typing import Any

import pytest
from celery import chain, chord, current_app, group
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from redis import Redis

from apps.canvas.models import Chord
from apps.canvas.tests.sample_tasks import (
    add_task,
    error_task,
    fail_task,
    note_task,
    number_task,
    slow_task,
    sum_task,
)
from apps.canvas.tests.stage import Stage, job_of
from apps.canvas.tree import text_of, tree_of
from apps.jobs import Job
from tests.waiting import ended, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
SECONDS = 40


def shape(job_id: str) -> list[str]:
    """The tree: indentation, state, the task's name, and its role or words."""
    names = {job.id: job.task.rpartition(".")[2] for job in Job.objects.all()}
    found = []
    for line in text_of(tree_of(job_id)):
        words = line.split()
        depth = (len(line) - len(line.lstrip())) // 2
        known = next((names[word] for word in words if word in names), "")
        found.append(
            "  " * depth + " ".join(filter(None, [known or line.strip(), words[0] if known else ""]))
        )
    return found


def grown(job_id: str, tree: list[str]) -> bool:
    """Once the ledger knows what Redis does."""
    return wait_until(lambda: shape(job_id) == tree, SECONDS, f"{tree}, got {shape(job_id)}")


def test_a_chain_is_one_tree(stage: Stage) -> None:
    last: Any = chain(number_task.s(1), add_task.s(2), add_task.s(3)).apply_async()
    assert ended(last.id).result == 6
    tree = ["number_task SUCCESS", "  add_task SUCCESS", "    add_task SUCCESS"]
    assert grown(last.id, tree)
    assert shape(last.parent.parent.id) == tree


def test_a_broken_chain_is_one_tree(stage: Stage) -> None:
    """The steps that were not reached are in it, and what was called because of the error."""
    steps = chain(number_task.s(1), fail_task.s(), note_task.s(), note_task.s())
    last = steps.apply_async(link_error=error_task.s())
    ended(last.id)
    assert job_of(error_task.name).state == "SUCCESS"
    text = wait_until(lambda: text_of(tree_of(last.id)) if len(text_of(tree_of(last.id))) == 5 else [])
    assert [line.rpartition("  ")[2] for line in text if "note_task" in line] == ["was not reached"] * 2
    assert [line.rpartition("  ")[2] for line in text if "error_task" in line] == ["on error"]
    assert [line.split()[0] for line in text[:2]] == ["SUCCESS", "FAILURE"]


def test_a_group_is_one_tree(stage: Stage, admin_client: Client) -> None:
    result: Any = group(number_task.s(number) for number in range(3)).apply_async()
    for member in result.results:
        ended(member.id)
    assert grown(result.results[0].id, ["group  3 of 3 have ended", *["  number_task SUCCESS"] * 3])
    page = admin_client.get(f"/jobs/{result.results[1].id}/").content.decode()
    assert "3 of 3 have ended" in page
    assert [f"/jobs/{member.id}/" in page for member in result.results] == [True] * 3


def test_a_chord_is_one_tree_with_its_body(stage: Stage) -> None:
    body = chord([number_task.s(1), number_task.s(2)], sum_task.s())()
    assert ended(body.id).result == 3
    wait_until(lambda: Chord.objects.filter(outcome="done").exists(), SECONDS)
    tree = [
        "chord  2 of 2 have ended",
        "  number_task SUCCESS",
        "  number_task SUCCESS",
        "  sum_task SUCCESS",
    ]
    assert grown(body.id, tree)
    out = StringIO()
    call_command("job", "show", body.id, json=True, stdout=out)
    assert len(json.loads(out.getvalue())["tree"]) == 4


def test_a_failed_chord_names_its_body_and_calls_its_error_callback(stage: Stage) -> None:
    body = sum_task.s()
    body.link_error(error_task.s())
    result = chord([number_task.s(1), fail_task.s()], body)()
    view = ended(result.id)
    assert (view.state, view.task) == ("FAILURE", sum_task.name)
    assert job_of(error_task.name).result == result.id
    wait_until(Chord.objects.filter(outcome="done").exists, SECONDS)
    tree = shape(result.id)
    assert sorted(line.strip() for line in tree) == sorted(
        ["chord  2 of 2 have ended", "number_task SUCCESS", "fail_task FAILURE", "sum_task FAILURE",
         "error_task SUCCESS"]
    )  # fmt: skip
    assert not Job.objects.filter(task="").exists()


def test_links_are_below_what_called_them(stage: Stage) -> None:
    """Celery sends several as a group."""
    first = number_task.apply_async((1,), link=[add_task.s(1), add_task.s(2)])
    members = ["    add_task SUCCESS"] * 2
    assert grown(first.id, ["number_task SUCCESS", "  group  2 of 2 have ended", *members])


def break_chord(result: Any) -> str:
    """Redis forgets the chord while its header runs. Returns its group."""
    group_id = str(result.parent.id)
    redis: Redis = current_app.backend.client
    keys = [key for key in redis.scan_iter("celery-taskset-meta-*") if group_id.encode() in key]
    assert keys
    redis.delete(*keys)
    return group_id


def test_a_chord_that_redis_forgot_is_finished(stage: Stage) -> None:
    header = [
        number_task.s(1),
        group(number_task.s(2), number_task.s(3)),
        slow_task.si(1.5) | number_task.si(4),
    ]
    result = chord(header, sum_task.si([4, 5]))()
    break_chord(result)
    assert ended(result.id, SECONDS).result == 9
    plain = chord([slow_task.si(1.5) | number_task.si(1), number_task.s(2)], sum_task.s())()
    break_chord(plain)
    view = ended(plain.id, SECONDS)
    assert (view.state, view.result) == ("SUCCESS", 3)
    assert wait_until(lambda: Job.objects.filter(id=plain.id, attempts=1).exists(), SECONDS)
    assert Chord.objects.get(body_ids=[plain.id]).outcome == "sent"
    assert "its body had not come" in "".join(text_of(tree_of(plain.id)))


def test_a_chord_that_redis_forgot_fails_with_the_reason(stage: Stage) -> None:
    body = sum_task.s()
    body.link_error(error_task.s())
    result = chord([slow_task.si(1.5) | number_task.si(1), slow_task.si(1) | fail_task.si()], body)()
    break_chord(result)
    view = ended(result.id, SECONDS)
    assert (view.state, view.task) == ("FAILURE", sum_task.name)
    assert "on purpose" in str(view.error)
    assert job_of(error_task.name).state == "SUCCESS"
    with pytest.raises(Exception, match="on purpose"):
        result.get(timeout=5)


def test_the_admin_lists_chords_and_changes_none(admin_client: Client) -> None:
    Chord.objects.create(
        group="g", members=["a"], body_ids=["b"], begun_at=timezone.now(), outcome="failed", why="lost"
    )
    assert "lost" in admin_client.get("/admin/canvas/chord/?outcome=failed").content.decode()
    assert "/jobs/b/" in admin_client.get("/admin/canvas/chord/g/change/").content.decode()
    assert admin_client.get("/admin/canvas/chord/add/").status_code == 403
