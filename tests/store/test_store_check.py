from __future__ import annotations

import random
from pathlib import Path

import pytest
from store_samples import EVERYONE, put

from wellread.errors import WellreadError
from wellread.store import check, documents, files, jobs, log
from wellread.store.engine.api import FILE_NAME, Store
from wellread.types import Answer, Principal, Usage

HR = Principal(groups=frozenset({"hr"}))
N_FLIPS = 150


def fill(folder: Path) -> None:
    with Store.open(folder) as store:
        for number in range(6):
            text = ". ".join(f"Sentence {number}.{n} about ferries and their fares" for n in range(12))
            put(store, f"/x/{number}", text, labels=("hr",) if number % 3 == 0 else (), metadata={"n": str(number)})
        put(store, "/x/1", "A new version. Of it.")
        with jobs.running(store, "add", {"a": 1}, who=EVERYONE), store.writing() as tx:
            answer = Answer("Why?", "Because.", (), (), False, "quote", Usage(), {}, "t1")
            log.put(tx, answer, who=EVERYONE)
        assert store.checkpoint()


def served(folder: Path) -> object:
    """All that a reader is given."""
    with Store.open(folder, read_only=True) as store, store.reading() as connection:
        listed = documents.listing(connection, who=HR)
        return (
            [documents.get(connection, one.id, who=HR) for one in listed],
            [documents.get(connection, one.id, who=HR, version=1) for one in listed],
            [documents.neighbours(connection, one.id, who=HR, first=0, last=99) for one in listed],
            documents.listing(connection, who=EVERYONE),
            files.known(connection, "default"),
            files.list_sources(connection, who=HR),
            log.recent(connection, who=HR),
            jobs.recent(connection, who=HR),
        )


def faults_of(folder: Path) -> list[check.Fault]:
    try:
        with Store.open(folder, read_only=True) as store:
            return check.check(store)
    except WellreadError as error:
        return [check.Fault("open", str(error), check.RESTORE)]


def test_a_flipped_byte_is_found_or_changes_nothing_that_is_served(tmp_path: Path) -> None:
    fill(tmp_path)
    path = tmp_path / FILE_NAME
    content = path.read_bytes()
    before = served(tmp_path)
    assert faults_of(tmp_path) == []
    chance = random.Random(20261121)
    n_found = 0
    in_use = [place for place, byte in enumerate(content) if byte]
    for _ in range(N_FLIPS):
        place = chance.choice(in_use)
        damaged = bytearray(content)
        damaged[place] ^= chance.randrange(1, 256)
        path.write_bytes(damaged)
        faults = faults_of(tmp_path)
        n_found += bool(faults)
        if not faults:
            assert served(tmp_path) == before, f"byte {place} was flipped from {content[place]} to {damaged[place]}"
        path.write_bytes(content)
        for name in ("-wal", "-shm"):
            path.with_name(FILE_NAME + name).unlink(missing_ok=True)
    assert n_found > N_FLIPS * 0.8


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("UPDATE chunks SET text = replace(text, 'fares', 'farce') WHERE ordinal = 3", "chunks"),
        ("UPDATE versions SET title = 'x' WHERE version = 2", "versions"),
        ("UPDATE versions SET access_id = 1", "versions"),
        ("UPDATE files SET document_id = 'x'", "files"),
        ("UPDATE blobs SET size_bytes = 7", "blobs"),
        ("UPDATE questions SET question = 'x'", "questions"),
        ("UPDATE meta SET value = '0' WHERE key = 'generation'", "meta"),
        ("DELETE FROM version_metadata", "versions"),
        ("DELETE FROM access_labels", "access"),
        ("DELETE FROM chunks WHERE ordinal = 0", "document"),
        ("INSERT INTO tombstones (generation, chunk_key) SELECT 1, rowid_ FROM chunks", "chunks"),
    ],
)
def test_a_changed_row_is_named(tmp_path: Path, statement: str, where: str) -> None:
    fill(tmp_path)
    with Store.open(tmp_path) as store:
        with store.writing() as tx:
            tx.connection.exec_driver_sql(statement)
        faults = check.check(store)
    assert any(fault.where.startswith(where) for fault in faults)
    assert all(fault.what and fault.cure for fault in faults)


def test_a_text_altered_on_disk_is_never_served(tmp_path: Path) -> None:
    fill(tmp_path)
    with Store.open(tmp_path) as store:
        with store.writing() as tx:
            tx.connection.exec_driver_sql("UPDATE blobs SET data = CAST(substr(data, 1, 20) || x'00' AS BLOB)")
        with store.reading() as connection:
            one = documents.listing(connection, who=EVERYONE)[0]
            with pytest.raises(WellreadError, match="altered on disk"):
                documents.get(connection, one.id, who=EVERYONE)
