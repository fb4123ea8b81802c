"""Advice by kind of question: where another way is distinguishably better than the recommended one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from wellread.advise.advice import KindAdvice
from wellread.advise.choose import Choice
from wellread.metrics import stats, words
from wellread.metrics.results import Difference, Outcome
from wellread.types import Question

DRAWS = 2000  # resamples of an interval; there is one for each kind and way
LEAST = 8  # questions of a kind, below which no proof can survive the correction


def advice(seen: Choice, questions: Sequence[Question]) -> tuple[KindAdvice, ...]:
    """A better way for each kind of question that has one; p is corrected over all kinds and ways that were tried."""
    if not seen.pick:
        return ()
    found = []
    for kind, pairs in _against_pick(seen, questions).items():
        better = [pair for pair in pairs if pair.distinguishable and pair.value > 0]
        if better:
            pair = max(better, key=lambda p: (p.value, p.first))
            way = words.called(seen.way(pair.first).way)
            said = f"For {kind} questions {way} is {words.change(pair)} better ({pair.n} questions): send them there."
            found.append(KindAdvice(kind, pair.first, pair, said))
    return tuple(found)


def _against_pick(seen: Choice, questions: Sequence[Question]) -> dict[str, list[Difference]]:
    """Every other allowed way minus the pick, on each kind with enough questions."""
    metric, seed = seen.comparison.main_metric, seen.comparison.seed
    worded = any(q.variant_of for q in questions)
    clusters = {q.id: q.variant_of or q.id for q in questions} if worded else None
    tried: list[tuple[str, Difference]] = []
    for kind, outcomes in _by_kind(seen, questions).items():
        mine = outcomes.get(seen.pick, ())
        for name, theirs in outcomes.items():
            if name == seen.pick or name in seen.excluded or min(len(mine), len(theirs)) < LEAST:
                continue
            both = {name: theirs, seen.pick: mine}
            pairs = stats.differences(both, metric, seed=seed, draws=DRAWS, clusters=clusters)
            tried += [(kind, pair) for pair in pairs]
    corrected = stats.holm([pair.p for _, pair in tried])
    found: dict[str, list[Difference]] = defaultdict(list)
    for (kind, pair), p in zip(tried, corrected, strict=True):
        found[kind].append(replace(pair, p_corrected=p))
    return found


def _by_kind(seen: Choice, questions: Sequence[Question]) -> dict[str, dict[str, list[Outcome]]]:
    kinds = {question.id: question.kind for question in questions}
    found: dict[str, dict[str, list[Outcome]]] = defaultdict(lambda: defaultdict(list))
    for outcome in seen.comparison.outcomes:
        if outcome.question_id in kinds:
            found[kinds[outcome.question_id]][outcome.way].append(outcome)
    return found
