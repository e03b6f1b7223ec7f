"""Charts: where bars, lines, ticks and labels lie."""

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.jobs.reporting import Chart, Series
from apps.report.drawing import HEIGHT, Drawing

Shape = Literal["bars", "stacked", "line"]
VALUES = st.lists(st.none() | st.floats(-1e9, 1e9), min_size=1, max_size=40)


def drawing(shape: Shape, *values: list[float | None], unit: Any = "number") -> Drawing:
    labels = [f"day {index}" for index in range(len(values[0]))]
    series = [Series(f"series {index}", list(row)) for index, row in enumerate(values)]
    return Drawing(Chart(shape, labels, series, unit))


def ticks(*values: float, unit: Any = "number") -> list[str]:
    return [tick.text for tick in drawing("bars", list(values), unit=unit).ticks()]


def test_ticks_are_round_and_cover_the_values() -> None:
    assert ticks(3, 220) == ["0", "50", "100", "150", "200", "250"]


def test_counts_get_whole_ticks() -> None:
    assert ticks(1, 2) == ["0", "1", "2"]


def test_fractions_get_fine_ticks() -> None:
    assert ticks(0.031, unit="percent") == ["0 %", "1 %", "2 %", "3 %", "4 %"]


def test_durations_get_ticks_of_the_clock() -> None:
    assert ticks(400, unit="duration") == ["0 s", "2 min", "4 min", "6 min", "8 min"]
    assert ticks(0.5, unit="duration")[1] == "100 ms"


def test_values_below_zero_reach_below_the_baseline() -> None:
    found = drawing("bars", [-5, 10])
    below, above = found.bars()
    assert below.y == above.y + above.height == found.baseline


def test_stacked_bars_stand_on_each_other() -> None:
    lower, upper = drawing("stacked", [4], [6]).bars()
    assert upper.y + upper.height == pytest.approx(lower.y)
    assert lower.y + lower.height == HEIGHT


def test_bars_of_several_series_stand_side_by_side() -> None:
    first, second = drawing("bars", [4], [6]).bars()
    assert first.x + first.width == pytest.approx(second.x)


def test_nothing_is_drawn_for_zero_and_for_a_gap() -> None:
    assert len(list(drawing("bars", [0, None, 5]).bars())) == 1


def test_a_gap_breaks_the_line() -> None:
    (line,) = drawing("line", [1, 2, None, 3, 4, None, 5]).lines()
    assert len(line.segments) == 2
    assert len(line.dots) == 5


def test_a_bar_says_what_it_is() -> None:
    (bar,) = drawing("bars", [0.25], unit="percent").bars()
    assert bar.title == "day 0 · series 0: 25 %"


def test_a_tone_gives_the_colour_of_a_state() -> None:
    chart = Chart("bars", ["a"], [Series("Failed", [1], "failure"), Series("Other", [1])])
    assert [entry.css for entry in Drawing(chart).legend()] == ["tone-failure", "series-2"]


@pytest.mark.parametrize(("values", "empty"), [([], True), ([None], True), ([0], True), ([0, 1], False)])
def test_bars_without_height_are_empty(values: list[float | None], empty: bool) -> None:
    assert drawing("bars", values).is_empty is empty


def test_a_line_at_zero_is_not_empty() -> None:
    assert not drawing("line", [0, 0]).is_empty


@pytest.mark.parametrize("count", [1, 2, 7, 30, 62, 365])
def test_labels_never_crowd(count: int) -> None:
    labels = drawing("bars", [1] * count).labels()
    assert 1 <= len(labels) <= 14
    assert 1 <= len([label for label in labels if not label.wide_only]) <= 5


def test_long_labels_are_cut() -> None:
    chart = Chart("bars", ["apps.email.tasks.send_email_task"], [Series("Jobs", [1])])
    assert Drawing(chart).labels()[0].text == "apps.email.task…"


@given(st.sampled_from(["bars", "stacked", "line"]), VALUES)
def test_everything_lies_inside_the_chart(shape: Shape, values: list[float | None]) -> None:
    found = drawing(shape, values)
    for bar in found.bars():
        assert -0.01 <= bar.x <= bar.x + bar.width <= 100.01
        assert -0.01 <= bar.y <= bar.y + bar.height <= HEIGHT + 0.02
    for line in found.lines():
        assert all(0 <= dot.x <= 100 and -0.01 <= dot.y <= HEIGHT + 0.01 for dot in line.dots)
    assert 2 <= len(found.ticks()) <= 12
