"""Each metric is the published one, and none is fooled by how an answer is written."""

from __future__ import annotations

import json
import os
import re
import string
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.errors import MissingExtra
from wellread.metrics import metrics
from wellread.metrics.results import Outcome, ReadPassage
from wellread.models.api import Embedder
from wellread.models.providers import minilm
from wellread.types import Citation, Evidence, Question, Span

FARES = "/base/fares/fares-2026.md"
ROW = "A dog costs 75 kroner on Line 2."
PROOF = Evidence("fares/fares-2026.md", ROW)
DOG = Question("q1", "What does a dog cost on Line 2?", ("75 kroner", "75"), (PROOF,))
GLIDER = Question("q2", "What does a glider cost on Line 2?", answerable=False)


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return minilm.load()


def citation(quote: str, document: str = FARES) -> Citation:
    return Citation(document, "Fares 2026", 1, None, (), Span(0, len(quote)), quote, "c1")


def outcome(text: str, *, refused: bool = False, **others: Any) -> Outcome:
    return Outcome("retrieval", "q1", text, refused, **others)


# SQuAD


def squad_normal(text: str) -> list[str]:
    """The four steps of the published script in its order, written again."""
    lowered = text.lower()
    kept = "".join(c for c in lowered if c not in set(string.punctuation))
    return re.sub(r"\b(a|an|the)\b", " ", kept).split()


def squad_f1(text: str, answer: str) -> float:
    said, wanted = squad_normal(text), squad_normal(answer)
    left, common = list(wanted), 0
    for word in said:
        if word in left:
            left.remove(word)
            common += 1
    if not said or not wanted:
        return float(said == wanted)
    if not common:
        return 0.0
    precision, recall = common / len(said), common / len(wanted)
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize(
    ("text", "answers", "exact", "f1"),
    [
        ("Denver Broncos", ["Denver Broncos"], 1.0, 1.0),
        ("The Denver Broncos!", ["denver broncos"], 1.0, 1.0),
        ("a an the", [""], 1.0, 1.0),
        ("the team of Denver", ["Denver Broncos"], 0.0, 0.4),  # 1 of 3 and 1 of 2
        ("Denver Denver", ["Denver"], 0.0, 2 / 3),  # a word counts as often as it stands in both
        ("Broncos", ["Carolina Panthers", "Denver Broncos"], 0.0, 2 / 3),  # the nearest answer counts
        ("", ["Denver"], 0.0, 0.0),
        ("", [], 1.0, 1.0),  # nothing was to be said and nothing was
        ("Denver", [], 0.0, 0.0),
        ("24%", ["24"], 1.0, 1.0),  # % is punctuation to SQuAD: number_match tells units apart
        ("co-operate", ["cooperate"], 1.0, 1.0),
        ("«Denver»", ["Denver"], 0.0, 0.0),  # only ASCII marks are dropped, as published
    ],
)
def test_exact_match_and_f1_are_squads(text: str, answers: list[str], exact: float, f1: float) -> None:
    assert metrics.exact_match(text, answers) == exact
    assert metrics.token_f1(text, answers) == pytest.approx(f1, abs=1e-6)


@settings(deadline=None)
@given(st.text(st.sampled_from("aAtThe nN.,'-x é")), st.text(st.sampled_from("aAtThe nN.,'-x é")))
def test_any_two_texts_score_as_in_squad(text: str, answer: str) -> None:
    assert metrics.normal(text) == " ".join(squad_normal(text))
    assert metrics.token_f1(text, [answer]) == pytest.approx(squad_f1(text, answer), abs=1e-6)
    assert metrics.exact_match(text, [answer]) == float(squad_normal(text) == squad_normal(answer))


def squad2() -> Path:
    path = Path(os.environ.get("WELLREAD_DATA", Path.home() / ".cache" / "wellread-data")) / "squad2" / "qa_dev.jsonl"
    if not path.exists():
        pytest.skip("the data set squad2 is not there; set WELLREAD_DATA")
    return path


def test_all_of_squad_2_scores_as_an_independent_implementation_does() -> None:
    """Every answer is scored against those of the next question too, so that misses and near misses are among them."""
    rows = [json.loads(line) for line in squad2().read_text("utf-8").splitlines()]
    for row, following in zip(rows, [*rows[1:], rows[0]], strict=True):
        answers = row["answers"] or [""]
        for text in (answers[0], (following["answers"] or [""])[0], row["question"]):
            assert metrics.token_f1(text, row["answers"]) == pytest.approx(max(squad_f1(text, a) for a in answers))
            same = any(squad_normal(text) == squad_normal(a) for a in answers)
            assert metrics.exact_match(text, row["answers"]) == float(same)


# published scorers

PAIRS = [
    ("The crossing takes 55 minutes.", ["It takes 55 minutes to cross.", "55 minutes"]),
    ("Filters were blocked by deposits", ["The fine fuel filters of the port engine were blocked by deposits."]),
    ("Nothing alike here at all", ["Dogs travel with you on Lines 1, 2, 3 and 5."]),
    ("same words same words", ["same words same words"]),
]


@pytest.mark.parametrize(("text", "answers"), PAIRS)
def test_bleu_chrf_and_rouge_are_those_of_the_published_scorers(text: str, answers: list[str]) -> None:
    import sacrebleu
    from rouge_score.rouge_scorer import RougeScorer

    assert metrics.bleu(text, answers) == pytest.approx(sacrebleu.sentence_bleu(text, answers).score / 100, abs=1e-6)
    chrf = max(sacrebleu.sentence_chrf(text, [answer]).score for answer in answers)
    assert metrics.chrf(text, answers) == pytest.approx(chrf / 100, abs=1e-6)
    rouge = RougeScorer(["rougeL"], use_stemmer=True)
    nearest = max(rouge.score(answer, text)["rougeL"].fmeasure for answer in answers)
    assert metrics.rouge_l(text, answers) == pytest.approx(nearest, abs=1e-6)


def test_rouge_l_is_the_value_worked_on_paper() -> None:
    # the longest common subsequence of «the cat sat» and «a cat sat down» is «cat sat»: 2/3 and 2/4
    assert metrics.rouge_l("the cat sat", ["a cat sat down"]) == pytest.approx(4 / 7)


@pytest.mark.parametrize(("name", "package"), [("rouge_l", "rouge_score.rouge_scorer"), ("bleu", "sacrebleu")])
def test_a_missing_scorer_names_the_extra(name: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=r"pip install 'wellread\[evaluate\]'"):
        getattr(metrics, name)("text", ["answer"])


# what stands in a text


@pytest.mark.parametrize(
    ("text", "answer", "stands"),
    [
        ("The head is Pia Gunwale.", "pia gunwale", True),
        ("Pia Gunwales", "Pia Gunwale", False),
        ("Use form F-12, please", "F-12", True),
        ("Use form F-123", "F-12", False),
        ("It costs 1,750 kroner", "1750", True),
        ("It costs 1,750 kroner", "75", False),
        ("It costs 75.50", "75", False),
        ("at 10:75", "75", False),
        ("costs 64 138 167", "64", True),  # cells beside each other
        ("61 600", "61,600", True),
        ("They can’t come", "can't", True),
        ("anything", "", False),
    ],
)
def test_an_answer_stands_as_whole_words(text: str, answer: str, stands: bool) -> None:
    assert metrics.holds(text, [answer]) is stands


@pytest.mark.parametrize(
    "text",
    [
        "Not in the documents.",
        "I don’t know.",
        "I'm sorry, but I don't know the answer to that.",
        "The passages do not mention gliders.",
        "The provided context does not contain information about Line 7.",
        "There is no information about that in the documents.",
        "Based on the passages, I cannot determine the fare.",
        "Unknown",
        "",
        " \n",
        "**Not mentioned.**",
        "The fare of Line 7 is not mentioned in the documents. [1]",
        "The question cannot be answered from the passages.",
        "As an AI language model, I do not have access to that information.",
        "The passages talk about dogs. They do not mention gliders.",
        "The documents don't say who the architect was. Please ask the harbour office.",
    ],
)
def test_a_text_that_declines_is_a_refusal(text: str) -> None:
    assert metrics.is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "Dogs are not allowed on Line 4.",
        "not carried",
        "No.",
        "The company does not pay for lost cards.",
        "Passengers must not give information to the press.",
        "I do not know the year, but it was in May.",
        "The passages do not give the day; however, it was in 1921.",
        "Cars are not included in the group fare.",
        "Staff who do not know the word hold are trained again.",
        "Unknown vessels are reported to the duty officer.",
        "The fare is 84 kroner. The documents do not say what a child pays.",
        "The report does not name a culprit, but says that filters were blocked.",
    ],
)
def test_a_text_that_answers_is_none(text: str) -> None:
    assert not metrics.is_refusal(text)


# right


@pytest.mark.parametrize(
    ("text", "refused", "right"),
    [
        ("A dog costs 75 kroner.", False, 1.0),
        ("NOK 75.00", False, 1.0),
        ("75 kroner [1]", False, 1.0),
        ("It costs 52 kroner [75]", False, 0.0),  # the mark of a citation is no answer
        ("75 euros", False, 1.0),  # «75» alone is accepted too
        ("It costs 1,750.", False, 0.0),
        ("A dog costs 75 kroner.", True, 0.0),
        ("I don't know whether it is 75 kroner.", False, 0.0),
    ],
)
def test_an_answer_is_right_when_it_holds_an_accepted_one(text: str, refused: bool, right: float) -> None:
    assert metrics.right(outcome(text, refused=refused), DOG) == right


@pytest.mark.parametrize(
    ("text", "right"),
    [("Line 1: 38, Line 2: 52.", 1.0), ("Line 1: 38.", 0.0), ("Line 1: 38, Line 2: 52, or free of charge.", 0.0)],
)
def test_a_whole_answer_holds_all_that_was_asked_and_nothing_wrong(text: str, right: float) -> None:
    dogs = Question("q", "What do dogs cost?", ("38",), all_of=("38", "52"), wrong=("free of charge",))
    assert metrics.right(outcome(text), dogs) == right


def test_a_unit_that_was_asked_for_counts() -> None:
    strict = Question("q", "What does a dog cost?", ("75 kroner",))
    assert metrics.right(outcome("75 euros"), strict) == 0.0
    assert metrics.right(outcome("75"), strict) == 1.0


@pytest.mark.parametrize(
    ("text", "refused", "right"),
    [("Not in the documents.", True, 1.0), ("I do not know.", False, 1.0), ("75 kroner", False, 0.0)],
)
def test_what_the_documents_do_not_answer_is_right_when_refused(text: str, refused: bool, right: float) -> None:
    assert metrics.right(outcome(text, refused=refused), GLIDER) == right
    scores = metrics.score(outcome(text, refused=refused), GLIDER)
    assert scores == {"right": right, "answered_wrongly": 1.0 - right}


def test_a_failed_model_is_right_about_nothing() -> None:
    failed = outcome("", error="the model ran out of memory", passages=(ReadPassage(FARES, 0, 5, ROW),))
    assert metrics.right(failed, GLIDER) == metrics.right(failed, DOG) == 0.0
    scores = metrics.score(failed, DOG)
    assert scores["right"] == scores["f1"] == scores["refused_wrongly"] == scores["right_and_cited"] == 0.0
    assert scores["recall@5"] == 1.0  # the search had done its part


# what an answer stands on


def test_citations_are_counted_against_the_evidence() -> None:
    second = Evidence("web/dogs.html", "Dogs travel with you on Lines 1, 2, 3 and 5.")
    good, other_year = citation(ROW), citation(ROW, "/base/fares/fares-2025.md")
    beside = citation("Bicycles cost 30 kroner on Line 2.")
    assert metrics.citation_precision([good, other_year, beside, good], [PROOF, second]) == 0.5
    assert metrics.citation_recall([good, other_year, beside], [PROOF, second]) == 0.5
    assert metrics.citation_precision([], [PROOF]) == metrics.citation_recall([], [PROOF]) == 0.0


def test_a_right_answer_with_a_wrong_citation_is_not_right_and_cited() -> None:
    text = "A dog costs 75 kroner. [1]"
    cited = {
        quote: metrics.score(outcome(text, citations=(citation(quote, uri),)), DOG)["right_and_cited"]
        for quote, uri in [
            (ROW, FARES),
            ("Dogs 75, bicycles 30", FARES),  # another place of the same document that holds the answer
            ("Bicycles cost 30 kroner on Line 2.", FARES),
            ("Dogs cost 75 kroner.", "/base/fares/fares-2025.md"),
        ]
    }
    assert list(cited.values()) == [1.0, 1.0, 0.0, 0.0]


def test_what_does_not_apply_is_absent() -> None:
    closed = metrics.score(outcome("75 kroner"), DOG)
    assert set(closed) == {"right", "exact_match", "f1", "number", "refused_wrongly"}
    name = Question("q", "Who?", ("Pia Gunwale",), (PROOF,))
    read = metrics.score(outcome("Pia Gunwale", passages=(ReadPassage(FARES, 0, 5, ROW),)), name)
    assert "number" not in read
    assert "citation_precision" not in read
    assert read["citation_recall"] == 0.0
    refused = metrics.score(outcome("Not in the documents.", refused=True), DOG)
    assert refused == {"right": 0.0, "exact_match": 0.0, "f1": 0.0, "number": 0.0, "refused_wrongly": 1.0}


def test_a_question_that_does_not_say_what_is_right_is_not_counted_as_wrong() -> None:
    evidence_alone = Question("q", "Who?", (), (PROOF,))
    read = metrics.score(outcome("Pia Gunwale", passages=(ReadPassage(FARES, 0, 5, ROW),)), evidence_alone)
    assert "right" not in read and "right_and_cited" not in read
    assert read["refused_wrongly"] == 0.0 and "recall@5" in read
    parts_alone = Question("q", "Who and when?", (), (PROOF,), all_of=("Pia Gunwale", "1923"))
    assert metrics.right(outcome("Pia Gunwale, in 1923."), parts_alone) == 1.0
    assert metrics.right(outcome("Pia Gunwale."), parts_alone) == 0.0


def test_a_search_that_found_nothing_missed_the_evidence() -> None:
    for failed in (outcome("Not in the documents.", refused=True), outcome("", error="the model is down")):
        found = metrics.score(failed, DOG, searched=True)
        missed = ("recall@5", "recall@20", "ndcg@10", "mrr", "context_precision", "citation_recall", "right_and_cited")
        assert {name: found[name] for name in missed} == dict.fromkeys(missed, 0.0)


def test_passages_are_ranked_by_the_evidence_that_they_bear() -> None:
    both = Question("q", "?", ("x",), (PROOF, Evidence("web/dogs.html", "Dogs are kept on a lead on deck.")))
    texts = ["Nothing here.", ROW, ROW + " Cats are free.", "Nor here.", "Dogs are kept on a lead on deck."]
    uris = [FARES, FARES, FARES, FARES, "/base/web/dogs.html"]
    passages = tuple(ReadPassage(uri, 0, len(text), text) for uri, text in zip(uris, texts, strict=True))
    found = metrics.score(outcome("x", passages=passages), both)
    assert (found["recall@5"], found["recall@20"], found["mrr"]) == (1.0, 1.0, 0.5)
    assert found["context_precision"] == pytest.approx((1 / 2 + 2 / 3 + 3 / 5) / 3)
    # gains 0 1 0 0 1 (the second passage repeats the first): (0.6309 + 0.3869) / (1 + 0.6309)
    assert found["ndcg@10"] == pytest.approx(0.624051, abs=1e-5)
    missed = metrics.score(outcome("x", passages=passages[:4]), both)
    assert missed["recall@20"] == 0.5
    assert missed["ndcg@10"] == pytest.approx(0.6309298 / 1.6309298, abs=1e-6)


def test_a_sentence_is_borne_out_by_what_was_read_and_by_nothing_else(embedder: Embedder) -> None:
    read = [
        ReadPassage(FARES, 0, 99, "Dogs are welcome on Lines 1, 2, 3 and 5. A dog costs 75 kroner on Line 2."),
        ReadPassage("/base/web/bikes.html", 0, 40, "Bicycles travel free of charge on Line 3."),
    ]
    assert metrics.grounded("A dog costs 75 kroner on Line 2. [7]", read, embedder) == 1.0
    assert metrics.grounded("On Line 2 a dog costs 75 kroner.", read, embedder) == 1.0
    assert metrics.grounded("On Line 2 a dog costs 95 kroner.", read, embedder) == 0.0
    half = "A dog costs 75 kroner on Line 2. Captain Anna Bollard tamed three tigers."
    assert metrics.grounded(half, read, embedder) == 0.5
    assert metrics.grounded("Bicycles do not travel free of charge on Line 3.", read, embedder) == 0.0
    assert metrics.grounded("A dog costs 75 kroner.", [], embedder) == 0.0


def test_a_quoted_row_is_borne_out_with_the_names_of_its_columns(embedder: Embedder) -> None:
    table = "Ticket | Sound line | Outer line\nDog | 4.50 | 7.00\nBicycle | 3.00 | 5.00"
    for read in (ReadPassage(FARES, 0, len(table), table), citation("Dog | 4.50 | 7.00")):
        assert metrics.grounded("Ticket: Dog; Sound line: 4.50; Outer line: 7.00 [1]", [read], embedder) == 1.0
        assert metrics.grounded("Ticket: Dog; Sound line: 5.00; Outer line: 7.00 [1]", [read], embedder) == 0.0


def test_quotations_without_a_full_stop_are_sentences_of_their_own(embedder: Embedder) -> None:
    read = [citation("1. A ship stays in harbour above 20 m/s"), citation("Line 3 takes 25 minutes")]
    text = "1. A ship stays in harbour above 20 m/s [1] Line 3 takes 25 minutes [2]"
    assert metrics.grounded(text, read, embedder) == 1.0
    assert metrics.grounded(text.replace("25", "35"), read, embedder) == 0.5


def test_of_many_passages_the_one_that_bears_a_sentence_out_is_found(embedder: Embedder) -> None:
    noise = [
        ReadPassage(f"/base/n{n}.md", 0, 60, f"On day {n} the ship left berth {n} and came back late.")
        for n in range(80)
    ]
    read = [*noise, ReadPassage(FARES, 0, 40, "A dog costs 75 kroner on Line 2."), *noise]
    assert metrics.grounded("On Line 2 the price of a dog is 75 kroner.", read, embedder) == 1.0


def test_groundedness_needs_an_embedder_and_something_read(embedder: Embedder) -> None:
    passages = (ReadPassage(FARES, 0, 40, ROW),)
    full = metrics.score(outcome("75 kroner", passages=passages), DOG, embedder=embedder, overlap=True)
    assert {"grounded", "similarity", "rouge_l", "bleu", "chrf"} <= set(full)
    assert "grounded" not in metrics.score(outcome("75 kroner"), DOG, embedder=embedder)
    assert "grounded" not in metrics.score(outcome("No.", refused=True, passages=passages), DOG, embedder=embedder)


def test_similarity_is_1_for_the_answer_itself_and_lower_for_another(embedder: Embedder) -> None:
    answers = ["Take the ferry at noon.", "Pia Gunwale"]
    assert metrics.similarity("Pia Gunwale", answers, embedder) == pytest.approx(1.0, abs=1e-4)
    near = metrics.similarity("The boat leaves at midday.", answers, embedder)
    assert near > metrics.similarity("The filter was blocked.", answers, embedder)
    assert metrics.similarity("", answers, embedder) == 0.0


# several wordings


def test_wordings_that_get_the_same_answer_are_consistent() -> None:
    yes, no = outcome("75 kroner"), outcome("Not in the documents.", refused=True)
    other = outcome("75 euros")
    found = metrics.consistency({"a": [yes, yes, yes], "b": [yes, no], "c": [no, no], "d": [yes], "e": [yes, other]})
    assert found == {"a": 1.0, "b": 0.0, "c": 1.0, "e": 0.5}
    failed = outcome("", error="the model is down")
    assert metrics.consistency({"a": [failed, failed], "b": [yes, failed], "c": [yes, yes, failed]}) == {"c": 1.0}


@settings(deadline=None)
@given(st.text(max_size=60), st.booleans(), st.sampled_from([DOG, GLIDER]), st.booleans())
def test_every_metric_of_any_answer_lies_between_0_and_1(
    text: str, refused: bool, question: Question, cites: bool
) -> None:
    given_ = outcome(text, refused=refused, citations=(citation(text),) if cites else ())
    assert all(0.0 <= value <= 1.0 for value in metrics.score(given_, question).values())


@pytest.mark.parametrize(
    ("text", "answer", "accepted"),
    [
        ("정박료는 45크로네입니다.", "45크로네", True),
        ("정박료는 145크로네입니다.", "45크로네", False),
        ("Die Jahresgebühr beträgt 1.200 Kronen.", "1200 Kronen", True),
        ("It was minus twelve degrees.", "-12 degrees", True),
        ("It was twelve degrees.", "-12 degrees", False),
        ("Ring 5550134.", "555 0134", True),
        ("Ring (0)55-501 35.", "555 0134", False),
    ],
)
def test_an_answer_is_right_in_every_way_of_writing_it(text: str, answer: str, accepted: bool) -> None:
    assert metrics.right(outcome(text), Question("q", "?", (answer,))) == float(accepted)
