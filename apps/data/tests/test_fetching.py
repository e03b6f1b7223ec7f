"""Fetching a file from another site."""

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from typing import Any

import pytest

from apps.data import fetching
from apps.data.fetching import fetch
from apps.jobs.errors import PermanentError, TemporaryError
from apps.outbound.guarding import ForbiddenAddress
from tests.sites import answer, served


@pytest.fixture(autouse=True)
def local_site(settings: Any) -> None:
    settings.SYNC_ALLOWED_HOSTS = ["127.0.0.1"]


def test_a_file_is_fetched_with_its_name_and_version() -> None:
    into = BytesIO()
    with served(answer(b"a,b\n", ETag='"7"', Last_Modified="Tue, 01 Oct 2024 10:00:00 GMT")) as url:
        fetched = fetch(url, into)
    assert into.getvalue() == b"a,b\n"
    assert (fetched.name, fetched.etag, fetched.changed) == ("people.csv", '"7"', True)
    assert fetched.last_modified.startswith("Tue")


def test_a_file_that_is_still_the_same_is_not_fetched() -> None:
    asked: list[str | None] = []

    def reply(request: BaseHTTPRequestHandler) -> None:
        asked.extend([request.headers["If-None-Match"], request.headers["If-Modified-Since"]])
        answer(status=304)(request)

    with served(reply) as url:
        assert not fetch(url, BytesIO(), '"7"', "Tue, 01 Oct 2024 10:00:00 GMT").changed
    assert asked == ['"7"', "Tue, 01 Oct 2024 10:00:00 GMT"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 204, 206])
def test_an_answer_that_will_not_change_is_permanent(status: int) -> None:
    with served(answer(status=status)) as url, pytest.raises(PermanentError, match=str(status)):
        fetch(url, BytesIO())


@pytest.mark.parametrize(
    ("status", "after", "seconds"),
    [(503, "30", 30), (429, "99999", 3600), (500, "soon", None), (502, "", None)],
)
def test_an_answer_that_may_change_is_tried_again(status: int, after: str, seconds: int | None) -> None:
    reply = answer(status=status, Retry_After=after)
    with served(reply) as url, pytest.raises(TemporaryError) as error:
        fetch(url, BytesIO())
    assert error.value.retry_after_seconds == seconds


def test_a_site_that_is_down_is_tried_again() -> None:
    with pytest.raises(TemporaryError, match="refused"):
        fetch("http://127.0.0.1:1/", BytesIO())


def test_a_connection_that_breaks_off_is_tried_again() -> None:
    with served(answer(b"short", Content_Length="1000")) as url, pytest.raises(TemporaryError):
        fetch(url, BytesIO())


def test_a_file_over_the_limit_is_not_taken(settings: Any) -> None:
    settings.IMPORT_MAX_BYTES = 100_000
    into = BytesIO()
    with served(answer(b"x" * 5_000_000)) as url, pytest.raises(PermanentError, match="larger"):
        fetch(url, into)
    assert into.tell() <= 100_000


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate"])
def test_a_compressed_answer_is_refused(encoding: str) -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    with (
        served(answer(bomb, Content_Encoding=encoding)) as url,
        pytest.raises(PermanentError, match="compressed"),
    ):
        fetch(url, BytesIO())


def test_a_redirect_inside_is_refused() -> None:
    reply = answer(status=302, Location="http://169.254.169.254/latest/meta-data/")
    with served(reply) as url, pytest.raises(ForbiddenAddress):
        fetch(url, BytesIO())


def test_redirects_end_after_three() -> None:
    with served(answer(status=302, Location="/again")) as url, pytest.raises(PermanentError):
        fetch(url, BytesIO())


def test_a_redirect_is_followed() -> None:
    def reply(request: BaseHTTPRequestHandler) -> None:
        moved = request.path != "/new.csv"
        (answer(status=301, Location="/new.csv") if moved else answer(b"a\n1\n"))(request)

    into = BytesIO()
    with served(reply) as url:
        assert fetch(url, into).name == "new.csv"
    assert into.getvalue() == b"a\n1\n"


def test_a_host_that_nobody_allowed_is_refused(settings: Any) -> None:
    settings.SYNC_ALLOWED_HOSTS = []
    with served(answer(b"a\n")) as url, pytest.raises(ForbiddenAddress):
        fetch(url, BytesIO())


def test_one_byte_at_a_time_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "DEADLINE_SECONDS", 0.5)

    def drip(request: BaseHTTPRequestHandler) -> None:
        answer(Content_Length="100000")(request)
        for byte in every(0.05):
            request.wfile.write(byte)

    with served(drip) as url, pytest.raises(TemporaryError):
        fetch(url, BytesIO())


def every(seconds: float) -> Iterator[bytes]:
    stopped = threading.Event()
    for _ in range(60):
        stopped.wait(seconds)
        yield b"x"
