"""Tables of the report: every metric, kinds of question, changed facts and questions in other words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from wellread.advise.advice import Advice
from wellread.markup import Markup, el, join
from wellread.metrics import stats, words
from wellread.metrics.metrics import LOWER_IS_BETTER
from wellread.metrics.results import Comparison, Outcome
from wellread.types import Question, Score

FRESH = ("freshness", "fresh")  # kinds of question about facts that changed


def section(title: str, *children: str | None) -> Markup:
    """A part of the page under its heading."""
    name = "".join(letter if letter.isalnum() else "-" for letter in title.lower())
    return el("section", el("h2", title, id=name), *children, aria_labelledby=name)


def table(head: Sequence[str], rows: Iterable[str], *, label: str, caption: str = "", class_: str = "") -> Markup:
    """A table that scrolls sideways by itself where the window is narrow; the first column names the rows."""
    cells = [el("th", name, scope="col", class_="n" if n else None) for n, name in enumerate(head)]
    body = join(el("thead", el("tr", *cells)), el("tbody", *rows))
    inside = el("table", body, class_=class_ or None, aria_label=label)
    region = el("div", inside, class_="scroll", role="region", aria_label=f"{label}, scrolls sideways", tabindex=0)
    return join(el("p", caption, class_="note"), region) if caption else region


def metrics(comparison: Comparison) -> Markup:
    """Every metric of every way with its interval, the main one first."""
    names = sorted(
        dict.fromkeys(name for way in comparison.ways for name in way.scores), key=lambda n: n != comparison.main_metric
    )
    rows = []
    for name in names:
        less = " (less is better)" if name in LOWER_IS_BETTER else ""
        row = [el("th", words.capital(words.metric(name)) + less, scope="row")]
        row += [_score(way.scores.get(name)) for way in comparison.ways]
        rows.append(el("tr", *row))
    head = ["Metric, %", *(way.way.name for way in comparison.ways)]
    return table(head, rows, label="Every metric", caption="A dash: the metric does not apply to the way.")


def _score(score: Score | None, *, bar: bool = False) -> Markup:
    if score is None or not score.n:
        return el("td", "–", class_="n")
    style = f"--share:{100 * score.value:.0f}%" if bar else None
    small = el("small", f"{words.interval(score)}, n {score.n}")
    return el("td", f"{100 * score.value:.0f}", small, class_="n", style=style)


def kinds(comparison: Comparison, advice: Advice, questions: Sequence[Question]) -> Markup | None:
    """Scores by kind of question; with what is better for a kind, where that was proven."""
    counted = Counter(question.kind for question in questions)
    listed = list(dict.fromkeys(kind for way in comparison.ways for kind in way.by_kind))
    listed.sort(key=lambda kind: -counted[kind])
    if not listed:
        return None
    rows = []
    for kind in listed:
        scores = [way.by_kind.get(kind, {}).get(comparison.main_metric) for way in comparison.ways]
        rows.append(el("tr", el("th", kind, scope="row"), *(_score(score, bar=True) for score in scores)))
    said = [el("p", k.sentence) for k in advice.by_kind]
    if not said:
        said = [el("p", "On no kind of question is another way distinguishably better than the recommended one.")]
    head = ["Kind of question", *(way.way.name for way in comparison.ways)]
    caption = f"Share of {words.metric(comparison.main_metric)} in %, with 95 % intervals and the number of questions."
    return section(
        "By kind of question", *said, table(head, rows, label="By kind of question", caption=caption, class_="kinds")
    )


def holds(comparison: Comparison, questions: Sequence[Question]) -> Markup | None:
    """Whether a way holds where facts changed and where a question is put in other words."""
    fresh = {question.id for question in questions if question.kind in FRESH}
    other = {question.id for question in questions if question.variant_of}
    asked = {question.id for question in questions}
    roots = {question.id: question.variant_of or question.id for question in questions}
    parts = []
    if fresh:
        parts.append(("Facts that changed", fresh))
        parts.append(("Facts that did not", asked - fresh))
    if other:
        parts.append(("Questions in other words", other))
        parts.append(("Questions as first put", asked - other - fresh))
    if not parts:
        said = "No question of kind freshness and none in other words was asked, so this is not known."
        return section("Does it hold?", el("p", said))
    rows = []
    for way in comparison.ways:
        mine = [outcome for outcome in comparison.outcomes if outcome.way == way.way.name]
        cells = [_score(_mean(mine, ids, roots, comparison), bar=True) for _, ids in parts]
        if other:
            cells.append(_score(way.scores.get("consistency")))
        rows.append(el("tr", el("th", way.way.name, scope="row"), *cells))
    head = ["Way", *(name for name, _ in parts), *(["Same answer to other words"] if other else [])]
    said = "A model that was tuned knows what was true when it was tuned, and may know a question only as it was put."
    return section(
        "Does it hold?", el("p", said), table(head, rows, label="Changed facts and other wordings", class_="kinds")
    )


def _mean(outcomes: Sequence[Outcome], ids: set[str], roots: Mapping[str, str], comparison: Comparison) -> Score | None:
    """The mean with its interval; wordings of one question are drawn together."""
    metric = comparison.main_metric
    counted = [o for o in outcomes if o.question_id in ids and metric in o.metrics]
    if not counted:
        return None
    clusters = [roots[o.question_id] for o in counted]
    return stats.bootstrap([o.metrics[metric] for o in counted], seed=comparison.seed, draws=2000, clusters=clusters)
