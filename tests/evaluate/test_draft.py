"""Drafts by rules: questions by the form of a sentence, tables, what is not answerable, and the filters."""

import random
from pathlib import Path

import pytest

from wellread import KnowledgeBase
from wellread.questions import file as questions
from wellread.questions import stands
from wellread.questions.draft import candidate, draft, phrase, review, rules, tables
from wellread.questions.draft.draft import Drafting
from wellread.retrieve.units import words
from wellread.types import Block, Document, Span

HARBOUR = Path(__file__).resolve().parents[2] / "samples" / "harbour" / "documents"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeBase:
    made = KnowledgeBase.create(tmp_path_factory.mktemp("draft") / "base")
    made.add(str(HARBOUR))
    return made


@pytest.mark.parametrize(
    ("sentence", "question", "answer"),
    [
        (
            "The pass mark of the written test is 80 per cent.",
            "What is the pass mark of the written test?",
            "80 per cent",
        ),
        ("The time bank holds at most 60 hours.", "How many hours does the time bank hold at most?", "60 hours"),
        ("Boots are replaced every 18 months.", "How often are boots replaced?", "every 18 months"),
        ("Salaries are paid on the 27th of the month.", "When are salaries paid?", "27th of the month"),
        ("The company was founded on 9 May 1921.", "When was the company founded?", "9 May 1921"),
        ("You may carry up to eight days into May.", "How many days may you carry at most into May?", "eight days"),
        ("The head of sales is Pia Gunwale.", "Who is the head of sales?", "Pia Gunwale"),
        ("The first boat leaves at 06:30.", "At what time does the first boat leave?", "06:30"),
        ("The bow ramp takes 48 seconds.", "How long does the bow ramp take?", "48 seconds"),
        ("A ticket costs 75 kroner.", "How much does a ticket cost?", "75 kroner"),
        ("Mirrey has 143 inhabitants.", "How many inhabitants does Mirrey have?", "143 inhabitants"),
        ("The lighthouse is 28 metres high and has 131 steps.", "How high is the lighthouse?", "28 metres"),
        ('The word to use is "hold".', "What is the word to use?", "hold"),
        ("In July, the gate closes at 21:00.", "At what time does the gate close in July?", "21:00"),
    ],
)
def test_a_sentence_becomes_a_question_by_its_form(sentence: str, question: str, answer: str) -> None:
    assert [(a.direct, a.answer) for a in phrase.ask(sentence)] == [(question, answer)]


@pytest.mark.parametrize(
    "sentence",
    [
        "It costs 75 kroner.",
        "They are paid on the 27th.",
        "The best time is 9 minutes 40 seconds.",
        "This list replaces the price list 2025.",
        "No parish may hold more than 24 per cent.",
        "Is the gate closed at 21:00?",
        "The parish has promised a fender by 1 December.",
        "",
    ],
)
def test_a_sentence_that_does_not_stand_alone_gives_nothing(sentence: str) -> None:
    assert phrase.ask(sentence) == []


def test_other_phrasings_are_other_words_for_the_same() -> None:
    (asked,) = phrase.ask("The time bank holds at most 60 hours.")
    assert asked.indirect == "Could you tell me how many hours the time bank holds at most?"
    assert asked.keywords == "hours time bank hold most"


def document(text: str, kind: str = "table") -> Document:
    blocks = (Block(kind, Span(0, len(text))),)  # type: ignore[arg-type]  # one of the kinds
    return Document("d", "data/x.csv", 1, "Fleet", "text/csv", text, "", blocks=blocks)


BARS = "| Ship | Built | Cars |\n|---|---|---|\n| Auk | 1998 | 38 |\n| Margit | 1976 | 22 |\n| Bay | 2009 | 92 |"
PAIRS = "ship: Auk; built: 1998; cars: 38\nship: Margit; built: 1976; cars: 22\nship: Bay; built: 2009; cars: 92"


@pytest.mark.parametrize("text", [BARS, PAIRS])
def test_tables_of_both_forms_give_cells_and_comparisons(text: str) -> None:
    (one,) = tables.keyed(candidate.tables(document(text)))
    cells = {c.phrasings[0]: c.answers[0] for c in tables.cells([one])}
    assert cells["When was Auk built?"] == "1998"
    assert cells["How many cars are given for Margit?"] == "22"
    made = list(tables.comparisons(one, random.Random(0)))
    highest = {c.phrasings[0]: c.answers[0] for c in made if "highest" in c.made}
    assert highest["Which ship has the most cars in “Fleet”?"] == "Bay"
    for c in made:
        assert all(e.quote in text for e in c.evidence)


def test_two_rows_compared_name_the_one_with_the_higher_number() -> None:
    (one,) = tables.keyed(candidate.tables(document(PAIRS)))
    cars = {"Auk": 38, "Margit": 22, "Bay": 92}
    for seed in range(20):
        for c in tables.comparisons(one, random.Random(seed)):
            if c.made == "rule: two rows compared" and "cars" in c.phrasings[0]:
                named = [name for name in cars if name in c.phrasings[0]]
                assert c.answers == (max(named, key=cars.__getitem__),)


def test_a_cell_that_is_a_key_elsewhere_makes_two_hops() -> None:
    ships = document("ship: Auk; port: Kestvik\nship: Margit; port: Ollesay\nship: Bay; port: Tarrasund")
    ports = document("port: Kestvik; master: Odd\nport: Ollesay; master: Ida\nport: Tarrasund; master: Pia")
    made = list(tables.hops(tables.keyed([*candidate.tables(ships), *candidate.tables(ports)])))
    assert {c.phrasings[0]: c.answers[0] for c in made} == {
        "What is the master of the port of Auk?": "Odd",
        "What is the master of the port of Margit?": "Ida",
        "What is the master of the port of Bay?": "Pia",
    }
    assert all(len(c.evidence) == 2 for c in made)


def test_what_two_tables_answer_differently_is_not_asked_as_one(sample: KnowledgeBase) -> None:
    old = document("ship: Auk; cars: 38\nship: Bay; cars: 92")
    new = document("ship: Auk; cars: 40\nship: Bay; cars: 92")
    made = list(tables.cells(tables.keyed([*candidate.tables(old), *candidate.tables(new)])))
    about_auk = [c.phrasings[0] for c in made if "Auk" in c.phrasings[0]]
    assert all("“Fleet”" in text for text in about_auk)
    assert draft._conflicts(made) >= {stands.letters(text) for text in about_auk}


def test_drafts_of_the_sample_are_of_every_kind_and_pass_every_filter(sample: KnowledgeBase) -> None:
    done = draft.draft(sample, Drafting(100))
    assert done.by_kind == draft.shares(Drafting(100))
    held = stands.check(sample, [entry.question for entry in done.new])
    assert {finding.state for finding in held} == {"found"}
    assert len(held) >= 90
    texts = [stands.letters(entry.question.text) for entry in done.new]
    assert len(texts) == len(set(texts))
    for entry in done.new:
        q = entry.question
        assert entry.made
        assert entry.state == "draft"
        assert q.answerable == (q.kind != "unanswerable") == bool(q.answers) == bool(q.evidence)
        if q.kind in ("fact", "table", "hops"):
            assert stands.letters(q.answers[0]) not in stands.letters(q.text)


def test_a_second_draft_adds_only_what_is_new(sample: KnowledgeBase) -> None:
    path = sample.folder / questions.DRAFTS
    path.unlink(missing_ok=True)
    few = draft.draft(sample, Drafting(30, seed=3))
    assert not draft.draft(sample, Drafting(30, seed=3)).new
    state = review.begin(sample.folder)
    gone = state.waiting[0]
    state.reject(gone)
    more = draft.draft(sample, Drafting(60, seed=3))
    ids = [entry.question.id for entry in questions.entries(path)]
    assert len(ids) == len(set(ids)) == len(few.new) + len(more.new)
    assert {e.question.id for e in gone.entries}.isdisjoint(e.question.id for e in more.new)
    path.unlink()
    assert draft.draft(sample, Drafting(30, seed=3)).new == few.new  # by its seed
    path.unlink()
    assert draft.draft(sample, Drafting(30, seed=4)).new != few.new


def test_no_passage_holds_what_an_unanswerable_draft_asks(sample: KnowledgeBase) -> None:
    path = sample.folder / questions.DRAFTS
    path.unlink(missing_ok=True)
    done = draft.draft(sample, Drafting(40, kinds=("unanswerable",), phrasings=0))
    path.unlink()
    assert len(done.new) == 40
    read = draft.documents(sample, random.Random(0))
    for entry in done.new:
        asked = set(words(entry.question.text))
        for page in read:
            for one in candidate.running(page):
                assert not asked <= set(words(one.text)), (entry.question.text, one.text)


def test_what_a_passage_may_say_is_not_asked_as_unanswerable(sample: KnowledgeBase) -> None:
    says = draft._says(sample)
    assert says("Eider Sound", "call sign")
    assert says("Mirrey Maritime College", "")
    assert not says("Eider Sound", "warranty period")
    every = [table for page in draft.documents(sample, random.Random(0)) for table in candidate.tables(page)]
    made = list(rules.unanswerable([], every, [], lambda name, wanted: "colour" in wanted, random.Random(0)))
    assert any("warranty period" in c.phrasings[0] for c in made)
    assert not any("colour" in c.phrasings[0] for c in made)


def test_a_filter_drops_what_the_model_knows_and_counts_it(sample: KnowledgeBase) -> None:
    path = sample.folder / questions.DRAFTS
    path.unlink(missing_ok=True)
    done = draft.draft(sample, Drafting(5, kinds=("fact",)), known=lambda q: "company" in q.text or "Mirrey" in q.text)
    path.unlink()
    every = [entry.question.text for entry in done.new]
    assert every
    assert not any("company" in text or "Mirrey" in text for text in every)
    everything = draft.draft(sample, Drafting(5, kinds=("fact",)), known=lambda q: True)
    assert not everything.new
    assert everything.dropped["can be answered without the documents"] > 50


def test_the_answer_of_a_draft_stands_in_its_evidence_or_it_is_dropped() -> None:
    good = next(iter(rules.facts(candidate.running(document("The limit on the ramp is 9 tonnes.", "paragraph")))))
    assert draft.stands(good)
    wrong = candidate.Candidate(good.phrasings, ("11 tonnes", "11"), good.evidence, "fact", "test")
    assert not draft.stands(wrong)


def test_only_english_sentences_are_read() -> None:
    assert draft.is_english("The gate closes at nine, and you have to be there before it does.")
    assert not draft.is_english("Das Tor schließt um neun, und Sie müssen vorher da sein, sonst fährt das Schiff.")


def test_decisions_of_a_review_are_kept_one_by_one(sample: KnowledgeBase, tmp_path: Path) -> None:
    path = sample.folder / questions.DRAFTS
    path.unlink(missing_ok=True)
    made = draft.draft(sample, Drafting(6)).new
    path.rename(tmp_path / questions.DRAFTS)
    state = review.begin(tmp_path)
    first, second, third = state.waiting[:3]
    state.accept(first)
    assert questions.read(tmp_path / questions.FILE) == tuple(e.question for e in first.entries)
    state.reject(second)
    state.skip(third)
    again = review.begin(tmp_path)
    assert again.left == len(made) - len(first.entries) - len(second.entries)
    assert [e.state for e in questions.entries(tmp_path / questions.DRAFTS)[:2]] == ["rejected", "rejected"]
    again.accept_all()
    assert len(questions.read(tmp_path / questions.FILE)) == len(made) - len(second.entries)
    assert review.begin(tmp_path).left == 0
