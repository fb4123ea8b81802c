"""Whether the documents support a claim, contradict it, or say nothing of it: each with the sentences that decide.

Rules and one sentence encoder, no chat model. A claim is supported where every number, code and name of it and most of
its words stand in one piece, or in several together, with the same «not» (``verify``). It is contradicted where a piece
says nearly the same with another number of the same kind, with or without a «not», or with a word of opposite meaning.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from wellread.answer import evidence, verify
from wellread.answer.elements import FRAME, NEGATION, Elements, Held, agree, elements
from wellread.answer.kinds.telling import ASKING, NEAR
from wellread.documents.sentences import sentences
from wellread.models.api import Embedder
from wellread.retrieve import quantities
from wellread.retrieve.units import WORD, Quotable, words
from wellread.types import Citation, Hit

Label = Literal["supported", "contradicted", "not in the documents"]
LABELS: tuple[Label, ...] = ("supported", "contradicted", "not in the documents")
SAME = 0.7  # share of a claim's words, numbers apart, that a piece must hold to speak against it
_RESTRICTING = re.compile(
    r"\b(?:only|all|every|never|always|first|last|lowest|highest|outside|except|refused|nobody|everybody|exactly)\b",
    re.IGNORECASE,
)
CLOSE_TO = 0.55  # cosine from which a piece is about the same and may speak against a claim
LOOKED_AT = 8  # closest pieces that may speak against it
_OPPOSITES = (
    "increase decrease|rise fall|rose fell|higher lower|more less|more fewer|above below|before after|open close"
    "|opened closed|allow forbid|allowed forbidden|permit prohibit|permitted prohibited|include exclude|first last"
    "|always never|hot cold|early late|earlier later|longer shorter|faster slower|larger smaller|win lose|won lost"
    "|buy sell|bought sold|positive negative|up down|north south|east west|summer winter|morning evening|all none"
    "|promote inhibit|promotes inhibits|activate inhibit|enhance reduce|improve worsen|gain loss|arrive depart"
    "|import export|minimum maximum|public private|alive dead|male female|mandatory optional|true false"
)
_OPPOSITE: dict[str, set[str]] = {}
for _pair in _OPPOSITES.split("|"):
    _one, _other = (words(word)[0] if words(word) else word for word in _pair.split())
    _OPPOSITE.setdefault(_one, set()).add(_other)
    _OPPOSITE.setdefault(_other, set()).add(_one)


@dataclass(frozen=True, slots=True)
class ClaimVerdict:
    """What the documents say of one claim; ``citations`` are the sentences that decide, or come nearest.

    ``score`` is the closeness of the best of them to the claim, 0 to 1; it is no probability.
    """

    claim: str
    label: Label
    reason: str
    score: float
    citations: tuple[Citation, ...] = ()


def split(text: str) -> list[str]:
    """The sentences of a text that say something, each a claim."""
    found = (" ".join(text[start:end].split()).lstrip("#*-+> ") for start, end in sentences(text))
    return [one for one in found if len(words(one)) >= 2 and not one.endswith("?")]


def judge(claim: str, hits: Sequence[Hit], scorer: Embedder) -> ClaimVerdict:
    """The verdict on a claim from what a search for it found. Raises: ModelError from the scorer."""
    scored = evidence.score(claim, evidence.units_of(hits), scorer)
    units = scored.units
    if not units:
        return ClaimVerdict(claim, "not in the documents", "nothing was found on it", 0.0)
    pool = verify.pool(units)
    asking = " ".join(
        m[0] for m in WORD.finditer(claim) if frozenset(words(m[0])) & ASKING
    )  # «costs»: columns say price
    verdict = verify.check(claim, asking, pool, scorer, close=0.0)
    unsaid = ""
    if verdict.supported and verdict.citation is not None:
        unsaid = _unsaid(claim, [units[n] for n in (verdict.citation, *verdict.also)], scorer)
    if verdict.supported and verdict.citation is not None and not unsaid:
        cited = dict.fromkeys(evidence.citation(units[n], hits) for n in (verdict.citation, *verdict.also))
        return ClaimVerdict(claim, "supported", verdict.reason or "stands there", verdict.score, tuple(cited))
    said = elements(claim, "")
    for held, cosine in zip(pool.held[:LOOKED_AT], scored.cosine, strict=False):
        if cosine >= CLOSE_TO and (reason := _against(claim, said, held)):
            return ClaimVerdict(claim, "contradicted", reason, verdict.score, (evidence.citation(held.unit, hits),))
    nearest = (evidence.citation(units[0], hits),)
    reason = unsaid or verdict.reason or "no piece says all of it"
    return ClaimVerdict(claim, "not in the documents", reason, verdict.score, nearest)


def _unsaid(claim: str, carriers: Sequence[Quotable], scorer: Embedder) -> str:
    """A word of the claim that the pieces neither hold nor say in a near word; empty where all is said."""
    told = " ".join(f"{unit.context} {unit.reading}" for unit in carriers)
    for restricting in _RESTRICTING.findall(claim):
        if not re.search(rf"\b{restricting}\b", told, re.IGNORECASE):
            return f"the documents do not say «{restricting}»"
    held = frozenset(words(told)) | FRAME | ASKING
    missing = [m[0] for m in WORD.finditer(claim) if m[0].isalpha() and not frozenset(words(m[0])) <= held]
    known = sorted({m[0].lower() for unit in carriers for m in WORD.finditer(unit.reading) if words(m[0])})
    if not missing or not known:
        return f"the documents do not say «{missing[0]}»" if missing else ""
    near = (scorer.embed(missing) @ scorer.embed(known).T).max(axis=1)
    worst = int(near.argmin())
    return f"the documents do not say «{missing[worst]}»" if near[worst] < NEAR else ""


def _against(claim: str, said: Elements, held: Held) -> str:
    """Why a piece contradicts a claim; empty where it does not."""
    told = (said.words | said.names) - FRAME
    there = told & held.words
    opposed = {word for word in told - held.words if _OPPOSITE.get(word, set()) & held.own}
    if not told or len(there) + len(opposed) < SAME * len(told) or said.codes - held.codes:
        return ""
    if said.names - held.words:
        return ""
    other = _other_number(said, held)
    if other:
        return f"the document says {other}"
    numbers_held = all(any(agree(q, h, cell=held.row) for h in held.numbers) for q in said.numbers)
    if len(opposed) == 1 and numbers_held:
        [word] = opposed
        return f"the document says the opposite of «{word}»"
    negated = NEGATION.search(held.unit.reading) is not None
    if negated != said.negated and numbers_held and not told - there:
        return "the document says «not»" if negated else "the document says it without «not»"
    return ""


def _other_number(said: Elements, held: Held) -> str:
    """The number of the same kind that a piece holds in place of the claim's; empty where there is none, or several."""
    lacking = [q for q in said.numbers if not any(agree(q, h, cell=held.row) for h in held.numbers)]
    if len(lacking) != 1:
        return ""
    wanted = lacking[0]
    kinds = {name for name, _ in wanted.meanings}
    read = quantities.quantities(held.unit.reading, every=False)
    known = [q for q in read if not any(agree(q, s) for s in said.numbers)]
    if wanted.days:
        same = [q for q in known if q.days]
    else:
        same = [
            q
            for q in known
            if (not q.days and {name for name, _ in q.meanings} & kinds) or (not kinds and not q.meanings)
        ]
    if len(same) != 1:
        return ""
    folded = quantities.fold(held.unit.reading)
    return folded[same[0].span.start : same[0].span.end]


_JSONL = re.compile(r"^\s*\{")


def is_rows(text: str) -> bool:
    """Whether a text is JSON Lines rather than prose."""
    return bool(_JSONL.match(text))
