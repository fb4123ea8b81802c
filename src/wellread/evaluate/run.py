"""THE VERB: ways and questions come in, an outcome of every pair goes out; what was answered before is not asked.

Each outcome is a row of the store as soon as it is there, so a run that is killed resumes where it was. A way that
reads documents asks again only where what it would read has changed: the search is run again, and the digest of what it
finds is compared with that of the earlier answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from wellread import digests
from wellread.errors import ModelError, ModelUnavailable
from wellread.evaluate import ways
from wellread.evaluate.asking import Asker, WayReading, principal_of
from wellread.evaluate.memory import PeakMemory
from wellread.knowledge_base import KnowledgeBase
from wellread.metrics import metrics
from wellread.metrics.results import Outcome, Way
from wellread.models import prices
from wellread.models.api import Embedder
from wellread.models.prices import Price
from wellread.progress import SILENT, Progress
from wellread.store import log
from wellread.store import outcomes as outcome_rows
from wellread.types import Principal, Question, Usage

GIVES_UP = 5  # questions in a row without an answer of a service, after which the rest of the way is not asked
JUDGED_BY = 2  # rises when a metric changes, so that outcomes are judged again
OF_CITATIONS = ("citation_precision", "citation_recall", "right_and_cited")  # only what reads passages can cite


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What besides ways and questions decides what is asked.

    ``examples`` are few-shot examples for the few-shot way, best first; none of them is among those asked.
    ``retry_failed`` asks again where the model failed, ``again`` asks everything again.
    """

    examples: tuple[Question, ...] = ()
    shots: int = 4
    retry_failed: bool = False
    again: bool = False


def run(
    base: KnowledgeBase,
    chosen: Sequence[Way],
    questions: Sequence[Question],
    *,
    seed: int,
    plan: RunOptions = RunOptions(),
    progress: Progress = SILENT,
    run_id: int | None = None,
) -> Iterator[Outcome]:
    """Every way's outcome of every question, way by way, judged; with ``run_id`` it joins that run.

    A model that fails gives an outcome with ``error``. ``seed`` goes to the models; all are asked greedily.
    Raises: ConfigError for a way that does not fit; ModelError, MissingExtra where a way's model cannot be opened.
    """
    found: dict[str, WayReading] = {}
    for way in chosen:
        asker = Asker(way, ways.applied(base, way), seed, plan.examples, plan.shots, found)
        asker.open()
        yield from _one_way(asker, questions, plan, progress, run_id)


def _one_way(
    asker: Asker, questions: Sequence[Question], plan: RunOptions, progress: Progress, run_id: int | None
) -> Iterator[Outcome]:
    keys = {question.id: asker.key(question) for question in questions}
    known = _known(asker, questions, keys)
    judge = _embedder(asker.base)
    silent = n_before = 0
    for done, question in enumerate(questions):
        progress.step(asker.way.name, done, len(questions), f"{n_before} known from before" if n_before else "")
        who = principal_of(question, who=asker.base.who)
        reading = asker.read(question)
        kept = known.get((keys[question.id], reading.depends))
        if kept is not None and not plan.again and not (kept.error and plan.retry_failed):
            n_before += 1
            outcome, judged = _from_row(kept, asker, question, reading), kept.answer.get("judged")
            outcome_id = kept.id
        elif silent >= GIVES_UP:
            gave_up = f"not asked: the model did not answer {GIVES_UP} questions in a row"
            yield _judged(_failed(asker, question, reading, gave_up), question, None, asker.way)
            continue
        else:
            outcome, unavailable = _ask(asker, question, reading)
            silent = silent + 1 if unavailable else 0
            outcome_id, judged = None, None
        standard = _standard(question, reading, judge, asker.way)
        if outcome_id is None or judged != standard:
            outcome = _judged(outcome, question, judge, asker.way)
            outcome_id = _keep(asker, keys[question.id], reading, outcome, standard, who=who)
        if run_id is not None:
            with asker.base.store.writing(durable=False) as tx:
                outcome_rows.join(tx, run_id, asker.way.name, question.id, outcome_id, outcome.metrics)
        yield outcome
    progress.step(asker.way.name, len(questions), len(questions))


def _known(
    asker: Asker, questions: Sequence[Question], keys: Mapping[str, str]
) -> dict[tuple[str, str], outcome_rows.KeptOutcome]:
    """What was answered before, by key and digest of what was read; each as the principal of its question."""
    by_principal: dict[Principal, list[str]] = {}
    for question in questions:
        by_principal.setdefault(principal_of(question, who=asker.base.who), []).append(keys[question.id])
    found: dict[tuple[str, str], outcome_rows.KeptOutcome] = {}
    with asker.base.store.reading() as connection:
        for who, wanted in by_principal.items():
            found |= outcome_rows.find(connection, wanted, who=who)
    return found


def _ask(asker: Asker, question: Question, reading: WayReading) -> tuple[Outcome, bool]:
    """The outcome, and whether the model's service did not answer."""
    try:
        with PeakMemory() as peak:
            outcome = asker.ask(question, reading)
    except ModelUnavailable as error:
        return _failed(asker, question, reading, str(error)), True
    except ModelError as error:
        return _failed(asker, question, reading, str(error)), False
    return replace(outcome, peak_memory_mb=peak.mb), False


def _failed(asker: Asker, question: Question, reading: WayReading, error: str) -> Outcome:
    return Outcome(asker.way.name, question.id, "", False, passages=reading.passages, error=error)


def _judged(outcome: Outcome, question: Question, judge: Embedder | None, way: Way) -> Outcome:
    found = metrics.score(outcome, question, embedder=judge, searched=way.reads == "passages")
    absent = () if way.reads == "passages" else OF_CITATIONS
    return replace(outcome, metrics={name: value for name, value in found.items() if name not in absent})


def _embedder(base: KnowledgeBase) -> Embedder | None:
    """What compares texts for the metrics: the base's scorer, unless texts would leave the machine for it."""
    return None if base.scorer.remote else base.scorer


def _standard(question: Question, reading: WayReading, judge: Embedder | None, way: Way) -> str:
    """What the metrics of an outcome follow from besides the outcome."""
    evidence = [[e.document, e.quote] for e in question.evidence]
    id = judge.id if judge is not None else ""
    wanted = [question.answers, question.all_of, question.wrong, question.answerable]
    return digests.of_json([JUDGED_BY, way.reads, *wanted, evidence, reading.depends, id])


# rows


def _keep(asker: Asker, key: str, reading: WayReading, outcome: Outcome, standard: str, *, who: Principal) -> int:
    """The id of the row that holds the outcome from now on. Passages are not kept: they are found again."""
    row = {
        "text": outcome.text,
        "refused": outcome.refused,
        "citations": [asdict(citation) for citation in outcome.citations],
        "tokens": [outcome.usage.prompt_tokens, outcome.usage.completion_tokens, outcome.usage.calls],
        "seconds": outcome.seconds,
        "route": outcome.route,
        "peak_memory_mb": outcome.peak_memory_mb,
        "metrics": dict(outcome.metrics),
        "judged": standard,
    }
    with asker.base.store.writing(durable=False) as tx:
        return outcome_rows.put(
            tx, key, reading.depends, row, who=who, error=outcome.error, documents=reading.documents
        )


def _from_row(kept: outcome_rows.KeptOutcome, asker: Asker, question: Question, reading: WayReading) -> Outcome:
    """The outcome that was kept, over what was just read again; money is computed with today's prices."""
    row, error = kept.answer, kept.error
    prompt_tokens, completion_tokens, calls = row["tokens"]
    chat = asker.base.settings["chat"]
    price = Price(chat.price_in, chat.price_out, chat.currency)
    usage = replace(prices.usage(price, prompt_tokens, completion_tokens), calls=calls) if calls else Usage()
    return Outcome(
        way=asker.way.name,
        question_id=question.id,
        text=row["text"],
        refused=row["refused"],
        citations=tuple(log.citation(entry) for entry in row["citations"]),
        passages=reading.passages,
        usage=usage,
        seconds=row["seconds"],
        route=row["route"],
        error=error,
        metrics=row["metrics"],
        peak_memory_mb=row["peak_memory_mb"],
        kept=True,
        sent_to=asker.hosts(reading),
    )
