"""Draws docs/pictures/compare.svg, the picture of the README, from a comparison that was measured.

    wellread init ferries && cd ferries && wellread add ../samples/harbour/documents
    wellread questions load ../samples/harbour/questions.jsonl && wellread questions freeze --train 0 --validation 0.3
    wellread compare
    python ../scripts/make_compare_picture.py comparison

Nothing in the picture is written by hand.
"""

from __future__ import annotations

import sys
from pathlib import Path

from wellread.advise import advise
from wellread.advise.report import kept, outputs, plot
from wellread.advise.report import page as report
from wellread.metrics import words

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "pictures" / "compare.svg"


def main() -> None:
    """Writes the picture of the comparison in the folder that is named."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    made = kept.read(Path(sys.argv[1]) / outputs.JSON_NAME)
    points, cost = report.points_of(made, advise.advise(made).way)
    name = f"{words.metric(made.main_metric)} on {made.n_questions} questions"
    PICTURE.write_text(plot.standing_alone(plot.scatter(points, cost, name, width=860, height=360)) + "\n", "utf-8")
    print(f"{PICTURE}: {len(points)} ways, {made.n_questions} questions, measured {made.made_at:%Y-%m-%d}")


if __name__ == "__main__":
    main()
