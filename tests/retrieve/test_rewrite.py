from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.index.bases import EVERYONE, WordEmbedder, filled, ready

from wellread.errors import ModelUnavailable
from wellread.index.open import IndexReader
from wellread.models.api import Chat, Message, Reply, Sampling
from wellread.retrieve.parts import SearchParts, SearchResult, SearchSettings, Trace, to_log
from wellread.retrieve.search import search
from wellread.retrieve.settings import RetrieveSettings, RewriteSettings
from wellread.retrieve.understand.followup import Turn
from wellread.retrieve.understand.glossary import corrected, edits, meanings
from wellread.retrieve.understand.rewrite import Asking, broader, follow_up, lines, split
from wellread.store.engine.api import Store
from wellread.types import Principal, Usage

WORDS = RetrieveSettings(mode="bm25")
OFF = RewriteSettings(spelling=False, glossary=False)


def no_word(word: str) -> bool:
    """For a vocabulary that knows nothing."""
    return False


@dataclass
class ScriptedChat:
    """Writes what it was given, whatever it is asked; remembers the prompts."""

    text: str
    name: str = "test:scripted"
    context_tokens: int = 1000
    remote: str | None = "chat.example"
    prompts: list[str] = field(default_factory=list)

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def reply(self, messages: Sequence[Message], sampling: Sampling) -> Reply:
        self.prompts.append(messages[-1].content)
        return Reply(self.text, Usage(prompt_tokens=7, completion_tokens=3, calls=1))

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str | Reply]:
        yield self.reply(messages, sampling)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[IndexReader]:
    with Store.open(tmp_path) as store:
        filled(
            store,
            WordEmbedder(),
            ready("/docs/pets.md", "a dog pays three euros on the timetable route"),
            ready("/docs/bikes.md", "a bicycle pays nothing at all"),
            ready("/docs/mob.md", "The man over board (MOB) drill is monthly.", "The drill book is blue."),
            ready("/docs/rescue.md", "When a man over board alarm sounds the boat is lowered."),
            ready("/docs/secret.md", "the zeppelinium project", labels=["board"]),
            *(ready(f"/docs/{n}.md", f"page {n} of the ledger") for n in range(30)),
        )
        yield IndexReader(store)


def found(
    reader: IndexReader, question: str, rewrite: RewriteSettings, chat: Chat | None = None, k: int = 5
) -> SearchResult:
    parts = SearchParts(reader, WordEmbedder(), chat=(lambda: chat) if chat else None)
    return search(question, parts, SearchSettings(rewrite=rewrite), who=EVERYONE, k=k)


def detail(result: SearchResult, stage: str = "rewrite") -> dict[str, object]:
    return dict(next(s.detail for s in result.stages if s.name == stage))


def uris(result: SearchResult) -> list[str]:
    return [hit.document.uri for hit in result.hits]


# spelling and glossary


def test_a_slip_of_the_pen_is_put_right_by_the_words_of_the_documents(reader: IndexReader) -> None:
    with reader.snapshot(who=EVERYONE) as snapshot:
        assert corrected("what does a bicylce pay?", snapshot, no_word) == (
            "what does a bicycle pay?",
            [("bicylce", "bicycle")],
        )
        assert corrected("the timetabel", snapshot, no_word)[1] == [("timetabel", "timetable")]
        assert corrected("a dog pays", snapshot, no_word)[1] == []
        assert corrected("xylophonist", snapshot, no_word)[1] == []


def test_a_word_of_everyday_language_or_a_name_is_never_corrected(reader: IndexReader) -> None:
    with reader.snapshot(who=EVERYONE) as snapshot:
        assert corrected("bicyclo", snapshot, no_word)[1] == [("bicyclo", "bicycle")]
        assert corrected("bicyclo", snapshot, lambda word: True)[1] == []
        assert corrected("biCyclo", snapshot, no_word)[1] == []


def test_spelling_never_offers_a_word_of_a_hidden_document(reader: IndexReader) -> None:
    with reader.snapshot(who=EVERYONE) as snapshot:
        assert corrected("zeppeliniun", snapshot, no_word)[1] == []
    with reader.snapshot(who=Principal(groups=frozenset({"board"}))) as snapshot:
        assert corrected("zeppeliniun", snapshot, no_word)[1] == [("zeppeliniun", "zeppelinium")]


def test_a_misspelt_question_finds_what_the_right_one_finds(reader: IndexReader) -> None:
    bm25 = SearchSettings(rewrite=replace(OFF, spelling=True))
    result = search("bicylce", SearchParts(reader, WordEmbedder()), bm25, who=EVERYONE, k=1)
    assert uris(result) == ["/docs/bikes.md"]
    assert detail(result)["spelling"] == ("bicylce → bicycle",)


def test_an_abbreviation_is_looked_for_under_its_long_form_too_and_the_other_way_round(reader: IndexReader) -> None:
    with reader.snapshot(who=EVERYONE) as snapshot:
        assert meanings("what happens at MOB?", snapshot, no_word) == [("MOB", "man over board")]
        assert meanings("a man over board, what now", snapshot, no_word) == [("man over board", "MOB")]
        assert meanings("MOB is man over board", snapshot, no_word) == []
        assert meanings("the mob is angry", snapshot, lambda word: word == "mob") == []
        assert meanings("what does mob mean", snapshot, no_word) == [("MOB", "man over board")]
        assert meanings("Museum of Bells (MOB)", snapshot, no_word) == []
    found_with, found_without = (
        uris(search("MOB?", SearchParts(reader, WordEmbedder()), SearchSettings(WORDS, rewrite=rewrite), who=EVERYONE))
        for rewrite in (replace(OFF, glossary=True), OFF)
    )
    assert "/docs/rescue.md" in found_with and "/docs/rescue.md" not in found_without


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_edits_are_a_distance_and_are_cut_at_the_limit(one: str, other: str) -> None:
    distance = edits(one, other, 20)
    assert distance == edits(other, one, 20)
    assert (distance == 0) == (one == other)
    assert edits(one, other, 1) == min(distance, 2)


def test_edits_by_hand_count_a_swap_as_one() -> None:
    assert edits("kitten", "sitting", 9) == 3
    assert edits("bicylce", "bicycle", 9) == 1
    assert edits("abc", "", 9) == 3


# with a chat model


def test_other_wordings_find_what_the_question_does_not_say(reader: IndexReader) -> None:
    chat = ScriptedChat("1. what a bicycle pays\n2. price of a bicycle\n")
    result = found(reader, "what does a velocipede cost", replace(OFF, variants="model"), chat)
    assert uris(result)[0] == "/docs/bikes.md" or "/docs/bikes.md" in uris(result)[:2]
    assert result.usage.calls == 1 and detail(result)["calls"] == 1
    assert result.left_machine == ("chat.example",)
    assert len(chat.prompts) == 1 and "velocipede" in chat.prompts[0]


def test_a_made_up_answer_moves_the_search_by_meaning(reader: IndexReader) -> None:
    result = found(reader, "velocipede", replace(OFF, hyde="model"), ScriptedChat("a bicycle pays nothing at all"))
    assert uris(result)[0] == "/docs/bikes.md"
    assert detail(result)["hyde"] == ("a bicycle pays nothing at all",)


def test_without_a_model_every_form_says_what_it_did_instead(reader: IndexReader) -> None:
    everything = replace(OFF, variants="model", hyde="model", sub_questions="model", step_back="model")
    result = found(reader, "What does a dog pay and what does a bicycle pay on Line 7?", everything)
    told = detail(result)
    assert told["calls"] == 0 and result.usage.calls == 0
    assert told["variants"] == "none: no chat model"
    assert told["hyde"] == "by feedback (no chat model)"
    assert told["sub-questions by"] == "rules (no chat model)" and told["sub-questions"] == [
        "What does a dog pay",
        "what does a bicycle pay on Line 7",
    ]
    assert told["step back by"] == "rules (no chat model)"
    assert {"/docs/pets.md", "/docs/bikes.md"} <= set(uris(result))


def test_what_a_model_writes_beside_the_point_is_replaced_by_the_rules_and_said_so(reader: IndexReader) -> None:
    both = replace(OFF, sub_questions="model", step_back="model")
    question = "What does a dog pay and what does a bicycle pay on Line 7?"
    told = detail(found(reader, question, both, ScriptedChat("Sure! Certainly! Here you are.")))
    assert told["sub-questions"] == ["What does a dog pay", "what does a bicycle pay on Line 7"]
    assert told["sub-questions by"] == told["step back by"] == "rules (nothing usable was written)"
    one = detail(found(reader, question, replace(OFF, sub_questions="model"), ScriptedChat(question)))
    assert one["sub-questions"] == "none: it asks for one thing" and one["sub-questions by"] == "model"


def test_a_model_that_fails_is_asked_once_and_the_search_goes_on(reader: IndexReader) -> None:
    opened: list[int] = []

    def broken() -> Chat:
        opened.append(1)
        raise ModelUnavailable("chat.example: no answer")

    parts = SearchParts(reader, WordEmbedder(), chat=broken)
    settings = SearchSettings(rewrite=replace(OFF, variants="model", sub_questions="model", hyde="model"))
    result = search("what does a dog pay", parts, settings, who=EVERYONE)
    assert result.hits and len(opened) == 1
    assert detail(result)["variants"] == "none: chat.example: no answer"


def test_each_part_costs_one_call_and_nothing_is_asked_when_all_is_off(reader: IndexReader) -> None:
    chat = ScriptedChat("what a dog pays\nwhat a bicycle pays")
    assert found(reader, "what does a dog pay", OFF, chat).usage.calls == 0
    three = replace(OFF, variants="model", hyde="model", step_back="model")
    assert found(reader, "what does a dog pay", three, chat).usage.calls == 3


# without one


def test_feedback_brings_in_what_shares_words_with_the_first_hits(reader: IndexReader) -> None:
    result = found(reader, "three euros", replace(OFF, hyde="feedback"))
    searched = detail(result, "feedback")["searched"]
    assert isinstance(searched, tuple) and searched[0].startswith("three euros ") and "dog" in searched[0]


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("Compare the fares of Kestvik and Mirrey", ["the fares of Kestvik", "the fares of Mirrey"]),
        ("What is the difference between Line 1 and Line 2 in summer?", ["Line 1 summer", "Line 2 summer"]),
        ("Who chairs the board? Which ships dock in May?", ["Who chairs the board", "Which ships dock in May"]),
        ("What does a dog pay and when does it board?", ["What does a dog pay and when does it board?"]),
        ("What is the fare?", ["What is the fare?"]),
    ],
)
def test_a_question_is_split_where_it_asks_for_several_things(question: str, parts: list[str]) -> None:
    assert split(question) == parts


def test_a_step_back_leaves_out_names_and_numbers() -> None:
    assert broader("Which discount does a group of 30 get on Gannet Bay?") == "Which discount does a group of get on ?"
    assert broader("what does a dog pay") == ""


def test_what_a_model_wrote_is_cleaned_of_numbers_repeats_and_chatter() -> None:
    text = "1. What does a dog pay?\n- what does a DOG pay?\n\n2) Price for a dog\nSure!\nHow about lunch today"
    assert lines(text, "dog fare", 5) == ["What does a dog pay?", "Price for a dog"]
    assert lines("dog fare?", "dog fare", 5) == []


def test_words_of_documents_that_a_question_was_rewritten_with_do_not_get_into_the_log(reader: IndexReader) -> None:
    settings = RewriteSettings(spelling=True, glossary=True, hyde="feedback")
    result = found(reader, "MOB bicylce", settings)
    explained = str(result.stages)
    assert all(word in explained for word in ("man over board", "bicylce → bicycle", "'searched'", "'board'"))
    logged = to_log(result.stages)
    assert [stage.name for stage in logged] == [stage.name for stage in result.stages]
    assert not [word for word in ("board", "bicycle", "drill") if word in str(logged)]
    assert detail(result, "fuse") in [stage.detail for stage in logged]


# follow-ups


def test_a_follow_up_is_made_whole_by_a_model_or_by_rules_and_says_so() -> None:
    history = [Turn("What does a dog pay on the Sound line?", "4.50")]
    settings = RewriteSettings(follow_up="model")
    chat = ScriptedChat("What does a cat pay on the Sound line?")
    by_model = follow_up("And a cat?", history, settings, Asking(lambda: chat, Trace()))
    assert (by_model.text, by_model.how) == ("What does a cat pay on the Sound line?", "model")
    assert "4.50" in chat.prompts[0] and "And a cat?" in chat.prompts[0]
    by_rules = follow_up("And a cat?", history, settings, Asking(None, Trace()))
    assert by_rules.how == "rules (no chat model)" and "Sound" in by_rules.text and "And a cat?" in by_rules.text


def test_a_question_that_stands_alone_asks_no_model() -> None:
    chat = ScriptedChat("never")
    history = [Turn("What does a dog pay?", "4.50")]
    alone = "Which harbour pilots work at night in winter"
    made = follow_up(alone, history, RewriteSettings(follow_up="model"), Asking(lambda: chat, Trace()))
    assert made.text == alone and not chat.prompts
