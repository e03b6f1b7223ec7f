"""How the processes' output reaches people."""

import os
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from project.supervisor.backoff import HEALTHY_SECONDS, Backoff
from project.supervisor.child import Colour
from project.supervisor.lines import LONGEST, Lines
from project.supervisor.output import FULL_BYTES, Output


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for end in (reader, writer):
        try:
            os.close(end)
        except OSError:
            continue


def test_each_line_has_its_prefix_in_one_column(pipe: tuple[int, int]) -> None:
    output = Output(pipe[1], width=6)
    output.line("web", "one")
    output.line("worker", "two")
    output.plain("three")
    assert os.read(pipe[0], 1000) == b"web    | one\nworker | two\nthree\n"


def test_colour_is_in_the_prefix_alone(pipe: tuple[int, int]) -> None:
    Output(pipe[1], colour=True).line("web", "one", Colour.GREEN)
    assert os.read(pipe[0], 1000) == b"\x1b[32mweb |\x1b[0m one\n"


def test_without_colour_there_is_no_escape(pipe: tuple[int, int]) -> None:
    Output(pipe[1], colour=False).line("web", "one", Colour.GREEN)
    assert b"\x1b" not in os.read(pipe[0], 1000)


def test_a_reader_who_stops_reading_does_not_stop_us(pipe: tuple[int, int]) -> None:
    output = Output(pipe[1])
    for _ in range(FULL_BYTES // 1000 * 2):
        output.plain("x" * 1000)
    assert output.full
    output.flush(seconds=0.1)
    assert output.waiting


def test_what_waited_comes_once_the_reader_reads_again(pipe: tuple[int, int]) -> None:
    output = Output(pipe[1])
    for number in range(20_000):
        output.plain(str(number))
    read = b""
    while output.waiting:
        read += os.read(pipe[0], 65_536)
        output.write()
    os.set_blocking(pipe[0], False)
    read += os.read(pipe[0], 1_000_000)
    assert read.split() == [str(number).encode() for number in range(20_000)]


def test_a_reader_who_left_closes_the_output(pipe: tuple[int, int]) -> None:
    output = Output(pipe[1])
    os.close(pipe[0])
    output.plain("nobody reads this")
    output.plain("nor this")
    assert output.closed
    assert not output.waiting


def test_bytes_that_are_not_utf8_are_replaced() -> None:
    assert Lines().feed(b"caf\xe9 \xff\n") == ["caf� �"]


def test_a_letter_in_two_pieces_stays_one_letter() -> None:
    lines = Lines()
    assert lines.feed("ü".encode()[:1]) == []
    assert lines.feed("ü".encode()[1:] + b"\n") == ["ü"]


def test_the_last_line_needs_no_end() -> None:
    lines = Lines()
    assert lines.feed(b"one\ntwo") == ["one"]
    assert lines.rest() == ["two"]
    assert lines.rest() == []


def test_a_long_line_stays_whole_and_an_endless_one_is_cut() -> None:
    lines = Lines()
    assert lines.feed(b"x" * (LONGEST - 1)) == []
    assert [len(line) for line in lines.feed(b"x\n")] == [LONGEST]
    assert [len(line) for line in lines.feed(b"x" * (LONGEST + 1))] == [LONGEST + 1]


@given(st.lists(st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]))), st.data())
def test_lines_do_not_depend_on_how_the_bytes_arrive(texts: list[str], data: st.DataObject) -> None:
    whole = "".join(f"{text}\n" for text in texts).encode()
    cut = data.draw(st.integers(0, len(whole)))
    lines = Lines()
    assert lines.feed(whole[:cut]) + lines.feed(whole[cut:]) + lines.rest() == texts


def test_pauses_double_up_to_a_limit() -> None:
    backoff = Backoff()
    pauses = [backoff.pause_seconds(0) for _ in range(9)]
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_healthy_life_makes_the_past_forgotten() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.pause_seconds(1)
    assert backoff.pause_seconds(HEALTHY_SECONDS) == 0.5
    assert backoff.pause_seconds(1) == 1


def test_a_socket_will_do_as_output() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        Output(ours.fileno()).plain("hello")
        assert theirs.recv(100) == b"hello\n"
