"""The pictures of the pages in the docs: a server of the sample organisation, looked at in an installed Chromium.

python scripts/make_page_pictures.py        writes docs/pictures/page-*.png, prints first paint and weight
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from scripts.chromium import Chromium, Tab  # noqa: E402

from wellread.evaluate.settings import EvaluateSettings  # noqa: E402
from wellread.knowledge_base import KnowledgeBase  # noqa: E402
from wellread.serve.app import Served, application  # noqa: E402
from wellread.serve.run import ROUTES, models  # noqa: E402
from wellread.serve.settings import ServeSettings  # noqa: E402
from wellread.store import credentials  # noqa: E402
from wellread.types import Principal  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
QUESTION = "How often are filters on the Gannets changed, and what does a dog cost on line 2?"


@contextmanager
def site() -> Iterator[tuple[str, str]]:
    """The address of a running server, and a key for it."""
    with tempfile.TemporaryDirectory(prefix="harbour-") as folder:
        documents = Path(folder) / "harbour"
        shutil.copytree(ROOT / "samples" / "harbour" / "documents", documents)
        (documents / "notices" / "letter.pdf").write_bytes(b"not a PDF")
        who = Principal(user="ines", groups=frozenset({"staff"}))
        KnowledgeBase.create(Path(folder) / "base", who=Principal()).close()
        with KnowledgeBase.open(Path(folder) / "base", who=Principal(), overrides=["answer.style=quote"]) as base:
            base.add(str(documents))
            with base.store.writing() as tx:
                key = credentials.issue(tx, "key", "Laptop of Ines", who=who)
            served = Served(base, ServeSettings(port=0), models(base, EvaluateSettings()))
            config = uvicorn.Config(application(served, ROUTES), host="127.0.0.1", port=0, log_level="error")
            server = uvicorn.Server(config)
            thread = threading.Thread(target=server.run, daemon=True)
            thread.start()
            while not server.started:
                time.sleep(0.02)
            yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", key
            server.should_exit = True
            thread.join(10)
            served.pool.shutdown()
            served.pictures.close()


def signed_in(browser: Chromium, place: tuple[str, str], width: int, height: int, scheme: str) -> Tab:
    """A page on which somebody is signed in."""
    address, key = place
    tab = browser.tab(width, height, scheme=scheme, scale=1.0 if width > 600 else 2.0)
    tab.goto(f"{address}/login")
    tab.fill("#key", key)
    tab.press("Enter")
    tab.there("#ask")
    return tab


def ask(tab: Tab, question: str = QUESTION) -> Tab:
    """The same with an answer on it."""
    tab.fill("#q", question)
    tab.press("Enter")
    tab.there(".facts a")
    return tab


def main() -> None:
    """Five pages, then what the first one weighs."""
    with site() as place, Chromium() as browser:
        address = place[0]
        wide = ask(signed_in(browser, place, 1280, 800, "light"))
        wide.picture(PICTURES / "page-ask.png")
        answer = wide.run("document.querySelector('.facts a').pathname")
        document = wide.run("document.querySelector('.sources h3 a').getAttribute('href')")
        phone = signed_in(browser, place, 390, 844, "dark")
        phone.goto(address + answer)
        phone.picture(PICTURES / "page-answer-phone.png")
        dark = signed_in(browser, place, 1280, 800, "dark")
        dark.goto(address + document)
        dark.picture(PICTURES / "page-document.png")
        dark.goto(f"{address}/documents?q=fares")
        dark.picture(PICTURES / "page-documents.png")
        wide.goto(address + "/me")
        wide.picture(PICTURES / "page-me.png")
        wide.ask("Page.bringToFront")  # what is behind another page is not painted
        wide.goto(address + "/")
        wide.wait("performance.getEntriesByName('first-contentful-paint').length")
        painted = wide.run("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        sizes = "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
        weight = wide.run(f"{sizes}.reduce((sum, one) => sum + one.decodedBodySize, 0)")
        print(f"first paint of the first page {painted:.0f} ms, with style, script and icon {weight / 1000:.1f} kB")


if __name__ == "__main__":
    main()
