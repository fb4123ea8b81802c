"""Documents for people: pages with quotations marked, versions and readers, failures with what helps."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from tests.documents.pdf_pages import at, document

from wellread.knowledge_base import KnowledgeBase
from wellread.serve.passages import around
from wellread.store import credentials
from wellread.types import Principal, Span

if TYPE_CHECKING:
    from tests.serve.conftest import Reply, Site

SAMPLES = Path(__file__).parents[2] / "samples" / "harbour" / "documents"
BOARD = Principal(groups=frozenset({"board"}))


@pytest.fixture(scope="module")
def shelf(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of PDFs that the served base holds beside its own: one for everybody, one for the board."""
    folder = tmp_path_factory.mktemp("shelf")
    shutil.copy(SAMPLES / "fares" / "fares-2026.pdf", folder / "fares-2026.pdf")
    (folder / "plan.pdf").write_bytes(document(at(50, 700, "The board plans a new pier for 9000 crowns.")))
    (folder / "plan.pdf.meta.toml").write_text('labels = ["board"]\n')
    (folder / "broken.pdf").write_bytes(b"no pages")
    site.base.add(str(folder))
    yield folder
    site.base.remove(str(folder))


def picture(site: Site, path: Path, key: str = "reader", **asked: object) -> Reply:
    return site.call("GET", f"/d/picture?{urlencode({'uri': str(path), 'page': 1, **asked})}", key=key)


def test_a_page_comes_as_a_picture_and_once_more_only_if_it_may_still_be_read(site: Site, shelf: Path) -> None:
    first = picture(site, shelf / "fares-2026.pdf", at="0-40")
    assert (first.status, first.headers["content-type"]) == (200, "image/png") and first.body[1:4] == b"PNG"
    assert first.headers["cache-control"] == "private, no-cache"
    asked = f"/d/picture?{urlencode({'uri': str(shelf / 'fares-2026.pdf'), 'page': 1, 'at': '0-40'})}"
    again = site.call("GET", asked, if_none_match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    plain, other = picture(site, shelf / "fares-2026.pdf"), picture(site, shelf / "fares-2026.pdf", part="strip")
    assert len({first.headers["etag"], plain.headers["etag"], other.headers["etag"]}) == 3


def test_what_may_not_be_read_and_what_there_is_not_are_answered_alike(site: Site, shelf: Path) -> None:
    assert picture(site, shelf / "plan.pdf", "board").status == 200
    for path in ("/d/picture", "/d"):
        replies = []
        for name in ("plan.pdf", "none.pdf"):
            asked = urlencode({"uri": str(shelf / name), "v": 1, "page": 1, "at": "0-4"})
            replies.append(site.call("GET", f"{path}?{asked}"))
        assert [reply.status for reply in replies] == [404, 404]
        assert replies[0].body == replies[1].body
    assert "plan.pdf" not in site.call("GET", "/documents").text
    assert "plan.pdf" in site.call("GET", "/documents", key="board").text


@pytest.mark.parametrize("asked", [{"at": "4-2"}, {"at": "0-99999999"}, {"at": "x"}])
def test_a_span_outside_of_the_text_is_refused(site: Site, shelf: Path, asked: dict[str, str]) -> None:
    assert picture(site, shelf / "fares-2026.pdf", **asked).status == 400


def test_a_page_that_there_is_not_and_a_document_without_pages_have_no_picture(site: Site, shelf: Path) -> None:
    assert picture(site, shelf / "fares-2026.pdf", page=99).status == 404
    listed = {one.uri.rpartition("/")[2]: one.uri for one in site.base.documents()}
    assert picture(site, Path(listed["fees.md"])).status == 404


def test_a_file_that_changed_since_is_not_shown_as_what_was_read(site: Site, shelf: Path, tmp_path: Path) -> None:
    path = tmp_path / "moving.pdf"
    path.write_bytes(document(at(50, 700, "The tide turns at 6:40.")))
    site.base.add(str(path))
    path.write_bytes(document(at(50, 700, "The tide turns at 9:99.")))
    gone = picture(site, path)
    assert (gone.status, gone.headers["content-type"]) == (410, "image/svg+xml")
    assert all(word in gone.text for word in ("changed", "since"))
    page = site.call("GET", f"/d?{urlencode({'uri': str(path), 'at': '0-8'})}").text
    assert "the file has changed since this version was read" in page and "<img" not in page
    assert '<mark id="quote">The tide</mark>' in page
    site.base.remove(str(path))


def test_a_document_says_who_may_read_it_and_leads_from_version_to_version(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "rules.md"
    path.write_text("# Rules\n\n| boat | fee |\n|---|---|\n| sloop | 12 |\n\nNo fires on the quay.\n")
    (tmp_path / "rules.md.meta.toml").write_text('labels = ["board"]\n')
    site.base.add(str(path))
    path.write_text("# Rules\n\nFires are allowed.\n")
    site.base.sync()
    now = site.call("GET", f"/d?{urlencode({'uri': str(path)})}", key="board").text
    assert "Groups: board" in now and "<strong>version 2</strong>" in now and "Fires are allowed." in now
    before = site.call("GET", f"/d?{urlencode({'uri': str(path), 'v': 1})}", key="board").text
    assert "not in force" in before and "<td>sloop</td>" in before
    site.base.remove(str(path))


def test_what_was_not_read_is_listed_with_its_reason_and_what_helps(site: Site, shelf: Path) -> None:
    page = site.call("GET", "/documents").text
    failed = page.partition('id="failures"')[2]
    assert "broken.pdf" in failed and '<p class="cure">' in failed


def test_an_answer_is_closed_with_the_document_that_it_stands_on(tmp_path: Path) -> None:
    path = tmp_path / "docs" / "pier.md"
    path.parent.mkdir()
    path.write_text("# Pier\n\nThe new pier costs 9000 crowns.\n")
    with KnowledgeBase.create(tmp_path / "base", who=BOARD) as made:
        base = made.configured(["answer.style=quote"])
        base.add(str(path.parent))
        reader = base.as_user(Principal(user="ann"))
        answer = reader.ask("What does the new pier cost?")
        assert "9000" in answer.text and reader.log(trace_id=answer.trace_id)
        (tmp_path / "docs" / "pier.md.meta.toml").write_text('labels = ["board"]\n')
        base.sync()
        assert not reader.log(trace_id=answer.trace_id) and not reader.log()
        assert base.log(trace_id=answer.trace_id)


def test_a_key_that_may_not_read_gets_no_page(site: Site, shelf: Path) -> None:
    with site.base.store.writing() as tx:
        who, lasts = Principal(user="asker"), timedelta(days=1)
        site.keys["asker"] = credentials.issue(tx, "key", "asker", who=who, actions=("ask",), lasts=lasts)
    assert picture(site, shelf / "fares-2026.pdf", "asker").status == 403


HOSTILE = "<img src=x onerror=alert(1)>"


def test_nothing_of_a_document_or_its_failure_becomes_markup(site: Site, tmp_path: Path) -> None:
    table = f"| {HOSTILE} | b |\n|---|---|\n| 1 | {HOSTILE} |"
    text = f"# {HOSTILE}\n\n{HOSTILE} costs 31 crowns.\n\n{table}\n\n- {HOSTILE}\n"
    (tmp_path / "a<b>.md").write_text(text)
    (tmp_path / "a<b>.md.meta.toml").write_text(f'title = "{HOSTILE}"\nlabels = ["board", "<i>"]\n')
    (tmp_path / "c<img src=x>.pdf").write_bytes(b"no pages")
    site.base.add(str(tmp_path))
    page = f"/d?{urlencode({'uri': str(tmp_path / 'a<b>.md'), 'at': '2-20'})}"
    for path in (page, "/documents", f"/documents?q={HOSTILE}", f"/?q={HOSTILE}"):
        shown = site.call("GET", path.replace(" ", "%20"), key="board").text
        assert "&lt;img" in shown and "<img src=x" not in shown and "<i>" not in shown
    site.base.remove(str(tmp_path))


def test_of_a_long_table_the_rows_around_the_quotation_are_shown_with_their_head(site: Site, tmp_path: Path) -> None:
    rows = "".join(f"part {n},{n * 7 % 1000}\n" for n in range(9_000))
    (tmp_path / "stock.csv").write_text("item,price\n" + rows)
    site.base.add(str(tmp_path))
    (one,) = [document for document in site.base.documents() if document.uri.endswith("stock.csv")]
    shown = site.call("GET", f"/d?{urlencode({'uri': one.uri, 'from': 60_000})}").text
    assert len(shown) < 100_000 and shown.count("<tr>") > 100
    assert '<th scope="col">item</th>' in shown and "part 0<" not in shown
    assert "Earlier text" in shown and "Further text" in shown
    site.base.remove(str(tmp_path))


def test_the_words_around_a_quotation_end_with_its_paragraph_and_between_words() -> None:
    text = "Before.\n\nThe quay closes at noon. " + "Boats wait outside. " * 40 + "\n\nAfter."
    start = text.index("closes")
    before, after = around(text, Span(start, start + 6))
    assert before == "The quay "
    assert after.startswith(" at noon. Boats") and after.endswith(" …") and "After" not in after
    assert around(text, Span(0, 7)) == ("", "")
