"""The trials of a search as one page that needs no network: quality against latency, light and dark."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence

from wellread.optimise import space
from wellread.optimise.optimise import Optimised
from wellread.optimise.trial import Trial

Place = Callable[[float], float]  # a value → where it lies, in units of the drawing

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 64, 20, 24, 56

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5c6675; --line: #d5dae1; --paper: #ffffff;
  --dot: #6b84a8; --now: #b3541e; --best: #12805c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #a3adbb; --line: #39424f; --paper: #14181e;
  --dot: #8fa9d0; --now: #f0955c; --best: #4fcf9f; } }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem 3rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { max-width: 44rem; }
.soft { color: var(--soft); }
svg { width: 100%; min-width: 36rem; height: auto; }
svg text { fill: var(--soft); font: 13px system-ui, sans-serif; }
svg .name { fill: var(--ink); font-weight: 600; paint-order: stroke; stroke: var(--paper); stroke-width: 5px; }
td code { display: block; min-width: 16rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; }
td.n { text-align: right; white-space: nowrap; }
code { font: .9em ui-monospace, monospace; overflow-wrap: anywhere; }
"""


def page(found: Optimised) -> str:
    """The page: what is proposed and why, the plot, the best settings that were tried."""
    said = found.said[0].upper() + found.said[1:]
    title = "Better settings were found" if found.proposal else "Keep the present settings"
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{title}</h1><p>{html.escape(said)}.</p>",
        _proposal(found),
        "<h2>Quality against latency</h2>",
        f'<div class="wide">{_plot(found)}</div>',
        f'<p class="soft">{html.escape(_how(found))}</p>',
        "<h2>The best of what was tried</h2>",
        _table(found),
        "</body></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _proposal(found: Optimised) -> str:
    if not found.proposal:
        return ""
    rows = "".join(
        f"<tr><td><code>{html.escape(key)}</code></td><td>{html.escape(str(old))}</td><td>{html.escape(str(new))}</td></tr>"
        for key, (old, new) in found.proposal.items()
    )
    head = "<tr><th>setting</th><th>now</th><th>better</th></tr>"
    return f'<div class="wide"><table>{head}{rows}</table></div>'


def _how(found: Optimised) -> str:
    text = (
        f"Each point is a choice of settings: the share of right answers (right refusals among them) on "
        f"{found.n_validation} validation questions, and the median seconds of one, "
        f"with the time counted in that sharing vectors with other choices saved. Hollow points were asked a part of "
        f"the questions only, and look slower for it, because nothing was met before. "
        f"The two with a bar are the {found.n_test} test questions, with the 95 % interval. "
        f"{len(found.trials)} choices, {found.asked} answers, {found.seconds / 60:.1f} minutes."
    )
    if found.not_searched:
        text += f" Not searched, because a copy of the base would have taken too long: {', '.join(found.not_searched)}."
    return text


def _plot(found: Optimised) -> str:
    points = [(max(t.p50_s, 1e-4), t.quality) for t in found.trials]
    for judged in (found.test_present, found.test_winner):
        if judged is not None:
            points += [(max(judged.p50_s, 1e-4), y) for y in (judged.quality.low, judged.quality.high)]
    low_x, high_x = math.log10(min(x for x, _ in points) / 1.2), math.log10(max(x for x, _ in points) * 1.2)
    low_y, high_y = max(0.0, min(y for _, y in points) - 0.03), min(1.0, max(y for _, y in points) + 0.03)

    def x(seconds: float) -> float:
        share = (math.log10(max(seconds, 1e-4)) - low_x) / max(high_x - low_x, 1e-9)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(quality: float) -> float:
        return HEIGHT - BOTTOM - (quality - low_y) / max(high_y - low_y, 1e-9) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Quality against latency of {len(points)} trials">'
    ]
    parts += _axes(x, y, (10**low_x, 10**high_x), (low_y, high_y))
    parts += [_dot(x(t.p50_s), y(t.quality), t) for t in sorted(found.trials, key=lambda t: t.complete)]
    shown = [("present, test", found.test_present, "--now"), ("better, test", found.test_winner, "--best")]
    for name, judged, colour in shown:
        if judged is None:
            continue
        at, (top, bottom) = x(judged.p50_s), (y(judged.quality.high), y(judged.quality.low))
        middle = y(judged.quality.value)
        parts.append(f'<path d="M{at:.1f} {top:.1f}V{bottom:.1f}" stroke="var({colour})" stroke-width="2"/>')
        about = f"{name}: {judged.quality.value:.1%}, {judged.p50_s:.3f} s"
        parts.append(
            f'<circle cx="{at:.1f}" cy="{middle:.1f}" r="7" fill="var({colour})"><title>{about}</title></circle>'
        )
        anchor, shift = ("end", -12) if at > WIDTH / 2 else ("start", 12)
        parts.append(
            f'<text class="name" x="{at + shift:.1f}" y="{middle + 4:.1f}" text-anchor="{anchor}">{name}</text>'
        )
    alone = found.present
    px, py = x(alone.p50_s), y(alone.quality)
    parts.append(
        f'<path d="M{px:.1f} {py - 7:.1f}l7 7-7 7-7-7z" fill="none" stroke="var(--now)" stroke-width="2">'
        f"<title>present, validation: {alone.quality:.1%}, {alone.p50_s:.3f} s</title></path>"
    )
    return "".join([*parts, "</svg>"])


def _axes(x: Place, y: Place, seconds: tuple[float, float], quality: tuple[float, float]) -> list[str]:
    parts = []
    ticks = [m * 10.0**e for e in range(-4, 4) for m in (1, 2, 5) if seconds[0] <= m * 10.0**e <= seconds[1]]
    for tick in ticks:
        label = f"{tick * 1000:.0f} ms" if tick < 1 else f"{tick:g} s"
        at = x(tick)
        parts.append(f'<path d="M{at:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="var(--line)"/>')
        parts.append(f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{label}</text>')
    step = 0.05 if quality[1] - quality[0] < 0.4 else 0.1
    for n in range(math.ceil(quality[0] / step), math.floor(quality[1] / step) + 1):
        at = y(n * step)
        parts.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="var(--line)"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{n * step:.0%}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle:.0f}" y="{HEIGHT - 12}" text-anchor="middle">median time of an answer</text>')
    parts.append(f'<text x="{LEFT}" y="{TOP - 8}">right answers</text>')
    return parts


def _dot(at: float, height: float, trial: Trial) -> str:
    fill = "var(--dot)" if trial.complete else "none"
    about = html.escape(f"{_named(trial)}: {trial.quality:.1%} of {trial.n}, {trial.p50_s:.3f} s")
    return (
        f'<circle cx="{at:.1f}" cy="{height:.1f}" r="4.5" fill="{fill}" stroke="var(--dot)" stroke-width="1.5" '
        f'opacity="0.8"><title>{about}</title></circle>'
    )


def _named(trial: Trial) -> str:
    return ", ".join([*space.overrides(trial.choice), f"{space.THRESHOLD}={trial.refuse_below:g}"])


def _table(found: Optimised) -> str:
    complete = sorted((t for t in found.trials if t.complete), key=lambda t: (-t.quality, t.p50_s))[:15]
    return f'<div class="wide"><table>{_HEAD}{"".join(_rows(complete))}</table></div>'


_HEAD = "<tr><th>right</th><th>median</th><th>95 %</th><th>settings that differ from the present ones</th></tr>"


def _rows(trials: Sequence[Trial]) -> list[str]:
    return [
        f'<tr><td class="n">{t.quality:.1%}</td><td class="n">{t.p50_s:.3f} s</td><td class="n">{t.p95_s:.3f} s</td>'
        f"<td><code>{html.escape(_named(t))}</code></td></tr>"
        for t in trials
    ]
