from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Connection
from store_samples import EVERYONE, made, put

from wellread.errors import StoreError
from wellread.store import check, documents
from wellread.store.engine.api import FILE_NAME, Store, migrate, read_meta, write_meta
from wellread.store.engine.sqlite import MOST_CONNECTIONS
from wellread.store.migrations import steps as migrations

HERE = Path(__file__).parent
WRITER = """
    import sys
    from store_samples import put
    from wellread.store.engine.api import Store
    with Store.open(sys.argv[1]) as store:
        number = 0
        while True:
            number += 1
            put(store, f"/x/{number % 5}", ". ".join([f"Version {number}"] * 40))
            print(number, flush=True)
"""
READER = """
    import sys, time
    from store_samples import EVERYONE
    from wellread.store import documents
    from wellread.store.engine.api import Store
    end = time.monotonic() + float(sys.argv[2])
    seen, rounds = set(), 0
    with Store.open(sys.argv[1], read_only=True) as store:
        while time.monotonic() < end:
            rounds += 1
            with store.reading() as connection:
                for listed in documents.listing(connection, who=EVERYONE):
                    document = documents.get(connection, listed.id, who=EVERYONE)
                    assert document is not None and document.version == listed.version
                    rows = documents.neighbours(connection, listed.id, who=EVERYONE, first=0, last=99)
                    assert "".join(chunk.text for _, chunk in rows) == document.text, "half a version"
                    assert {chunk.version for _, chunk in rows} == {document.version}
                    seen.add((listed.id, listed.version))
    print(rounds, len(seen))
"""


def child(code: str, *arguments: object, **options: object) -> subprocess.Popen[str]:
    paths = os.pathsep.join([str(HERE), str(HERE.parents[1] / "src")])
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
        **options,  # type: ignore[call-overload] # only preexec_fn and user
    )


def test_four_processes_reading_never_see_half_a_version_while_one_writes(tmp_path: Path) -> None:
    put(Store.open(tmp_path), "/x/0", "First. Version.")
    writer = child(WRITER, tmp_path)
    readers = [child(READER, tmp_path, 2.5) for _ in range(4)]
    results = [reader.communicate(timeout=60) for reader in readers]
    writer.kill()
    writer.communicate()
    for reader, (out, error) in zip(readers, results, strict=True):
        assert reader.returncode == 0, error
        rounds, n_seen = map(int, out.split())
        assert rounds > 1
        assert n_seen > 1


def test_kill_at_any_moment_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    for attempt in range(4):
        writer = child(WRITER, tmp_path)
        assert writer.stdout is not None
        line = writer.stdout.readline()
        time.sleep(0.03 * attempt)
        os.kill(writer.pid, signal.SIGKILL)
        with writer:  # closes its pipes
            rest = writer.stdout.read().split()  # not communicate: that forgets what readline had buffered
        done = int(rest[-1] if rest and rest[-1] else line)
        with Store.open(tmp_path) as store, store.reading() as connection:
            newest = max(int(d.text.split(".")[0].split()[1]) for d in all_documents(connection))
            assert newest in (done, done + 1)
            assert check.check(store) == []


def all_documents(connection: Connection) -> list[documents.Document]:
    found = [documents.get(connection, one.id, who=EVERYONE) for one in documents.listing(connection, who=EVERYONE)]
    return [one for one in found if one is not None]


def test_a_reader_keeps_its_snapshot_whatever_is_committed(store: Store) -> None:
    put(store, "/x/a")
    with store.reading() as connection:
        put(store, "/x/b")
        assert documents.count(connection, who=EVERYONE) == 1
    with store.reading() as connection:
        assert documents.count(connection, who=EVERYONE) == 2


def test_generation_counts_only_commits_that_change_what_can_be_found(store: Store) -> None:
    with store.writing() as tx:
        write_meta(tx.connection, "note", "x")
    assert store.generation() == 0
    with store.writing() as tx:
        assert tx.bump() == tx.generation == 1
    assert store.generation() == 1


def test_numbers_are_given_once_over_transactions(store: Store) -> None:
    with store.writing() as tx:
        assert (tx.allocate("thing", 3), tx.allocate("thing")) == (1, 4)
    with pytest.raises(KeyError), store.writing() as tx:
        tx.allocate("thing", 10)
        raise KeyError
    with store.writing() as tx:
        assert tx.allocate("thing") == 5


def test_a_lock_held_too_long_is_said_clearly(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store, store.writing():
        other = Store.open(tmp_path, busy_timeout_s=0.05)
        with pytest.raises(StoreError, match="is locked: another process"), other.writing():
            pass
        other.close()


def test_a_full_disk_is_said_clearly_and_leaves_the_base_whole(store: Store) -> None:
    put(store, "/x/a", "One. Two.")
    document, passages = made("/x/big", ". ".join(f"Sentence {n}" for n in range(5000)))
    with pytest.raises(StoreError, match="the disk is full; free some space"), store.writing() as tx:
        pages = tx.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        tx.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 5}")
        documents.put_version(tx, document, passages, b"")
    assert check.check(store) == []
    with store.reading() as connection:
        assert [one.uri for one in documents.listing(connection, who=EVERYONE)] == ["/x/a"]


def test_a_file_that_may_not_grow_ends_in_a_clear_error(tmp_path: Path) -> None:
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (900_000, 900_000))

    writer = child(WRITER, tmp_path, preexec_fn=limit)
    _, error = writer.communicate(timeout=60)
    assert writer.returncode == 1
    assert "StoreError" in error
    with Store.open(tmp_path) as store:
        assert check.check(store) == []


def test_a_read_only_folder_can_be_read_and_says_that_it_cannot_be_written(tmp_path: Path) -> None:
    base = tmp_path / "base"
    put(Store.open(base), "/x/a", "One. Two.")
    with Store.open(base) as store:
        assert store.checkpoint()
    code = """
        import os, sys
        from store_samples import EVERYONE, put
        from wellread.errors import StoreError
        from wellread.store import documents
        from wellread.store.engine.api import Store
        with Store.open(sys.argv[2]) as store:
            put(store, "/x/warm")  # imports everything while this is still allowed
            with store.reading() as connection:
                documents.count(connection, who=EVERYONE)
        if os.getuid() == 0:
            os.setuid(65534)  # root may write everywhere
        with Store.open(sys.argv[1], read_only=True) as store, store.reading() as connection:
            assert documents.count(connection, who=EVERYONE) == 1
        try:
            with Store.open(sys.argv[1]) as store, store.writing() as tx:
                tx.bump()
        except StoreError as error:
            print(error)
    """
    for name in ("-wal", "-shm"):
        (base / f"{FILE_NAME}{name}").unlink(missing_ok=True)
    (base / FILE_NAME).chmod(0o444)
    base.chmod(0o555)
    folder = base
    while folder != folder.parent and folder != Path("/tmp"):
        folder = folder.parent
        if folder.stat().st_uid == os.getuid() and folder != Path("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o055)
    try:
        reader = child(code, base, tmp_path / "warm")
        out, error = reader.communicate(timeout=60)
    finally:
        base.chmod(0o755)
    assert reader.returncode == 0, error
    assert "permissions" in out


def test_writing_through_a_store_opened_for_reading_is_refused(store: Store) -> None:
    with Store.open(store.folder, read_only=True) as reader:
        with pytest.raises(StoreError, match="open for reading only"), reader.writing():
            pass
        with pytest.raises(StoreError, match="read-only"), reader.reading() as connection:
            write_meta(connection, "note", "x")


def test_a_missing_base_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="wellread init"):
        Store.open(tmp_path / "nothing", read_only=True)
    assert not (tmp_path / "nothing").exists()


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("my novel, chapter one" * 100)
    with pytest.raises(StoreError, match="is not a wellread store"):
        Store.open(tmp_path)
    assert (tmp_path / FILE_NAME).read_text().startswith("my novel")


def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / FILE_NAME)
    other.execute("CREATE TABLE photos (id)")
    other.close()
    with pytest.raises(StoreError, match="another program"):
        Store.open(tmp_path)


def test_a_base_of_a_newer_wellread_is_left_alone(store: Store) -> None:
    with store.writing() as tx:
        write_meta(tx.connection, "schema_version", "999")
    with pytest.raises(StoreError, match=r"newer wellread \(schema 999"):
        Store.open(store.folder)


def test_steps_run_in_order_from_the_schema_that_is_there(store: Store, tmp_path: Path) -> None:
    def second(connection: Connection) -> None:
        connection.exec_driver_sql("ALTER TABLE jobs ADD COLUMN host TEXT NOT NULL DEFAULT ''")

    def third(connection: Connection) -> None:
        connection.exec_driver_sql("UPDATE jobs SET host = 'here'")

    here = migrations.SCHEMA_VERSION
    steps = {here + 1: second, here + 2: third}
    with store.writing() as tx:
        assert migrate(tx.connection, store.path, steps) == (here + 1, here + 2)
        assert migrate(tx.connection, store.path, steps) == ()
        assert read_meta(tx.connection, "schema_version") == str(here + 2)
    store.copy(tmp_path / "copy.db")
    with sqlite3.connect(tmp_path / "copy.db") as copy:
        assert copy.execute("SELECT count(*) FROM jobs").fetchone() == (0,)
    copy.close()


def test_one_reading_too_many_is_told_with_the_cure(tmp_path: Path) -> None:
    with Store.open(tmp_path, busy_timeout_s=0.2) as store, ExitStack() as readings:
        for _ in range(MOST_CONNECTIONS):
            readings.enter_context(store.reading())
        with pytest.raises(StoreError, match=r"64 readings are open at once .* ask in fewer threads"), store.reading():
            pass
        readings.pop_all().close()
        assert store.generation() == 0
