"""What kind of question it is, and which parts of a search serve it: never more model calls than that kind needs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wellread import paths
from wellread.errors import ModelError
from wellread.index.open import Snapshot
from wellread.index.words.stopwords import STOPWORDS
from wellread.models.api import Embedder
from wellread.retrieve.parts import SearchParts, SearchSettings
from wellread.retrieve.settings import KINDS, RouteSettings
from wellread.retrieve.understand.glossary import corrected
from wellread.retrieve.units import WORD

Floats = NDArray[np.float64]

FILE = paths.ROUTE
FEWEST = 3  # questions of a kind from which it can be learned
RIDGE = 1.0  # of the logistic regression, on all weights but the intercepts
STEPS, RATE = 400, 1.0

_GREETINGS = """
hi|hello|hey|good (?:morning|afternoon|evening|day)|thanks?(?: you)?(?: very much| so much| a lot)?|bye|goodbye
|see you|how are you(?: doing| today)?|who are you|what(?:'s| is) your name|nice|great|ok(?:ay)?|cool|well done|please
|moin|hallo|guten (?:tag|morgen|abend)|danke(?: schön)?|bonjour|merci|hola|gracias
"""
_SUMMARY = r"""
summari[sz]e|summary|overview|outline|main (?:points?|rules?|topics?|findings|results|reasons)|in short|key points?
|tell me about|story of|history of|developed|talk(?:ed)? about|what can (?:a|an|one|you|visitors?)|explain how
|what is .{3,60} about
"""
_COMPARISON = r"""
compare[ds]?|comparison|difference|differ|versus|vs|than|both|same as|the same|while|whereas|went up|went down
|by how much
|which \w+(?: \w+)? (?:is|are|was|takes?|has|have|goes|costs?) (?:the )?(?:\w+er|more|less|fewer|\w+est|most|least)
|(?:more|less|\w+er) .{0,60}\bor|between .{3,60} and .{3,60}\bconsisten\w*
"""
_FRESHNESS = r"""
now|currently|current|latest|newest|at present|today|these days|still|no longer|changed?|changes|new rules?|up to date
|most recent|as of|since when
"""
_HOPS = r"""
\w+ that (?:is|was|will|has|had|does|did|\w+s) .{3,60}\b(?:on|of|for|from|in)|whose|together|in all|in total|altogether
|after the discount|of the \w+ (?:who|that|which)|if .{5,80}, (?:how|what|which|who|where|when|is|does)
"""
_TABLE = r"""
price|costs?|fare|fee|how (?:much|many|long|old|tall|wide|heavy|big|fast|often)|timetable|departs?|departure|arrives?
|arrival|phone|telephone|number of|pay|charge|rate
"""


def _pattern(alternatives: str, frame: str = r"\b(?:{})\b") -> re.Pattern[str]:
    joined = "".join(line.strip() for line in alternatives.strip().splitlines())
    return re.compile(frame.format(joined), re.IGNORECASE)


_CHAT = _pattern(_GREETINGS, r"^\W*(?:{})(?:\W+(?:there|all|everyone|you))?\W*$")
_RULES = {
    "summary": _pattern(_SUMMARY),
    "comparison": _pattern(_COMPARISON),
    "freshness": _pattern(_FRESHNESS),
    "hops": _pattern(_HOPS),
    "table": _pattern(_TABLE),
}


@dataclass(frozen=True, slots=True)
class Route:
    """The kind of a question, what told it, and how sure (1 for a rule)."""

    kind: str
    by: str
    sure: float = 1.0


def routed(question: str, snapshot: Snapshot, settings: RouteSettings, parts: SearchParts) -> Route:
    """The kind of a question, as the settings want it told.

    A greeting, and a question none of whose words stands in a document that ``snapshot`` may see (not even as a slip
    of the pen), is told by rules always; the rest by ``parts.classify`` where it is trained.
    """
    if _CHAT.match(question):
        return Route("chitchat", "rules")
    content = [word.lower() for word in WORD.findall(question) if word.lower() not in STOPWORDS]
    if (
        content
        and not any(snapshot.search_text(word, k=1) for word in content)
        and not corrected(question, snapshot, parts.is_word)[1]
    ):
        return Route("outside", "rules")
    if settings.mode == "trained" and parts.classify is not None:
        kind, sure = parts.classify(question)
        return Route(kind, "trained", sure)
    return Route(by_rules(question), "rules (nothing trained)" if settings.mode == "trained" else "rules")


def by_rules(question: str) -> str:
    """The kind that words of a question tell; a fact where none does. English only."""
    return next((kind for kind, pattern in _RULES.items() if pattern.search(question)), "fact")


# the classifier


@dataclass(frozen=True, slots=True)
class Classifier:
    """Logistic regression on the vector of a question and which rules fire; made by ``fit``."""

    kinds: tuple[str, ...]
    weights: Floats  # (features + 1, kinds), intercepts last
    embedder_id: str

    def kind(self, question: str, embedder: Embedder) -> tuple[str, float]:
        """The most probable kind and its probability. Raises ModelError for an embedder that it did not learn with."""
        if embedder.id != self.embedder_id:
            raise ModelError(
                f"{FILE}: was trained with {self.embedder_id}, this is {embedder.id}; run: wellread route train"
            )
        p = softmax(features([question], embedder) @ self.weights)[0]
        best = int(p.argmax())
        return self.kinds[best], float(p[best])


def features(questions: Sequence[str], embedder: Embedder) -> Floats:
    """(n, dim + rules + 1): the vector, which rules fire, and 1."""
    vectors = np.asarray(embedder.embed(questions, "query"), np.float64)
    fired = np.array([[bool(p.search(q)) for p in _RULES.values()] for q in questions], np.float64)
    return np.hstack([vectors * np.sqrt(vectors.shape[1]) / 4, fired, np.ones((len(questions), 1))])


def softmax(scores: Floats) -> Floats:
    """Rows of probabilities."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    made: Floats = shifted / shifted.sum(axis=1, keepdims=True)
    return made


def fit(x: Floats, labels: Sequence[str], kinds: Sequence[str], ridge: float = RIDGE) -> Floats:
    """(features, kinds) weights of a logistic regression with an L2 penalty, by accelerated gradient descent.

    The loss is convex, so the same questions give the same weights. Source: Nesterov 1983; Bishop, PRML, section 4.3.4.
    """
    y = np.array([[label == kind for kind in kinds] for label in labels], np.float64)
    penalty = np.full((x.shape[1], 1), ridge)
    penalty[-1] = 0.0
    step = RATE / (0.5 * float(np.linalg.norm(x, 2)) ** 2 + ridge)
    weights = ahead = np.zeros((x.shape[1], len(kinds)))
    for n in range(1, STEPS + 1):
        gradient = x.T @ (softmax(x @ ahead) - y) + penalty * ahead
        new = ahead - step * gradient
        ahead = new + (n - 1) / (n + 2) * (new - weights)
        weights = new
    return weights


@dataclass(frozen=True, slots=True)
class TrainedRoute:
    """A classifier, and how often it and the rules are right on questions that it was not trained on."""

    classifier: Classifier
    n: int
    right: float
    rules_right: float
    by_kind: Mapping[str, tuple[int, float]]  # questions, share right
    left_out: Mapping[str, int]  # kinds with too few questions


def train(
    questions: Sequence[tuple[str, str]], embedder: Embedder, rules: Callable[[str], str], *, seed: int, folds: int = 5
) -> TrainedRoute:
    """A classifier from (question, kind) pairs, judged by cross-validation in ``folds`` parts.

    Raises: ValueError for a kind that is none of KINDS, or fewer than two kinds with enough questions.
    """
    unknown = sorted({kind for _, kind in questions} - set(KINDS))
    if unknown:
        raise ValueError(f"no such kind of question: {unknown[0]}; known are {', '.join(KINDS)}")
    counts = {kind: sum(k == kind for _, k in questions) for kind in KINDS}
    kinds = tuple(kind for kind in KINDS if counts[kind] >= FEWEST)
    if len(kinds) < 2:
        raise ValueError(f"at least two kinds with {FEWEST} questions each are needed")
    used = [(text, kind) for text, kind in questions if kind in kinds]
    x, labels = features([text for text, _ in used], embedder), [kind for _, kind in used]
    fold = np.random.default_rng(seed).permutation(len(used)) % min(folds, len(used))
    told = [""] * len(used)
    for part in range(min(folds, len(used))):
        weights = fit(x[fold != part], [kind for kind, f in zip(labels, fold, strict=True) if f != part], kinds)
        for i in np.flatnonzero(fold == part):
            told[i] = kinds[int((x[i] @ weights).argmax())]
    right = [a == b for a, b in zip(told, labels, strict=True)]
    ruled = [rules(text) == kind for text, kind in used]
    by_kind = {
        kind: (counts[kind], sum(r for r, k in zip(right, labels, strict=True) if k == kind) / counts[kind])
        for kind in kinds
    }
    made = Classifier(kinds, fit(x, labels, kinds), embedder.id)
    left_out = {kind: n for kind, n in counts.items() if 0 < n < FEWEST}
    return TrainedRoute(made, len(used), sum(right) / len(used), sum(ruled) / len(used), by_kind, left_out)


def save(classifier: Classifier, folder: Path) -> Path:
    """The file in the base's data folder that holds the classifier."""
    path = folder / FILE
    rows = [[round(float(v), 6) for v in row] for row in classifier.weights]
    body = {"kinds": classifier.kinds, "embedder": classifier.embedder_id, "weights": rows}
    path.write_text(json.dumps(body) + "\n", "utf-8")
    return path


def load(folder: Path) -> Classifier | None:
    """The classifier of a base; None where none was trained. Raises ModelError for a file that is none."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        body = json.loads(path.read_text("utf-8"))
        weights = np.array(body["weights"], np.float64)
        kinds = tuple(map(str, body["kinds"]))
        if weights.ndim != 2 or weights.shape[1] != len(kinds) or not set(kinds) <= set(KINDS):
            raise ValueError("weights and kinds do not fit")
        return Classifier(kinds, weights, str(body["embedder"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: is no classifier ({error}); run: wellread route train") from error


def classifier(folder: Path, cheap: Callable[[], Embedder]) -> Callable[[str], tuple[str, float]] | None:
    """What tells the kind of a question in this base; None where nothing was trained. Raises ModelError."""
    found = load(folder)
    return (lambda question: found.kind(question, cheap())) if found is not None else None


# what a kind switches on


def applied(kind: str, route: RouteSettings, settings: SearchSettings) -> SearchSettings:
    """The settings of a search with the parts of that kind and no others; see ``RouteSettings``."""
    parts = getattr(route, kind)
    rewrite, expand = settings.rewrite, settings.expand
    rewrite = replace(
        rewrite,
        variants=rewrite.variants if "variants" in parts else "off",
        hyde=("feedback" if rewrite.hyde == "off" else rewrite.hyde) if "hyde" in parts else "off",
        sub_questions=("rules" if rewrite.sub_questions == "off" else rewrite.sub_questions)
        if "sub_questions" in parts
        else "off",
        step_back=("rules" if rewrite.step_back == "off" else rewrite.step_back) if "step_back" in parts else "off",
    )
    expand = replace(expand, mode=(expand.mode if expand.mode != "none" else "merge") if "expand" in parts else "none")
    return replace(settings, rewrite=rewrite, expand=expand)
