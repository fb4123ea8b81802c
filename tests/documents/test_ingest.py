from __future__ import annotations

import os
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from wellread.documents.changes import Duplicate, Failed, Gone, Moved, Ready, Touched, Unchanged
from wellread.documents.settings import ChunkSettings, IngestSettings
from wellread.documents.sources import look
from wellread.documents.sources.listing import Options

LONG = " ".join(f"Sentence {n} says that ship {n} leaves pier {n * 7} at noon." for n in range(60))

FRONT = "---\ntitle: From inside\nvalid_from: 2026-01-01\nowner: Deck\n---\n"


def folder(base) -> Path:
    return Path(base.source.location)


def kinds(changes) -> Counter:
    return Counter(type(change).__name__ for change in changes)


def test_a_new_file_is_a_document_whose_chunks_stand_in_its_text(base):
    (folder(base) / "a.md").write_text("# Ships\n\nGannet Bay carries 92 cars.\n\n## Speed\n\n" + LONG)
    [ready] = base.sync()
    assert isinstance(ready, Ready) and ready.replaces is None
    assert ready.document.title == "Ships"
    for chunk in ready.chunks:
        assert ready.document.text[chunk.span.start : chunk.span.end] == chunk.text
    assert len({chunk.id for chunk in ready.chunks}) == len(ready.chunks) > 1


def test_a_second_run_over_the_same_folder_finds_nothing_to_do(base, monkeypatch):
    monkeypatch.setattr(look, "RACY_NS", 0)  # as long after writing as after two seconds
    for number in range(5):
        (folder(base) / f"{number}.txt").write_text(f"paper {number}")
    assert kinds(base.sync()) == {"Ready": 5}
    assert base.sync() == [Unchanged(5)]


def test_a_changed_file_is_a_new_version_of_the_same_document(base):
    path = folder(base) / "a.txt"
    path.write_text("Dogs cost 40 kroner.")
    [before] = base.sync()
    path.write_text("Dogs cost 45 kroner.")
    [after] = base.sync()
    assert isinstance(after, Ready) and after.replaces == before.document.id == after.document.id
    assert after.document.text == "Dogs cost 45 kroner."


def test_a_change_of_the_same_size_within_the_same_clock_tick_is_seen(base):
    path = folder(base) / "a.txt"
    path.write_text("Dogs cost 40 kroner.")
    base.sync()
    stamp = path.stat()
    path.write_text("Dogs cost 45 kroner.")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert kinds(base.sync()) == {"Ready": 1}


def test_a_touched_file_is_not_parsed_again(base):
    path = folder(base) / "a.txt"
    path.write_text("words")
    base.sync()
    os.utime(path, (1, 1))
    [touched] = base.sync()
    assert isinstance(touched, Touched)


def test_a_moved_file_keeps_its_document(base):
    (folder(base) / "a.txt").write_text(LONG)
    [ready] = base.sync()
    (folder(base) / "sub").mkdir()
    (folder(base) / "a.txt").rename(folder(base) / "sub" / "b.txt")
    [moved] = base.sync()
    assert isinstance(moved, Moved) and moved.document_id == ready.document.id
    (folder(base) / "a.txt").write_text("another paper under the old name")
    new = next(change for change in base.sync() if isinstance(change, Ready))
    assert new.document.id != ready.document.id


def test_a_deleted_file_is_gone(base):
    path = folder(base) / "a.txt"
    path.write_text("words")
    [ready] = base.sync()
    path.unlink()
    assert base.sync() == [Gone(str(path), ready.document.id)]


def test_a_source_that_vanished_deletes_nothing(base):
    (folder(base) / "a.txt").write_text("words")
    base.sync()
    shutil.rmtree(folder(base))
    [failed] = base.sync()
    assert isinstance(failed, Failed) and failed.kind == "unreadable" and "nothing of it" in failed.reason


def test_the_same_text_twice_is_one_document(base, monkeypatch):
    monkeypatch.setattr(look, "RACY_NS", 0)
    (folder(base) / "a.txt").write_text(LONG)
    (folder(base) / "b.txt").write_text(LONG)
    first, second = base.sync()
    assert isinstance(first, Ready) and isinstance(second, Duplicate) and second.document_id == first.document.id
    (folder(base) / "c.txt").write_text(LONG)
    [third, _] = sorted(base.sync(), key=lambda change: isinstance(change, Unchanged))
    assert isinstance(third, Duplicate) and third.document_id == first.document.id


def test_a_duplicate_stands_for_itself_once_its_original_changes(base):
    (folder(base) / "a.txt").write_text(LONG)
    (folder(base) / "b.txt").write_text(LONG)
    base.sync()
    (folder(base) / "a.txt").write_text("something else altogether")
    ready = [change for change in base.sync() if isinstance(change, Ready)]
    assert {Path(change.item.uri).name: change.document.text for change in ready}["b.txt"] == LONG


def test_a_near_duplicate_is_marked_and_kept(base):
    (folder(base) / "a.txt").write_text(LONG)
    base.sync()
    (folder(base) / "b.txt").write_text(LONG.replace("ship 30 leaves", "boat 30 leaves"))
    near = next(change for change in base.sync() if isinstance(change, Ready))
    assert near.near_duplicate_of is not None and near.chunks


def test_sidecar_and_front_matter_say_what_a_file_cannot(base):
    (folder(base) / "a.md").write_text(FRONT + "# H\n\nBody.\n")
    (folder(base) / "a.md.meta.toml").write_text('title = "From beside"\nvalid_until = 2026-12-31\nlabels = ["hr"]\n')
    [ready] = base.sync()
    document = ready.document
    assert document.title == "From beside" and document.text.startswith("# H") and document.labels == {"hr"}
    assert str(document.valid_from) == "2026-01-01" and str(document.valid_until) == "2026-12-31"
    assert document.metadata == {"owner": "Deck"}


def test_a_changed_sidecar_makes_a_new_version(base):
    (folder(base) / "a.txt").write_text("words")
    base.sync()
    (folder(base) / "a.txt.meta.toml").write_text('title = "New"')
    [ready] = base.sync()
    assert isinstance(ready, Ready) and ready.replaces == ready.document.id and ready.document.title == "New"


def test_labels_of_a_file_never_widen_those_of_its_source(base):
    (folder(base) / "a.md").write_text("---\nlabels: everyone\n---\nSalaries.\n")
    base.source = replace(base.source, options=Options(labels=("hr", "board")))
    [ready] = base.sync()
    assert ready.document.labels == {"hr", "board"}


def test_a_failed_file_is_tried_again_only_when_asked_or_changed(base, monkeypatch):
    monkeypatch.setattr(look, "RACY_NS", 0)
    path = folder(base) / "a.txt"
    path.write_bytes(b"")
    [failed] = base.sync()
    assert isinstance(failed, Failed) and failed.kind == "empty" and not failed.skipped
    assert base.sync() == [Unchanged(1)]
    assert kinds(base.sync(IngestSettings(retry_failed=True))) == {"Failed": 1}
    path.write_text("words")
    assert kinds(base.sync()) == {"Ready": 1}


def test_other_chunk_settings_chunk_everything_again(base):
    (folder(base) / "a.txt").write_text(LONG)
    [before] = base.sync()
    [after] = base.sync(chunking=ChunkSettings(size_tokens=50))
    assert isinstance(after, Ready) and len(after.chunks) > len(before.chunks)


def test_hidden_folders_and_links_out_of_the_source_are_not_read(base, tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    (folder(base) / ".git").mkdir()
    (folder(base) / ".git" / "x.txt").write_text("hidden")
    (folder(base) / "out.txt").symlink_to(tmp_path / "secret.txt")
    (folder(base) / "loop").symlink_to(folder(base), target_is_directory=True)
    (folder(base) / "a.txt").write_text("words")
    assert [Path(change.item.uri).name for change in base.sync()] == ["a.txt"]


@pytest.mark.parametrize("strategy", ["structure", "sentence", "fixed", "semantic"])
def test_every_strategy_goes_the_whole_way(base, strategy):
    (folder(base) / "a.txt").write_text(LONG)
    [ready] = base.sync(chunking=ChunkSettings(strategy=strategy))
    assert ready.chunks and all(ready.document.text[slice(*c.span)] == c.text for c in ready.chunks)


def test_a_failed_item_takes_no_document_that_another_item_lives_on(base):
    (folder(base) / "a.txt").write_text(LONG)
    (folder(base) / "b.txt").write_text(LONG)
    [first, _] = base.sync()
    path = str(folder(base) / "b.txt")
    # as an earlier version remembered a duplicate that failed
    base.known[path] = replace(base.known[path], state="failed", document_id=first.document.id)
    (folder(base) / "b.txt").write_text("Fares of the night ferry.")
    ready = next(change for change in base.sync() if isinstance(change, Ready))
    assert ready.document.uri == path and ready.replaces is None and ready.document.id != first.document.id
