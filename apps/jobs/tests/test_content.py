"""What a message says, whatever it is."""

import bz2
import json
import lzma
import zlib
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.jobs.consuming import complaint
from apps.jobs.content import content_of
from apps.jobs.ending import Standing
from apps.jobs.examining import examine
from apps.jobs.resending import Parcel
from apps.jobs.stream.documents import cleaned
from apps.jobs.tests.dying import ADD, call, plain_json
from apps.jobs.unpacking import UNPACKED_MAX_BYTES, TooLarge, unpack
from apps.recorder.judging import judge
from apps.recorder.keeping import shown

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "application/x-gzip": zlib.compress,
    "application/x-bz2": bz2.compress,
    "application/x-lzma": lzma.compress,
}


def problem(parcel: Parcel) -> str:
    return content_of(parcel).problem


def test_a_good_message_is_read_whole() -> None:
    parcel = call(ADD, 1, 2, retries=3, group="g", root_id="r")
    content = content_of(parcel)
    assert (content.problem, content.args, content.kwargs, content.task) == ("", [1, 2], {}, ADD)
    assert (content.job_id, content.headers["retries"]) == (parcel.headers["id"], 3)


@pytest.mark.parametrize("name", PACKERS)
def test_a_packed_message_is_read_too(name: str) -> None:
    parcel = call(ADD, 1, 2, compression=name)
    packed = Parcel(PACKERS[name](parcel.body), parcel.properties, parcel.headers)
    assert (problem(packed), content_of(packed).args) == ("", [1, 2])


@pytest.mark.parametrize("name", PACKERS)
def test_a_bomb_is_not_unpacked(name: str) -> None:
    bomb = PACKERS[name](bytes(UNPACKED_MAX_BYTES + 1))
    with pytest.raises(TooLarge, match="more than 16777216 bytes when unpacked"):
        unpack(bomb, name)
    assert len(unpack(PACKERS[name](bytes(UNPACKED_MAX_BYTES)), name)) == UNPACKED_MAX_BYTES


@pytest.mark.parametrize("name", PACKERS)
def test_what_is_cut_off_or_no_such_format_says_so(name: str) -> None:
    for broken in (b"", b"nonsense", PACKERS[name](b"x" * 1000)[:-6]):
        with pytest.raises(ValueError, match="broken application"):
            unpack(broken, name)


@pytest.mark.parametrize("name", ["application/x-brotli", "brotli", "no such", "application/zstd"])
def test_no_other_compression_is_taken(name: str) -> None:
    with pytest.raises(ValueError, match="compression"):
        unpack(b"x", name)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        (
            {"eta": "tomorrow"},
            "eta: expected a time in ISO 8601 at most 31 days ahead, or null, got 'tomorrow'",
        ),
        ({"eta": "9999-12-31T00:00:00+00:00"}, "eta: expected a time in ISO 8601 at most 31 days ahead"),
        ({"eta": 5}, "eta: expected"),
        ({"expires": []}, "expires: expected a time in ISO 8601, or null, got []"),
        ({"timelimit": [-1, None]}, "timelimit: expected two numbers above 0 or nulls, or null"),
        ({"timelimit": "abc"}, "timelimit: expected"),
        ({"retries": "x"}, "retries: expected a whole number from 0 up, or null, got 'x'"),
        ({"retries": -1}, "retries: expected"),
        ({"retries": True}, "retries: expected"),
        ({"id": ...}, "id: expected a text of 1 to 255 characters, got None"),
        ({"id": "a\x00b"}, "id: expected"),
        ({"id": "x" * 256}, "id: expected"),
        ({"task": ["x"]}, "task: expected"),
        ({"group": ["x"]}, "group: expected"),
        ({"ignore_result": "no"}, "ignore_result: expected true, false or null, got 'no'"),
    ],
)
def test_a_wrong_header_is_named_with_what_was_expected(headers: dict[str, Any], said: str) -> None:
    assert problem(call(ADD, 1, 2, **headers)).startswith(said)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"\xff", "DecodeError"),
        (b"[" * 100_000, "DecodeError"),
        (b'[[1], {}, {"a": ' + b"1" * 5000 + b"}]", "DecodeError"),
        (b"5", "its body is no list"),
        (b"[[], {}]", "its body is no list"),
        (b"[5, {}, {}]", "its arguments are no list"),
        (b"[[], 5, {}]", "its named arguments are no object"),
        (b"[[], {}, 5]", "its links are no object"),
        (b'[[], {}, {"errbacks": [1]}]', "errbacks: expected a list of objects, or null, got [1]"),
        (bytes(UNPACKED_MAX_BYTES + 1), "ValueError: its 16777217 bytes are more than is looked into"),
    ],
)
def test_a_wrong_body_says_what_is_wrong(body: bytes, said: str) -> None:
    parcel = call(ADD)
    assert problem(Parcel(body, parcel.properties, parcel.headers)).startswith(said)


def test_an_older_protocol_still_names_its_job() -> None:
    content = content_of(Parcel(json.dumps({"task": ADD, "id": "one", "args": [1]}).encode(), plain_json()))
    assert (content.job_id, content.task) == ("one", ADD)
    assert "protocol 2" in content.problem


LONGEST = 2**63
EARLIEST, LATEST = datetime(1970, 1, 1), datetime(9999, 1, 1)  # noqa: DTZ001 - AMQP's have no zone
ATOMS = (
    st.none()
    | st.booleans()
    | st.integers(-LONGEST, LONGEST - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.binary(max_size=20)
    | st.just(Decimal("1.5"))
    | st.datetimes(EARLIEST, LATEST)
)
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8).filter(lambda key: len(key.encode()) < 200), inner, max_size=3)
    ),
    max_leaves=8,
)
WRONG_HEADERS: dict[str, list[Any]] = {
    "id": [None, 5, ["x"], "", "x" * 256],
    "task": [None, 5, ["x"], "", "x" * 256],
    "group": [5, ["x"]],
    "retries": [-1, "x", 1.5],
    "timelimit": [5, "abc", [1], [-1, None]],
    "eta": ["x", 5, "9999-12-31T00:00:00"],
    "shadow": [5],
    "argsrepr": [["x"]],
}
WRONG_BODIES = [b"5", b"null", b'"abc"', b"[[], {}]", b"[5, {}, {}]", b"[[], 5, {}]", b"[[], {}, 5]"]


def test_what_a_worker_refuses_is_never_taken_for_a_task_it_does_not_know() -> None:
    refused = [call(ADD, **{name: value}) for name, values in WRONG_HEADERS.items() for value in values]
    refused += [Parcel(body, plain_json(), call(ADD).headers) for body in WRONG_BODIES]
    for parcel in refused:
        message = SimpleNamespace(headers=parcel.headers, payload=json.loads(parcel.body))
        assert complaint(message) != ""
        assert problem(parcel) != "", parcel.headers


COUNTED = ["resends", "unknown_since", "x-death", "x-delivery-count"]
TAKEN = ["get", "update", "args", "kwargs", "headers", "chord"]  # names of the backend's request
NAMES = st.sampled_from(
    ["id", "task", "eta", "expires", "retries", "timelimit", "compression", *COUNTED, *TAKEN]
)
BODIES = st.one_of(
    st.binary(max_size=40),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=10,
    ).map(lambda value: json.dumps(value).encode()),
)


@given(
    body=BODIES,
    headers=st.dictionaries(NAMES | st.text(max_size=5) | st.binary(max_size=5), VALUES, max_size=6),
    kind=st.sampled_from(["application/json", "application/data", "", "application/x-yaml", "\x00"]),
    unrouted=st.booleans(),
)
def test_no_message_is_too_odd_to_be_judged_and_written_down(
    body: bytes, headers: dict[Any, Any], kind: str, unrouted: bool
) -> None:
    parcel = Parcel(body, {"content_type": kind}, headers, "dead", "default")
    finding = examine(parcel, unrouted=unrouted)
    for standing in (Standing(), Standing("STARTED", 0, 1), Standing("FAILURE")):
        judge(finding, standing, unknown=standing.failed)
    assert finding.request().id == finding.content.job_id
    assert cleaned(shown(headers)) == shown(headers)
    again = Parcel.from_envelope(body, parcel.envelope())
    assert (again.headers, again.properties) == (as_read(headers), {"content_type": kind})
    assert len(finding.digest()) == 64


def as_read(value: Any) -> Any:
    """AMQP's times have no fractions, and py-amqp reads bytes as a text where they are one."""
    if isinstance(value, datetime):
        return value.replace(microsecond=0)
    if isinstance(value, dict):
        return {as_read(name): as_read(item) for name, item in value.items()}
    if isinstance(value, list):
        return [as_read(item) for item in value]
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value
