"""kill -9 at random points of add and sync; after the next run nothing may be lost, doubled or half there.

    python -m bench.survive [--kills 50] [--files 300]

Every round edits, adds and deletes files, starts ``wellread add`` or ``sync`` and kills its process group at a random
time of an undisturbed run's length. After every fifth kill one run finishes, and base and folder are compared: each
file's marker is found exactly once, no deleted document is there, each digest is its file's, ``check`` finds nothing.
"""

from __future__ import annotations

import argparse
import hashlib
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


def run(work: Path, kills: int, n_files: int, chance: random.Random) -> dict[str, float]:
    """Counts of kills that hit a running command, and of faults."""
    folder, base = work / "documents", work / "base"
    folder.mkdir()
    KnowledgeBase.create(base).close()
    state: dict[str, str] = {}
    counts: dict[str, float] = {"kills": 0, "hit_while_running": 0, **dict.fromkeys(FAULTS, 0)}
    change(folder, state, (n_files, n_files), chance)
    bring_in(base, folder, None)
    change(folder, state, (n_files // 5, n_files), chance)
    length = counts["undisturbed_s"] = round(bring_in(base, folder, None), 2)
    for n in range(1, kills + 1):
        change(folder, state, (max(3, n_files // 5), n_files), chance)
        counts["kills"] = n
        counts["hit_while_running"] += bring_in(base, folder, chance.uniform(0, length), sync=n % 2 == 0) < 0
        if n % 5 == 0 or n == kills:
            bring_in(base, folder, None)
            for fault, more in compare(base, folder, state).items():
                counts[fault] += more
                if more:
                    print(f"after kill {n}: {fault} {more}", file=sys.stderr)
    return counts


FAULTS = ("lost", "doubled", "ghosts", "half", "check_faults")


def change(folder: Path, state: dict[str, str], sizes: tuple[int, int], chance: random.Random) -> None:
    """Files are written again, edited or deleted; ``state`` holds the marker that each should show.

    ``sizes``: so many changes, in a folder of about so many files.
    """
    n, n_files = sizes
    for _ in range(n):
        name = f"{chance.randrange(n_files * 3 // 2)}.md"
        if name in state and chance.random() < 0.3:
            (folder / name).unlink()
            del state[name]
            continue
        state[name] = f"marker{chance.getrandbits(60):015x}"
        body = " ".join(f"word{chance.randrange(500)}" for _ in range(chance.randrange(20, 600)))
        (folder / name).write_text(f"# Note {name}\n\nThe code is {state[name]}.\n\n{body}.\n", "utf-8")


def bring_in(base: Path, folder: Path, kill_after_s: float | None, *, sync: bool = False) -> float:
    """Seconds that ``add`` (or ``sync``) took; negative where it was killed before its end."""
    started = time.monotonic()
    what = ["sync"] if sync else ["add", str(folder)]
    command = [sys.executable, "-m", "wellread", "--base", str(base), "--quiet", *what]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
    try:
        process.wait(kill_after_s)
        if process.returncode:
            sys.exit(f"wellread {what[0]} ended with {process.returncode}")
        return time.monotonic() - started
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return started - time.monotonic()


def compare(base: Path, folder: Path, state: dict[str, str]) -> dict[str, int]:
    """Faults of a base against what its folder holds."""
    faults = dict.fromkeys(FAULTS, 0)
    with KnowledgeBase.open(base, overrides=["retrieve.mode=bm25", "retrieve.scope=false"]) as kb:
        faults["check_faults"] = len(list(kb.check()))
        documents = kb.documents()
        digests = {Path(d.uri).name: d.digest for d in documents}
        faults["ghosts"] += len(set(digests) - set(state))
        faults["doubled"] += len(documents) - len(digests)
        for name, marker in state.items():
            faults["half"] += digests.get(name) != hashlib.sha256((folder / name).read_bytes()).hexdigest()
            found = [h for h in kb.search(marker, k=5).hits if marker in h.chunk.text]
            faults["lost"] += not found
            # neighbouring chunks may share the sentence, but it stands at one place, and no chunk is there twice
            places = {(h.document.uri, h.chunk.span.start + h.chunk.text.index(marker)) for h in found}
            faults["doubled"] += len(places) > 1 or len({h.chunk.span for h in found}) < len(found)
            faults["ghosts"] += any(Path(h.document.uri).name != name for h in found)
    return faults


if __name__ == "__main__":
    main()
