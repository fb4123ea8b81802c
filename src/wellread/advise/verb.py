"""THE VERB: a base and its questions come in; ways measured side by side, advice and a report go out.

``compare`` is the whole road: select questions → ways of answering → what training took → measure → advise → report.
``again`` advises on a comparison that is kept, or from documents and task alone. Both are what the commands call, and
keep nothing between calls: threads may share them as far as they may share the base.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wellread import paths
from wellread.advise import advise, cost
from wellread.advise.advice import Advice, TaskDescription
from wellread.advise.report import kept, outputs, page
from wellread.advise.task import described
from wellread.errors import UsageError, WellreadError
from wellread.evaluate import compare as comparing
from wellread.evaluate import measured, ways
from wellread.evaluate.compare import Training
from wellread.evaluate.measured import Measured, MeasureRequest
from wellread.evaluate.settings import EvaluateSettings, check_decides
from wellread.knowledge_base import KnowledgeBase
from wellread.metrics.results import Comparison, Way
from wellread.models.api import Message, Sampling
from wellread.progress import SILENT, Progress
from wellread.questions import file as question_files
from wellread.questions import freeze
from wellread.questions.selection import Selection
from wellread.types import Question

FOLDER = paths.COMPARISON  # of a base, where the last comparison lies

Spent = Callable[[Sequence[Way]], Mapping[str, Training]]


def untrained(chosen: Sequence[Way]) -> Mapping[str, Training]:
    """What training took where nothing is known of it."""
    return {}


@dataclass(frozen=True, slots=True)
class WayRequest:
    """Which ways are compared: by name, else all; kind:name of a tuned model, and of further models for every way."""

    names: Sequence[str] = ()
    tuned: str = ""
    models: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ComparedWays:
    """What a comparison came to: what was measured, what to do, the files that hold it, what the reader must know."""

    asked: Measured
    advice: Advice
    files: tuple[Path, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AdviceAgain:
    """Advice on what was measured before, or a prior (``made`` is None then); ``report`` is the page, if written."""

    advice: Advice
    task: TaskDescription
    made: Comparison | None
    notes: tuple[str, ...]
    report: Path | None


def compare(
    base: KnowledgeBase,
    settings: EvaluateSettings,
    request: MeasureRequest = MeasureRequest(),
    wanted: WayRequest = WayRequest(),
    *,
    spent: Spent = untrained,
    out: Path | None = None,
    progress: Progress = SILENT,
) -> ComparedWays:
    """Several ways measured on the same questions, with advice and a report in ``out`` (else in the base's folder).

    Args:
        base: whose documents are asked.
        settings: of measuring; their metric decides between the ways.
        request: which questions.
        wanted: which ways; without names every one that the base can be asked in.
        spent: what training took, by the name of the way; ``tune.ship.registry`` knows it of exported models.
        out: a folder for the report; made if need be.
        progress: is told of stages.
    Raises: ConfigError, UsageError, ModelError, StoreError.
    """
    check_decides(settings.metric)
    selection = measured.select(base, request, settings)
    known = ways.known(base, settings.ways, tuned_model=wanted.tuned, models=wanted.models)
    chosen, left_out = _ways(base, known, wanted.names, selection)
    asked = measured.measure(
        base, chosen, request, settings, kind="compare", trained=spent(chosen), selection=selection, progress=progress
    )
    advice = advise.advise(asked.made, facts=described(base), questions=asked.questions, operations_per_s=cost.speed())
    folder = out or base.folder / FOLDER
    html = page.html(asked.made, advice, asked.questions)
    files = outputs.write(folder, asked.made, asked.questions, html)
    files.append(question_files.keep_asked(folder, asked.questions))
    return ComparedWays(asked, advice, tuple(files), (*left_out, *asked.warnings))


def _ways(
    base: KnowledgeBase, known: Mapping[str, Way], names: Sequence[str], selection: Selection
) -> tuple[tuple[Way, ...], list[str]]:
    """The ways that are compared, and what is to be said about those that are not."""
    chosen = ways.choose(names, known, base) if names else tuple(known.values())
    notes = []
    if not selection.examples and any(way.reads == "examples" for way in chosen):
        chosen = tuple(way for way in chosen if way.reads != "examples")
        notes.append(
            "few-shot was left out: every question is asked, so none is left to show as an example; "
            "freeze the set into parts: wellread questions freeze"
        )
    if not any(way.trained for way in chosen) and not names:
        notes.append("no tuned model was compared; make one with wellread tune, then add --tuned NAME")
    return chosen, notes


def again(
    base: KnowledgeBase,
    task: TaskDescription = TaskDescription(),
    run: Path | None = None,
    *,
    prior: bool = False,
    report: bool = False,
) -> AdviceAgain:
    """Advice from the comparison in ``run`` (else the last one of the base); where there is none, a prior.

    Args:
        base: whose comparison it is.
        task: what the user says; the settings of the base say the rest.
        run: the folder of a comparison.
        prior: from documents and task alone, whatever was measured.
        report: whether the report of the comparison is written again with this advice.
    Raises: UsageError where a report is wanted and the comparison or its questions are not there.
    """
    made, asked = (None, None) if prior else _kept(base, run)
    if report and made is None:
        raise UsageError("--report: there is no comparison to report on; make one: wellread compare")
    if report and asked is None:
        raise UsageError(f"--report: {_unknown(base, run)}")
    task, notes = described(base, task), _outdated(base, made)
    if made is None and task.latency_s is not None:
        seconds, fault = reading_s(base)
        task, notes = replace(task, reading_s=seconds), [*notes, *([fault] if fault else [])]
    speed = cost.speed()
    if made is None:
        given = advise.prior(comparing.facts(base), task, operations_per_s=speed)
    else:
        given = advise.advise(made, facts=task, questions=asked or (), operations_per_s=speed)
    if made is not None and asked is None:
        notes.append(f"nothing is said by kind of question: {_unknown(base, run)}")
    file = None
    if report and made is not None and asked is not None:
        file = (run or base.folder / FOLDER) / outputs.REPORT_NAME
        question_files.put(file, page.html(made, given, asked))
    return AdviceAgain(given, task, made, tuple(notes), file)


def _kept(base: KnowledgeBase, run: Path | None) -> tuple[Comparison | None, tuple[Question, ...] | None]:
    """The comparison that is meant and its questions as they were asked; None for what is not there."""
    folder = run or base.folder / FOLDER
    if run is None and not (folder / outputs.JSON_NAME).is_file():
        return None, None
    made = kept.read(folder / outputs.JSON_NAME)
    ids = {outcome.question_id for outcome in made.outcomes}
    for file in (folder / question_files.ASKED, base.folder / question_files.FILE):
        known = question_files.read(file, whole=False) if file.is_file() else ()
        asked = tuple(question for question in known if question.id in ids)
        if freeze.content_hash(asked) == made.questions_hash:
            return made, asked
    return made, None


def _unknown(base: KnowledgeBase, run: Path | None) -> str:
    return (
        f"{run or base.folder / FOLDER} has no {question_files.ASKED} with what was asked, and the questions of the "
        "base are others now; make it again with the same wellread compare, which asks only what changed"
    )


def _outdated(base: KnowledgeBase, made: Comparison | None) -> list[str]:
    if made is None or made.base.generation == base.store.generation():
        return []
    day = f"{made.made_at:%Y-%m-%d}"
    return [f"documents have changed since the comparison of {day}; run wellread compare again, it asks what changed"]


def reading_s(base: KnowledgeBase) -> tuple[float | None, str]:
    """Seconds that the local chat model takes here to read the passages of one question, and why they are not known.

    None and no reason where there is no local model.
    """
    settings = base.settings["answer"]
    try:
        chat = base.chat
        if chat is None or chat.remote:
            return None, ""
        prompt = "word " * settings.read
        chat.reply([Message("user", "ready")], Sampling(max_tokens=1))  # opening the model is no part of reading
        started = time.perf_counter()
        chat.reply([Message("user", prompt)], Sampling(max_tokens=1))
        return time.perf_counter() - started, ""
    except WellreadError as error:
        return None, f"reading was not timed: {error}"
