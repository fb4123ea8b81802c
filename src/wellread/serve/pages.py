"""The pages: plain HTML that reads without script; a script of one file lets answers appear sentence by sentence."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files

from wellread.markup import Markup, el, join
from wellread.types import Answer

STATIC = {"app.css": "text/css", "app.js": "text/javascript", "icon.svg": "image/svg+xml"}
MENU = (
    ("/", "Ask"),
    ("/documents", "Documents"),
    ("/jobs", "Jobs"),
    ("/models", "Models"),
    ("/feedback", "Feedback"),
    ("/me", "Me"),
)


@cache
def content(name: str) -> bytes:
    """Style, script or icon, from the package."""
    return (files("wellread.serve") / "static" / name).read_bytes()


@cache
def static(name: str) -> str:
    """The address of one of them: another one where its content is another, so that browsers may keep it for ever."""
    return f"/static/{name}?{sha256(content(name)).hexdigest()[:12]}"


def page(title: str, *children: str | None, signed_in: bool = True, wide: bool = False) -> str:
    """A whole page, with room beside the text where it is ``wide``; nothing in it is loaded from elsewhere."""
    head = join(
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", f"{title} · wellread"),
        el("link", rel="icon", href=static("icon.svg")),
        el("link", rel="stylesheet", href=static("app.css")),
        el("script", src=static("app.js"), defer=True),
    )
    menu = [el("a", name, href=address, aria_current=name == title and "page") for address, name in MENU]
    leave = el("form", el("button", "Sign out", class_="quiet"), method="post", action="/logout")
    nav = el(
        "nav",
        el("a", "wellread", href="/", class_="name"),
        *(menu if signed_in else ()),
        leave if signed_in else None,
        aria_label="Pages",
    )
    body = join(
        el("a", "Skip to content", href="#main", class_="skip"),
        el("header", nav),
        el("main", *children, id="main", class_="wide" if wide else None),
    )
    return f"<!doctype html>\n{el('html', el('head', head), el('body', body), lang='en')}\n"


def ask(
    question: str = "",
    answer: Markup | None = None,
    notice: str = "",
    *,
    recent: Sequence[Answer] = (),
    n_documents: int | None = None,
) -> str:
    """The field for a question, the answer where there is one, else what is there and what the reader asked last."""
    field = join(
        el("label", "Your question", for_="q", class_="unseen"),
        el(
            "input",
            id="q",
            name="question",
            required=True,
            maxlength="2000",
            autofocus=True,
            autocomplete="off",
            enterkeyhint="send",
            placeholder="Ask the documents …",
            value=question,
        ),
        el("button", "Ask", class_="first"),
    )
    form = el("form", field, method="post", action="/", id="ask", role="search")
    said = el("p", notice, class_="notice", role="alert") if notice else None
    live = el("section", answer, id="answer", aria_live="polite", aria_label="Answer")
    before = [el("li", el("a", one.question, href=f"/a/{one.trace_id}")) for one in recent]
    lately = join(el("h2", "Asked lately"), el("ul", *before, class_="plain")) if before else None
    begin = el("section", _there(n_documents), lately, id="lately") if n_documents is not None else None
    return page("Ask", el("h1", "Ask the documents"), form, said, live, begin, wide=True)


def _there(n_documents: int) -> Markup:
    if not n_documents:
        return el("p", "There is nothing to read yet. Bring documents in: ", el("code", "wellread add FOLDER"))
    number = el("a", f"{n_documents:,} {'document' if n_documents == 1 else 'documents'}", href="/documents")
    return el("p", "You may read ", number, ". Every sentence of an answer names where it stands.", class_="place")


def search_field(action: str, label: str, value: str) -> Markup:
    """A field that looks for something on the page ``action``."""
    field = el("input", id="f", name="q", type="search", value=value, placeholder=label)
    button = el("button", "Filter")
    return el("form", el("label", label, for_="f", class_="unseen"), field, button, action=action, class_="filter")


def login(notice: str = "") -> str:
    """The form to sign in with a key."""
    field = join(
        el("label", "Key", for_="key"),
        el("input", id="key", name="key", type="password", required=True, autocomplete="off", autofocus=True),
        el("button", "Sign in", class_="first"),
    )
    said = el("p", notice, class_="notice", role="alert") if notice else None
    hint = el("p", "A key is made on the server: wellread keys add NAME")
    form = el("form", field, method="post", action="/login")
    return page("Sign in", el("h1", "Sign in"), said, form, hint, signed_in=False)


def link(token: str) -> str:
    """The page behind a sign-in link: a button, so that no preview of the link uses it up."""
    form = el("form", el("button", "Sign in on this browser", class_="first"), method="post", action=f"/link/{token}")
    return page("Sign in", el("h1", "Sign in"), form, signed_in=False)


def failed(status: int, message: str) -> str:
    """A page that says what went wrong and leads back."""
    back = el("p", el("a", "Back to the first page", href="/"))
    return page(f"{status}", el("h1", f"{status}"), el("p", message, role="alert"), back, signed_in=False)
