"""A batch of the stream merged: what is left of each job and each try."""

import json
from typing import Any

import pytest

from apps.jobs.stream.names import place
from apps.recorder.batch import Batch, Entry


def entry(entry_id: str, kind: str, job_id: str = "one", **fields: Any) -> Entry:
    given = {"kind": kind, "id": job_id, "doc": json.dumps({"at": entry_id}), **fields}
    return entry_id.encode(), {name.encode(): str(value).encode() for name, value in given.items()}


def job_of(*entries: Entry) -> dict[str, Any]:
    (found,) = json.loads(Batch(entries).jobs_json())
    return dict(found)


def tries_of(*entries: Entry) -> list[dict[str, Any]]:
    return list(json.loads(Batch(entries).tries_json()))


def test_the_latest_move_of_a_job_is_left() -> None:
    job = job_of(entry("1-0", "STARTED", n=1), entry("2-0", "SUCCESS", n=1, token="1-0"))
    assert (job["state"], job["version"], job["finished"]) == ("SUCCESS", place("2-0"), place("2-0"))
    assert (job["started"], job["number"]) == (place("1-0"), 1)
    assert job["final"] == {"at": "2-0"}


def test_a_start_is_left_out_whose_end_says_the_same() -> None:
    begun, whole = entry("1-0", "STARTED", n=1), entry("2-0", "SUCCESS", n=1, token="1-0")
    nobodys = entry("2-0", "REVOKED", n=1, token="1-0", doc=json.dumps({"instance": None}))
    another = entry("2-0", "FAILURE", n=1, token="0-9")
    assert ["begun" in job_of(begun, end) for end in (whole, nobodys, another)] == [False, True, True]
    assert tries_of(begun, whole)[0]["begun"] is None
    assert tries_of(begun, nobodys)[0]["begun"] == {"at": "1-0"}


def test_jobs_do_not_mix() -> None:
    batch = Batch([entry("1-0", "STARTED", "one", n=1), entry("1-1", "STARTED", "two", n=1)])
    assert [job["id"] for job in json.loads(batch.jobs_json())] == ["one", "two"]
    assert len(json.loads(batch.tries_json())) == 2
    assert batch.ids == [b"1-0", b"1-1"]


@pytest.mark.parametrize(
    ("kind", "state", "reason"),
    [
        ("STARTED", "STARTED", ""),
        ("RETRY", "RETRY", ""),
        ("SNOOZED", "PENDING", "snoozed"),
        ("lost", "PENDING", "worker_lost"),
        ("reopened", "PENDING", "sent_again"),
        ("REVOKED", "REVOKED", ""),
        ("published", "", ""),
        ("told", "", ""),
        ("ended", "", ""),
    ],
)
def test_each_kind_leads_to_its_state(kind: str, state: str, reason: str) -> None:
    job = job_of(entry("1-0", kind, n=1, token="0-1", **{"as": "RETRY"}))
    assert (job["state"], job["reason"]) == (state, reason)


def test_a_try_has_its_start_and_its_end() -> None:
    (found,) = tries_of(entry("1-0", "STARTED", n=2), entry("5-0", "RETRY", n=2, token="1-0"))
    assert (found["token"], found["number"], found["outcome"]) == (place("1-0"), 2, "retry")
    assert (found["ended"], found["document"]) == (place("5-0"), {"at": "5-0"})


def test_several_tries_of_one_job_are_kept_apart() -> None:
    found = tries_of(
        entry("1-0", "STARTED", n=1), entry("2-0", "lost", n=1, token="1-0"), entry("3-0", "STARTED", n=2)
    )
    assert [(one["number"], one["outcome"]) for one in found] == [(1, "worker_lost"), (2, "")]


def test_a_try_that_ended_late_ends_as_what_it_was() -> None:
    (found,) = tries_of(entry("3-0", "ended", n=1, token="1-0", **{"as": "SUCCESS"}))
    assert found["outcome"] == "success"


def test_an_end_that_is_no_trys_is_the_jobs_alone() -> None:
    assert tries_of(entry("3-0", "REVOKED", n=1, token="")) == []
    assert tries_of(entry("3-0", "FAILURE", n=1, token="0-0")) == []


def test_what_comes_after_an_end_changes_nothing_without_a_reopening() -> None:
    late = (entry("1-0", "SUCCESS"), entry("2-0", "STARTED", n=7))
    assert job_of(*late)["state"] == "SUCCESS"
    assert job_of(entry("1-0", "SUCCESS"), entry("2-0", "FAILURE"))["state"] == "SUCCESS"


def test_after_a_reopening_it_does() -> None:
    job = job_of(
        entry("1-0", "SUCCESS"), entry("2-0", "reopened"), entry("3-0", "STARTED", n=2, since="2-0"),
        entry("4-0", "FAILURE", n=2, token="3-0", since="2-0"),
    )  # fmt: skip
    assert (job["state"], job["reopened"]) == ("FAILURE", place("2-0"))


def test_a_state_of_the_tasks_own_counts_until_the_next_move() -> None:
    assert job_of(entry("1-0", "STARTED", n=1), entry("2-0", "told"))["told_at"] > place("1-0")
    moved = job_of(entry("1-0", "told"), entry("2-0", "STARTED", n=1))
    assert moved["told_at"] < moved["version"]


def test_what_gives_way_leaves_its_facts() -> None:
    job = job_of(entry("1-0", "RETRY", token="0-1"), entry("2-0", "STARTED", n=2))
    assert (job["past"], job["begun"]) == ({"at": "1-0"}, {"at": "2-0"})
    assert "final" not in job


def test_the_first_news_of_publishing_counts() -> None:
    job = job_of(entry("1-0", "submitted"), entry("2-0", "published", doc=""))
    assert (job["published"], job["submitted"]) == (place("1-0"), {"at": "1-0"})


def test_an_empty_document_is_none() -> None:
    assert job_of(entry("1-0", "SUCCESS", doc=""))["final"] is None


def test_an_id_of_any_text_is_kept() -> None:
    odd = 'a"b\\c\n🎉'
    assert job_of(entry("1-0", "STARTED", odd, n=1))["id"] == odd
    assert tries_of(entry("1-0", "STARTED", odd, n=1))[0]["job_id"] == odd
