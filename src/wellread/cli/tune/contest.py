"""``wellread compare --align``: ways of learning from preferences, side by side."""

from __future__ import annotations

from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, hint, progress
from wellread.tune import settings as section
from wellread.tune.contest import AlignContest, AlignedWay, contest


def told(call: Call, data: str) -> int:
    """Measures, prints the table and the advice; the exit code."""
    with open_base(call) as base, progress(call) as watched:
        settings = section.load(base.folder, call.overrides, data=data)
        made = contest(base, settings, data, progress=watched)
    if call.json:
        show.dump(made)
        return DONE
    _printed(made)
    hint(call, f"next: wellread models use {data}-dpo, or another of wellread models list")
    return DONE


def _printed(made: AlignContest) -> None:
    show.say(made.headline, "bold")
    show.say(made.because)
    show.say()
    head = ("way", "wins against base", "95 %", "reward", "KL", "distinct-2", "words", "forgotten", "seconds", "MB")
    show.rows([head, *map(_row, made.ways)], indent=2)
    told = [
        f"{one.first} and {one.second}: {one.value:+.0%} ({100 * one.low:.0f} to {100 * one.high:.0f}), "
        f"p {one.p_corrected:.2g}"
        for one in made.differences
        if "base" not in (one.first, one.second)
    ]
    if told:
        show.say("wins less losses on the same prompts, p corrected for all pairs of ways:", "dim")
        for line in told:
            show.say(line, indent=2)
    for way in made.ways:
        if way.failed:
            show.note(f"note: {way.name}: {way.failed}")
    show.say(
        f"{made.prompts} held-out prompts; the judge agrees with people on {made.judge_agrees:.0%} of "
        f"{made.judge_pairs} pairs that it has not seen, length alone on {made.judge_by_length:.0%}",
        "dim",
    )


def _row(way: AlignedWay) -> tuple[str, ...]:
    if way.failed and not way.words:
        return (way.name, "failed", *[""] * 8)
    forgotten = "" if way.forgotten is None else f"{way.forgotten:+.1%}"
    wins = "" if way.name == "base" else f"{way.win_rate:.0%}"
    interval = "" if way.name == "base" else f"{100 * way.low:.0f} to {100 * way.high:.0f}"
    figures = (f"{way.reward:+.2f}", f"{way.kl:.3f}", f"{way.distinct_2:.2f}", f"{way.words:.0f}")
    memory = "" if way.peak_memory_mb is None else f"{way.peak_memory_mb:,.0f}"
    return (way.name, wins, interval, *figures, forgotten, f"{way.seconds:.0f}", memory)
