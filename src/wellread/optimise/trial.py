"""Settings tried on questions: what is open is shared, what was asked is kept, and no vector is computed twice."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from wellread import config, digests
from wellread.config import Settings
from wellread.errors import ModelError
from wellread.evaluate.asking import principal_of
from wellread.knowledge_base import SECTIONS, KnowledgeBase
from wellread.metrics import metrics
from wellread.metrics.results import Outcome
from wellread.models.api import Embedder
from wellread.models.opened import OpenModels
from wellread.optimise import rechunk, space
from wellread.optimise.recall import Recalled
from wellread.optimise.space import Choice
from wellread.progress import SILENT, Progress
from wellread.questions import freeze
from wellread.types import Answer, Principal, Question

KEPT = "trials.jsonl"
JUDGED_BY = 2  # rises when what is kept of an answer changes


@dataclass(frozen=True, slots=True)
class Observed:
    """What came of one question when nothing was refused for lack of evidence; the threshold is laid over it later.

    ``confidence`` is the probability that ``answer.refuse_below`` is compared with, ``declined`` says that there was no
    answer in spite of it. ``seconds`` are those of a question asked alone.
    """

    question: str
    right: float
    declined: bool
    confidence: float
    seconds: float
    error: str = ""

    def score(self, question: Question, refuse_below: float) -> float:
        """1 where the answer is right, and where what is not answerable is refused; else 0."""
        refused = self.declined or self.confidence < refuse_below
        if self.error:
            return 0.0
        return float(refused) if not question.answerable else 0.0 if refused else self.right


@dataclass(frozen=True, slots=True)
class Trial:
    """A choice with the threshold that suited it best, and how it did on the questions that it was asked."""

    choice: Choice
    refuse_below: float
    quality: float
    n: int
    p50_s: float
    p95_s: float
    complete: bool  # asked every question of the validation part


@dataclass(slots=True)
class TrialRunner:
    """A base that is only read, with everything that trials share; close it when done.

    Args: the base; which principal a copy must hold for (every group that is asked with).
    """

    base: KnowledgeBase
    who: Principal
    progress: Progress = SILENT
    asked: int = 0  # questions that were really asked, not found again
    failed: list[str] = field(default_factory=list)  # question and error of each that a model failed on, now
    copies: dict[str, KnowledgeBase] = field(default_factory=dict)
    _embedders: dict[str, Recalled] = field(default_factory=dict)
    _met: dict[tuple[tuple[str, ...], str], set[tuple[str, str]]] = field(default_factory=dict)
    _known: dict[str, Observed] = field(default_factory=dict)
    _read: bool = False

    def close(self) -> None:
        """The scratch copies are closed; their files stay for the next search."""
        for copy in self.copies.values():
            copy.close()

    # what is open

    def configured(self, choice: Choice, *, refuse_below: float, fresh: bool = False) -> KnowledgeBase:
        """The base as the choice sets it; with ``fresh`` it has models of its own, which the caller closes.

        Raises: StoreError, ModelError, ConfigError.
        """
        root = self._root(choice)
        rest = {key: value for key, value in choice.items() if not rechunk.needs_copy(key)}
        given = [*space.overrides(rest), f"{space.THRESHOLD}={config.toml_value(refuse_below)}"]
        if fresh:
            own = replace(root, models=OpenModels(root.models.folder))
            return own.configured(given, logs=False)
        made = root.configured(given, logs=False)
        scorer = made.settings["answer"].scorer
        embedder = self.embedder(made.settings)
        return made.with_models(embedder=embedder, scorer=self._named(scorer, made.settings) if scorer else embedder)

    def _root(self, choice: Choice) -> KnowledgeBase:
        """The base, or the scratch copy that the choice needs."""
        changes = {key: value for key, value in choice.items() if rechunk.needs_copy(key)}
        if not changes:
            return self.base
        given = space.overrides(changes)
        key = " ".join(given)
        if key not in self.copies:
            settings = config.changed(self.base.settings, SECTIONS, given)
            others = [copy.store for copy in self.copies.values()]
            made = rechunk.copied(self.base, given, self.plain(settings), others, self.progress, who=self.who)
            self.copies[key] = made.as_user(self.base.who)
        return self.copies[key]

    def embedder(self, settings: Settings) -> Recalled:
        """The embedder of ``embed.model``, remembering."""
        return self._named(settings["embed"].model, settings)

    def _named(self, name: str, settings: Settings) -> Recalled:
        if name not in self._embedders:
            given = replace(settings["embed"], model=name)
            self._embedders[name] = Recalled(self.plain(replace(settings, values={**settings.values, "embed": given})))
        return self._embedders[name]

    def plain(self, settings: Settings) -> Embedder:
        """The embedder itself; that of the base is taken where it is the same."""
        return self.base.models.embedder(settings["embed"])

    # what is asked

    def observe(
        self, choice: Choice, questions: Sequence[Question], *, until: Callable[[], bool] = lambda: False
    ) -> list[Observed]:
        """One for each question, in order, as far as it came before ``until`` said to stop.

        Raises: StoreError, ModelError where a model cannot be opened; one that fails on a question is an observation.
        """
        if not self._read:
            self._known, self._read = self._kept(), True
        found: list[Observed] = []
        made: KnowledgeBase | None = None
        for question in questions:
            key = self._key(choice, question)
            if key not in self._known:
                if until():
                    break
                made = made or self.configured(choice, refuse_below=0.0)
                observed = self._ask(made, question, space.overrides(choice))
                self._known[key] = observed
                if observed.error:
                    self.failed.append(f"{question.id}: {observed.error}")
                else:  # a model that failed may answer next time
                    self._keep(key, observed)
            found.append(self._known[key])
        return found

    def _ask(self, made: KnowledgeBase, question: Question, given: tuple[str, ...]) -> Observed:
        shared = list(self._embedders.values())
        for name, recalled in self._embedders.items():
            recalled.begin(self._met.setdefault((given, name), set()))
        visible = made.as_user(principal_of(question, who=made.who))
        self.asked += 1
        started = time.perf_counter()
        try:
            answer = visible.ask(question.text)
        except ModelError as error:
            return Observed(question.id, 0.0, True, 0.0, time.perf_counter() - started, str(error))
        seconds = time.perf_counter() - started + sum(recalled.saved_s for recalled in shared)
        outcome = outcome_of(answer, question, seconds)
        answered = replace(question, answerable=True)  # whether it must be refused is asked of the threshold later
        right = metrics.right(outcome, answered) if question.answerable else 0.0
        return Observed(question.id, right, metrics.refused(outcome), answer.confidence, seconds)

    # what is kept

    def _key(self, choice: Choice, question: Question) -> str:
        values = [
            [JUDGED_BY, config.VERSION, self.base.settings_hash, self.base.store.generation()],
            [
                sorted(principal_of(question, who=self.base.who).groups),
                space.overrides(choice),
                freeze.digest(question),
            ],
        ]
        return digests.of_json(values)[:32]

    @property
    def _file(self) -> Path:
        return rechunk.folder_of(self.base) / KEPT

    def _kept(self) -> dict[str, Observed]:
        """What earlier searches saw; a last line that was cut when one was killed is passed over."""
        found = {}
        for line in self._file.read_text("utf-8").splitlines() if self._file.is_file() else ():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                continue
            key = row.pop("key")
            found[key] = Observed(**row)
        return found

    def _keep(self, key: str, observed: Observed) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key, **asdict(observed)}) + "\n")


def outcome_of(answer: Answer, question: Question, seconds: float) -> Outcome:
    """An answer as the metrics read it."""
    return Outcome(
        "trial",
        question.id,
        answer.text,
        answer.refused,
        answer.citations,
        usage=answer.usage,
        seconds=seconds,
        route=answer.route,
    )


def judge(
    choice: Choice, observed: Sequence[Observed], questions: Sequence[Question], thresholds: Iterable[float]
) -> Trial:
    """The trial with the threshold that scores best on what was observed, the first of equals."""
    by_id = {question.id: question for question in questions}
    scores = {
        value: sum(one.score(by_id[one.question], value) for one in observed) / max(1, len(observed))
        for value in thresholds
    }
    best = max(scores, key=lambda value: scores[value])
    seconds = sorted(one.seconds for one in observed) or [0.0]
    p95 = seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))]
    complete = len(observed) == len(questions)
    return Trial(choice, best, scores[best], len(observed), statistics.median(seconds), p95, complete)
