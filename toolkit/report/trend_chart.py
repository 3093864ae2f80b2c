"""The history of a commune as a drawing: one stacked bar per audited day, in the units of its view box."""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.report.brief import trend_sentence
from toolkit.report.model import Report, State, TrendPoint

# Those of style.css on paper: drawings carry them too, for readers that apply no style sheet to drawings.
COLOURS = {
    State.URGENT: "#a3142b",
    State.FAILING: "#8a4700",
    State.NEVER: "#5a4a86",
    State.SILENT: "#5a4a86",
    State.STALE: "#5a4a86",
    State.UNCERTAIN: "#1c5a7a",
    State.COMPLIANT: "#1b6543",
}
WIDTH, HEIGHT = 640, 150
_SHOWN = 26  # half a year of weeks; older days are in the store
_WIDEST = 44.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of one day's column."""

    state: State
    x: float
    y: float
    width: float
    height: float

    @property
    def colour(self) -> str:
        return COLOURS[self.state]


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars, the day under some of them, and the same in words."""

    bars: tuple[Bar, ...]
    labels: tuple[tuple[float, str], ...]  # middle of the column, day
    points: tuple[TrendPoint, ...]
    words: tuple[str, ...]
    width: int = WIDTH
    height: int = HEIGHT


def chart(report: Report) -> Chart:
    """Return the drawing of the last days of `report.trend`; all columns share one scale, the largest fills it."""
    points = report.trend[-_SHOWN:]
    most = max(point.endpoints for point in points) or 1
    step = WIDTH / len(points)
    width = min(step * 0.72, _WIDEST)
    bars: list[Bar] = []
    for index, point in enumerate(points):
        x, y = index * step + (step - width) / 2, float(HEIGHT)
        for state, number in _parts(point):
            height = HEIGHT * number / most
            y -= height
            if number:
                bars.append(Bar(state, round(x, 2), round(y, 2), round(width, 2), round(height, 2)))
    labels = tuple(_labels(points, step, report.language))
    words = tuple(trend_sentence(point, report.language) for point in points)
    return Chart(tuple(bars), labels, points, words)


def _parts(point: TrendPoint) -> tuple[tuple[State, int], ...]:
    return ((State.COMPLIANT, point.compliant), (State.FAILING, point.failing), (State.SILENT, point.unknown))


def _labels(points: tuple[TrendPoint, ...], step: float, language: str) -> list[tuple[float, str]]:
    # At most six days are written: more would touch each other on a narrow screen.
    every = max(1, -(-len(points) // 6))
    return [
        (round(index * step + step / 2, 2), point.day.strftime("%d/%m" if language == "fr" else "%m-%d"))
        for index, point in enumerate(points)
        if (len(points) - 1 - index) % every == 0
    ]
