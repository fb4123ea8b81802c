"""Quality against cost as one drawing: a point for each way, its interval as a bar, labels that do not collide."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wellread.markup import Markup, el, join
from wellread.types import Score

SIZE = 13.0  # of the labels, in units of the drawing
LETTER = 0.58  # width of a letter, as a share of its size; on the wide side
DOT = 5.5


@dataclass(frozen=True, slots=True)
class Point:
    """A way in the plot: its cost, its score, and whether it is the recommended one."""

    name: str
    cost: float
    score: Score
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A rectangle that nothing else should cover."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: Rectangle) -> float:
        """Area in common."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, wide) * max(0.0, high)


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the axes lie and what they stand for; ``low`` to ``high`` is the cost, by its logarithm where ``log``."""

    width: float
    height: float
    low: float
    high: float
    log: bool

    @property
    def area(self) -> Rectangle:
        """The inside of the axes."""
        return Rectangle(46, 14, self.width - 14, self.height - 46)

    def x(self, cost: float) -> float:
        """Place of a cost from the left."""
        if self.log:
            share = math.log(max(cost, self.low) / self.low) / math.log(self.high / self.low)
        else:
            share = (cost - self.low) / (self.high - self.low)
        return self.area.left + share * (self.area.right - self.area.left)

    def y(self, value: float) -> float:
        """Place of a share from the top."""
        return self.area.bottom - value * (self.area.bottom - self.area.top)


def frame(points: Sequence[Point], width: float, height: float) -> Frame:
    """Axes that hold every point; by logarithm where the dearest costs more than eight times the cheapest."""
    costs = [point.cost for point in points]
    least, most = min(costs, default=0.0), max(costs, default=0.0)
    if least > 0 and most > 8 * least:
        return Frame(width, height, least / 1.6, most * 1.6, True)
    return Frame(width, height, 0.0, (most or 1.0) * 1.18, False)


def ticks(axes: Frame) -> list[float]:
    """Round costs along the axis, four to seven of them."""
    if axes.log:
        every = [m * 10.0**e for e in range(-9, 10) for m in (1, 2, 5)]
        inside = [value for value in every if axes.low <= value <= axes.high]
        return inside if len(inside) <= 7 else [v for v in inside if f"{v:e}"[0] == "1"]
    rough = axes.high / 6
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(m * unit for m in (1, 2, 2.5, 5, 10) if m * unit >= rough)
    return [n * step for n in range(int(axes.high / step) + 1)]


def place(points: Sequence[Point], axes: Frame) -> dict[str, tuple[float, float, str]]:
    """Where each label stands: x, y of its baseline, and its anchor; the recommended way chooses first.

    The others choose by score, then each once more beside what all have chosen; where labels still meet, another order
    is tried, and the best of all is taken.
    """
    orders = (
        sorted(points, key=lambda p: (not p.chosen, -p.score.value)),
        sorted(points, key=lambda p: (not p.chosen, p.cost)),
        sorted(points, key=lambda p: (not p.chosen, -p.cost)),
        sorted(points, key=lambda p: (not p.chosen, p.score.value)),
    )
    best: tuple[float, dict[str, tuple[float, float, str]]] | None = None
    for order in orders:
        found = _placed(order, axes)
        boxes = [_box(point, found[point.name]) for point in points]
        meeting = sum(box.overlap(other) for n, box in enumerate(boxes) for other in boxes[n + 1 :])
        if best is None or meeting < best[0]:
            best = meeting, found
        if not meeting:
            break
    return best[1] if best else {}


def _placed(points: Sequence[Point], axes: Frame) -> dict[str, tuple[float, float, str]]:
    """Labels placed one after the other, in this order, and then once more in it."""
    area = axes.area
    fixed = [_mark(point, axes) for point in points]
    fixed.append(Rectangle(area.left, area.top - 4, area.left + 150, area.top + 16))  # the name of the axis
    found: dict[str, tuple[float, float, str]] = {}
    for point in (*points, *points):
        labels = [_box(other, found[other.name]) for other in points if other.name in found and other is not point]
        own = _mark(point, axes)
        others = [*(box for box in fixed if box != own), *labels, own]
        harms = {at: _harm(_box(point, at), at, point, axes, others) for at in _candidates(point, axes)}
        found[point.name] = min(harms, key=harms.__getitem__)
    return found


def _candidates(point: Point, axes: Frame) -> Iterator[tuple[float, float, str]]:
    x, y = axes.x(point.cost), axes.y(point.score.value)
    for far in (0.0, 14.0, 28.0, 44.0, 62.0, 84.0, 110.0, 140.0):
        for up in (0.0, -1.0, 1.0):
            if far and not up:
                continue
            for side, anchor in ((10.0, "start"), (-10.0, "end")):
                yield x + side, y + SIZE * 0.34 + up * (far + 4 if far else 0), anchor


def _harm(
    box: Rectangle, at: tuple[float, float, str], point: Point, axes: Frame, others: Sequence[Rectangle]
) -> tuple[float, float]:
    area = axes.area
    outside = max(0.0, area.left + 2 - box.left) + max(0.0, box.right - axes.width + 2)
    outside += max(0.0, area.top - 8 - box.top) + max(0.0, box.bottom - area.bottom)
    covered = sum(box.overlap(other) for other in others)
    away = abs(at[1] - axes.y(point.score.value)) + (4.0 if at[2] == "end" else 0.0)
    return covered + 50 * outside, away


def label(point: Point) -> str:
    """What stands beside a point."""
    return f"{point.name} {100 * point.score.value:.0f} %"


def _box(point: Point, at: tuple[float, float, str]) -> Rectangle:
    wide = LETTER * SIZE * len(label(point)) * (1.06 if point.chosen else 1.0)
    left = at[0] if at[2] == "start" else at[0] - wide
    return Rectangle(left - 2, at[1] - SIZE * 0.85, left + wide + 2, at[1] + SIZE * 0.28)


def _mark(point: Point, axes: Frame) -> Rectangle:
    x, top, bottom = axes.x(point.cost), axes.y(point.score.high), axes.y(point.score.low)
    return Rectangle(x - DOT - 1, top - 1, x + DOT + 1, bottom + 1)


def scatter(points: Sequence[Point], x_name: str, y_name: str, *, width: float = 860, height: float = 400) -> Markup:
    """The plot as SVG with a title and a description for those who do not see it; it has classes and no colours.

    Args:
        points: at least one.
        x_name: what the cost is, with its unit.
        y_name: what the score is.
        width: of the drawing, in its own units; letters have the same size in every width.
        height: of the drawing.
    """
    axes = frame(points, width, height)
    labels = place(points, axes)
    said = "; ".join(
        f"{p.name}: {100 * p.score.value:.0f} % ({100 * p.score.low:.0f} to {100 * p.score.high:.0f}), {p.cost:.3g}"
        for p in sorted(points, key=lambda p: -p.score.value)
    )
    chosen = next((p.name for p in points if p.chosen), "none")
    return el(
        "svg",
        el("title", f"{y_name} against {x_name}"),
        el("desc", f"Each way with its 95 % interval and its cost. {said}. Recommended: {chosen}."),
        _grid(axes, x_name, y_name),
        *(_drawn(point, axes, labels[point.name]) for point in sorted(points, key=lambda p: p.chosen)),
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        class_="plot",
        xmlns="http://www.w3.org/2000/svg",
        font_size=f"{SIZE:g}",
    )


def _grid(axes: Frame, x_name: str, y_name: str) -> Markup:
    area = axes.area
    parts = []
    for percent in (0, 25, 50, 75, 100):
        y = axes.y(percent / 100)
        parts.append(el("line", x1=area.left, x2=area.right, y1=y, y2=y, class_="axis" if percent == 0 else "grid"))
        parts.append(el("text", f"{percent}", x=area.left - 8, y=y + 4, text_anchor="end", class_="tick"))
    for value in ticks(axes):
        x = axes.x(value)
        parts.append(el("line", x1=x, x2=x, y1=area.bottom, y2=area.bottom + 5, class_="axis"))
        parts.append(el("text", f"{value:g}", x=x, y=area.bottom + 19, text_anchor="middle", class_="tick"))
    scale = ", logarithmic" if axes.log else ""
    parts.append(el("text", x_name + scale, x=area.right, y=axes.height - 8, text_anchor="end", class_="name"))
    parts.append(el("text", f"% {y_name}", x=area.left + 6, y=area.top + 12, class_="name"))
    return el("g", *parts)


def _drawn(point: Point, axes: Frame, at: tuple[float, float, str]) -> Markup:
    x, y = axes.x(point.cost), axes.y(point.score.value)
    low, high = axes.y(point.score.low), axes.y(point.score.high)
    leader = None
    if abs(at[1] - SIZE * 0.34 - y) > SIZE:
        leader = el("line", x1=x, y1=y, x2=at[0] - math.copysign(3, at[0] - x), y2=at[1] - SIZE * 0.3, class_="leader")
    bars = [el("line", x1=x, x2=x, y1=low, y2=high, class_="bar")]
    bars += [el("line", x1=x - 4, x2=x + 4, y1=end, y2=end, class_="bar") for end in (low, high)]
    value = el("tspan", f" {100 * point.score.value:.0f} %", class_="value")
    name = el("text", point.name, value, x=at[0], y=at[1], text_anchor=at[2], class_="label")
    dot = el("circle", cx=x, cy=y, r=DOT, class_="dot")
    return el("g", leader, *bars, dot, name, class_="way chosen" if point.chosen else "way")


STYLE = """
.plot{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
.plot .grid{stroke:var(--line);stroke-width:1}.plot .axis{stroke:var(--muted);stroke-width:1}
.plot .tick,.plot .name{fill:var(--muted);font-size:12px}
.plot .bar{stroke:var(--muted);stroke-width:1.25}.plot .leader{stroke:var(--muted);stroke-width:.75}
.plot .dot{fill:var(--muted)}.plot .label{fill:var(--ink)}.plot .value{fill:var(--muted)}
.plot .chosen .dot{fill:var(--accent)}.plot .chosen .bar{stroke:var(--accent);stroke-width:2}
.plot .chosen .label{font-weight:650;fill:var(--accent)}.plot .chosen .value{fill:var(--accent)}
"""
COLOURS = (
    ":root{--paper:#fff;--ink:#1b1c1e;--muted:#5a5d61;--line:#dfe0dc;--accent:#0a5c6b}"
    "@media(prefers-color-scheme:dark){:root{--paper:#15181b;--ink:#e9e7e2;--muted:#a6a8a8;--line:#33383c;"
    "--accent:#74c7d5}}"
)


def standing_alone(picture: Markup) -> str:
    """The plot as a file of its own, with its colours for light and dark."""
    style = Markup(f"<style>{COLOURS}{STYLE}svg{{background:var(--paper)}}</style>")
    opened, rest = picture.split(">", 1)
    return join(Markup(f"{opened}>"), style, Markup(rest))
