"""What a receiver has to recompute. The vectors were made with `openssl dgst -sha256 -hmac`."""

import hashlib
import hmac

import pytest

from apps.notification.signing import signature


@pytest.mark.parametrize(
    ("key", "timestamp", "body", "expected"),
    [
        (
            "secret-key-0123456789",
            1700000000,
            b'{"a": 1}',
            "48bb8db0b55483d1d276218a36f0e54e65c613abb15cb46378a4ba085ce57917",
        ),
        (
            "secret-key-0123456789",
            1700000001,
            b'{"a": 1}',
            "39ddb87dfb9028fd9e8900fb0ee8a08b546ed9587289bf2cc7604fe3a9eea004",
        ),
        (
            "schlüssel-0123456789",
            0,
            '{"t": "盘满"}'.encode(),
            "34edd67de92f7a4759ff7d5f9b6fea845fcdfe33641a7c31418befddc2a2124a",
        ),
    ],
)
def test_the_signature_matches_openssl(key: str, timestamp: int, body: bytes, expected: str) -> None:
    assert signature(key, timestamp, body) == f"t={timestamp},v1={expected}"


def test_the_recipe_of_the_docs_accepts_it_and_refuses_a_changed_body() -> None:
    header = signature("key", 1700000000, b"body")
    assert recipe("key", header, b"body", now=1700000100)
    assert not recipe("key", header, b"bodY", now=1700000100)
    assert not recipe("other", header, b"body", now=1700000100)
    assert not recipe("key", header, b"body", now=1700000301)


def recipe(key: str, header: str, body: bytes, now: float) -> bool:
    fields = dict(field.split("=", 1) for field in header.split(","))
    signed = fields["t"].encode() + b"." + body
    expected = hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, fields["v1"]) and abs(now - int(fields["t"])) < 300
