"""How figures of a comparison are said: shares, points, money, time, lists. One wording for advice and report."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from wellread.metrics.results import Difference, Way, WayReads
from wellread.types import Score

RIGHT = ("right", "exact_match", "number", "right_and_cited")  # metrics that are 1 where an answer is right

METRICS: Mapping[str, str] = {
    "right": "right answers",
    "exact_match": "exact answers (EM)",
    "f1": "words shared with a right answer (F1)",
    "number": "right numbers",
    "similarity": "nearness in meaning",
    "grounded": "sentences supported",
    "rouge_l": "ROUGE-L",
    "bleu": "BLEU",
    "chrf": "chrF",
    "citation_precision": "citations that bear evidence",
    "citation_recall": "evidence that is cited",
    "right_and_cited": "right, with a right citation",
    "refused_wrongly": "refused what it should answer",
    "answered_wrongly": "answered what it should refuse",
    "recall@5": "evidence in the first 5 passages",
    "recall@20": "evidence in the first 20 passages",
    "ndcg@10": "nDCG@10 of the passages",
    "mrr": "MRR of the passages",
    "context_precision": "context precision",
    "consistency": "same answer to other wordings",
}

READS: Mapping[WayReads, str] = {
    "nothing": "nothing but the question",
    "examples": "few-shot examples",
    "documents": "whole documents",
    "passages": "retrieved passages",
}


def metric(name: str) -> str:
    """What a metric measures, in words of a reader; its name where there are none."""
    return METRICS.get(name, name.replace("_", " "))


def points(value: float) -> str:
    """A share in percent, ``62 %``; tenths only below 10."""
    percent = 100 * value
    return f"{percent:.0f} %" if abs(percent) >= 9.95 or abs(percent - round(percent)) < 0.05 else f"{percent:.1f} %"


def reaches(name: str, value: float) -> str:
    """``is right on 62 %``, or ``reaches 62 % on …`` for a metric that is a degree."""
    return f"is right on {points(value)}" if name in RIGHT else f"reaches {points(value)} ({metric(name)})"


def interval(score: Score) -> str:
    """``54 to 70``, percent without the sign."""
    return f"{100 * score.low:.0f} to {100 * score.high:.0f}"


def change(pair: Difference) -> str:
    """``3 ± 5 points``: size and half the width of the interval, without the sign."""
    half = 50 * (min(1.0, pair.high) - max(-1.0, pair.low))
    return f"{abs(100 * pair.value):.0f} ± {half:.0f} points"


def in_points(value: float) -> str:
    """``14 points``."""
    return f"{100 * value:.0f} points"


def signed(pair: Difference) -> str:
    """``+3 ± 5``, with a true minus."""
    sign = "+" if pair.value >= 0 else "\N{MINUS SIGN}"
    return sign + change(pair).removesuffix(" points")


def capital(text: str) -> str:
    """The text with a large first letter; nDCG stays as it is."""
    return text if text[1:2].isupper() else text[:1].upper() + text[1:]


def listed(names: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    every = list(names)
    return " and ".join([", ".join(every[:-1]), every[-1]] if len(every) > 1 else every)


def duration(seconds: float) -> str:
    """``34 ms``, ``1.2 s``, ``3 min``, ``2.1 h``, ``12 days``, ``3.4 years``."""
    if seconds < 0.9995:
        return f"{seconds * 1e3:.0f} ms"
    for unit, size, most in (("s", 1, 90), ("min", 60, 90), ("h", 3600, 48), ("days", 86400, 700)):
        if seconds / size < most:
            count = seconds / size
            return f"{count:.1f} {unit}" if count < 9.95 and unit != "days" else f"{count:,.0f} {unit}"
    return f"{seconds / 31_557_600:,.1f} years"


def money(amount: float, currency: str) -> str:
    """``4.10 USD``, ``0.067 USD``: two digits that count at least, never an exponent."""
    if amount == 0 or amount >= 1:
        return f"{amount:,.2f} {currency}"
    digits = min(12, 1 - math.floor(math.log10(amount)))
    return f"{amount:.{digits}f} {currency}"


def spent(seconds: float | None, amount: float | None, currency: str) -> str:
    """``15 min, 0.90 USD``; ``nothing`` where that is known, ``not known`` where it is not."""
    parts = [duration(seconds) if seconds else "", money(amount, currency) if amount else ""]
    said = ", ".join(part for part in parts if part)
    return said or ("nothing" if seconds == 0 and not amount else "not known")


def called(way: Way) -> str:
    """A way in a sentence: ``retrieval``, ``the tuned model``, ``the long prompt``; the user's own by its name."""
    names = {
        "closed-book": "the model alone",
        "few-shot": "a prompt with examples",
        "long-context": "the long prompt",
        "retrieval": "retrieval",
        "retrieval-written": "retrieval with written answers",
        "tuned": "the tuned model",
        "tuned+retrieval": "the tuned model with retrieval",
    }
    name, at, model = way.name.partition("@")
    said = names.get(name)
    if said is None:
        return f"\N{LEFT SINGLE QUOTATION MARK}{way.name}\N{RIGHT SINGLE QUOTATION MARK}"
    return f"{said} ({model})" if at else said
