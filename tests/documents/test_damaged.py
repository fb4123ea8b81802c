"""Files of every kind, cut and bitten at random: each ends as documents or as a row with its class, nothing crashes."""

from __future__ import annotations

import random
import time
from pathlib import Path, PurePosixPath

from tests.documents import samples

from wellread.documents.changes import Duplicate, Failed, Ready
from wellread.documents.settings import ParseSettings

COPIES = 30  # of each sample
CLASSES = {
    "broken",
    "encrypted",
    "too-large",
    "suspect",
    "empty",
    "unknown-type",
    "extra",
    "memory",
    "timeout",
    "crashed",
}


def damaged(data: bytes, chance: random.Random) -> bytes:
    """A copy that is cut, has bytes changed, or has a stretch of it moved."""
    made = bytearray(data)
    how = chance.randrange(4)
    if how == 0:
        del made[chance.randrange(len(made)) :]
    elif how == 1:
        start = chance.randrange(len(made))
        made[start:start] = bytes(made[: chance.randrange(1, 200)])
    for _ in range(chance.randrange(1, 12) if how else 0):
        made[chance.randrange(len(made))] = chance.randrange(256)
    return bytes(made)


def test_damaged_files_of_every_kind_are_documents_or_rows_with_a_class(base) -> None:
    folder, chance = Path(base.source.location), random.Random(0)
    written = set()
    for name, data in samples.good().items():
        for n in range(COPIES):
            path = folder / f"{n}-{PurePosixPath(name).name}"
            path.write_bytes(damaged(data, chance))
            written.add(path.name)
    base.parse = ParseSettings(workers=2, timeout_s=10)
    begun = time.monotonic()
    changes = base.sync()
    assert time.monotonic() - begun < 120
    listed = {c.item.uri.rpartition("papers/")[2] for c in changes if isinstance(c, Ready | Failed | Duplicate)}
    assert not written - listed, "every file is a document, a duplicate or a failure"
    failed = [c for c in changes if isinstance(c, Failed)]
    assert {c.kind for c in failed} <= CLASSES
    assert all(c.reason for c in failed)
    assert not [c.reason for c in failed if c.kind in ("crashed", "timeout", "memory")]
    assert any(isinstance(c, Ready) for c in changes) and failed
