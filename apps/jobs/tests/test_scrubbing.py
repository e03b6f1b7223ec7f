"""Secrets in free text: errors, traces, log lines."""

import time
import traceback
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.jobs.scrubbing import redact_event, scrub, scrub_text

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-DEF_123"
AROUND = st.text("ab1 '", max_size=30)
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA1234\nzzzz5678zzzz\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "values", "clean"),
    [
        ("token abc123 is bad", ["abc123"], "token [redacted] is bad"),
        ("abc123abc123", ["abc123"], "[redacted][redacted]"),
        ("abc123456", ["abc123", "abc123456"], "[redacted]"),
        ("abc", ["abc"], "abc"),
        ("", ["abcd"], ""),
        ("nothing", [], "nothing"),
        ("reda [redacted] redacted", ["reda"], "[redacted] [redacted] [redacted]cted"),
        (repr("it's\n\"here\""), ["it's\n\"here\""], "'[redacted]'"),
        ('{"a": "\\u00e9t\\u00e9\\n"}', ["été\n"], '{"a": "[redacted]"}'),
        ("?t=a%2Fb%20c", ["a/b c"], "?t=[redacted]"),
        ("?t=a%2Fb+c", ["a/b c"], "?t=[redacted]"),
        ("line MIIEowIBAAKCAQEA1234 of it", [KEY], "line [redacted] of it"),
        ("\ud800 abcd", ["abcd", "\ud800\ud800\ud800\ud800"], "\ud800 [redacted]"),
    ],
)  # fmt: skip
def test_the_secrets_of_a_job_are_taken_out_however_they_are_spelled(
    text: str, values: list[str], clean: str
) -> None:
    assert scrub(text, values) == clean


@given(
    st.text("ab1'\"\\\n", min_size=4, max_size=9),
    AROUND,
    AROUND,
)
@settings(deadline=None)
def test_a_secret_never_stays(secret: str, before: str, after: str) -> None:
    text = f"{before}{secret}{after}{secret!r}"
    clean = scrub(text, [secret])
    assert secret not in clean
    assert scrub(clean, [secret]) == clean


def test_a_trace_can_be_scrubbed() -> None:
    secret = "hunter2-hunter2"
    try:
        int(secret)
    except ValueError:
        trace = traceback.format_exc()
    assert secret in trace
    assert secret not in scrub(trace, [secret])


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Bearer abc, and more\nnext", "Authorization: [redacted]\nnext"),
        ("got Bearer abc123 back", "got Bearer [redacted] back"),
        ("bearer abcdefghijklmnop", "bearer [redacted]"),
        ("sent Basic dXNlcjpwYXNz= there", "sent Basic [redacted] there"),
        ("Set-Cookie: sid=1; path=/", "Set-Cookie: [redacted]"),
        ("X-Api-Key: k1", "X-Api-Key: [redacted]"),
        ("password=hunter2 host=db", "password=[redacted] host=db"),
        ("PASSWORD='two words' host=db", "PASSWORD='[redacted]' host=db"),
        ("Login(user='bob', password='it\\'s', age=3)", "Login(user='bob', password='[redacted]', age=3)"),
        ("{'token': b'abc', 'a': 1}", "{'token': b'[redacted]', 'a': 1}"),
        ('{"apiKey": "abc", "a": 1}', '{"apiKey": "[redacted]", "a": 1}'),
        ('"{\\"apiKey\\": \\"abc\\", \\"a\\": 1}"', '"{\\"apiKey\\": \\"[redacted]\\", \\"a\\": 1}"'),
        ('{"pin_token": 1234, "tokens": ["a", "b"]}', '{"pin_token": [redacted], "tokens": [redacted]}'),
        ("https://h/p?access_token=abc&x=1", "https://h/p?access_token=[redacted]&x=1"),
        ("a=token=abc", "a=token=[redacted]"),
        ('cut off: "password": "hunt', 'cut off: "password": "[redacted]'),
        ("redis://:pw@host/0", "redis://:[redacted]@host/0"),
        ("amqp://bob:p@ss:w@host:5672//", "amqp://bob:[redacted]@host:5672//"),
        (f"with {JWT}.", "with [redacted]."),
        ("ghp_" + "a1" * 18 + " AKIAIOSFODNN7EXAMPLE xoxb-1234567890-a", "[redacted] [redacted] [redacted]"),
        (f"key: {KEY} end", f"key: {KEY[:31]}[redacted]{KEY[-29:]} end"),
        (f"key: {KEY[:60]}", f"key: {KEY[:31]}[redacted]"),
    ],
)  # fmt: skip
def test_what_has_the_shape_of_a_secret_is_taken_out_of_any_text(text: str, clean: str) -> None:
    assert scrub_text(text) == clean
    assert scrub_text(clean) == clean


@pytest.mark.parametrize(
    "text",
    [
        "", "nothing here", "Unexpected token: }", "unexpected token 12 at line 3", "password: missing",
        "cookie: missing", "bearer authentication failed", "Basic authentication failed", "the secretary=ann",
        "tokenizer=fast", "max_tokens=4000", "has_token=True, token=None", '{"token": null}',
        "http://localhost:8000/a@b", "https://user@example.com/", "at 12:30:45 a@b.c", "eyJust a word",
        "Task apps.email.tasks.send_email_task[7d444840-9dc0-11d1] succeeded in 0.1s: {'sent': 3}",
    ],
)  # fmt: skip
def test_other_text_stays_as_it_is(text: str) -> None:
    assert scrub_text(text) == text


@pytest.mark.parametrize(
    "piece",
    [
        "token=", "token=[", 'token="', "token='\\", '\\"token\\": \\"', "eyJ", "-eyJ-", "a:", "://a:",
        "-----BEGIN PRIVATE KEY-----", "Bearer ", "basic =", "X-X-", "Authorization: ", "password ", "a.",
        "token={", "token=(",
    ],
)  # fmt: skip
def test_hostile_text_takes_no_time(piece: str) -> None:
    text, began = piece * (200_000 // len(piece)), time.process_time()
    scrub_text(text)
    assert time.process_time() - began < 2


def test_a_log_event_shows_no_secret() -> None:
    event: dict[str, Any] = {
        "event": "calling https://bob:pw@host with token=abc",
        "password": "hunter2",
        "headers": {"X-Api-Key": "k1", "accept": ["Bearer abc123"]},
        "sessions": 3,
        "seconds": 1.5,
        "nothing": None,
        "exception": [{"exc_value": "password=x1", "frames": [{"locals": {"token": "'t1'"}}]}],
    }
    assert redact_event(None, "info", event) == {
        "event": "calling https://bob:[redacted]@host with token=[redacted]",
        "password": "[redacted]",
        "headers": {"X-Api-Key": "[redacted]", "accept": ["Bearer [redacted]"]},
        "sessions": 3,
        "seconds": 1.5,
        "nothing": None,
        "exception": [{"exc_value": "password=[redacted]", "frames": [{"locals": {"token": "[redacted]"}}]}],
    }


def test_what_structlog_keeps_in_an_event_is_left_alone() -> None:
    error = ValueError("password=x1")
    event = {"event": "failed", "exc_info": (ValueError, error, None), "_record": error, "_token": "t1"}
    assert redact_event(None, "error", dict(event)) == event


def test_an_event_that_contains_itself_is_cut() -> None:
    rows: list[Any] = []
    rows.append(rows)
    assert "[redacted]" in str(redact_event(None, "info", {"event": "x", "rows": rows}))
