"""The measurements that need no peers, one after the other: a quarter of an hour on two cores.

    python -m bench [harbour] [ranking] [scale] [survive]       without names: all four

    harbour   answers on the sample organisation: right, rightly cited, rightly refused
    ranking   nDCG@10 and recall@100 on SciFact, by leg and by fusion (needs the data set: WELLREAD_DATA)
    scale     latency at 1,000 and 10,000 chunks of manual pages (needs the data set)
    survive   kill -9 in the middle of add and sync, ten times

Each is a command of its own with more to choose: python -m bench.NAME --help. Beside those there are
bench.ingest (a folder of your own), bench.pdf (what is lost of PDFs; needs the data sets), bench.pictures
(quotations marked on drawn pages), bench.html (how fast pages and their tables are read), bench.peers (start-up
beside other systems) and bench.gate (the refusal gate).
Figures are printed and kept in bench/results/NAME.json; docs/benchmarks.md says what was seen.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

RUNS = {
    "harbour": ["bench.harbour", "--style", "quote"],
    "ranking": ["bench.ranking", "scifact"],
    "scale": ["bench.scale", "chunks", "--sizes", "1000", "10000"],
    "survive": ["bench.survive", "--kills", "10"],
}


def main() -> None:
    """Runs each in a process of its own, so that memory and CPU seconds are its own; ends with 1 where one failed."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which of them: " + ", ".join(RUNS))
    names = parser.parse_args().names
    unknown = sorted(set(names) - set(RUNS))
    if unknown:
        parser.error(f"{unknown[0]}: no such measurement; known are {', '.join(RUNS)}")
    failed = []
    for name in names or RUNS:
        print(f"== {' '.join(RUNS[name])}", flush=True)
        if subprocess.run([sys.executable, "-m", *RUNS[name]], check=False).returncode:
            failed.append(name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
