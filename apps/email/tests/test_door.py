"""The tasks' own doors: what `submit` refuses before there is a job."""

from typing import Any

import pytest

from apps.email.posting import SEND, SEND_TO_ALL
from apps.email.tasks import send_email_task
from apps.jobs import Job, submit
from apps.jobs.errors import ArgumentError

pytestmark = pytest.mark.django_db

GOOD = {"to_email": "ann@example.com", "subject": "Hello"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("to_email", "a@example.com, b@example.com"), ("to_email", ""), ("to_email", None),
        ("to_email", ["ann@example.com"]), ("to_email", "Ann\r\nBcc: eve@example.com <a@b.cc>"),
        ("to_email", "a" * 315 + "@example.com"), ("subject", "Hi\nBcc: eve@example.com"),
        ("subject", "Hi\u2028there"), ("subject", "x" * 999), ("subject", 5), ("content", "a\x00b"),
        ("content", "x" * 1_000_001), ("html", "\ud800"), ("reply_to", "bob"),
        ("reply_to", "bob@example.com\x00"), ("template", "a\nb"), ("context", []),
        ("context", {"a.b": 1}), ("context", {"a": float("nan")}), ("idempotency_key", "x" * 256),
        ("idempotency_key", "a\tb"), ("cc", "eve@example.com"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_by_name(name: str, value: Any) -> None:
    for attempt in (lambda: submit(SEND, kwargs=GOOD | {name: value}), lambda: in_worker(name, value)):
        with pytest.raises(ArgumentError) as caught:
            attempt()
        assert list(caught.value.problems) == [name]
    assert not Job.objects.exists()


def in_worker(name: str, value: Any) -> None:
    send_email_task.apply(kwargs=GOOD | {name: value}).get()


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ArgumentError) as caught:
        submit(SEND, kwargs={"to_email": "x", "subject": "\n", "reply_to": ","})
    assert set(caught.value.problems) == {"to_email", "subject", "reply_to"}


def test_the_handbook_s_call_is_good() -> None:
    job = submit(SEND, args=["ann@Example.com", "Hello", "Hi Ann"])
    assert job.args == ["ann@example.com", "Hello", "Hi Ann"]


@pytest.mark.parametrize(
    ("people", "words"),
    [
        ([], "expected 1 to 10000 recipients, got 0"),
        (["a@example.com"] * 10_001, "expected 1 to 10000 recipients, got 10001"),
        (["ann@example.com", "bob"], "number 2: expected one address"),
        ("ann@example.com", "valid list"),
    ],
)
def test_bad_recipients_are_refused(people: Any, words: str) -> None:
    with pytest.raises(ArgumentError, match=words) as caught:
        submit(SEND_TO_ALL, kwargs={"recipients": people, "subject": "Hi"})
    assert list(caught.value.problems) == ["recipients"]
