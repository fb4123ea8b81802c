"""The pages of the person who is signed in: who they are here, their keys and sessions, what they asked and rated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.responses import HTMLResponse, RedirectResponse, Response

from wellread.markup import Markup, el, join
from wellread.serve.answers import SAID, opinion
from wellread.serve.app import Endpoint, Visit, json_reply
from wellread.serve.openai import ours
from wellread.serve.pages import page
from wellread.serve.replies import NOT_FOUND
from wellread.store import credentials, feedback, log
from wellread.store.credentials import Credential
from wellread.store.feedback import Feedback
from wellread.store.log import LoggedQuestion
from wellread.types import Principal

LATEST = 100
EVERY = 100_000


@dataclass(frozen=True, slots=True)
class Mine:
    """What belongs to one person: the credential of this visit, keys and sessions of the same user, questions."""

    now: Credential
    keys: Sequence[Credential]
    sessions: Sequence[Credential]
    asked: Sequence[LoggedQuestion]


async def me(visit: Visit) -> Response:
    """Who is signed in, as what, and what they left here."""
    return HTMLResponse(of_me(await visit.served.in_thread(lambda: _mine(visit))))


def _mine(visit: Visit) -> Mine:
    if visit.credential is None:
        raise NOT_FOUND
    who = visit.credential.who
    with visit.base.store.reading() as connection:
        keys, sessions = (
            [one for one in credentials.listing(connection, who=who, kind=kind) if one.who.user == who.user]
            for kind in ("key", "session")
        )
        asked = log.recent(connection, who=who, limit=LATEST, user=who.user)
    return Mine(visit.credential, keys, [one for one in sessions if _state(one) == "in use"], asked)


def _state(one: Credential) -> str:
    if one.revoked_at is not None:
        return "revoked"
    return "ended" if one.expires_at is not None and one.expires_at <= datetime.now(UTC) else "in use"


def of_me(mine: Mine) -> str:
    """The page."""
    who = mine.now.who
    facts = {
        "Name": who.user or "whoever sits at the terminal",
        "Tenant": who.tenant,
        "Groups": ", ".join(sorted(who.groups)) or "none: what everybody of the tenant may read",
        "May": ", ".join(sorted(mine.now.actions)),
        "Signed in": f"{mine.now.name}{_until(mine.now)}",
    }
    told = [join(el("dt", name), el("dd", value)) for name, value in facts.items()]
    asked = [
        el("li", el("a", one.answer.question, href=f"/a/{one.answer.trace_id}"), el("span", _when(one), class_="uri"))
        for one in mine.asked
    ]
    export = el("p", el("a", "All of it as JSON", href="/me/export.json"))
    return page(
        "Me",
        el("h1", who.user or "Me"),
        el("dl", *told),
        el("h2", "My keys"),
        _table(mine.keys, mine.now) if mine.keys else el("p", "None. Whoever runs the server makes them."),
        el("h2", "Where I am signed in"),
        _table(mine.sessions, mine.now) if mine.sessions else el("p", "Nowhere: this visit is by key."),
        el("h2", "My questions"),
        el("ol", *asked, class_="plain") if asked else el("p", "Nothing was asked yet."),
        export,
        wide=True,
    )


def _when(one: LoggedQuestion) -> str:
    refused = " · refused" if one.answer.refused else ""
    return f"{one.asked_at:%Y-%m-%d %H:%M}{refused}"


def _until(one: Credential) -> str:
    return f", until {one.expires_at:%Y-%m-%d %H:%M} UTC" if one.expires_at is not None else ""


def _table(listed: Sequence[Credential], now: Credential) -> Markup:
    names = ("Name", "May", "Groups", "Since", "Until", "State", "")
    head = el("tr", *(el("th", name or el("span", "Change", class_="unseen"), scope="col") for name in names))
    rows = [
        el(
            "tr",
            el("th", one.name, scope="row"),
            el("td", ", ".join(sorted(one.actions))),
            el("td", ", ".join(sorted(one.who.groups)) or "–"),
            el("td", f"{one.created_at:%Y-%m-%d %H:%M}", class_="figure"),
            el("td", f"{one.expires_at:%Y-%m-%d %H:%M}" if one.expires_at is not None else "for ever", class_="figure"),
            el("td", "this one" if one.id == now.id else _state(one)),
            el("td", _end(one) if _state(one) == "in use" and one.id != now.id else None),
        )
        for one in listed
    ]
    table = el("table", el("thead", head), el("tbody", *rows))
    return el("div", table, class_="scroll", tabindex="0", role="group", aria_label="Keys and sessions")


def _end(one: Credential) -> Markup:
    name = "Revoke" if one.kind == "key" else "Sign out"
    button = el("button", name, class_="quiet", aria_label=f"{name}: {one.name}")
    return el("form", button, method="post", action=f"/me/ended/{one.id}")


async def ended(visit: Visit) -> Response:
    """A key or session of the same person lets nobody in any more."""
    number = visit.request.path_params["id"]
    if not await visit.served.in_thread(lambda: _ended(visit, number)):
        raise NOT_FOUND
    return RedirectResponse("/me", 303)


def _ended(visit: Visit, number: str) -> bool:
    mine = _mine(visit)
    if number not in {one.id for one in (*mine.keys, *mine.sessions)}:
        return False
    with visit.base.store.writing() as tx:
        return credentials.revoke(tx, number, who=mine.now.who)


async def export(visit: Visit) -> Response:
    """What the person asked, what was answered, and what they said of it."""
    return json_reply(await visit.served.in_thread(lambda: _exported(visit)))


def _exported(visit: Visit) -> dict[str, Any]:
    who: Principal = visit.base.who
    with visit.base.store.reading() as connection:
        asked = log.recent(connection, who=who, limit=EVERY, user=who.user)
        said = [one for one in feedback.listing(connection, who=who, limit=EVERY) if one.user == who.user]
    questions = [
        {"asked_at": one.asked_at.isoformat(), "question": one.answer.question, "text": one.answer.text}
        | ours(one.answer)
        for one in asked
    ]
    opinions = [
        {
            "trace_id": one.trace_id,
            "given_at": one.given_at.isoformat(),
            "rating": one.rating,
            "comment": one.comment,
            "correction": one.correction,
        }
        for one in said
    ]
    return {"user": who.user, "tenant": who.tenant, "questions": questions, "feedback": opinions}


async def opinions(visit: Visit) -> Response:
    """What was said of answers that the reader may see."""
    only = visit.request.query_params.get("rating", "")

    def told() -> str:
        with visit.base.store.reading() as connection:
            given = feedback.listing(connection, who=visit.base.who, limit=EVERY)
            chosen = [one for one in given if not only or str(one.rating) == only][:LATEST]
            asked = {one.trace_id: log.get(connection, one.trace_id, who=visit.base.who) for one in chosen}
        return of_feedback(given, [(one, asked[one.trace_id]) for one in chosen], only)

    return HTMLResponse(await visit.served.in_thread(told))


def of_feedback(given: Sequence[Feedback], shown: Sequence[tuple[Feedback, LoggedQuestion | None]], only: str) -> str:
    """The page: how often each was said, and the latest opinions with the questions that they are about."""
    counted = {rating: sum(one.rating == rating for one in given) for rating in SAID}
    corrected = sum(bool(one.correction) for one in given)
    links = [
        el(
            "a",
            f"{SAID[rating]} ({n})",
            href=f"/feedback?rating={rating}",
            aria_current="true" if str(rating) == only else None,
        )
        for rating, n in counted.items()
    ]
    items = [
        el("li", el("a", asked.answer.question, href=f"/a/{one.trace_id}"), el("ul", opinion(one), class_="plain"))
        for one, asked in shown
        if asked is not None
    ]
    nothing = el("p", "Nobody has said anything yet. Below every answer: Right, Wrong, or a comment.")
    return page(
        "Feedback",
        el("h1", "Feedback"),
        el("p", f"{len(given)} opinions, {corrected} with a correction.", class_="place"),
        el("p", el("a", "All", href="/feedback", aria_current=None if only else "true"), *links, class_="turning"),
        el("ol", *items, class_="opinions") if items else nothing,
        wide=True,
    )


ROUTES = (
    Endpoint("GET", "/me", "ask", me, page=True),
    Endpoint("GET", "/me/export.json", "ask", export),
    Endpoint("POST", "/me/ended/{id}", "ask", ended, page=True),
    Endpoint("GET", "/feedback", "rate", opinions, page=True),
)
