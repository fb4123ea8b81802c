"""What ``make demo`` runs: reads the sample organisation, asks four questions, shows cited answers.

The base is left in ``.demo`` so that you can continue asking: ``.venv/bin/wellread --base .demo ask "…"``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
BASE = HERE.parent / ".demo"
QUESTIONS = (  # h105, h025, h001 and h110 of harbour/questions.jsonl, which says what is right
    "Which crossings take dogs, and what do they cost?",
    "How long does a written warning stay in my file?",
    "When was the company founded?",
    "Which ship is faster, Little Auk or Sandpiper?",
)


def wellread(*arguments: str, allowed: tuple[int, ...] = (0,)) -> None:
    """Runs one command as a newcomer would type it."""
    print(f"\n$ wellread {' '.join(a if ' ' not in a else repr(a) for a in arguments)}", flush=True)
    done = subprocess.run([sys.executable, "-m", "wellread", "--base", str(BASE), *arguments], check=False)
    if done.returncode not in allowed:
        sys.exit(done.returncode)


def main() -> None:
    """Makes the base again and asks."""
    started = time.monotonic()
    shutil.rmtree(BASE, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "wellread", "init", str(BASE)], check=True)
    wellread("add", str(HERE / "harbour" / "documents"), allowed=(0, 3))
    for question in QUESTIONS:
        wellread("ask", question)
    print(
        f"\n{time.monotonic() - started:.1f} s, with nothing leaving this machine. Go on: wellread --base .demo ask …"
    )


if __name__ == "__main__":
    main()
