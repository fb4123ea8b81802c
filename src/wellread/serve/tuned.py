"""The page of tuned models: what each learned from, how good it is, what it forgot, and what answers now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlencode

from starlette.responses import HTMLResponse, Response

from wellread.errors import UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.markup import Markup, el, join
from wellread.serve.app import TUNED, Endpoint, Visit
from wellread.serve.pages import page
from wellread.store import lineage
from wellread.tune.ship import registry
from wellread.tune.ship.registry import Learned, TunedModel

SHOWN = 200  # documents of a model that are listed


async def models(visit: Visit) -> Response:
    """The tuned models of those who may read all that they learned from."""
    base = visit.base

    def told() -> list[tuple[TunedModel, list[Learned]]]:
        found = registry.models(base, base.settings["chat"].model)
        return [(one, registry.learned_from(base, one.run)) for one in reversed(found)]

    listed: list[tuple[TunedModel, list[Learned]]] = await visit.served.in_thread(told)
    return HTMLResponse(of_models(listed, base.settings["chat"].model))


def answering(base: KnowledgeBase) -> dict[str, KnowledgeBase]:
    """Ids of the tuned models that were exported and may be seen, and the base with each as the one that writes."""
    found = {}
    for model in registry.models(base, ""):
        for one in model.exports[:1]:
            given = ("answer.style=write", f"chat.model={one.setting}")
            found[f"{TUNED}{model.name}"] = base.configured(given, origin=f"tuned model {model.name}")
    return found


def learned_by(base: KnowledgeBase, document: str) -> list[str]:
    """Names of the tuned models that learned from a document, by its id, and that ``base.who`` may see."""
    with base.store.reading() as connection:
        made = lineage.downstream(connection, document, who=base.who)
    if not made:
        return []
    try:
        return registry.learned_by(base, document)[2]
    except UsageError:  # it is not live
        return []


def of_models(listed: Sequence[tuple[TunedModel, Sequence[Learned]]], chat_model: str) -> str:
    """The page; the newest model first."""
    answers = el("code", chat_model) if chat_model else "no model: answers are quoted from the documents"
    nothing = el(
        "p",
        "No model was trained on documents that you may read. Train one: ",
        el("code", "wellread tune prepare"),
        ", then ",
        el("code", "wellread tune run"),
    )
    cards = [_card(model, learned) for model, learned in listed]
    return page("Models", el("h1", "Models"), el("p", "Answers now: ", answers), *(cards or [nothing]), wide=True)


def _card(model: TunedModel, learned: Sequence[Learned]) -> Markup:
    run, result = model.run, model.result
    rows = sum(run.data.counts.values())
    scores = result.get("scores") or {}
    facts = {
        "Base": run.base.name,
        "Method": f"{run.method}, {run.trained:,} parameters trained" if run.trained else run.method,
        "Data set": f"{run.data.name}, {rows:,} rows" if rows else run.data.name,
        "Loss on held-out rows": _pair(result.get("test_before"), result.get("test_loss")),
        "Figures": ", ".join(f"{name} {value:.3g}" for name, value in scores.items()),
        "Forgotten": _forgotten(result),
        "Exports": ", ".join(f"{one.to} ({one.size_bytes / 1e6:,.0f} MB)" for one in model.exports) or "none",
        "Trained": " · ".join(filter(None, (run.started_at[:10], run.user))),
    }
    told = [join(el("dt", name), el("dd", value)) for name, value in facts.items() if value]
    notes = [el("li", str(note)) for note in result.get("notes") or ()]
    return el(
        "section",
        el("h2", model.name, " — answers now" if model.in_use else None),
        el("dl", *told),
        el("ul", *notes) if notes else None,
        _documents(learned),
        id=model.name,
        class_="card",
    )


def _pair(before: float | None, after: float | None) -> str:
    if after is None:
        return ""
    return f"{after:.3f}" if before is None else f"{before:.3f} of the base, {after:.3f} tuned (nats a token)"


def _forgotten(result: object) -> str:
    lost = result.get("forgotten") if isinstance(result, dict) else None
    if not lost:
        return ""
    return f"loss on plain texts {lost['text_loss']:+.1%}, general questions lost {lost['questions']:.0%}"


def _documents(learned: Sequence[Learned]) -> Markup:
    if not learned:
        return el("p", "It learned from no document of the base.", class_="place")
    states = Counter(one.state for one in learned)
    told = ", ".join(f"{n} {state}" for state, n in sorted(states.items()))
    items = [
        el(
            "li",
            el("a", one.title or one.uri, href=f"/d?{urlencode({'uri': one.uri, 'v': one.version})}")
            if one.uri
            else "a document that is gone",
            f" · version {one.version} · {one.state}",
        )
        for one in learned[:SHOWN]
    ]
    rest = el("p", f"and {len(learned) - SHOWN} more", class_="place") if len(learned) > SHOWN else None
    other = len(learned) != states["as it was"]
    cure = "Train it again, so that it knows what holds now: wellread tune run" if other else None
    return join(
        el("p", cure, class_="cure") if cure else None,
        el("details", el("summary", f"{len(learned)} documents: {told}"), el("ul", *items, class_="plain"), rest),
    )


ROUTES = (Endpoint("GET", "/models", "read", models, page=True),)
