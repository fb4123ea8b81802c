"""The pages: plain HTML that reads without script; a script of one file lets answers appear sentence by sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence

from wellread.documents.kinds import place_in
from wellread.markup import Markup, el, join, text
from wellread.serve import openai
from wellread.types import Answer, Citation, Document, Failure, Status

_MARK = re.compile(r"\[(\d{1,3})\]")
AROUND = 4_000  # characters of a document that are shown before and behind a quotation


def page(title: str, *children: str | None, signed_in: bool = True) -> str:
    """A whole page; nothing in it is loaded from elsewhere."""
    head = join(
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("title", f"{title} · wellread"),
        Markup('<link rel="stylesheet" href="/static/app.css">'),
        Markup('<script src="/static/app.js" defer></script>'),
    )
    links = (("/", "Ask"), ("/documents", "Documents"), ("/asked", "Asked"))
    menu = [el("a", name, href=address) for address, name in links] if signed_in else []
    leave = el("form", el("button", "Sign out"), method="post", action="/logout") if signed_in else None
    nav = el("nav", el("a", "wellread", href="/", class_="name"), *menu, leave, aria_label="Pages")
    body = join(el("a", "Skip to content", href="#main", class_="skip"), nav, el("main", *children, id="main"))
    return f"<!doctype html>\n{el('html', el('head', head), el('body', body), lang='en')}\n"


def ask(question: str = "", answer: Answer | None = None, notice: str = "") -> str:
    """The field for a question, and the answer where there is one."""
    field = join(
        el("label", "Your question", for_="q"),
        Markup(f'<input id="q" name="question" required maxlength="2000" autofocus value="{text(question)}">'),
        el("button", "Ask"),
    )
    form = el("form", field, method="post", action="/", id="ask")
    said = el("p", notice, class_="notice", role="alert") if notice else None
    inside = of_answer(answer) if answer is not None else None
    live = el("section", inside, id="answer", aria_live="polite", aria_label="Answer")
    return page("Ask", el("h1", "Ask the documents"), form, said, live)


def permalink(answer: Answer) -> str:
    """An answer as it was given, with the sentences that were struck and what each stage took."""
    struck = [verdict for verdict in answer.verdicts if not verdict.supported]
    reasons = [el("li", el("s", v.sentence), f" — {v.reason or 'not supported by the passages'}") for v in struck]
    stages = [el("li", f"{stage.name}: {stage.ms:.0f} ms") for stage in answer.stages]
    detail = join(
        join(el("h2", "Not shown"), el("ul", *reasons)) if reasons else None,
        join(el("h2", "Stages"), el("ul", *stages)) if stages else None,
    )
    return page("Answer", el("h1", answer.question), of_answer(answer), el("details", el("summary", "How"), detail))


def of_answer(answer: Answer) -> Markup:
    """Text with its marks as links, the sources, what it took, and the form to rate it."""
    shown = answer.citations if not answer.refused else answer.nearest
    heading = "Sources" if not answer.refused else "The nearest passages"
    sources = [source(number, citation) for number, citation in enumerate(shown, 1)]
    seconds = answer.timings_ms.get("total", sum(answer.timings_ms.values())) / 1000
    left = f"sent to {', '.join(answer.left_machine)}" if answer.left_machine else "nothing left this machine"
    facts = f"{seconds:.1f} s · {answer.usage.prompt_tokens + answer.usage.completion_tokens} tokens · {left} · "
    return el(
        "article",
        el("div", *paragraphs(answer), class_="text"),
        join(el("h2", heading), el("ol", *sources, class_="sources")) if sources else None,
        el("p", facts, el("a", "permalink", href=f"/a/{answer.trace_id}"), class_="facts"),
        rating(answer.trace_id),
    )


def paragraphs(answer: Answer) -> list[Markup]:
    """The text by paragraph; ``[n]`` leads to the n-th source."""
    found = []
    for part in answer.text.split("\n\n"):
        pieces: list[str] = []
        end = 0
        for match in _MARK.finditer(part):
            pieces += [part[end : match.start()]]
            number = int(match[1])
            known = 1 <= number <= len(answer.citations)
            pieces += [el("a", match[0], href=f"#s{number}", class_="mark") if known else match[0]]
            end = match.end()
        found.append(el("p", *pieces, part[end:]))
    return found


def source(number: int, citation: Citation) -> Markup:
    """A source: title, place and the quotation, which leads to the document."""
    place = [unit] if (unit := place_in(citation.document, citation.page)) else []
    place += [" › ".join(citation.heading_path)] if citation.heading_path else []
    title = el("a", citation.title or citation.document, href=openai.address(citation))
    where = el("span", " · ".join([f"version {citation.version}", *place]), class_="place")
    return el("li", title, " ", where, el("blockquote", citation.quote), id=f"s{number}")


def rating(trace_id: str) -> Markup:
    """The form to rate an answer and to correct it; works without script."""
    choices = join(
        el("button", "Right", name="rating", value="1"),
        el("button", "Wrong", name="rating", value="-1"),
        el("label", "What would have been right?", for_=f"c-{trace_id}"),
        el("textarea", name="correction", rows="2", maxlength="4000", id=f"c-{trace_id}"),
        el("button", "Send correction", name="rating", value="0"),
    )
    return el("form", choices, method="post", action=f"/a/{trace_id}/rating", class_="rating")


def documents(listed: Sequence[Document], failures: Sequence[Failure], status: Status) -> str:
    """What the reader may see, and which files gave no document and why."""
    rows = [
        el(
            "tr",
            el("td", el("a", one.title or one.uri, href=f"/d?uri={openai.quoted(one.uri)}&v={one.version}")),
            el("td", one.media_type),
            el("td", str(one.version)),
            el("td", one.modified_at.date().isoformat() if one.modified_at else ""),
        )
        for one in listed
    ]
    names = el("tr", *(el("th", name, scope="col") for name in ("Document", "Type", "Version", "Changed")))
    table = el("table", el("thead", names), el("tbody", *rows)) if rows else el("p", "There are no documents yet.")
    broken = [el("li", el("strong", one.uri), f": {one.reason}") for one in failures]
    failed = join(el("h2", f"{len(broken)} not read"), el("ul", *broken)) if broken else None
    count = el("p", f"{status.documents} documents, {status.chunks} passages.")
    return page("Documents", el("h1", "Documents"), count, table, failed)


def document(found: Document, span: tuple[int, int] | None) -> str:
    """The text of a version, with the quotation marked where one is asked for."""
    start, end = span or (0, 0)
    first, last = max(0, start - AROUND), min(len(found.text), end + AROUND)
    body = join(
        "… " if first else None,
        found.text[first:start],
        el("mark", found.text[start:end], id="quote") if end > start else None,
        found.text[end:last],
        " …" if last < len(found.text) else None,
    )
    about = " · ".join([found.uri, found.media_type, f"version {found.version}"])
    return page(found.title or found.uri, el("h1", found.title or found.uri), el("p", about), el("pre", body))


def asked(answers: Sequence[Answer]) -> str:
    """The questions that the reader asked, newest first."""
    rows = [
        el("li", el("a", one.question, href=f"/a/{one.trace_id}"), " — refused" if one.refused else None)
        for one in answers
    ]
    return page("Asked", el("h1", "Asked"), el("ol", *rows) if rows else el("p", "Nothing was asked yet."))


def login(notice: str = "") -> str:
    """The form to sign in with a key."""
    field = join(
        el("label", "Key", for_="key"),
        Markup('<input id="key" name="key" type="password" required autocomplete="off">'),
        el("button", "Sign in"),
    )
    said = el("p", notice, class_="notice", role="alert") if notice else None
    hint = el("p", "A key is made on the server: wellread keys add NAME")
    form = el("form", field, method="post", action="/login")
    return page("Sign in", el("h1", "Sign in"), said, form, hint, signed_in=False)


def link(token: str) -> str:
    """The page behind a sign-in link: a button, so that no preview of the link uses it up."""
    form = el("form", el("button", "Sign in on this browser"), method="post", action=f"/link/{token}")
    return page("Sign in", el("h1", "Sign in"), form, signed_in=False)


def failed(status: int, message: str) -> str:
    """A page that says what went wrong and leads back."""
    back = el("p", el("a", "Back to the first page", href="/"))
    return page(f"{status}", el("h1", f"{status}"), el("p", message, role="alert"), back, signed_in=False)
