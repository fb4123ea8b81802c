"""The pages: they read without script, and nothing that they show becomes markup."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from wellread.store import credentials

if TYPE_CHECKING:
    from tests.serve.conftest import Reply, Site

QUESTION = "What does a guest berth cost a night?"


def signed_in(site: Site, key: str = "reader") -> str:
    reply = site.call("POST", "/login", urlencode({"key": site.keys[key]}), key=None)
    assert reply.status == 303
    return reply.headers["set-cookie"].partition(";")[0]


def visit(site: Site, cookie: str, method: str, path: str, form: dict[str, str] | None = None) -> Reply:
    return site.call(method, path, urlencode(form) if form else None, key=None, cookie=cookie)


def test_a_person_signs_in_asks_sees_the_quotation_marked_and_rates(site: Site) -> None:
    cookie = signed_in(site)
    page = visit(site, cookie, "POST", "/", {"question": QUESTION}).text
    assert "85 crowns" in page and '<a href="#s1" class="mark" title="' in page and ">[1]</a>" in page
    address = page.partition('<li id="s1"')[2].partition('href="')[2].partition('"')[0].replace("&amp;", "&")
    shown = visit(site, cookie, "GET", address.partition("#")[0]).text
    assert '<mark id="quote">' in shown and "85 crowns" in shown.partition("<mark")[2].partition("</mark>")[0]
    answer = page.partition('href="/a/')[2].partition('"')[0]
    assert QUESTION in visit(site, cookie, "GET", f"/a/{answer}").text
    rated = visit(site, cookie, "POST", f"/a/{answer}/rating", {"rating": "1", "correction": ""})
    assert rated.status == 303
    assert QUESTION in visit(site, cookie, "GET", "/me").text
    assert "fees.md" in visit(site, cookie, "GET", "/documents").text


def test_a_sign_in_link_works_once_and_not_by_looking_at_it(site: Site) -> None:
    with site.base.store.writing() as tx:
        token = credentials.issue(tx, "link", "first", who=site.base.who)
    for _ in range(2):
        assert site.call("GET", f"/link/{token}", key=None).status == 200
    first, second = (site.call("POST", f"/link/{token}", b"", key=None) for _ in range(2))
    assert first.status == 303 and "httponly" in first.headers["set-cookie"].lower()
    assert second.status == 401


def test_who_signs_out_is_out(site: Site) -> None:
    cookie = signed_in(site)
    assert visit(site, cookie, "GET", "/").status == 200
    assert visit(site, cookie, "POST", "/logout").status == 303
    assert visit(site, cookie, "GET", "/").headers["location"] == "/login"


def test_a_page_without_a_session_leads_to_sign_in_and_a_route_for_programs_does_not(site: Site) -> None:
    assert site.call("GET", "/", key=None).headers["location"] == "/login"
    assert site.call("POST", "/ask-stream", b"question=x", key=None).status == 401


def test_what_is_asked_never_becomes_markup(site: Site) -> None:
    cookie = signed_in(site)
    for text in ("<script>alert(1)</script>", '" onfocus="alert(1)', "</textarea><img src=x onerror=alert(1)>"):
        page = visit(site, cookie, "POST", "/", {"question": text}).text
        assert text not in page
        assert "<img" not in page and 'onfocus="alert' not in page


def test_every_page_forbids_what_it_does_not_need(site: Site) -> None:
    cookie = signed_in(site)
    for path in ("/", "/documents", "/models", "/feedback", "/me", "/login"):
        headers = visit(site, cookie, "GET", path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff" and headers["cache-control"] == "no-store"


def test_an_answer_streams_to_the_page_sentence_by_sentence(site: Site) -> None:
    cookie = signed_in(site)
    events = visit(site, cookie, "POST", "/ask-stream", {"question": QUESTION}).events
    assert any('"piece"' in event for event in events[:-1]) and '"html"' in events[-1]
