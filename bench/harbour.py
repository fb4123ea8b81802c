"""Answers on the sample organisation: right with a right citation, refused where they should be, evidence found.

    python -m bench.harbour [--sample harbour|museum] [--style quote|auto|write] [--kinds fact …] [--show]

A single-fact answer is right when its text holds an accepted answer, and its citation when it names the evidence's
document and the quotation holds an accepted answer. The sample proves nothing about quality in the wild; the museum was
written after everything had been chosen on the ferry company, and shows how kind that one is.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
import unicodedata
from collections import defaultdict
from pathlib import Path
from typing import Any

from bench.common import ROOT, interval, keep, latency, letters, rows
from wellread import KnowledgeBase
from wellread.answer import evidence
from wellread.metrics.metrics import holds
from wellread.types import Answer, Hit, Principal

SAMPLES = ROOT / "samples"
HARBOUR = SAMPLES / "harbour"


def main() -> None:
    """Asks every question and prints shares with intervals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", default="harbour", choices=("harbour", "museum"))
    parser.add_argument("--style", default="quote")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    parser.add_argument("--kinds", nargs="*", help="only these kinds of question")
    parser.add_argument("--limit", type=int, default=10_000, help="at most so many of a kind")
    parser.add_argument("--show", action="store_true", help="print every wrong one")
    parser.add_argument("--base", type=Path, help="keep the base here and use it again")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = arguments.base or Path(folder) / "base"
        if not base.exists():
            with KnowledgeBase.create(base) as kb:
                report = kb.add(str(SAMPLES / arguments.sample / "documents"))
                print(f"{report.new} documents, {report.chunks} chunks, {report.failed} failed, {report.seconds:.1f} s")
        overrides = [f"answer.style={arguments.style}", *arguments.overrides]
        with KnowledgeBase.open(base, overrides=overrides) as kb:
            questions = chosen(SAMPLES / arguments.sample, arguments.kinds, arguments.limit)
            keep(f"{arguments.sample}-{arguments.style}", measure(kb, questions, arguments.show))


def chosen(sample: Path, kinds: list[str] | None, limit: int) -> list[dict[str, Any]]:
    """Questions of the kinds named, at most so many of each."""
    every = rows(sample / "questions.jsonl")
    wanted = kinds or sorted({q["kind"] for q in every})
    return [q for kind in wanted for q in [q for q in every if q["kind"] == kind][:limit]]


def measure(kb: KnowledgeBase, questions: list[dict[str, Any]], show: bool) -> dict[str, Any]:
    """All figures of one run."""
    flags: dict[str, list[bool]] = defaultdict(list)
    milliseconds: list[float] = []
    routes: dict[str, int] = defaultdict(int)
    for question in questions:
        visible = kb.as_user(Principal(groups=frozenset(question.get("who_needed", []))))
        started = time.perf_counter()
        answer = visible.ask(question["text"])
        milliseconds.append((time.perf_counter() - started) * 1e3)
        routes[answer.route] += 1
        for name, flag in {**judge(question, answer), **retrieved(question, visible)}.items():
            flags[name].append(flag)
            if show and not flag:
                print(f"✗ {name}: {question['id']} {question['text']}\n    → {answer.text}  ({answer.confidence:.2f})")
                print(f"    = {question['answers']}")
    figures: dict[str, Any] = {name: interval(values) for name, values in sorted(flags.items())}
    return figures | {"latency": latency(milliseconds), "routes": dict(routes)}


def judge(question: dict[str, Any], answer: Answer) -> dict[str, bool]:
    """What one answer shows, by the figure that it counts for."""
    kind = question["kind"]
    if not question["answerable"]:
        return {"unanswerable refused": answer.refused}
    right = not answer.refused and holds(answer.text, question["answers"])
    right = right and all(holds(answer.text, [part]) for part in question.get("all_of", ()))
    right = right and not holds(answer.text, question.get("wrong", ()))
    judged = {f"{kind}: answered right with right citation": right and cited(question, answer)}
    judged |= {f"{kind}: refused wrongly": answer.refused}
    if kind in ("fact", "table"):
        judged["fact and table: answered right with right citation"] = right and cited(question, answer)
    return judged


def retrieved(question: dict[str, Any], kb: KnowledgeBase) -> dict[str, bool]:
    """Whether the evidence of a single fact is in the first five passages, as searched and as the answer orders."""
    if question["kind"] not in ("fact", "table"):
        return {}
    hits = kb.search(question["text"], k=kb.settings["answer"].passages).hits
    scored = evidence.score(question["text"], evidence.units_of(hits), kb.scorer)
    read = [hits[n] for n in dict.fromkeys(unit.hit for unit in scored.units)]
    return {
        f"{question['kind']}: recall@5 of {name}": any(
            stands(e, hit) for e in question["evidence"] for hit in order[:5]
        )
        for name, order in (("the search", hits), ("the passages as the answer orders them", read))
    }


def cited(question: dict[str, Any], answer: Answer) -> bool:
    """Whether a citation names the document of the evidence and quotes an accepted answer."""
    return any(
        c.document.endswith(e["document"])
        and (holds(c.quote, question["answers"]) or letters(e["quote"]) in letters(c.quote))
        for c in answer.citations
        for e in question["evidence"]
    )


def stands(proof: dict[str, str], hit: Hit) -> bool:
    """Whether a hit holds the evidence: in one piece, or (a row of a table) all its cells in one line."""
    if not hit.document.uri.endswith(proof["document"]):
        return False
    return any(
        wanted in fold(hit.chunk.text)
        or any(set(wanted.split()) <= set(fold(line).split()) for line in hit.chunk.text.splitlines())
        for fold in (letters, parted)
        if (wanted := fold(proof["quote"]))
    )


def parted(text: str) -> str:
    """As ``letters``, with figures apart: «64 138» in the columns of a row are two, not one of five digits."""
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).lower()))


if __name__ == "__main__":
    main()
