"""The report: one page that a manager can read and an engineer can check; no script, no network, light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.resources import files

from wellread.advise.advice import Advice
from wellread.advise.choose import between
from wellread.advise.report import cases, plot, tabulated
from wellread.advise.report.plot import Point
from wellread.markup import Markup, el, join
from wellread.metrics import words
from wellread.metrics.results import Comparison, WayResult
from wellread.types import Question

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
VERDICTS = {
    "retrieve": "retrieve",
    "tune": "tune",
    "both": "tune and retrieve",
    "long-context": "put the documents in the prompt",
    "few-shot": "show examples in the prompt",
    "bigger-model": "take another model",
    "prompt-only": "the model as it is",
    "not-enough-questions": "not enough questions",
    "none-good-enough": "none is good enough",
}


def html(comparison: Comparison, advice: Advice, questions: Sequence[Question]) -> str:
    """The page as one file that needs nothing else; every text of documents, models and users is escaped in it."""
    comparison = replace(comparison, ways=_ordered(comparison, advice.way))
    style = files("wellread.advise.report").joinpath("templates/report.css").read_text("utf-8") + plot.STYLE
    title = f"Which way to teach: {VERDICTS[advice.verdict]}"
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", http_equiv="Content-Security-Policy", content=POLICY),
        el("meta", name="color-scheme", content="light dark"),
        el("title", title),
        Markup(f"<style>{style}</style>"),
    )
    body = el(
        "body",
        _opening(comparison, advice),
        el(
            "main",
            _quality_and_cost(comparison, advice),
            _why(advice),
            _ways(comparison, advice),
            tabulated.kinds(comparison, advice, questions),
            tabulated.holds(comparison, questions),
            cases.section(comparison, advice, questions),
            _money(advice),
            _how(comparison),
            _next(advice),
        ),
        _closing(comparison),
    )
    return f"<!doctype html>\n{el('html', head, body, lang='en')}\n"


def _ordered(comparison: Comparison, chosen: str) -> tuple[WayResult, ...]:
    """The recommended way, then the others, best first."""
    metric = comparison.main_metric

    def order(way: WayResult) -> tuple[bool, float]:
        return way.way.name != chosen, -(way.scores[metric].value if metric in way.scores else -1.0)

    return tuple(sorted(comparison.ways, key=order))


# the answer first


def _opening(comparison: Comparison, advice: Advice) -> Markup:
    first, dot, rest = advice.headline.partition(". ")
    return el(
        "header",
        el("p", "wellread · which way to teach · ", el("b", VERDICTS[advice.verdict]), class_="kicker"),
        el("h1", first + ("." if dot else "")),
        el("p", rest, class_="lead") if rest else None,
        _figures(comparison, advice),
    )


def _figures(comparison: Comparison, advice: Advice) -> Markup | None:
    result = next((way for way in comparison.ways if way.way.name == advice.way), None)
    if result is None or advice.score is None:
        return None
    cost = result.cost
    if cost.once_s:
        once = (words.duration(cost.once_s), "of training, once per model")
    else:
        once = ("nothing", "to train")
    per = words.money(1000 * cost.money, cost.currency) if cost.money is not None else None
    took = f"95 in 100 within {words.duration(cost.p95_s)}"
    return el(
        "dl",
        _figure(
            words.capital(words.metric(comparison.main_metric)),
            words.points(advice.score.value),
            f"{words.interval(advice.score)} % with 95 % certainty",
        ),
        _figure("Questions", f"{advice.score.n:,}", f"the same for {len(comparison.ways)} ways"),
        _figure("One answer takes", words.duration(cost.p50_s), took + (f", {per} for 1,000" if per else "")),
        _figure("Before the first answer", *once),
        class_="figures",
    )


def _figure(name: str, value: str, about: str) -> Markup:
    return el("div", el("dt", name), el("dd", value, el("small", about)))


def _why(advice: Advice) -> Markup:
    change = [el("h3", "What would change this"), _list(advice.would_change)] if advice.would_change else []
    kinds = [el("h3", "By kind of question"), _list(k.sentence for k in advice.by_kind)] if advice.by_kind else []
    others = [el("h3", "Why not the others"), _list(a.sentence for a in advice.against)] if advice.against else []
    return tabulated.section(
        "Why",
        el("p", advice.because),
        el("p", f"Rule: {advice.rule} ({advice.source}).", class_="small"),
        el("div", *(el("p", caution) for caution in advice.cautions), class_="caution") if advice.cautions else None,
        *others,
        *kinds,
        *change,
    )


def _list(items: Iterable[str]) -> Markup:
    return el("ul", *(el("li", item) for item in items), class_="plain")


# the plot and the table


def _quality_and_cost(comparison: Comparison, advice: Advice) -> Markup:
    points, name = points_of(comparison, advice.way)
    if not points:
        return tabulated.section("Quality against cost", el("p", "No way was measured."))
    metric = words.metric(comparison.main_metric)
    caption = "Up is better, left is cheaper. A bar is the 95 % interval of one way; differences stand in the table."
    return tabulated.section(
        "Quality against cost",
        el(
            "figure",
            el("div", plot.scatter(points, name, metric), class_="wide-only"),
            el("div", plot.scatter(points, name, metric, width=390, height=380), class_="narrow-only"),
            el("figcaption", caption),
        ),
    )


def points_of(comparison: Comparison, chosen: str) -> tuple[list[Point], str]:
    """Points of the plot and the name of their cost: money where it is known of every way, else seconds."""
    known = [way for way in comparison.ways if comparison.main_metric in way.scores]
    in_money = bool(known) and all(way.cost.money is not None for way in known)
    currency = known[0].cost.currency if known else ""
    points = [
        Point(
            way.way.name,
            1000 * (way.cost.money or 0.0) if in_money else way.cost.p50_s,
            way.scores[comparison.main_metric],
            way.way.name == chosen,
        )
        for way in known
    ]
    return points, f"{currency} for 1,000 questions" if in_money else "seconds for one answer"


def _ways(comparison: Comparison, advice: Advice) -> Markup:
    metric = comparison.main_metric
    money = any(way.cost.money is not None for way in comparison.ways)
    training = any(way.cost.once_s for way in comparison.ways)
    head = ["Way", words.capital(words.metric(metric)), "Against the recommended", "One answer", "Tokens read, written"]
    head += ["Memory", *(["Money for 1,000"] if money else []), *(["Training"] if training else [])]
    rows = [_row(comparison, advice, way, money=money, training=training) for way in comparison.ways]
    note = (
        f"{comparison.n_questions:,} questions. Intervals are 95 %. «Not distinguishable» means that the questions do "
        "not prove a difference, not that there is none."
    )
    return tabulated.section(
        "The ways side by side",
        tabulated.table(head, rows, caption=note, label="The ways side by side"),
        el("h3", "Every metric"),
        tabulated.metrics(comparison),
    )


def _row(comparison: Comparison, advice: Advice, way: WayResult, *, money: bool, training: bool) -> Markup:
    score, cost = way.scores.get(comparison.main_metric), way.cost
    pair = between(comparison, way.way.name, advice.way)
    if way.way.name == advice.way:
        told = join("recommended" if advice.verdict not in ("none-good-enough", "bigger-model") else "best of these")
    elif pair is None:
        told = join("not compared")
    else:
        proof = f"p = {pair.p_corrected:.3f}" if pair.p_corrected >= 0.001 else "p < 0.001"
        said = proof if pair.distinguishable else "not distinguishable"
        told = join(f"{words.signed(pair)} points", el("small", said))
    tokens = f"{cost.prompt_tokens:,.0f}, {cost.completion_tokens:,.0f}" if cost.prompt_tokens else "none"
    about = words.READS[way.way.reads] + (", tuned" if way.way.trained else "")
    errors = f"; {way.n_errors} failed" if way.n_errors else ""
    cells = [
        el("th", way.way.name, el("small", f"reads {about}{errors}"), scope="row"),
        el("td", words.points(score.value), el("small", words.interval(score)), class_="n") if score else el("td", "–"),
        el("td", told, class_="n"),
        el("td", words.duration(cost.p50_s), el("small", f"p95 {words.duration(cost.p95_s)}"), class_="n"),
        el("td", tokens, class_="n"),
        el("td", f"{cost.peak_memory_mb:,.0f} MB" if cost.peak_memory_mb is not None else "–", class_="n"),
    ]
    if money:
        spent = words.money(1000 * cost.money, cost.currency) if cost.money is not None else "–"
        cells.append(el("td", spent, class_="n"))
    if training:
        cells.append(el("td", words.duration(cost.once_s) if cost.once_s else "none", class_="n"))
    return el("tr", *cells, class_="chosen" if way.way.name == advice.way else None)


# what it costs, how it was measured, what next


def _money(advice: Advice) -> Markup | None:
    if not advice.levels:
        return None
    rows = []
    for level in advice.levels:
        once = words.spent(level.once_s, level.once_money, level.currency)
        month = words.spent(level.month_s, level.month_money, level.currency)
        even = f"{level.break_even:,.0f} questions" if level.break_even else "–"
        name = el("th", words.capital(level.name), el("small", level.basis), scope="row")
        rows.append(el("tr", name, el("td", once, class_="n"), el("td", month, class_="n"), el("td", even, class_="n")))
    about = (
        "Estimates for you: measured here where something was run, from this machine's speed where not. "
        "Money stands only where you gave a price."
    )
    return tabulated.section(
        "Which level to pay for",
        el("p", about),
        tabulated.table(["Level", "Once", "Every month", "Pays off after"], rows, label="Which level to pay for"),
        el("h3", "If you train") if advice.training else None,
        _list(f"{fired.because} ({fired.source})" for fired in advice.training) if advice.training else None,
    )


def _how(comparison: Comparison) -> Markup:
    given = {
        "questions": f"{comparison.n_questions:,}, set {comparison.questions_hash}",
        "documents": f"{comparison.base.documents:,} in {comparison.base.chunks:,} passages, "
        f"{comparison.base.tokens:,} tokens; {words.points(comparison.base.changed_share)} changed; "
        f"generation {comparison.base.generation}",
        "seed": str(comparison.seed),
        "measured": f"{comparison.made_at:%d %B %Y, %H:%M} {comparison.made_at.tzname() or ''}".strip(),
    }
    rows = {**given, **{k: v for k, v in comparison.environment.items() if k not in given}}
    ways = {way.way.name: "; ".join(way.way.overrides) or "as the base is set" for way in comparison.ways}
    pairs = [part for name, value in rows.items() for part in (el("dt", name), el("dd", value))]
    pairs += [part for name, value in ways.items() for part in (el("dt", f"way {name}"), el("dd", value))]
    about = (
        "Every way answered the same questions once. A difference is taken question by question; its p value is exact "
        "for right and wrong (McNemar), by permutation otherwise, and corrected for the number of pairs (Holm). "
        "Different wordings of one question count as one draw."
    )
    return tabulated.section("How it was measured", el("p", about), el("dl", *pairs, class_="how"))


def _next(advice: Advice) -> Markup:
    needed = None
    if advice.needed is not None:
        needed = el("p", f"About {advice.needed:,} questions would settle what is open.")
    return tabulated.section("What to do next", needed, el("pre", el("code", "\n".join(advice.next))))


def _closing(comparison: Comparison) -> Markup:
    version = comparison.environment.get("wellread", "")
    said = f"Made by wellread {version}".strip()
    return el("footer", f"{said}. The page quotes documents: share it only with those who may read them.")
