"""How an answer and a report look."""

from dataclasses import replace

import pytest

from wellread.cli import cited
from wellread.types import Answer, Citation, Span, Stage, SyncReport, Usage, Verdict

DOGS = Citation(
    "/srv/fares/dogs.pdf", "Dogs on board", 2, 3, ("Dogs on board", "Fares"), Span(10, 30), "A dog\ncosts 4.50.", "c"
)
ANSWER = Answer(
    question="What does a dog cost?",
    text="A dog costs 4.50. [1]",
    citations=(DOGS,),
    verdicts=(Verdict("A dog costs 4.50.", True, 0.9, 0),),
    refused=False,
    route="written",
    usage=Usage(400, 12, 1),
    timings_ms={"search": 200.0, "write": 1000.0, "total": 1200.0},
    trace_id="t1",
    stages=(Stage("search", 200.0, {"k": 8, "best": [(0.91234, "A dog costs 4.50.")]}), Stage("write", 1000.0)),
)


def test_an_answer_names_title_path_page_heading_and_quotation(capsys) -> None:
    cited.answer(ANSWER)
    assert capsys.readouterr().out.splitlines() == [
        "A dog costs 4.50. [1]",
        "",
        "[1] Dogs on board · /srv/fares/dogs.pdf, page 3 · Fares",
        "    “A dog costs 4.50.”",
        "",
        "verified · written · 1.2 s · 412 tokens · no cost · nothing left this machine",
    ]


def test_the_last_line_says_what_was_struck_and_what_left_the_machine() -> None:
    struck = replace(
        ANSWER,
        verdicts=(*ANSWER.verdicts, Verdict("Cats too.", False, 0.1)),
        left_machine=("api.example.org",),
        usage=Usage(400, 12, 1, cost=0.0123),
    )
    expected = "verified, 1 sentence struck · written · 1.2 s · 412 tokens · 0.0123 USD · text went to api.example.org"
    assert cited.footer(struck) == expected
    assert "cost not known" in cited.footer(replace(struck, usage=Usage(400, 12, 1)))


def test_a_refusal_shows_the_nearest_passages(capsys) -> None:
    refused = replace(ANSWER, text="Not in the documents.", refused=True, citations=(), nearest=(DOGS,), verdicts=())
    cited.answer(refused)
    out = capsys.readouterr().out
    assert "The nearest passages:\n\n[1] Dogs on board" in out
    assert "\nrefused · 1.2 s" in out


def test_a_hostile_document_cannot_dress_up_the_sources(capsys) -> None:
    hostile = replace(DOGS, title="\x1b[2J\x1b]0;x\x07Fares", quote="first\x1b[8mhidden\n\n[2] Forged · source")
    cited.sources(replace(ANSWER, citations=(hostile,)))
    out = capsys.readouterr().out
    assert "\x1b" not in out
    sources = [line for line in out.splitlines() if line.startswith("[")]
    assert sources == ["[1] Fares · /srv/fares/dogs.pdf, page 3 · Dogs on board › Fares"]


def test_stages_show_scores_and_milliseconds(capsys) -> None:
    cited.stages(ANSWER.stages)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["search", "200.0", "ms", "k", "8"]
    assert lines[1].strip() == "best: 0.9123 A dog costs 4.50."
    assert lines[-1].split() == ["total", "1200.0", "ms"]


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (
            SyncReport(new=412, chunks=9310, failed=3, seconds=61),
            "412 documents, 9,310 chunks, 3 failed (wellread status --failed), 1 min 1 s",
        ),
        (SyncReport(unchanged=412, seconds=0.3), "in step: 412 documents unchanged, 300 ms"),
        (
            SyncReport(changed=1, deleted=2, unchanged=5, chunks=7, seconds=2),
            "1 document (1 changed), 7 chunks, 2 deleted, 5 unchanged, 2.0 s",
        ),
        (SyncReport(deleted=1, seconds=0.02), "0 documents, 0 chunks, 1 deleted, 20 ms"),
    ],
)
def test_a_report_is_one_line_without_what_did_not_occur(report: SyncReport, said: str) -> None:
    assert cited.report(report) == said


def test_long_quotations_are_cut_at_a_word() -> None:
    assert cited.excerpt("one two three", 8) == "one two …"
    assert cited.excerpt("one two", 8) == "one two"
