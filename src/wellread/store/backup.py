"""A copy of a base, made while others write, that proves itself before it is restored.

A backup is a folder or a .tar file: store.db as of one snapshot, the vector files, whatever else the base would lack
without it (settings, questions, trained models, see ``paths.to_keep``), and ``manifest.json`` with the size and SHA-256
of each. The manifest is written last, so an unfinished backup has none and is never restored.
"""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any

from sqlalchemy import Connection

from wellread import digests, paths
from wellread.errors import StoreError, UsageError
from wellread.store.engine.api import FILE_NAME, Store, now_text
from wellread.store.migrations import steps as migrations

MANIFEST = "manifest.json"
FORMAT = "wellread-backup-1"
_TRIES = 3
_PIECE_BYTES = 1 << 20
_LARGEST_CARD_BYTES = 1 << 22

NamedFiles = Callable[[Connection], Iterable[tuple[str, bool]]]


def backup(store: Store, target: Path | str, *, beside: Iterable[str] = (), derived: NamedFiles = lambda _: ()) -> Path:
    """The backup, complete; readers and writers continue meanwhile.

    ``target`` is a .tar file or a folder, which must not exist yet or be empty. ``beside`` are further files to keep
    with it, named from the folder that the store's own lies in: ``restore`` puts each where it was. ``derived`` names
    the folders below the store's own that the snapshot speaks of, and whether each must be there.
    Raises: UsageError if the target is taken; StoreError if it cannot be written or the base cannot be read.
    """
    target = Path(target).absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target}: is there already; name a new file or an empty folder")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{paths.DATA}-backup-", dir=target.parent) as scratch:
            folder = Path(scratch) / "backup"
            _collect(store, folder, list(beside), derived)
            if target.suffix == ".tar":
                _pack(folder, target)
            else:
                if target.exists():
                    target.rmdir()
                folder.rename(target)
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(f"{target}: the backup cannot be written: {reason}; choose another place") from error
    return target


def _collect(store: Store, folder: Path, beside: Sequence[str], derived: NamedFiles) -> None:
    for attempt in range(1, _TRIES + 1):
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir()
        store.copy(folder / FILE_NAME)
        try:
            _copy_derived(store, folder, derived)
            break
        except FileNotFoundError:  # an old set of vectors was dropped after the snapshot: take a new one
            if attempt == _TRIES:
                raise
    for name in beside:
        with suppress(FileNotFoundError):  # it was deleted since it was named
            _copy(store.folder.parent / name, folder / name)
    _write_manifest(folder, store.folder.parent)


def _copy_derived(store: Store, folder: Path, derived: NamedFiles) -> None:
    """The files that the snapshot names; bytes appended since are leftovers there."""
    with Store.open(folder, read_only=True) as copy, copy.reading() as connection:
        named = list(derived(connection))
    for name, needed in named:
        source = store.folder / name
        if not source.is_dir():
            if needed:
                raise FileNotFoundError(f"{source}: the vectors are missing; run wellread index rebuild")
            continue
        for path in sorted(path for path in source.rglob("*") if path.is_file()):
            _copy(path, folder / path.relative_to(store.folder))


def _copy(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)


def _write_manifest(folder: Path, base: Path) -> None:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    manifest = {
        "format": FORMAT,
        "schema_version": migrations.SCHEMA_VERSION,
        "created_at": now_text(),
        "base": str(base),
        "files": {
            path.relative_to(folder).as_posix(): {"size_bytes": path.stat().st_size, "sha256": digests.of_file(path)}
            for path in paths
        },
    }
    for path in paths:
        _flush(path)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    _flush(folder / MANIFEST)


def _pack(folder: Path, target: Path) -> None:
    part = target.with_name(f".{target.name}.part")
    try:
        with tarfile.open(part, "w", format=tarfile.PAX_FORMAT) as archive:
            names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
            for name in sorted(names, key=lambda name: name == MANIFEST):  # the manifest last
                archive.add(folder / name, arcname=name)
        _flush(part)
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)


def restore(target: Path | str, folder: Path | str) -> Path:
    """The store's folder, as it was when the backup ``target`` was made; files kept beside it stand in its parent.

    Raises: UsageError if ``folder`` is not empty; StoreError if the backup is unfinished or altered, or the disk full.
    """
    target, folder = Path(target).absolute(), Path(folder).absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder}: is not empty; restore into a new folder")
    if not target.exists():
        raise UsageError(f"{target}: there is no such backup")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(prefix=f"{paths.DATA}-restore-", dir=folder.parent)
        with scratch as tmp, _opened(target) as source:
            before = _unpack(source, Path(tmp), target)
            _rebased(Path(tmp), before, str(folder.parent))
            _put_in_place(Path(tmp), folder)
    except tarfile.TarError as error:
        raise StoreError(f"{target}: is no backup or was altered: {error}; use another backup") from error
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(f"{folder}: cannot be restored: {reason}; look at space and permissions") from error
    return folder


def _put_in_place(staged: Path, folder: Path) -> None:
    """Everything of the store into ``folder``, the database last; the rest beside it, unless it is there already."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(staged.iterdir()):
        if path.name == paths.VECTORS:
            path.rename(folder / path.name)
        elif path.name == paths.DATA:
            for kept in sorted(path.iterdir()):
                kept.rename(folder / kept.name)
        elif path.name != FILE_NAME and not (folder.parent / path.name).exists():
            path.rename(folder.parent / path.name)
    (staged / FILE_NAME).rename(folder / FILE_NAME)


class _Source:
    """The files of a backup by name, from a folder or a .tar file."""

    def __init__(self, path: Path, archive: tarfile.TarFile | None) -> None:
        self._path = path
        self._archive = archive

    def open(self, name: str) -> IO[bytes] | None:
        """The content of a regular file, None where there is none."""
        if self._archive is None:
            path = self._path / name
            return path.open("rb") if path.is_file() and not path.is_symlink() else None
        try:
            return self._archive.extractfile(name)
        except KeyError:
            return None


@contextmanager
def _opened(target: Path) -> Iterator[_Source]:
    if target.is_dir():
        yield _Source(target, None)
    else:
        with tarfile.open(target, "r:") as archive:
            yield _Source(target, archive)


def _unpack(source: _Source, staged: Path, target: Path) -> str:
    """Where the base was when it was copied, once every file of it is in ``staged`` and proved; "" if nobody knows."""
    manifest, before = _read_manifest(source, target)
    for name, facts in manifest.items():
        parts = PurePosixPath(name).parts
        if not parts or ".." in parts or PurePosixPath(name).is_absolute():
            raise StoreError(f"{target}: its manifest names a file outside of it ({name!r}); use another backup")
        content = source.open(name)
        if content is None:
            raise StoreError(f"{target}: {name} is missing from it; use another backup")
        path = staged / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with content, path.open("wb") as copy:
            shutil.copyfileobj(content, copy, _PIECE_BYTES)
        if path.stat().st_size != facts["size_bytes"] or digests.of_file(path) != facts["sha256"]:
            raise StoreError(f"{target}: {name} was altered since the backup was made; use another backup")
        _flush(path)
    if not (staged / FILE_NAME).is_file():
        raise StoreError(f"{target}: holds no {FILE_NAME}; use another backup")
    return before


def _read_manifest(source: _Source, target: Path) -> tuple[Mapping[str, Mapping[str, Any]], str]:
    content = source.open(MANIFEST)
    if content is None:
        raise StoreError(f"{target}: has no manifest: it is no backup or was never finished; use another backup")
    with content:
        try:
            manifest = json.loads(content.read())
            if manifest["format"] != FORMAT:
                raise StoreError(f"{target}: is a backup of an unknown format; upgrade: pip install -U wellread")
            if int(manifest["schema_version"]) > migrations.SCHEMA_VERSION:
                raise StoreError(f"{target}: was made by a newer wellread; upgrade: pip install -U wellread")
            files: Mapping[str, Mapping[str, Any]] = {
                str(name): {"size_bytes": int(facts["size_bytes"]), "sha256": str(facts["sha256"])}
                for name, facts in manifest["files"].items()
            }
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(f"{target}: its manifest was altered; use another backup") from error
    return files, str(manifest.get("base", ""))


def _rebased(staged: Path, before: str, now: str) -> None:
    """Settings and cards of trained models that name a file of the base by its whole path name the one that is there.

    ``chat.model`` of a tuned model is such a path: without this a base would answer from where it was copied.
    """
    if not before or before == now:
        return
    cards = [path for path in (staged / paths.TUNE).rglob("*.json") if path.stat().st_size <= _LARGEST_CARD_BYTES]
    for path in (staged / paths.SETTINGS, *cards):
        if path.is_file():
            text = path.read_text("utf-8", errors="surrogateescape")
            old, new = (json.dumps(place, ensure_ascii=False)[1:-1] + "/" for place in (before, now))
            if old in text:
                path.write_text(text.replace(old, new), "utf-8", errors="surrogateescape")


def _flush(path: Path) -> None:
    """The file's bytes are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
