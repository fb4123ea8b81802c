"""Rows come in; those that can be learned from, and everything that was found, with file and row, go out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wellread import personal
from wellread.models.api import Embedder
from wellread.progress import SILENT, Progress
from wellread.tune.data import preference_checks, set_checks, token_checks
from wellread.tune.data.data import LONGEST, texts_of
from wellread.tune.data.findings import DEFAULT, DataFinding, Policy
from wellread.tune.data.rows import PlacedRow
from wellread.tune.data.token_checks import Lengths

FEW = 20
_MOJIBAKE = re.compile(r"Ã[\x80-\xbf¡-ÿ]|â€[\x80-\xbf™œž“”˜¦¢]|Â[\xa0-\xbf]|ï»¿|ðŸ|Ð[\x80-\xbf]Ð|\\u00[0-9a-f]{2}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_MARKUP = re.compile(
    r"</?(?:p|br|div|span|a|b|i|em|strong|ul|ol|li|table|tr|td|h[1-6]|font|img|script)(?:\s[^<>]{0,200})?/?>"
    r"|&(?:nbsp|amp|lt|gt|quot|apos|#\d{2,5});",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Instruments:
    """What rows are examined with; a check without its instrument is left out.

    ``questions`` are those that the model will be examined on; ``max_length`` is the tokens of a row at most,
    ``rater_share`` the share of preferences or ratings that one rater may give.
    """

    tokenizer: Any | None = None
    max_length: int = LONGEST
    questions: Sequence[str] = ()
    embedder: Embedder | None = None
    policy: Policy = DEFAULT
    rater_share: float = 1.0


@dataclass(frozen=True, slots=True)
class Examined:
    """The rows that are left, everything that was found, and how long the rows are."""

    rows: tuple[PlacedRow, ...]
    findings: tuple[DataFinding, ...]
    lengths: Lengths


def examine(rows: Sequence[PlacedRow], instruments: Instruments, progress: Progress = SILENT) -> Examined:
    """Every check on the rows of one task, each on those that the checks before it left.

    A row is left out only where a finding says so (``Finding.dropped``).
    """
    policy = instruments.policy
    kept, findings = list(rows), list[DataFinding]()

    def take(found: Sequence[DataFinding]) -> None:
        findings.extend(found)
        gone = {(one.file, one.row) for one in found if one.dropped}
        kept[:] = [placed for placed in kept if (placed.file, placed.number) not in gone]

    progress.step("examine texts", 0, 6)
    take([one for placed in kept for one in _texts(placed, policy)])
    take(set_checks.leaks(kept, instruments.questions, policy) if instruments.questions else [])
    progress.step("examine tokens", 2, 6)
    found, lengths = token_checks.look(kept, instruments.tokenizer, instruments.max_length, policy)
    take(found)
    progress.step("compare rows", 3, 6)
    for check in (*set_checks.CHECKS.values(), *preference_checks.CHECKS.values()):
        take(check(kept, policy))
    take(preference_checks.capped(kept, instruments.rater_share, policy))
    if instruments.embedder is not None:
        progress.step("compare meanings", 5, 6)
        take(set_checks.meanings(kept, instruments.embedder, policy))
    if 0 < len(kept) < FEW:
        take([policy.finding("few-rows", kept[0].file, 0, f"{len(kept)} rows: a result on so few is mostly chance")])
    progress.step("examined", 6, 6)
    return Examined(tuple(kept), tuple(findings), lengths)


def _texts(placed: PlacedRow, policy: Policy) -> list[DataFinding]:
    """Damage and personal data in the texts of one row, each kind once."""
    text = "\n".join(texts_of(placed.row))
    found: list[tuple[str, str]] = []
    if match := _MOJIBAKE.search(text):
        found.append(("mojibake", f"holds '{_around(text, match)}': decoded wrongly once; read the source as UTF-8"))
    if "\N{REPLACEMENT CHARACTER}" in text:
        at = text.index("\N{REPLACEMENT CHARACTER}")
        found.append(
            ("replacement-characters", f"holds '{_near(text, at)}': a letter was lost; take it from the source")
        )
    if match := _CONTROL.search(text):
        found.append(("control-characters", f"holds the invisible character U+{ord(match[0]):04X}; remove it"))
    if match := _MARKUP.search(text):
        found.append(("markup", f"holds {match[0][:40]}: the model learns to write it; strip it unless that is meant"))
    for one in personal.find(text):
        found.append(("personal-data", f"holds {one.kind} ({one.shown}); a model gives back what it learned"))
    return [policy.finding(code, placed.file, placed.number, message) for code, message in found]


def _around(text: str, match: re.Match[str]) -> str:
    return _near(text, match.start())


def _near(text: str, at: int) -> str:
    return " ".join(text[max(0, at - 8) : at + 8].split())
