"""Sources and the base in step, from files to what is in the base: nothing is lost, shown to others, or comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.index.bases import Overtaken

from wellread import KnowledgeBase
from wellread.store import documents, log
from wellread.types import Principal

HR = Principal(groups=frozenset({"hr"}))


@pytest.fixture
def kb(tmp_path: Path) -> Iterator[KnowledgeBase]:
    """An empty base that is open, seen by one without groups."""
    with KnowledgeBase.create(tmp_path / "base") as made:
        yield made


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """An empty folder for documents."""
    folder = tmp_path / "docs"
    folder.mkdir()
    return folder


def texts(kb: KnowledgeBase, who: Principal = Principal()) -> dict[str, str]:
    """The text of every document that ``who`` may read, by the name of its file."""
    with kb.store.reading() as connection:
        ids = [document.id for document in documents.listing(connection, who=who)]
        found = [documents.get(connection, document_id, who=who) for document_id in ids]
    return {Path(document.uri).name: document.text for document in found if document is not None}


def test_a_duplicate_that_fails_and_recovers_leaves_the_document_of_the_other(kb: KnowledgeBase, docs: Path) -> None:
    (docs / "a.txt").write_text("Dogs travel for four crowns.")
    (docs / "b.txt").write_text("Dogs travel for four crowns.")
    assert kb.add(str(docs)).duplicates == 1
    (docs / "b.txt").write_text("")  # as an editor leaves it for a moment
    assert kb.sync().failed == 1
    (docs / "b.txt").write_text("Cats stay at home.")
    assert kb.sync().new == 1
    assert texts(kb) == {"a.txt": "Dogs travel for four crowns.", "b.txt": "Cats stay at home."}
    assert kb.check() == []


def test_an_answer_is_not_logged_when_its_document_goes_before_it_is(kb: KnowledgeBase, docs: Path) -> None:
    (docs / "pay.txt").write_text("The master earns 5,100 crowns a month.")
    kb.add(str(docs))
    quoting = kb.configured(["answer.style=quote"])
    with Overtaken.open(kb.store.folder) as store:
        mine = KnowledgeBase(kb.folder, quoting.settings, store, who=Principal())
        store.first = lambda: kb.remove(str(docs))  # by another process, after the passages were read
        answer = mine.ask("What does the master earn?")
    assert "5,100" in answer.text
    (asked,) = kb.log()
    assert (asked.answer.text, asked.answer.citations, asked.answer.nearest) == (log.DELETED, (), ())
