"""The pages in a real browser: the whole story by keyboard, without script, in every size and both schemes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from scripts.chromium import Chromium, Tab
from tests.documents.pdf_pages import at, document

from wellread.work import supervise

if TYPE_CHECKING:
    from tests.serve.conftest import Site

pytestmark = pytest.mark.browser
FARES = Path(__file__).parents[2] / "samples" / "harbour" / "documents" / "fares" / "fares-2026.pdf"
QUESTION = "What does a student pay from Kestvik to Ollesay in 2026?"
MARKED = """(async () => {
  const i = document.querySelector('.sources img');
  await i.decode();
  const c = Object.assign(document.createElement('canvas'), { width: i.naturalWidth, height: i.naturalHeight });
  const x = c.getContext('2d');
  x.drawImage(i, 0, 0);
  const d = x.getImageData(0, 0, c.width, c.height).data;
  let n = 0;
  for (let p = 0; p < d.length; p += 4) n += d[p] > 200 && d[p + 1] > 180 && d[p + 2] < 130;
  return n;
})()"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with Chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def fares(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = tmp_path_factory.mktemp("fares") / "fares-2026.pdf"
    shutil.copy(FARES, path)
    site.base.add(str(path))
    yield str(path)
    site.base.remove(str(path))


def signed_in(browser: Chromium, site: Site, width: int = 1280, key: str = "reader", **how: object) -> Tab:
    tab = browser.tab(width, 900, **how)  # type: ignore[arg-type]  # scheme and script
    tab.goto(f"http://127.0.0.1:{site.port}/login")
    tab.fill("#key", site.keys[key])
    tab.press("Enter")
    tab.there("#ask")
    return tab


def asked(tab: Tab, question: str = QUESTION) -> Tab:
    tab.fill("#q", question)
    tab.press("Enter")
    tab.there(".facts a")
    return tab


@pytest.mark.parametrize("script", [True, False])
def test_a_person_signs_in_asks_sees_the_quote_marked_on_its_page_and_rates(
    browser: Chromium, site: Site, fares: str, script: bool
) -> None:
    tab = asked(signed_in(browser, site, script=script))
    assert "67" in tab.run("document.querySelector('.text').innerText")
    picture = tab.run("document.querySelector('.sources img').src")
    assert "/d/picture?" in picture and "fares-2026.pdf" in picture
    if script:  # without, nothing in the page may run, also not what counts the pixels
        assert tab.run(MARKED) > 500
    tab.click("summary")
    tab.fill("textarea[name=comment]", "Short and right.")
    tab.click("button[value='1']")
    tab.there(".opinions")
    said = tab.run("document.querySelector('.opinions').innerText")
    assert "Right" in said and "Short and right." in said
    tab.click("h3 a")
    tab.there("figure.paper img")
    assert "Kestvik to Ollesay" in tab.run("[...document.querySelectorAll('mark')].map((m) => m.innerText).join()")
    here = f"http://127.0.0.1:{site.port}/"
    assert [address for address in tab.requests if not address.startswith(here)] == []
    assert tab.problems == []


def test_a_pdf_that_is_sent_from_a_page_becomes_a_job_and_is_quoted_on_its_page(
    browser: Chromium, site: Site, tmp_path: Path
) -> None:
    path = tmp_path / "tides.pdf"
    path.write_bytes(document(at(50, 700, "The spring tide at the south mole rises 6.3 metres.")))
    tab = signed_in(browser, site, key="board")
    tab.goto(f"http://127.0.0.1:{site.port}/documents")
    tab.choose("input[type=file]", path)
    tab.click("form.send button")
    tab.wait("document.body.innerText.includes('tides.pdf')")
    supervise.work(site.base, once=True)
    tab.goto(f"http://127.0.0.1:{site.port}/jobs")
    assert "done" in tab.run("document.querySelector('tbody tr').innerText")
    tab.goto(f"http://127.0.0.1:{site.port}/")
    asked(tab, "How far does the spring tide at the south mole rise?")
    assert "6.3 metres" in tab.run("document.querySelector('.text').innerText")
    assert tab.run(MARKED) > 500
    assert tab.problems == []
    (sent,) = [one.uri for one in site.base.documents() if one.uri.endswith("tides.pdf")]
    site.base.remove(sent)


def test_everything_is_reached_by_keys_alone(browser: Chromium, site: Site, fares: str) -> None:
    tab = asked(signed_in(browser, site))
    for _ in range(12):
        tab.press("Tab")
        if tab.run("document.activeElement.className") == "mark":
            break
    assert tab.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert tab.run("document.querySelector('.sources li[id]').classList.contains('shown')")
    tab.press("j")
    assert tab.run("document.activeElement.matches('.sources h3 a')")
    tab.press("/")
    assert tab.run("document.activeElement.id") == "q"
    tab.press("Tab")
    tab.press("?")
    tab.there("dialog[open]")
    tab.click("dialog input")
    tab.click("dialog button")
    tab.press("/")
    assert tab.run("document.activeElement.id") != "q"  # switched off
    tab.run("localStorage.clear()")
    assert tab.problems == []


def test_an_answer_that_is_no_more_wanted_is_stopped_with_one_key(browser: Chromium, site: Site) -> None:
    tab = signed_in(browser, site)
    tab.ask("Fetch.enable", patterns=[{"urlPattern": "*/ask-stream"}])  # the question is held back
    tab.fill("#q", "Does it stop?")
    tab.press("Enter")
    tab.there(".waiting")
    tab.press("Escape")
    tab.wait("document.querySelector('.text').innerText === 'Stopped.'")
    tab.ask("Fetch.disable")
    asked(tab, "What does a guest berth cost a night?")


MOVED = """new Promise((done) => {
  let sum = 0;
  new PerformanceObserver((list) => { for (const e of list.getEntries()) if (!e.hadRecentInput) sum += e.value; })
    .observe({ type: "layout-shift", buffered: true });
  setTimeout(() => done(sum), 60);
})"""


@pytest.mark.parametrize("width", [390, 1024, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_the_window_nor_moves_while_it_loads(
    browser: Chromium, site: Site, fares: str, width: int, scheme: str
) -> None:
    tab = signed_in(browser, site, width, scheme=scheme)
    tab.run(
        "new PerformanceObserver((l) => { for (const e of l.getEntries()) if (!e.hadRecentInput)"
        " window.moved = (window.moved || 0) + e.value; }).observe({ type: 'layout-shift', buffered: true })"
    )
    asked(tab)
    tab.wait("document.querySelector('.sources img').complete")
    assert tab.run("window.moved || 0") <= 0.02
    answer = tab.run("document.querySelector('.facts a').pathname")
    paths = (answer, f"/d?{urlencode({'uri': fares})}", "/documents", "/jobs", "/models", "/feedback", "/me", "/")
    for path in paths:
        tab.goto(f"http://127.0.0.1:{site.port}{path}")
        assert tab.run(MOVED) <= 0.02, path
        assert tab.run("document.documentElement.scrollWidth <= innerWidth"), path
        assert tab.run("getComputedStyle(document.body).colorScheme") in ("normal", "light dark")
        _axe(tab, path)
    assert tab.problems == []


def _axe(tab: Tab, path: str) -> None:
    """No fault that axe finds, where it is installed (axe-playwright-python holds its script)."""
    if find_spec("axe_playwright_python") is None:
        return
    tab.run((files("axe_playwright_python") / "axe.min.js").read_text("utf-8") + "; 0")
    found = tab.run("axe.run().then((r) => r.violations.map((v) => `${v.id}: ${v.nodes[0].html}`))")
    assert found == [], path
