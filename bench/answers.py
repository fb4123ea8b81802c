"""Answers as they come by default, on public sets: right, wrong, refused; the sample proves nothing, these do.

    python -m bench.answers [squad2 xquad-de covid_qa hotpotqa_100 wikitablequestions fetaqa …] [--questions 150]
                            [--set answer.style=auto …] [--show]

Every paragraph, article or table of a set is a document of one base (tables as CSV under the title of their page), and
each question is asked of the whole base. An answer is right when its text holds an accepted one. Of fetaqa, whose
references are sentences, it is right when its citations hold every cell that the reference was written from. Of squad2
and of half of the questions of the others the answer is not in the base: squad2's are adversarial, for the others
every second paragraph is left out (``--whole`` leaves none out). Shown are shares with 95 % intervals: of answerable
questions right, wrong and refused, of the others refused; and the share of wrong ones among the answers given.
"""

from __future__ import annotations

import argparse
import csv
import random
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.common import data, interval, keep, latency, rows
from wellread import KnowledgeBase
from wellread.metrics.metrics import holds
from wellread.types import Answer

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question; ``answers`` are accepted ones, ``cells`` what a right citation holds; neither where none is there."""

    text: str
    answers: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()

    @property
    def answerable(self) -> bool:
        return bool(self.answers or self.cells)


def main() -> None:
    """Builds each base, asks, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=list(SETS))
    parser.add_argument("--questions", type=int, default=150)
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    parser.add_argument("--whole", action="store_true", help="leave no paragraph out")
    parser.add_argument("--show", action="store_true", help="print every answer that is wrong")
    arguments = parser.parse_args()
    found = {}
    for name in arguments.sets:
        with tempfile.TemporaryDirectory() as work:
            folder = Path(work) / "documents"
            folder.mkdir()
            asked = SETS[name](folder, arguments.whole)
            random.Random(0).shuffle(asked)
            with KnowledgeBase.create(Path(work) / "base") as base:
                base.add(str(folder))
                found[name] = judged(base.configured(arguments.overrides), asked[: arguments.questions], arguments.show)
    keep("answers", found)


def judged(base: KnowledgeBase, asked: list[Asked], show: bool) -> Row:
    """Every question asked once; shares in per cent with intervals, and milliseconds."""
    there, absent, given, ms = [], [], [], []
    for question in asked:
        started = time.perf_counter()
        answer = base.ask(question.text)
        ms.append(1e3 * (time.perf_counter() - started))
        right = not answer.refused and _is_right(answer, question)
        if not answer.refused:
            given.append(not right)
            if show and not right:
                print(
                    f"✗ {question.text}\n    {answer.text[:200]!r}\n    {question.answers or question.cells}",
                    flush=True,
                )
        (there if question.answerable else absent).append(
            "refused" if answer.refused else "right" if right else "wrong"
        )
    shares = {f"answerable {word}": interval([one == word for one in there]) for word in ("right", "wrong", "refused")}
    if absent:
        shares["not answerable refused"] = interval([one == "refused" for one in absent])
    if given:
        shares["wrong of those given"] = interval(given)
    return shares | {"latency": latency(ms)}


def _is_right(answer: Answer, question: Asked) -> bool:
    if question.cells:
        quoted = " ".join([answer.text, *(citation.quote for citation in answer.citations)])
        return all(holds(quoted, [cell]) for cell in question.cells)
    return bool(question.answers) and holds(answer.text, question.answers)


def paragraphs(folder: Path, whole: bool, corpus: Path, questions: Path, most: int = 400) -> list[Asked]:
    """Some paragraphs as files, every second one left out, and the questions to all of them."""
    drawn = random.Random(0).sample(listed := rows(corpus), min(most, len(listed)))
    kept = {row["_id"] for row in (drawn if whole else drawn[::2])}
    for row in drawn:
        if row["_id"] in kept:
            _write(folder, row["_id"], row["text"])
    known = {row["_id"] for row in drawn}
    return [
        Asked(row["question"], tuple(row["answers"]) if row["answerable"] and row["context_id"] in kept else ())
        for row in rows(questions)
        if row["context_id"] in known
    ]


def hotpot(folder: Path, whole: bool) -> list[Asked]:
    """Ten paragraphs a question under their titles; the gold ones of every second question are left out."""
    asked, left_out, texts = [], set[str](), dict[str, str]()
    for n, row in enumerate(rows(data("hotpotqa_100") / "qa.jsonl")):
        absent = not whole and n % 2 == 1
        for paragraph in row["contexts"]:
            texts[paragraph["title"]] = paragraph["text"]
            if absent and paragraph["gold"]:
                left_out.add(paragraph["title"])
        asked.append(Asked(row["question"], () if absent else tuple(row["answers"])))
    for title, text in texts.items():
        if title not in left_out:
            _write(folder, title, f"# {title}\n\n{text}\n", ".md")
    return asked


def wikitables(folder: Path, whole: bool) -> list[Asked]:
    """Tables as CSV, every second one left out; only questions with one answer that name no table by «this»."""
    listed = rows(data("wikitablequestions") / "tables.jsonl")
    drawn = random.Random(0).sample(listed, min(120, len(listed)))
    kept = {row["table"] for row in (drawn if whole else drawn[::2])}
    for row in drawn:
        if row["table"] in kept:
            _table(folder, row["table"], [row["header"], *row["rows"]])
    known = {row["table"] for row in drawn}
    return [
        Asked(row["question"], tuple(row["answers"]) if row["table"] in kept else ())
        for name in ("qa_dev", "qa_test")
        for row in rows(data("wikitablequestions") / f"{name}.jsonl")
        if row["table"] in known and len(row["answers"]) == 1
    ]


def feta(folder: Path, whole: bool) -> list[Asked]:
    """Tables under the titles of their pages, every second one left out; right are the cells of the reference."""
    drawn = random.Random(0).sample(rows(data("fetaqa") / "dev.jsonl"), 150)
    asked = []
    for n, row in enumerate(drawn):
        cells = tuple(dict.fromkeys(row["table_array"][i][j] for i, j in row["highlighted_cell_ids"]))
        there = whole or n % 2 == 0
        if there:
            _table(folder, f"{row['table_page_title']} {row['table_section_title']} {n}", row["table_array"])
        asked.append(Asked(row["question"], (), tuple(c for c in cells if c.strip()) if there else ()))
    return asked


def _write(folder: Path, name: str, text: str, suffix: str = ".txt") -> None:
    (folder / (re.sub(r"\W+", "-", name)[:80] + suffix)).write_text(text, "utf-8")


def _table(folder: Path, name: str, table: list[list[str]]) -> None:
    with (folder / (re.sub(r"\W+", "-", name)[:80] + ".csv")).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(table)


def _of(name: str, corpus: str, questions: str) -> Callable[[Path, bool], list[Asked]]:
    def made(folder: Path, whole: bool) -> list[Asked]:
        place = data(name)
        return paragraphs(folder, whole or name == "squad2", place / f"{corpus}.jsonl", place / f"{questions}.jsonl")

    return made


SETS: dict[str, Callable[[Path, bool], list[Asked]]] = {
    "squad2": _of("squad2", "corpus", "qa_dev"),
    **{f"xquad-{code}": _of("xquad", f"corpus_{code}", f"qa_{code}") for code in ("en", "de", "es", "ru", "ar", "zh")},
    "covid_qa": _of("covid_qa", "corpus", "qa"),
    "user": _of("squadshifts_user", "corpus", "qa_dev"),
    "hotpotqa_100": hotpot,
    "wikitablequestions": wikitables,
    "fetaqa": feta,
}


if __name__ == "__main__":
    main()
