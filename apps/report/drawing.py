"""Where the parts of a chart lie. Across, lengths are percents of the width; down, they are pixels.

So a chart fits any width without scripts, while its letters keep their size.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from apps.jobs.reporting import Chart, Series
from apps.report.cells import words

HEIGHT = 220
TICKS = 5
BAND_SHARE, BAR_MAX_PERCENT = 0.72, 9.0
LETTER_PIXELS, LABEL_GAP_PIXELS = 7, 18
WIDE_PIXELS, NARROW_PIXELS = 800, 250
SMALLEST = 1e-300  # below it a step rounds to nothing
LABEL_LETTERS = 16
PALETTE = 6
DAY = 86_400
CLOCK_STEPS = (60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, DAY)


class Tick(NamedTuple):
    y: float
    text: str


class Label(NamedTuple):
    """`wide_only` is left out where there is little room."""

    x: float
    text: str
    wide_only: bool


class Bar(NamedTuple):
    x: float
    y: float
    width: float
    height: float
    css: str
    title: str


class Dot(NamedTuple):
    x: float
    y: float
    title: str


@dataclass(frozen=True)
class Line:
    """`segments` are "x,y x,y …" between gaps; the dots carry the words."""

    css: str
    segments: list[str]
    dots: list[Dot]


@dataclass(frozen=True)
class Legend:
    name: str
    css: str


class Scale:
    """From values to pixels, over a round range that includes zero."""

    def __init__(self, lowest: float, highest: float, step: float) -> None:
        self.step = step
        self.bottom = math.floor(min(lowest, 0) / self.step) * self.step
        self.top = max(math.ceil(max(highest, 0) / self.step) * self.step, self.bottom + self.step)

    def y(self, value: float) -> float:
        return round((self.top - value) / (self.top - self.bottom) * HEIGHT, 2)

    def ticks(self) -> list[float]:
        count = round((self.top - self.bottom) / self.step)
        return [self.bottom + self.step * index for index in range(count + 1)]


class Drawing:
    """What the templates of a chart ask for."""

    height = HEIGHT

    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        self.colours = [css_of(series, index) for index, series in enumerate(chart.series)]
        lowest, highest = extent(chart)
        self.scale = Scale(lowest, highest, step_of(chart, max(highest, 0) - min(lowest, 0)))
        self.baseline = self.scale.y(0)

    @property
    def is_line(self) -> bool:
        return self.chart.shape == "line"

    @property
    def is_empty(self) -> bool:
        values = [value for series in self.chart.series for value in series.values]
        return not any(value is not None if self.is_line else value for value in values)

    def legend(self) -> list[Legend]:
        return [Legend(s.name, css) for s, css in zip(self.chart.series, self.colours, strict=True)]

    def ticks(self) -> list[Tick]:
        return [
            Tick(self.scale.y(value), words(tidy(value), self.chart.unit)) for value in self.scale.ticks()
        ]

    @property
    def axis_width(self) -> int:
        return 4 + LETTER_PIXELS * max(len(tick.text) for tick in self.ticks())

    def labels(self) -> list[Label]:
        names = self.chart.labels
        pixels = LABEL_GAP_PIXELS + LETTER_PIXELS * min(LABEL_LETTERS, max(map(len, names), default=0))
        every_wide = math.ceil(len(names) * pixels / WIDE_PIXELS) or 1
        every_narrow = math.ceil(len(names) * pixels / NARROW_PIXELS / every_wide) * every_wide or 1
        return [
            Label(self.centre(index), shortened(names[index]), bool(index % every_narrow))
            for index in range(0, len(names), every_wide)
        ]

    def bars(self) -> Iterator[Bar]:
        """Side by side, or on top of each other."""
        stacked = self.chart.shape == "stacked"
        slots = 1 if stacked else max(1, len(self.chart.series))
        width = min(self.band * BAND_SHARE / slots, BAR_MAX_PERCENT)
        floors = {1: [0.0] * len(self.chart.labels), -1: [0.0] * len(self.chart.labels)}
        for order, (series, css) in enumerate(zip(self.chart.series, self.colours, strict=True)):
            shift = 0.0 if stacked else (order - (slots - 1) / 2) * width
            for index, value in enumerate(series.values):
                if not value:
                    continue
                floor = floors[1 if value > 0 else -1]
                start = floor[index] if stacked else 0.0
                floor[index] = start + value
                top, bottom = sorted((self.scale.y(start), self.scale.y(start + value)))
                left = round(self.centre(index) + shift - width / 2, 3)
                yield Bar(left, top, round(width, 3), round(bottom - top, 2), css, self.title(series, index))

    def lines(self) -> Iterator[Line]:
        for series, css in zip(self.chart.series, self.colours, strict=True):
            dots = [
                Dot(self.centre(index), self.scale.y(value), self.title(series, index))
                for index, value in enumerate(series.values)
                if value is not None
            ]
            yield Line(css, self.segments(series), dots)

    def segments(self, series: Series) -> list[str]:
        runs: list[list[str]] = [[]]
        for index, value in enumerate(series.values):
            if value is None:
                runs.append([])
            else:
                runs[-1].append(f"{self.centre(index)},{self.scale.y(value)}")
        return [" ".join(run) for run in runs if len(run) > 1]

    def centre(self, index: int) -> float:
        return round((index + 0.5) * self.band, 3)

    @property
    def band(self) -> float:
        return 100 / max(1, len(self.chart.labels))

    def title(self, series: Series, index: int) -> str:
        value = words(series.values[index], self.chart.unit)
        return f"{self.chart.labels[index]} · {series.name}: {value}"


def extent(chart: Chart) -> tuple[float, float]:
    """The lowest and the highest point that is drawn."""
    columns = zip(*(series.values for series in chart.series), strict=True)
    points = [[value for value in column if value is not None] for column in columns]
    if chart.shape == "stacked":
        points = [[sum(v for v in column if v < 0), sum(v for v in column if v > 0)] for column in points]
    flat = [value for column in points for value in column]
    return min(flat, default=0), max(flat, default=0)


def step_of(chart: Chart, span: float) -> float:
    """The distance of the ticks, a round one, so that about TICKS of them cover the span."""
    if span <= 0:
        return 0.25 if chart.unit == "percent" else 1
    rough = span / TICKS
    if chart.unit == "duration" and rough > CLOCK_STEPS[0] / 2:
        return next((step for step in CLOCK_STEPS if step >= rough), decimal_step(rough / DAY) * DAY)
    step = decimal_step(rough)
    return max(1, math.ceil(step)) if whole(chart) else step


def decimal_step(rough: float) -> float:
    """1, 2, 2.5 or 5 times a power of ten, the next at or above."""
    power = 10.0 ** math.floor(math.log10(max(rough, SMALLEST)))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)


def whole(chart: Chart) -> bool:
    values = (value for series in chart.series for value in series.values if value is not None)
    return chart.unit == "number" and all(value == int(value) for value in values)


def css_of(series: Series, index: int) -> str:
    return f"tone-{series.tone}" if series.tone else f"series-{index % PALETTE + 1}"


def shortened(text: str) -> str:
    return text if len(text) <= LABEL_LETTERS else f"{text[: LABEL_LETTERS - 1]}…"


def tidy(value: float) -> float:
    """Without the dust of adding up floats: 0.30000000000000004 is 0.3."""
    return int(value) if value == int(value) else round(value, 12)
