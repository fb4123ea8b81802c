from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.index.bases import EVERYONE, Overtaken, WordEmbedder, filled, ready, source

from wellread.documents.changes import Duplicate, Failed, Gone, Moved, Unchanged
from wellread.errors import ModelError, StoreError
from wellread.index import build, check
from wellread.index.open import IndexReader
from wellread.index.settings import IndexSettings
from wellread.index.vectors import file as vectors
from wellread.index.vectors import sets
from wellread.store import documents, files
from wellread.store.engine.api import Store
from wellread.store.migrations import steps as migrations
from wellread.sync.remove import remove
from wellread.sync.sync import apply
from wellread.types import Compare, Principal


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path) as store:
        yield store


def texts(reader: IndexReader, question: str, *, who: Principal = EVERYONE, k: int = 10) -> tuple[list[str], list[str]]:
    """What is found by words, and by meaning."""
    embedder = WordEmbedder()
    with reader.snapshot(who=who) as snapshot:
        by_words = [key for key, _ in snapshot.search_text(question, k=k)]
        by_meaning = [key for key, _ in snapshot.search_dense(embedder.embed([question], "query")[0], embedder.id, k=k)]
        rows = snapshot.chunks([*by_words, *by_meaning])
        assert set(rows) == {*by_words, *by_meaning}  # nothing that may not be seen was ranked
        return [rows[key][0].text for key in by_words], [rows[key][0].text for key in by_meaning]


def test_what_was_added_is_found_by_words_and_by_meaning(store: Store) -> None:
    report = filled(store, WordEmbedder(), ready("/docs/a", "dogs pay four euros", "bikes travel free"))
    assert (report.new, report.chunks, report.embedded) == (1, 2, 2)
    by_words, by_meaning = texts(IndexReader(store), "what do dogs pay")
    assert by_words == ["dogs pay four euros"]
    assert by_meaning[0] == "dogs pay four euros"


def test_an_open_reader_sees_a_change_and_an_unchanged_chunk_is_not_embedded_again(store: Store) -> None:
    embedder, reader = WordEmbedder(), IndexReader(store)
    filled(store, embedder, ready("/docs/a", "dogs pay four euros", "bikes travel free"))
    assert texts(reader, "dogs")[0] == ["dogs pay four euros"]
    report = filled(store, embedder, ready("/docs/a", "dogs pay nine euros", "bikes travel free", replaces=True))
    assert (report.changed, report.embedded) == (1, 1)
    by_words, by_meaning = texts(reader, "dogs pay euros")
    assert by_words == ["dogs pay nine euros"]
    assert sorted(by_meaning) == ["bikes travel free", "dogs pay nine euros"]


def test_a_deleted_document_is_nowhere(store: Store) -> None:
    embedder, reader = WordEmbedder(), IndexReader(store)
    filled(store, embedder, ready("/docs/a", "dogs pay four euros"), ready("/docs/b", "bikes travel free"))
    assert filled(store, embedder, Gone("/docs/a", ready("/docs/a", "").document.id)).deleted == 1
    assert texts(reader, "dogs euros bikes") == (["bikes travel free"], ["bikes travel free"])
    assert check.check(store) == []


def test_what_may_not_be_seen_is_not_ranked_and_takes_nobodys_place(store: Store) -> None:
    secret = [ready(f"/docs/s{n}", f"pay of person {n}", labels=["hr"]) for n in range(20)]
    filled(store, WordEmbedder(), *secret, ready("/docs/open", "pay of the crew is on the notice board today"))
    reader = IndexReader(store)
    assert texts(reader, "pay of person", k=1) == (["pay of the crew is on the notice board today"],) * 2
    assert "person" in texts(reader, "pay of person", who=Principal(groups=frozenset({"hr"})), k=1)[0][0]
    assert texts(reader, "pay", who=Principal("other")) == ([], [])


def test_a_filter_is_exact(store: Store) -> None:
    many = [ready(f"/docs/{n}", f"fare number {n}", metadata={"line": str(n % 7)}) for n in range(70)]
    embedder = WordEmbedder()
    filled(store, embedder, *many)
    with IndexReader(store).snapshot(who=EVERYONE) as snapshot:
        inside = snapshot.matching(Compare("meta.line", "=", "3"))
        vector = embedder.embed(["fare number"], "query")[0]
        assert len(snapshot.search_dense(vector, embedder.id, versions=inside, k=50)) == 10
        assert len(snapshot.search_text("fare number", versions=inside, k=50)) == 10
        assert snapshot.search_text("fare", versions=[], k=5) == []
        assert snapshot.search_dense(vector, embedder.id, versions=[], k=5) == []


def test_vectors_of_another_embedder_are_refused_by_reader_and_writer(store: Store) -> None:
    filled(store, WordEmbedder(), ready("/docs/a", "dogs"))
    other = WordEmbedder("test:other")
    reader = IndexReader(store)
    with pytest.raises(StoreError, match=r"test:words.*test:other.*wellread index rebuild"):
        reader.check_embedder(other.id)
    with pytest.raises(StoreError, match=r"test:words.*test:other"), reader.snapshot(who=EVERYONE) as snapshot:
        snapshot.search_dense(other.embed(["dogs"])[0], other.id, k=1)
    with pytest.raises(StoreError, match=r"test:words.*test:other"):
        filled(store, other, ready("/docs/b", "cats"))


def test_another_embedder_takes_over_when_its_set_is_whole_and_the_old_one_answers_until_then(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sets, "EMBED_BATCH", 4)
    filled(store, WordEmbedder(), *(ready(f"/docs/{n}", f"fare number {n}") for n in range(10)))
    reader = IndexReader(store)

    class Dies(WordEmbedder):
        def embed(self, passages: object, kind: str = "passage") -> vectors.NDArray[np.float32]:
            if len(self.seen) >= 4:
                raise ModelError("gone")
            return super().embed(passages, kind)  # type: ignore[arg-type]

    with pytest.raises(ModelError):
        build.reembed(store, Dies("test:other"))
    assert len(texts(reader, "fare")[1]) == 10
    filled(store, WordEmbedder(), Gone("/docs/0", ready("/docs/0", "").document.id), ready("/docs/new", "fare is new"))
    other = WordEmbedder("test:other")
    assert build.reembed(store, other) == 7  # 10 + 1 new - 4 done before
    with reader.snapshot(who=EVERYONE) as snapshot:
        found = snapshot.search_dense(other.embed(["fare"], "query")[0], other.id, k=20)
        assert len(found) == len(snapshot.chunks([key for key, _ in found])) == 10
    assert check.check(store) == []
    assert len(list((store.folder / "vectors").iterdir())) == 1


def test_a_rebuild_embeds_only_what_has_no_sound_vector(store: Store) -> None:
    embedder = WordEmbedder()
    filled(store, embedder, ready("/docs/a", "dogs pay", "cats pay", "bikes travel"))
    assert build.rebuild(store, embedder) == 0
    folder = next((store.folder / "vectors").iterdir())
    data = bytearray((folder / vectors.VECTORS).read_bytes())
    data[130] ^= 1
    (folder / vectors.VECTORS).write_bytes(data)
    assert [fault.cure for fault in check.check(store)][:1] == ["run: wellread index rebuild"]
    assert build.rebuild(store, embedder) == 1
    assert check.check(store) == []
    assert texts(IndexReader(store), "dogs")[0] == ["dogs pay"]
    import shutil

    shutil.rmtree(store.folder / "vectors")
    assert build.rebuild(store, embedder) == 3


def test_check_finds_a_word_that_the_index_lost(store: Store) -> None:
    from wellread.index.words import fulltext

    filled(store, WordEmbedder(), ready("/docs/a", "dogs pay"), ready("/docs/b", "cats pay"))
    assert check.check(store) == []
    with store.writing() as tx:
        fulltext.remove(tx.connection, [1], ["dogs pay"])
    assert check.check(store) != []


def test_compaction_gives_back_dead_slots_and_an_open_reader_goes_on(store: Store) -> None:
    embedder, reader = WordEmbedder(), IndexReader(store)
    filled(store, embedder, *(ready(f"/docs/{n}", f"fare number {n}") for n in range(6)))
    before = texts(reader, "fare number 5")
    filled(store, embedder, *(Gone(f"/docs/{n}", ready(f"/docs/{n}", "").document.id) for n in range(3)))
    assert build.compact(store, force=False) == 0
    assert build.compact(store) == 3
    assert check.check(store) == []
    after = texts(reader, "fare number 5")
    assert after[0][0] == before[0][0]
    assert len(after[1]) == 3


def test_moved_failed_and_duplicate_items_are_counted_and_a_duplicate_inherits(store: Store) -> None:
    a = ready("/docs/a", "dogs pay")
    embedder = WordEmbedder()
    copy = ready("/docs/copy", "dogs pay").item
    report = filled(
        store, embedder, a, Duplicate(copy, a.document.id), Unchanged(3),
        Failed(ready("/docs/bad", "x").item, "broken", "no end", False),
        Moved(ready("/docs/moved", "dogs pay").item, "/docs/a", a.document.id),
    )  # fmt: skip
    assert (report.new, report.duplicates, report.unchanged, report.failed, report.moved) == (1, 1, 3, 1, 1)
    assert report.failures[0].reason == "no end"
    filled(store, embedder, Gone("/docs/moved", a.document.id))
    with store.reading() as connection:
        assert [d.uri for d in documents.listing(connection, who=EVERYONE)] == ["/docs/copy"]
        assert files.known(connection, "default")["/docs/copy"].state == "live"
    assert remove(store, "/docs/copy", who=EVERYONE) == 1
    assert remove(store, "/docs/nothing", who=EVERYONE) is None
    assert texts(IndexReader(store), "dogs") == ([], [])


KILLED = """
import os, sys
from pathlib import Path
from tests.index.bases import WordEmbedder, filled, ready
from wellread.index.vectors.file import VectorFile
from wellread.store.engine.api import Store
real = VectorFile.append
def append(self, n_slots, vectors, rows):
    real(self, n_slots, vectors, rows)
    os.kill(os.getpid(), 9)
VectorFile.append = append
filled(Store.open(Path(sys.argv[1])), WordEmbedder(), ready("/docs/b", "cats pay"))
"""


def test_killed_between_vectors_and_commit_nothing_of_it_is_there(store: Store) -> None:
    embedder = WordEmbedder()
    filled(store, embedder, ready("/docs/a", "dogs pay"))
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.run([sys.executable, "-c", KILLED, str(store.folder)], env=env, check=False)
    assert child.returncode == -signal.SIGKILL
    folder = next((store.folder / "vectors").iterdir())
    assert (folder / vectors.VECTORS).stat().st_size == 2 * 2 * 64  # the vector was written
    assert texts(IndexReader(store), "pay") == (["dogs pay"], ["dogs pay"])
    assert check.check(store) == []
    filled(store, embedder, ready("/docs/b", "cats pay"))
    assert sorted(texts(IndexReader(store), "pay")[1]) == ["cats pay", "dogs pay"]
    assert check.check(store) == []


def test_readers_never_see_half_of_a_change(store: Store) -> None:
    embedder = WordEmbedder()
    filled(store, embedder, *(ready(f"/docs/{n}", f"fare {n} alpha", f"fare {n} beta") for n in range(5)))
    reader, wrong, stop = IndexReader(store), [], threading.Event()

    def ask() -> None:
        while not stop.is_set():
            by_words, by_meaning = texts(reader, "fare", k=50)
            if not len(by_words) == len(by_meaning) == 10:
                wrong.append((by_words, by_meaning))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for n in range(25):
        filled(store, embedder, ready(f"/docs/{n % 5}", f"fare {n} new alpha", f"fare {n} new beta", replaces=True))
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_an_empty_base_gives_nothing(store: Store) -> None:
    source(store)
    assert texts(IndexReader(store), "anything") == ([], [])
    assert check.check(store) == []


@pytest.mark.parametrize("storage", ["int8", "binary"])
def test_what_is_stored_changes_without_embedding_anything_and_back_only_by_embedding(
    store: Store, storage: str
) -> None:
    embedder, reader, small = WordEmbedder(), IndexReader(store), IndexSettings(vectors=storage)
    filled(store, embedder, ready("/docs/a", "dogs pay four euros", "bikes travel free"))
    before = size(store)
    assert build.reembed(store, embedder, settings=small) == 0
    assert size(store) < before
    assert check.check(store) == []
    assert texts(reader, "bikes free")[1][0] == "bikes travel free"
    assert build.reembed(store, embedder, settings=small) == 0
    apply(store, iter([ready("/docs/b", "cats sleep")]), embedder, tenant="default")  # the set stays what it is
    with store.reading() as connection:
        assert sets.live(connection).storage == storage
    assert texts(reader, "cats sleep")[1][0] == "cats sleep"
    assert check.check(store) == []
    assert build.reembed(store, embedder) == 3


@pytest.mark.parametrize(("before", "after"), [("int8", "float16"), ("float16", "binary")])
def test_vectors_are_written_as_the_set_stores_them_that_another_process_has_just_made(
    store: Store, before: str, after: str
) -> None:
    source(store)
    embedder, a = WordEmbedder(), ready("/docs/a", "dogs pay four euros")
    apply(store, iter([a]), embedder, tenant="default", settings=IndexSettings(vectors=before))
    with Overtaken.open(store.folder) as mine:
        mine.first = lambda: build.reembed(store, WordEmbedder(), settings=IndexSettings(vectors=after))
        filled_by = apply(mine, iter([ready("/docs/b", "cats sleep")]), embedder, tenant="default")
    assert filled_by.new == 1
    with store.reading() as connection:
        current = sets.live(connection)
        assert current is not None and (current.storage, current.n_slots) == (after, 2)
    assert check.check(store) == []
    with IndexReader(store).snapshot(who=EVERYONE) as snapshot:
        (best, score), *_ = snapshot.search_dense(embedder.embed(["cats sleep"], "query")[0], embedder.id, k=2)
        assert snapshot.chunks([best])[best][0].text == "cats sleep"
        assert 0.9 < score < 1.1


def test_a_rebuild_whose_vectors_another_one_dropped_says_so_and_the_other_answers(store: Store) -> None:
    filled(store, WordEmbedder(), ready("/docs/a", "dogs pay"), ready("/docs/b", "cats sleep"))
    with Overtaken.open(store.folder) as mine:
        mine.first, mine.after = (
            (lambda: build.rebuild(store, WordEmbedder())),
            3,
        )  # words, glossary, the new set, then vectors
        with pytest.raises(StoreError, match="another rebuild or reembed took over"):
            build.rebuild(mine, WordEmbedder())
        assert mine.first is None
    assert check.check(store) == []
    assert texts(IndexReader(store), "cats sleep")[1][0] == "cats sleep"


def test_a_set_that_was_dropped_never_takes_the_place_of_the_one_that_answers(store: Store) -> None:
    filled(store, WordEmbedder(), ready("/docs/a", "dogs pay"))
    with store.writing() as tx:
        building = sets.make(tx, WordEmbedder(), "building", "float16")
        sets.drop(tx, building)
    with pytest.raises(StoreError, match="took over"), store.writing() as tx:
        sets.go_live(tx, building)
    assert texts(IndexReader(store), "dogs pay")[1] == ["dogs pay"]


def test_two_reembeds_at_once_give_every_chunk_one_vector(store: Store) -> None:
    filled(store, WordEmbedder(), ready("/docs/a", "dogs pay"), ready("/docs/b", "cats sleep"))
    other = WordEmbedder("test:other")
    with Overtaken.open(store.folder) as mine:
        mine.first, mine.after = (lambda: build.reembed(store, other)), 1  # the same set, filled by the other process
        assert build.reembed(mine, other) == 2
        assert mine.first is None
    assert check.check(store) == []
    with IndexReader(store).snapshot(who=EVERYONE) as snapshot:
        assert len(snapshot.search_dense(other.embed(["cats"], "query")[0], other.id, k=9)) == 2


def size(store: Store) -> int:
    return sum(path.stat().st_size for path in (store.folder / "vectors").rglob("*") if path.is_file())


def test_a_new_base_stores_what_the_settings_say(store: Store) -> None:
    source(store)
    apply(store, iter([ready("/a", "x y")]), WordEmbedder(), tenant="default", settings=IndexSettings("de", "int8"))
    with store.reading() as connection:
        assert sets.live(connection).storage == "int8"
    apply(store, iter([ready("/b", "y z")]), WordEmbedder(), tenant="default", settings=IndexSettings("de"))
    build.compact(store)
    assert check.check(store) == []


def test_a_set_of_the_schema_before_stores_halves(store: Store) -> None:
    filled(store, WordEmbedder(), ready("/docs/a", "dogs pay four euros"))
    with store.writing() as tx:
        tx.connection.exec_driver_sql("ALTER TABLE vector_sets DROP COLUMN storage")
        migrations.STEPS[4](tx.connection)
        migrations.STEPS[4](tx.connection)  # again is harmless
    with store.reading() as connection:
        assert sets.live(connection).storage == "float16"
    assert check.check(store) == []
