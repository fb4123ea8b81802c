"""Sources and the base in step, from files to what is in the base: nothing is lost, shown to others, or comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.index.bases import Overtaken

from wellread import KnowledgeBase, Refused, UsageError
from wellread.store import documents, files, log
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


def test_a_duplicate_in_another_source_stands_for_itself_once_its_original_changes(
    kb: KnowledgeBase, docs: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for folder, name in ((docs, "a.txt"), (other, "b.txt")):
        (folder / name).write_text("Dogs travel for four crowns.")
        kb.add(str(folder))
    assert kb.status().states == {"live": 1, "duplicate": 1}
    (docs / "a.txt").write_text("Cats stay at home.")
    kb.add(str(docs))  # looks at that folder alone
    assert texts(kb) == {"a.txt": "Cats stay at home.", "b.txt": "Dogs travel for four crowns."}
    assert kb.sync().unchanged == 2


def test_an_answer_is_logged_blank_when_its_document_goes_before_it_is(kb: KnowledgeBase, docs: Path) -> None:
    (docs / "pay.txt").write_text("The master earns 5,100 crowns a month.")
    kb.add(str(docs))
    quoting = kb.configured(["answer.style=quote"])
    with Overtaken.open(kb.store.folder) as store:
        mine = KnowledgeBase.over(kb.folder, quoting.settings, store, kb.models, who=Principal())
        store.first = lambda: kb.remove(str(docs))  # by another process, after the passages were read
        answer = mine.ask("What does the master earn?")
    assert "5,100" in answer.text
    (asked,) = kb.log()
    assert (asked.answer.text, asked.answer.citations, asked.answer.nearest) == (log.DELETED, (), ())


def paid(folder: Path) -> Path:
    """A folder of the personnel office with one paper, in the folder of documents."""
    (folder / "hr").mkdir()
    (folder / "hr" / "pay.txt").write_text("The master earns 5,100 crowns.")
    (folder / "fares.txt").write_text("Dogs travel for four crowns.")
    return folder / "hr"


def test_labels_stay_when_a_folder_above_is_added_and_synced(kb: KnowledgeBase, docs: Path) -> None:
    hr = paid(docs)
    kb.add(str(hr), labels=["hr"])
    assert kb.add(str(docs)).new == 1
    kb.sync()
    assert texts(kb) == {"fares.txt": "Dogs travel for four crowns."}
    assert set(texts(kb, HR)) == {"fares.txt", "pay.txt"}
    (hr / "pay.txt").write_text("The master earns 5,200 crowns.")
    (hr / "more.txt").write_text("The mate earns 4,100 crowns.")
    kb.sync()  # by one who may not see them: they are left to those who may
    assert texts(kb, HR)["pay.txt"] == "The master earns 5,100 crowns."
    report = kb.as_user(HR).sync()
    assert (report.new, report.changed) == (1, 1)
    assert set(texts(kb)) == {"fares.txt"}
    assert texts(kb, HR)["pay.txt"] == "The master earns 5,200 crowns."
    assert kb.check() == []


def test_labels_of_a_folder_that_is_added_below_another_hold_from_then_on(kb: KnowledgeBase, docs: Path) -> None:
    hr = paid(docs)
    kb.add(str(docs))
    assert set(texts(kb)) == {"fares.txt", "pay.txt"}
    assert kb.add(str(hr), labels=["hr"]).changed == 1
    for _ in range(2):
        assert set(texts(kb)) == {"fares.txt"}
        assert set(texts(kb, HR)) == {"fares.txt", "pay.txt"}
        assert kb.sync().changed == 0
    kb.remove(str(docs))
    assert set(texts(kb, HR)) == {"pay.txt"}


def test_a_file_added_by_its_name_keeps_the_labels_of_its_folder(kb: KnowledgeBase, docs: Path) -> None:
    hr = paid(docs)
    kb.add(str(hr), labels=["hr"])
    for step in (lambda: kb.add(str(hr / "pay.txt")), kb.sync, kb.as_user(HR).sync):
        step()
        assert texts(kb) == {} and set(texts(kb, HR)) == {"pay.txt"}


def test_a_sync_by_anybody_takes_back_what_an_earlier_version_showed_to_all(kb: KnowledgeBase, docs: Path) -> None:
    hr = paid(docs)
    kb.add(str(docs))
    with kb.store.writing() as tx:  # as an earlier version left it: a source of its own, whose papers are another's
        files.add_source(tx, "folder", str(hr), {"labels": ["hr"]}, tenant="default")
    assert set(texts(kb)) == {"fares.txt", "pay.txt"}
    assert kb.sync().changed == 1
    assert set(texts(kb)) == {"fares.txt"} and set(texts(kb, HR)) == {"fares.txt", "pay.txt"}
    assert kb.sync().changed == 0


def test_adding_a_known_source_again_keeps_what_is_not_said_anew(kb: KnowledgeBase, docs: Path) -> None:
    hr = paid(docs)
    (hr / "notes.md").write_text("Not for the base.")
    boss = kb.as_user(HR)
    boss.add(str(hr), labels=["hr"], exclude=["*.md"])
    assert boss.add(str(hr)).unchanged == 1
    assert texts(kb) == {} and set(texts(kb, HR)) == {"pay.txt"}
    assert boss.add(str(hr), exclude=[]).new == 1
    assert texts(kb) == {} and set(texts(kb, HR)) == {"pay.txt", "notes.md"}
    assert boss.add(str(hr), labels=[]).changed == 2  # in so many words
    assert set(texts(kb)) == {"pay.txt", "notes.md"}


def test_a_source_is_changed_by_nobody_to_whom_it_is_hidden(kb: KnowledgeBase, docs: Path) -> None:
    hr = paid(docs)
    kb.add(str(hr), labels=["hr"])
    for labels in (None, [], ["crew"], ["hr", "crew"]):
        with pytest.raises(Refused, match="--group NAME"):
            kb.add(str(docs / "fares.txt"), str(hr), labels=labels)
    kb.add(str(hr), labels=["hr"])  # just as before: a script may run twice
    assert texts(kb) == {} and kb.status().sources == ()
    assert kb.as_user(HR).status().sources == (str(hr),)


def test_what_was_removed_stays_out_until_add_names_it(kb: KnowledgeBase, docs: Path) -> None:
    (docs / "a.txt").write_text("Dogs travel for four crowns.")
    (docs / "b.txt").write_text("Cats stay at home.")
    kb.add(str(docs))
    assert kb.remove(str(docs / "a.txt")) == 1
    with pytest.raises(UsageError, match="no such source or document"):
        kb.remove(str(docs / "a.txt"))
    for step in (lambda: None, lambda: (docs / "a.txt").write_text("Dogs travel free."), (docs / "a.txt").unlink,
                 lambda: (docs / "a.txt").write_text("Dogs travel for nine crowns.")):  # fmt: skip
        step()
        for report in (kb.sync(), kb.add(str(docs)), kb.sync(retry_failed=True)):
            assert (report.new, report.changed, report.deleted, report.unchanged) == (0, 0, 0, 1)
        assert set(texts(kb)) == {"b.txt"} and kb.status().states == {"live": 1, "removed": 1}
    assert kb.add(str(docs / "a.txt")).new == 1
    assert texts(kb)["a.txt"] == "Dogs travel for nine crowns." and kb.status().states == {"live": 2}
    assert kb.sync().unchanged == 2
    assert kb.check() == []


def test_what_a_glob_removed_comes_back_with_a_closer_source_or_with_its_own_anew(
    kb: KnowledgeBase, docs: Path
) -> None:
    for name in ("old/a.txt", "old/b.txt", "new/c.txt"):
        (docs / name).parent.mkdir(exist_ok=True)
        (docs / name).write_text(f"What {name} says.")
    kb.add(str(docs))
    assert kb.remove("*/old/*") == 2
    assert kb.sync().unchanged == 1
    assert kb.add(str(docs / "old")).new == 2
    assert kb.remove(str(docs / "old" / "a.txt")) == 1
    assert kb.remove(str(docs)) == 1 and set(texts(kb)) == {"b.txt"}
    assert kb.add(str(docs)).new == 1 and set(texts(kb)) == {"b.txt", "c.txt"}
    assert kb.remove(str(docs / "old")) == 1 and kb.remove(str(docs)) == 1
    assert kb.status().states == {} and kb.add(str(docs)).new == 3


def test_papers_of_a_source_that_was_removed_do_not_come_back_from_the_folder_above(
    kb: KnowledgeBase, docs: Path
) -> None:
    hr = paid(docs)
    kb.add(str(hr), labels=["hr"])
    kb.add(str(docs))
    assert kb.as_user(HR).remove(str(hr)) == 1
    kb.sync()
    assert set(texts(kb, HR)) == {"fares.txt"}
    kb.add(str(hr), labels=["hr"])
    assert set(texts(kb)) == {"fares.txt"} and set(texts(kb, HR)) == {"fares.txt", "pay.txt"}


def test_a_file_that_was_added_by_its_name_is_removed_with_its_source(kb: KnowledgeBase, docs: Path) -> None:
    (docs / "a.txt").write_text("Dogs travel for four crowns.")
    kb.add(str(docs / "a.txt"))
    kb.add("note.txt", text="Cats stay at home.")
    assert kb.remove("*.txt") == 2
    assert kb.status().sources == () and kb.status().states == {}
    assert kb.sync().new == 0


def test_a_duplicate_that_was_removed_does_not_come_back_either(kb: KnowledgeBase, docs: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (docs / name).write_text("Dogs travel for four crowns.")
    kb.add(str(docs))
    assert kb.remove(str(docs / "b.txt")) == 0  # its document is that of the other
    assert kb.remove(str(docs / "a.txt")) == 1
    kb.sync()
    assert texts(kb) == {} and kb.status().states == {"removed": 2}


@pytest.mark.parametrize("what", ["", "a.txt"])
def test_what_is_removed_while_a_sync_has_read_it_does_not_come_back(kb: KnowledgeBase, docs: Path, what: str) -> None:
    for name in ("a.txt", "b.txt"):
        (docs / name).write_text(f"What {name} says.")
    kb.add(str(docs))
    (docs / "a.txt").write_text("What it says now.")
    (docs / "c.txt").write_text("Cats stay at home.")
    with Overtaken.open(kb.store.folder) as store:
        store.first, store.after = (lambda: kb.remove(str(docs / what))), 1  # before what was read is written
        KnowledgeBase.over(kb.folder, kb.settings, store, kb.models, who=Principal()).sync()
        assert store.first is None
    assert set(texts(kb)) == ({"b.txt", "c.txt"} if what else set())
    assert kb.check() == []
