"""A change is never missed, and old text is never passed off as the file's."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from wellread.documents.changes import Failed, Ready, Touched, Unchanged
from wellread.documents.settings import IngestSettings
from wellread.documents.sources import look
from wellread.knowledge_base import KnowledgeBase

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"


def restored(path: Path, text: str) -> None:
    path.write_text(text)
    os.utime(path, ns=(10**18, 10**18))


def test_a_change_that_keeps_size_and_time_is_seen(base):
    path = Path(base.source.location) / "a.txt"
    restored(path, "The shop opens at 8.")
    base.sync()
    restored(path, "The shop opens at 9.")
    [change] = base.sync()
    assert isinstance(change, Ready) and change.document.text == "The shop opens at 9."


def test_every_byte_is_looked_at_when_asked(base, monkeypatch):
    monkeypatch.setattr(look, "RACY_NS", -(10**18))  # times are believed
    path = Path(base.source.location) / "a.txt"
    restored(path, "The shop opens at 8.")
    base.sync()
    assert base.sync() == [Unchanged(1)]
    assert [type(change) for change in base.sync(IngestSettings(full=True))] == [Touched]
    restored(path, "The shop opens at 9.")
    assert [type(change) for change in base.sync(IngestSettings(full=True))] == [Ready]


def test_disks_of_other_machines_are_told_by_their_kind(tmp_path):
    mounts = tmp_path / "mounts"
    mounts.write_text("1 0 0:41 / /srv rw - nfs4 host:/ rw\n2 0 8:1 / / rw - ext4 /dev/sda1 rw\n")
    assert look.distant_devices(str(mounts)) == {os.makedev(0, 41)}


def test_a_known_file_that_cannot_be_read_any_more_has_failed_and_its_answers_say_so(base, tmp_path):
    path = Path(base.source.location) / "a.html"
    path.write_text("<p>The ramp fee is 45 marks.</p>")
    base.sync()
    path.write_bytes(b"\x00\x01\x02" * 90)
    [change] = base.sync()
    assert isinstance(change, Failed) and not change.skipped
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "fee.html").write_text("<p>The ramp fee is 45 marks.</p>")
    with KnowledgeBase.create(tmp_path / "kept") as kept:
        kept.add(str(docs))
        (docs / "fee.html").write_bytes(b"\x00\x01\x02" * 90)
        assert kept.sync().failed == 1 and kept.failures()[0].uri.endswith("fee.html")
        answer = kept.ask("What is the ramp fee?")
        assert all("can no longer be read" in citation.note for citation in answer.citations) and answer.citations


@pytest.mark.skipif(not (CASES / "run").exists(), reason="the cases of odd inputs are not on this machine")
def test_the_cases_of_odd_inputs_are_right(tmp_path):
    import subprocess

    program = tmp_path / "wellread"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m wellread "$@"\n')
    program.chmod(0o755)
    kinds = ["A5", "A7", "A10", "B2", "B10", "C3"]
    done = subprocess.run([sys.executable, str(CASES / "run"), "--wellread", str(program), "--only", *kinds],
                          capture_output=True, text=True, check=False, timeout=240)  # fmt: skip
    assert done.returncode == 0, done.stdout
