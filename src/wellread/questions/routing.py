"""Training of routing: questions with their kinds come in; a classifier in the base, and how good it is, go out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wellread.errors import UsageError
from wellread.knowledge_base import DATA_FOLDER, KnowledgeBase
from wellread.questions import file as question_files
from wellread.retrieve.settings import KINDS
from wellread.retrieve.understand import route
from wellread.retrieve.understand.route import TrainedRoute

ROUTED_AS = {"unanswerable": "", "multi-hop": "hops", "number": "table", "freshness": "freshness"}


@dataclass(frozen=True, slots=True)
class RoutingTraining:
    """The file of the classifier, what it reached, and how many questions had no kind that is routed."""

    file: Path
    trained: TrainedRoute
    left_out: int


def train(base: KnowledgeBase, questions: Path, *, seed: int = 0) -> RoutingTraining:
    """Learns to tell the kinds of the questions in a file apart, and keeps the classifier in the base.

    It is judged by cross-validation beside the rules, and kept either way. Raises: UsageError where the file cannot be
    read, or holds too few questions of a kind.
    """
    every = [(q.text, ROUTED_AS.get(q.kind, q.kind)) for q in question_files.read(questions)]
    used = [(text, kind) for text, kind in every if kind in KINDS]
    try:
        done = route.train(used, base.cheap, route.by_rules, seed=seed)
    except ValueError as error:
        raise UsageError(f"{questions}: {error}") from error
    return RoutingTraining(route.save(done.classifier, base.folder / DATA_FOLDER), done, len(every) - done.n)
