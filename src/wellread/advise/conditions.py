"""When each rule of advice applies: small conditions that give the figures which make it apply, or None."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wellread.advise.advice import TaskDescription
from wellread.advise.choose import Choice
from wellread.metrics import words
from wellread.metrics.results import BaseFacts

LEAST_QUESTIONS = 20  # one half of them lies between 30 and 70 %; fewer say less
MOST_TOKENS = 200_000  # of documents that go into a prompt as a whole; Anthropic 2024
ENOUGH_EXAMPLES = 50  # labelled ones, for tuning to show; OpenAI's guide: 50 to 100
ENOUGH_LABELS = 64  # for a classifier: 8 per class of 8; Tunstall et al. 2022
ENOUGH_PAIRS = 100  # of preferences; below it a reward model learns the length of an answer
ANSWER_ROOM = 512  # tokens of a window that question and answer need
SMALL_MODEL = 3e9  # parameters
BYTES_PER_PARAMETER = 0.93  # of the smallest tuning, QLoRA: 7.4 GiB for 8 billion; torchtune README
CHANGED_SHARE = 0.05  # of the documents, that makes a base a changing one
EVIDENCE_FOUND = 0.8  # share of evidence found above which the reader is to blame, not the search
RECALLS = ("recall@5",)  # what a prompt has room for

Figures = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Case:
    """What a rule looks at: the task, the documents, and what was measured, None in a prior."""

    task: TaskDescription
    base: BaseFacts
    choice: Choice | None = None

    @property
    def measured(self) -> Choice:
        """The choice of a measured case."""
        if self.choice is None:
            raise ValueError("this case is a prior: nothing was measured")
        return self.choice

    @property
    def can_tune(self) -> bool:
        """Whether the memory that is there holds the smallest tuning, as far as both are known."""
        task = self.task
        if task.memory_mb is None or task.parameters is None:
            return True
        return task.memory_mb * 1e6 >= BYTES_PER_PARAMETER * task.parameters

    @property
    def changing(self) -> bool:
        """Whether the documents are known to change."""
        return bool(self.task.changes_per_month) or self.base.changed_share >= CHANGED_SHARE


# measured: what the comparison bears out


def nothing_allowed(case: Case) -> Figures | None:
    """Every way breaks a limit of the user."""
    seen = case.measured
    return None if seen.unbeaten or not seen.excluded else {"reasons": "; ".join(reasons(seen))}


def reasons(seen: Choice) -> list[str]:
    """Each excluded way with the limit that it breaks."""
    return [f"{seen.called(way)}: {reason}" for way, reason in seen.excluded.items()]


def too_few(case: Case) -> Figures | None:
    """So few questions were asked that a share says little."""
    n = max((score.n for score in case.measured.scores.values()), default=0)
    return {"n": n, "least": LEAST_QUESTIONS} if n < LEAST_QUESTIONS else None


def below_the_bar(case: Case) -> Figures | None:
    """The best way's interval ends below what the user calls good enough."""
    seen, bar = case.measured, case.task.good_enough
    if not seen.best or seen.scores[seen.best].high >= bar:
        return None
    score, metric = seen.scores[seen.best], seen.comparison.main_metric
    figures = {
        "way": seen.called(seen.best),
        "n": score.n,
        "value": score.value,
        "high": score.high,
        "bar": words.points(bar),
    }
    return {**figures, "reaches": words.reaches(metric, score.value), "most": words.points(score.high)}


def reader_fails(case: Case) -> Figures | None:
    """No way is good enough although the evidence is found."""
    figures = below_the_bar(case)
    found = recall(case.measured)
    if figures is None or found is None or found[1] < EVIDENCE_FOUND:
        return None
    return {**figures, "reader": case.measured.called(found[0]), "found": words.points(found[1])}


def recall(seen: Choice) -> tuple[str, float] | None:
    """The way that reads passages and finds most of the evidence, with that share; None where none was measured."""
    shares = [
        (way.scores[name].value, way.way.name)
        for way in seen.comparison.ways
        if way.way.reads == "passages"
        for name in RECALLS
        if name in way.scores
    ]
    return (max(shares)[1], max(shares)[0]) if shares else None


def undecided(case: Case) -> Figures | None:
    """A way that is left could still turn out better, or as good and cheaper."""
    seen = case.measured
    if not seen.pick or not seen.open:
        return None
    n = seen.scores[seen.pick].n
    return {"pick": seen.called(seen.pick), "open": words.listed(map(seen.called, seen.open)), "n": n}


def only_one_left(case: Case) -> Figures | None:
    """Every other allowed way is distinguishably worse than one that is left, and only the pick is."""
    seen = case.measured
    others = [name for name in seen.scores if name not in (seen.pick, *seen.excluded) and seen.scores[name].n]
    if len(seen.unbeaten) != 1 or not others:
        return None
    pairs = {name: seen.difference(seen.pick, name) for name in others}
    beaten = [name for name, pair in pairs.items() if pair is not None and pair.distinguishable and pair.value > 0]
    score = seen.scores[seen.pick]
    told = f"distinguishably more than {words.listed(map(seen.called, beaten))}" if beaten else "and nothing beats it"
    if beaten and len(beaten) < len(others):
        told += "; each other way is distinguishably worse than one of these"
    reaches = words.reaches(seen.comparison.main_metric, score.value)
    return {"way": seen.called(seen.pick), "value": score.value, "reaches": reaches, "n": score.n, "told": told}


def cheapest_of_equals(case: Case) -> Figures | None:
    """Several ways are left, and the pick is the cheapest of those that are near the best."""
    seen = case.measured
    if len(seen.unbeaten) < 2:
        return None
    equals = words.listed(seen.called(name) for name in seen.unbeaten if name != seen.pick)
    return {"way": seen.called(seen.pick), "equals": equals, "n": seen.scores[seen.pick].n}


def only_one_measured(case: Case) -> Figures | None:
    """One way alone was measured and is allowed."""
    seen = case.measured
    others = [name for name in seen.scores if name not in (seen.pick, *seen.excluded) and seen.scores[name].n]
    return {"way": seen.called(seen.pick)} if seen.pick and not others else None


# prior: what documents and task alone suggest


def nothing_to_learn_from(case: Case) -> Figures | None:
    """Neither documents nor examples nor preferences."""
    task = case.task
    return None if case.base.documents or task.examples or task.preferences else {"documents": 0}


def rights_or_sources(case: Case) -> Figures | None:
    """Answers must name their source, or readers have different rights."""
    task = case.task
    if not case.base.documents or not (task.sources or task.restricted):
        return None
    what = "answers must name where they stand" if task.sources else "not everybody may read everything"
    return {"what": what}


def taste(case: Case) -> Figures | None:
    """Manner is wanted and enough preferences show it."""
    task = case.task
    wanted = task.kind in ("style", "format") or (not task.kind and not case.base.documents)
    enough = task.preferences >= ENOUGH_PAIRS and case.can_tune
    return {"preferences": task.preferences} if wanted and enough else None


def labels(case: Case) -> Figures | None:
    """Classes are wanted and enough labels show them."""
    task = case.task
    enough = task.examples >= ENOUGH_LABELS and case.can_tune
    return {"examples": task.examples} if task.kind == "classification" and enough else None


def manner(case: Case) -> Figures | None:
    """Manner is wanted and enough examples show it."""
    task = case.task
    wanted = task.kind in ("style", "format") or (not task.kind and not case.base.documents)
    enough = task.examples >= ENOUGH_EXAMPLES and case.can_tune
    return {"examples": task.examples} if wanted and enough else None


def few_examples(case: Case) -> Figures | None:
    """Manner or classes are wanted; no rule before found enough to tune on."""
    task = case.task
    wanted = task.kind in ("style", "format", "classification") or (not task.kind and not case.base.documents)
    return {"examples": task.examples} if wanted else None


def fits(case: Case) -> Figures | None:
    """All documents fit the window of the chat model."""
    task, base = case.task, case.base
    room = min(task.context_tokens - ANSWER_ROOM, MOST_TOKENS)
    if not base.documents or base.tokens > room:
        return None
    return {"tokens": base.tokens, "window": task.context_tokens}


def changes(case: Case) -> Figures | None:
    """The documents are known to change."""
    if not case.base.documents or not case.changing:
        return None
    said = case.task.changes_per_month
    what = (
        f"{said:g} documents change a month"
        if said
        else f"{words.points(case.base.changed_share)} of the documents changed"
    )
    return {"what": what}


def no_time_to_read(case: Case) -> Figures | None:
    """Reading passages takes longer here than an answer may take."""
    task = case.task
    if task.latency_s is None or task.reading_s is None or task.reading_s <= task.latency_s or not case.can_tune:
        return None
    return {"reading": task.reading_s, "latency": task.latency_s}


def small_reader(case: Case) -> Figures | None:
    """A small model, documents, and examples of reading them."""
    task = case.task
    small = task.parameters is not None and task.parameters < SMALL_MODEL
    if not case.base.documents or not small or task.examples < ENOUGH_EXAMPLES or not case.can_tune:
        return None
    return {"parameters": (task.parameters or 0.0) / 1e9, "examples": task.examples}


def documents(case: Case) -> Figures | None:
    """There are documents."""
    return {"documents": case.base.documents, "tokens": case.base.tokens} if case.base.documents else None


# training: how, where training is wanted


def pairs(case: Case) -> Figures | None:
    """There are pairs of a better and a worse answer."""
    return {"preferences": case.task.preferences} if case.task.preferences else None


def labelled(case: Case) -> Figures | None:
    """There are labelled examples of classes."""
    return {"examples": case.task.examples} if case.task.kind == "classification" and case.task.examples else None


def shown(case: Case) -> Figures | None:
    """There are examples of good answers."""
    task = case.task
    return {"examples": task.examples} if task.kind != "classification" and task.examples else None


def facts(case: Case) -> Figures | None:
    """There are documents to take facts from."""
    return {"documents": case.base.documents} if case.base.documents else None


def does_not_fit(case: Case) -> Figures | None:
    """The smallest tuning needs more memory than there is."""
    task = case.task
    if case.can_tune:
        return None
    return {"memory": task.memory_mb, "needed": BYTES_PER_PARAMETER * (task.parameters or 0.0) / 1e6}
