"""What failed, side by side: questions on which ways differ or all fail, with the answers and what they stood on."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import islice

from wellread.advise.advice import Advice
from wellread.advise.report.tabulated import section as part
from wellread.evaluate.changes import of_outcome
from wellread.markup import Markup, el, join
from wellread.metrics import words
from wellread.metrics.results import Comparison, Outcome
from wellread.types import Question

SHOWN = {"failed": 4, "gained": 2, "all": 2}  # cases of each sort on the page
WAYS = 4  # answers side by side at most
LONGEST = 420  # characters of an answer or a quotation that are shown

LEGEND = (
    "«Retrieval missed»: the evidence was not among the passages. «Reader missed»: it was, and the answer is wrong all "
    "the same. «Refused»: it said that the documents do not say."
)

Answers = Mapping[str, Outcome]


def section(comparison: Comparison, advice: Advice, questions: Sequence[Question]) -> Markup | None:
    """Where the recommended way failed and another did not, where it was the only one, and where all failed."""
    by_question: dict[str, dict[str, Outcome]] = {}
    for outcome in comparison.outcomes:
        by_question.setdefault(outcome.question_id, {})[outcome.way] = outcome
    asked = [(question, by_question[question.id]) for question in questions if question.id in by_question]
    if not asked or not advice.way:
        return None
    ways = [way.way.name for way in comparison.ways][:WAYS]
    sorts = {
        "failed": f"{advice.way} fails, another way does not",
        "gained": f"{advice.way} is right, others are not",
        "all": "every way fails",
    }
    folder = _folder(comparison)
    shown: list[Markup] = []
    for sort, title in sorts.items():
        fitting = [(q, answers) for q, answers in asked if _sort(answers, advice.way, comparison.main_metric) == sort]
        if fitting:
            noun = "question" if len(fitting) == 1 else "questions"
            shown.append(el("h3", f"{words.capital(title)}: {len(fitting)} {noun}"))
            shown += [
                _case(q, found, ways, comparison.main_metric, folder) for q, found in _varied(fitting, SHOWN[sort])
            ]
    if not shown:
        return part("What failed", el("p", "Every way was right on every question."))
    return part("What failed", el("p", LEGEND, class_="note"), *shown)


def _right(outcome: Outcome, metric: str) -> bool:
    return outcome.metrics.get(metric, 0.0) >= 0.5


def _sort(answers: Answers, chosen: str, metric: str) -> str:
    """failed, gained, all; empty where there is nothing to see, or no answer has the metric."""
    right = {way for way, outcome in answers.items() if _right(outcome, metric)}
    judged = any(metric in outcome.metrics for outcome in answers.values())
    if chosen not in answers or not judged or len(right) == len(answers):
        return ""
    if not right:
        return "all"
    return "gained" if chosen in right else "failed"


def _varied(fitting: Sequence[tuple[Question, Answers]], most: int) -> list[tuple[Question, Answers]]:
    """The first of each kind before the second of any."""
    seen: dict[str, int] = {}
    ranked = []
    for n, (question, answers) in enumerate(fitting):
        seen[question.kind] = seen.get(question.kind, 0) + 1
        ranked.append((seen[question.kind], n, question, answers))
    return [(q, a) for _, _, q, a in islice(sorted(ranked, key=lambda row: row[:2]), most)]


def _folder(comparison: Comparison) -> str:
    """What the addresses of all cited documents begin with, up to a slash: it says nothing to a reader."""
    cited = {citation.document for outcome in comparison.outcomes for citation in outcome.citations}
    if not cited or not all(document.startswith("/") for document in cited):
        return ""
    return os.path.commonpath([document.rpartition("/")[0] or "/" for document in cited]).rstrip("/") + "/"


def _case(question: Question, answers: Answers, ways: Sequence[str], metric: str, folder: str) -> Markup:
    wanted = words.listed(question.answers[:3]) if question.answerable else "nothing: the documents do not say"
    beside = [_answer(answers[way], question, metric, folder) for way in ways if way in answers]
    where = words.listed(dict.fromkeys(e.document for e in question.evidence))
    stands = join(" It stands in ", where, ".") if where else None
    return el(
        "article",
        el("h3", el("bdi", question.text)),
        el("p", f"{question.kind} · expected: ", el("bdi", wanted), ".", stands, class_="small"),
        el("div", *beside, class_="answers"),
        class_="case",
    )


def _answer(outcome: Outcome, question: Question, metric: str, folder: str) -> Markup:
    right = _right(outcome, metric)
    why = of_outcome(outcome, question)
    told = "right" if right and why == "right" else why if why != "right" else "wrong"
    said = f"error: {outcome.error}" if outcome.error else outcome.text or "(nothing)"
    quotes = [
        el("blockquote", el("cite", citation.document.removeprefix(folder)), "\n", _cut(citation.quote))
        for citation in outcome.citations[:2]
    ]
    return el(
        "div",
        el("h4", outcome.way, " · ", el("b", told, class_="good" if right else "bad")),
        el("p", _cut(said)),
        *quotes,
        class_="answer",
    )


def _cut(text: str) -> str:
    text = text.strip()
    return text if len(text) <= LONGEST else f"{text[:LONGEST].rstrip()} …"
