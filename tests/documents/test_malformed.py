from __future__ import annotations

import importlib.util
import sys
import time
from collections import Counter
from pathlib import Path

from wellread.documents.changes import Failed, Ready
from wellread.documents.settings import ParseSettings

_spec = importlib.util.spec_from_file_location("malformed", Path(__file__).parent / "malformed.py")
assert _spec is not None and _spec.loader is not None
malformed = importlib.util.module_from_spec(_spec)
sys.modules["malformed"] = malformed
_spec.loader.exec_module(malformed)


def test_every_malformed_file_ends_as_a_document_or_as_a_row_with_its_reason(base):
    n_files = malformed.write(Path(base.source.location))
    assert n_files >= 300
    base.parse = ParseSettings(workers=2, timeout_s=6, memory_bytes=512 << 20)
    started = time.monotonic()
    changes = base.sync()
    assert time.monotonic() - started < 60
    assert len(changes) == n_files, "each file is listed once, links and the folder behind them not at all"
    failed = {Path(change.item.uri).name: change for change in changes if isinstance(change, Failed)}
    assert all(change.reason and change.kind for change in failed.values())
    for change in changes:
        if isinstance(change, Ready):
            assert change.document.text.strip()
            assert all(change.document.text[slice(*c.span)] == c.text for c in change.chunks)
    kinds = {name: change.kind for name, change in failed.items()}
    print(Counter(kinds.values()))
    expected = {
        "empty.txt": "empty",
        "png-as-text.txt": "broken",
        "unknown.xyz": "unknown-type",
        "encrypted.pdf": "encrypted",
        "ole.docx": "encrypted",
        "no-text.pdf": "suspect",
        "tags-only.html": "suspect",
        "deep.html": None,
        "bomb-more.docx": "too-large",
        "entities.docx": "broken",
        "outside.docx": "broken",
        "huge.txt": "too-large",
        "pipe.txt": "unknown-type",
        "broken-sidecar.txt": "broken",
        "broken-date.md": "broken",
    }
    assert {name: kinds.get(name) for name in expected} == expected
    assert kinds.get("bomb.pdf") in {"crashed", "memory", "timeout", "broken", "suspect"}
    assert not {name for name, kind in kinds.items() if kind == "timeout"} - {"bomb.pdf"}
