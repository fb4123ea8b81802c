"""kill -9 at random points of add and sync; after the next run nothing may be lost, doubled or half there.

    python -m bench.survive [--kills 50] [--files 300]

Every round edits, adds and deletes files, starts ``wellread sync`` and kills its process group after a random time,
then lets one finish and compares base and folder: each file's marker is found exactly once, no deleted marker is
found, `check` reports nothing.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.common import keep
from wellread import KnowledgeBase


def main() -> None:
    """Kills and compares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        keep("survive", run(Path(work), arguments.kills, arguments.files, random.Random(arguments.seed)))


def run(work: Path, kills: int, n_files: int, chance: random.Random) -> dict[str, int]:
    """Counts of kills that hit a running sync, and of faults."""
    folder, base = work / "documents", work / "base"
    folder.mkdir()
    KnowledgeBase.create(base).close()
    state: dict[str, str] = {}
    counts = {"kills": 0, "hit_while_running": 0, "lost": 0, "doubled": 0, "ghosts": 0, "check_faults": 0}
    change(folder, state, n_files, chance)
    length = sync(base, folder, None)
    for _ in range(kills):
        change(folder, state, max(3, n_files // 10), chance)
        counts["kills"] += 1
        counts["hit_while_running"] += sync(base, folder, chance.uniform(0, length)) < 0
        if counts["kills"] % 5 == 0 or counts["kills"] == kills:
            sync(base, folder, None)
            for fault, n in compare(base, state).items():
                counts[fault] += n
    return counts


def change(folder: Path, state: dict[str, str], n: int, chance: random.Random) -> None:
    """N files are written anew, edited or deleted; ``state`` holds the marker that each should show."""
    for _ in range(n):
        name = f"{chance.randrange(10 * n + 50)}.md"
        if name in state and chance.random() < 0.3:
            (folder / name).unlink()
            del state[name]
            continue
        state[name] = f"marker{chance.getrandbits(60):015x}"
        body = " ".join(f"word{chance.randrange(500)}" for _ in range(chance.randrange(20, 600)))
        (folder / name).write_text(f"# Note {name}\n\nThe code is {state[name]}.\n\n{body}.\n", "utf-8")


def sync(base: Path, folder: Path, kill_after_s: float | None) -> float:
    """Seconds that a sync took; negative where it was killed before its end."""
    started = time.monotonic()
    command = [sys.executable, "-m", "wellread", "--base", str(base), "--quiet", "add", str(folder)]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
    try:
        process.wait(kill_after_s)
        if process.returncode:
            sys.exit(f"wellread add ended with {process.returncode}")
        return time.monotonic() - started
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return started - time.monotonic()


def compare(base: Path, state: dict[str, str]) -> dict[str, int]:
    """Faults of a base against what its folder holds."""
    faults = {"lost": 0, "doubled": 0, "ghosts": 0, "check_faults": 0}
    with KnowledgeBase.open(base, overrides=["retrieve.alpha=0.0"]) as kb:
        faults["check_faults"] = len(list(kb.check()))
        documents = kb.documents()
        faults["ghosts"] += len({Path(d.uri).name for d in documents} - set(state))
        faults["doubled"] += len(documents) - len({d.uri for d in documents})
        for name, marker in state.items():
            found = [h for h in kb.search(marker, k=5).hits if marker in h.chunk.text]
            faults["lost"] += not found
            faults["doubled"] += len({h.document.id for h in found}) > 1
            faults["ghosts"] += any(Path(h.document.uri).name != name for h in found)
    return faults


if __name__ == "__main__":
    main()
