"""What must hold when things go wrong: killed, read while written, no space left."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from bench import survive

from wellread import KnowledgeBase


def test_killed_at_random_points_the_next_run_loses_doubles_and_halves_nothing(tmp_path: Path) -> None:
    counts = survive.run(tmp_path, 6, 60, random.Random(1))
    assert counts["kills"] == 6
    assert {k: n for k, n in counts.items() if k in ("lost", "doubled", "ghosts", "check_faults")} == {
        "lost": 0,
        "doubled": 0,
        "ghosts": 0,
        "check_faults": 0,
    }


READER = """
import sys, time
from wellread import KnowledgeBase
end = time.monotonic() + 6
n = 0
with KnowledgeBase.open(sys.argv[1], overrides=["retrieve.mode=bm25"], read_only=True) as kb:
    while time.monotonic() < end:
        hits = kb.search("the marker of the harbour", k=50).hits
        seen = {}
        for hit in hits:
            words = hit.chunk.text.split()
            numbers = {w for w in words if w.startswith("v0")}
            assert len(numbers) == 1, f"half a version: {hit.chunk.text}"
            assert seen.setdefault(hit.document.id, numbers) == numbers, f"two versions at once: {hit.document.uri}"
        n += bool(hits)
assert n > 3, n
"""


def test_four_processes_that_ask_while_one_syncs_never_see_half_a_document(tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()

    def write(version: int) -> None:
        for n in range(8):
            body = f"The marker of the harbour is v0{version}. " * 40
            (folder / f"{n}.md").write_text(f"# Note {n}\n\n{body}\n", "utf-8")

    base = tmp_path / "base"
    write(0)
    with KnowledgeBase.create(base) as kb:
        kb.add(str(folder))
        command = [sys.executable, "-c", textwrap.dedent(READER), str(base)]
        readers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
        version = 0
        while any(reader.poll() is None for reader in readers):
            version += 1
            write(version)
            kb.sync()
    for reader in readers:
        _, errors = reader.communicate()
        assert reader.returncode == 0, errors
    assert version >= 2


def test_a_full_disk_ends_in_a_clear_error_and_a_base_that_still_answers(tmp_path: Path) -> None:
    if not shutil.which("unshare"):
        pytest.skip("unshare is not here: no small disk can be made")
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "first.md").write_text("The spare key hangs behind the clock.\n", "utf-8")
    disk = tmp_path / "disk"
    disk.mkdir()
    chance = random.Random(0)
    script = f"""
        set -e
        mount -t tmpfs -o size=5m tmpfs {disk}
        w="{sys.executable} -m wellread --base {disk}/base"
        {sys.executable} -m wellread init {disk}/base >/dev/null
        $w add {folder}/first.md >/dev/null
        set +e
        $w add {folder} 2>{tmp_path}/errors; echo "code $?"
        $w --set answer.style=quote ask "Where does the spare key hang?" | head -n 1
        $w check; echo "check $?"
    """
    for n in range(60):
        text = " ".join(f"w{chance.randrange(10**9)}" for _ in range(6000))
        (folder / f"{n}.md").write_text(text, "utf-8")
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if "code" not in done.stdout:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()[-200:]}")
    errors = (tmp_path / "errors").read_text("utf-8")
    assert "code 1" in done.stdout and "the disk is full" in errors and "Traceback" not in errors, done.stdout + errors
    assert "clock" in done.stdout and "check 0" in done.stdout, done.stdout + done.stderr
