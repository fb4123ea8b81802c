from __future__ import annotations

import json
import tarfile
import threading
from pathlib import Path

import pytest
from store_samples import EVERYONE, put

from wellread.errors import StoreError, UsageError
from wellread.index.vectors import sets
from wellread.index.vectors.schema import vector_sets
from wellread.store import backup, check, documents
from wellread.store.engine.api import Store


def copied(base: Store, target: Path, *beside: str) -> Path:
    return backup.backup(base, target, beside=beside, derived=sets.folders)


@pytest.fixture
def base(store: Store) -> Store:
    put(store, "/x/a", "One. Two.")
    with store.writing() as tx:
        row = {"embedder_id": "e", "dim": 4, "folder": "e-4", "state": "live", "n_slots": 2, "created_at": tx.now}
        tx.connection.execute(vector_sets.insert(), row)
    (store.folder / "vectors" / "e-4").mkdir(parents=True)
    (store.folder / "vectors" / "e-4" / "vectors.f16").write_bytes(bytes(range(16)))
    (store.folder.parent / "wellread.toml").write_text("[chat]\n")
    return store


@pytest.mark.parametrize("name", ["copy", "copy.tar"])
def test_a_restored_base_is_the_one_that_was_backed_up(base: Store, tmp_path: Path, name: str) -> None:
    made = copied(base, tmp_path / "backups" / name, "wellread.toml")
    put(base, "/x/later", "Three.")
    folder = backup.restore(made, tmp_path / "again" / ".wellread")
    assert (folder.parent / "wellread.toml").read_text() == "[chat]\n"
    assert (folder / "vectors" / "e-4" / "vectors.f16").read_bytes() == bytes(range(16))
    with Store.open(folder) as again:
        assert check.check(again) == []
        with again.reading() as connection:
            assert [one.uri for one in documents.listing(connection, who=EVERYONE)] == ["/x/a"]


def test_a_backup_while_others_write_is_one_moment_of_the_base(base: Store, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            put(base, f"/x/{number % 4}", ". ".join([f"Version {number}"] * 30))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(4):
            backup.restore(copied(base, tmp_path / f"{number}"), tmp_path / f"again{number}" / "base")
            with Store.open(tmp_path / f"again{number}" / "base") as again:
                assert check.check(again) == []
    finally:
        stop.set()
        writer.join()


def test_an_altered_backup_is_not_restored(base: Store, tmp_path: Path) -> None:
    made = copied(base, tmp_path / "copy")
    path = made / "vectors" / "e-4" / "vectors.f16"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(StoreError, match=r"vectors\.f16 was altered"):
        backup.restore(made, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_an_unfinished_backup_is_not_restored(base: Store, tmp_path: Path) -> None:
    made = copied(base, tmp_path / "copy")
    (made / backup.MANIFEST).unlink()
    with pytest.raises(StoreError, match="never finished"):
        backup.restore(made, tmp_path / "again")
    (tmp_path / "cut.tar").write_bytes(copied(base, tmp_path / "x.tar").read_bytes()[:9000])
    with pytest.raises(StoreError):
        backup.restore(tmp_path / "cut.tar", tmp_path / "again")


def test_nothing_is_written_outside_of_the_folder(base: Store, tmp_path: Path) -> None:
    made = copied(base, tmp_path / "copy")
    manifest = json.loads((made / backup.MANIFEST).read_text())
    (tmp_path / "outside").write_text("x")
    for name in ("../outside", str(tmp_path / "outside"), "a/../../outside"):
        facts = manifest["files"]["store.db"]
        (made / backup.MANIFEST).write_text(json.dumps({**manifest, "files": {name: facts}}))
        with pytest.raises(StoreError, match="outside"):
            backup.restore(made, tmp_path / "again")


def test_neither_backup_nor_restore_overwrites(base: Store, tmp_path: Path) -> None:
    made = copied(base, tmp_path / "copy.tar")
    with pytest.raises(UsageError, match="is there already"):
        copied(base, made)
    with pytest.raises(UsageError, match="is not empty"):
        backup.restore(made, base.folder)
    with tarfile.open(made) as archive:
        assert archive.getnames()[-1] == backup.MANIFEST
