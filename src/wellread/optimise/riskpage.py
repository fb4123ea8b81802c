"""The risk–coverage curve as a page: what a threshold lets through, and how much of it is wrong."""

from __future__ import annotations

from wellread.markup import Markup, el, join
from wellread.optimise.risk import RiskLimit, RiskPoint, RiskTest

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 720, 380, 60, 50, 26, 20
_STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --soft: #5c636b; --line: #d7dbe0; --paper: #fff; --mark: #0b6bcb; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --soft: #a0a7af; --line: #3a4048; --paper: #15181b; --mark: #6db3f8; }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 46rem;
  margin: 2rem auto; padding: 0 1rem; }
svg { width: 100%; height: auto; } svg text { fill: var(--soft); font: 13px system-ui, sans-serif; }
.soft { color: var(--soft); } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .35rem 1rem .35rem 0; border-bottom: 1px solid var(--line); }
td + td, th + th { text-align: right; }
"""


def page(found: RiskLimit) -> str:
    """One file that needs nothing else, without script; every text is escaped."""
    head = join(
        el("meta", charset="utf-8"),
        el("title", "How far answers can be trusted"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("style", Markup(_STYLE)),
    )
    body = join(
        el("h1", "How far answers can be trusted"),
        el("p", said(found)),
        _plot(found),
        el(
            "p",
            f"Each point is a threshold of refusal, laid over {found.questions} questions that chose. The curve says"
            " how many of all questions are answered, and how many of these answers are wrong.",
            class_="soft",
        ),
        _table(found),
    )
    return "<!doctype html>\n" + el("html", el("head", head), el("body", body), lang="en") + "\n"


def said(found: RiskLimit) -> str:
    """What was found, in a sentence or two."""
    if found.chosen is None or found.test is None:
        lowest = min((point.risk for point in found.curve), default=1.0)
        return (
            f"No threshold keeps wrong answers at {found.wanted:.0%} on the {found.questions} questions that chose:"
            f" the least is {lowest:.1%}. Better documents, settings or a better reader come first."
        )
    test, risk = found.test, found.test.risk
    first = f"answer.refuse_below = {found.settings['answer.refuse_below']:g}: of {test.questions} other questions"
    if risk is None:
        return f"{first} none is answered; there is nothing to judge the risk by."
    text = (
        f"{first} {test.coverage.value:.0%} are answered, {risk.value:.1%} of these wrongly"
        f" ({risk.low:.1%} to {risk.high:.1%}; wanted: at most {found.wanted:.0%})."
    )
    if risk.low > found.wanted:
        text += " The risk that is wanted is not kept: more questions are needed to choose by."
    elif risk.high > found.wanted:
        text += " It may be higher than wanted: the interval says how much."
    return text


def _plot(found: RiskLimit) -> Markup:
    highest = max((point.risk for point in found.curve), default=0.1)
    top = min(1.0, max(0.1, highest, found.wanted) * 1.1)

    def x(coverage: float) -> float:
        return LEFT + coverage * (WIDTH - LEFT - RIGHT)

    def y(risk: float) -> float:
        return HEIGHT - BOTTOM - risk / top * (HEIGHT - TOP - BOTTOM)

    step = next(one for one in (0.02, 0.05, 0.1, 0.2) if top / one <= 8)
    parts = [_line(LEFT, y(n * step), WIDTH - RIGHT, f"{n * step:.0%}") for n in range(int(top / step) + 1)]
    parts += [
        el("text", f"{share:.0%}", x=x(share), y=HEIGHT - BOTTOM + 18, text_anchor="middle")
        for share in (0, 0.25, 0.5, 0.75, 1)
    ]
    steps = " ".join(f"{'L' if n else 'M'}{x(p.coverage):.1f} {y(p.risk):.1f}" for n, p in enumerate(found.curve))
    parts.append(el("path", d=steps or "M0 0", fill="none", stroke="var(--ink)", stroke_width="2"))
    wanted = f"M{LEFT} {y(found.wanted):.1f}H{WIDTH - RIGHT}"
    parts.append(el("path", d=wanted, stroke="var(--mark)", stroke_dasharray="5 4"))
    parts += [_dot(x(point.coverage), y(point.risk), point) for point in found.curve if point is found.chosen]
    parts.append(el("text", "questions answered", x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 10, text_anchor="middle"))
    parts.append(el("text", "wrong among the answers", x=LEFT, y=TOP - 10))
    label = f"Wrong answers against questions answered, {len(found.curve)} thresholds"
    return el("svg", *parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=label)


def _line(left: float, at: float, right: float, label: str) -> Markup:
    line = el("path", d=f"M{left} {at:.1f}H{right}", stroke="var(--line)")
    return join(line, el("text", label, x=left - 8, y=at + 4, text_anchor="end"))


def _dot(x: float, y: float, point: RiskPoint) -> Markup:
    about = f"threshold {point.refuse_below:.3f}: {point.coverage:.0%} answered, {point.risk:.1%} of them wrongly"
    return el("circle", el("title", about), cx=round(x, 1), cy=round(y, 1), r=6, fill="var(--mark)")


def _table(found: RiskLimit) -> Markup:
    heads = el("tr", *(el("th", name) for name in ("", "answered", "wrong of these", "95 % interval", "calibration")))
    rows = [_row("now", found.now)] + ([_row("with the threshold found", found.test)] if found.test else [])
    return el("table", heads, *rows)


def _row(name: str, test: RiskTest) -> Markup:
    risk, error = test.risk, test.calibration_error
    cells = (
        name,
        f"{test.coverage.value:.0%}",
        f"{risk.value:.1%}" if risk else "–",  # a dash for nothing
        f"{risk.low:.1%} to {risk.high:.1%}" if risk else "",
        f"{error:.3f}" if error is not None else "",
    )
    return el("tr", *(el("td", cell) for cell in cells))
