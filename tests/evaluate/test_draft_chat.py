"""Drafts that a chat model writes: what is taken from its replies, what is dropped, and that nothing is asked twice."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from wellread import KnowledgeBase, paths
from wellread.errors import ModelError
from wellread.models.api import Message, Reply, Sampling
from wellread.questions import file as questions
from wellread.questions import stands
from wellread.questions.draft import chat as draft_chat
from wellread.questions.draft import draft
from wellread.questions.draft.draft import Drafting
from wellread.types import Usage

SHIPS = {"Auk": 11, "Bay": 12, "Cob": 13, "Dab": 14, "Eel": 15}


class Writer:
    """Writes by rule what a chat model might: a good question, one without ground, one that it knows the answer of."""

    name, context_tokens, remote = "test:writer", 4000, None

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def reply(self, messages: Sequence[Message], sampling: Sampling) -> Reply:
        prompt = messages[-1].content
        self.prompts.append(prompt)
        return Reply(self._said(prompt), Usage())

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str | Reply]:
        yield self.reply(messages, sampling)

    def _said(self, prompt: str) -> str:
        asked = re.search(r"Question: How many lamps does the ship (\w+) have", prompt)
        if "in 1 other ways" in prompt:
            name = asked[1] if asked else "Auk"
            return f"Question: What is the number of lamps on the ship {name}?\nQuestion: How many lamps?"
        if "Read the passage" not in prompt:
            return "It has 11 lamps." if asked and asked[1] == "Auk" else "Not in the documents."
        found = re.search(r"The ship (\w+) has (\d+) lamps in all its saloons\.", prompt)
        if found is None or "Read the two" in prompt:
            return "I cannot."
        name, n = found[1], found[2]
        if "does NOT answer" in prompt:
            return f"Question: Who painted the hull of the ship {name}?\n"
        return (
            f"Sure! Here they are.\n\n**Question:** How many lamps does the ship {name} have?\nAnswer: {n} lamps.\n"
            f'Quote: "The ship {name} has {n} lamps in all its saloons."\n\n'
            f"Question: How many masts does {name} have in the passage?\nAnswer: 3\nQuote: {found[0]}\n\n"
            f"Question: What flag does {name} fly?\nAnswer: red\nQuote: The flag of {name} is red.\n"
        )


@pytest.fixture
def base(tmp_path: Path) -> Iterator[KnowledgeBase]:
    (tmp_path / "documents").mkdir()
    for name, n in SHIPS.items():
        text = (
            f"# Ship {name}\n\nThe ship {name} has {n} lamps in all its saloons. " + "It lies at the quay today. " * 6
        )
        (tmp_path / "documents" / f"{name}.md").write_text(text, "utf-8")
    with KnowledgeBase.create(tmp_path / "base") as made:
        made.add(str(tmp_path / "documents"))
        yield made


def drafted(base: KnowledgeBase, writer: Writer, wanted: Drafting) -> draft.Drafted:
    model = draft_chat.asked(base, writer)
    more, known = draft_chat.maker(base, model, wanted), draft_chat.closed_book(model, seed=0)
    return draft.draft(base, wanted, more=more, known=known)


def test_what_stands_in_the_passage_is_taken_and_the_rest_is_dropped(base: KnowledgeBase) -> None:
    done = drafted(base, Writer(), Drafting(10, kinds=("fact", "unanswerable"), phrasings=1))
    texts = {e.question.text for e in done.new if e.question.kind == "fact" and e.question.variant_of is None}
    assert texts == {f"How many lamps does the ship {name} have?" for name in SHIPS if name != "Auk"}
    assert done.dropped["can be answered without the documents"] == 1
    variants = [e.question for e in done.new if e.question.variant_of and e.question.kind == "fact"]
    assert len(variants) == 4
    assert all(q.text.startswith("What is the number of lamps on the ship") for q in variants)
    none = [e.question for e in done.new if not e.question.answerable and e.question.variant_of is None]
    assert len(none) == draft.shares(Drafting(10, kinds=("fact", "unanswerable")))["unanswerable"] == 4
    assert {q.text for q in none} < {f"Who painted the hull of the ship {name}?" for name in SHIPS}
    assert {f.state for f in stands.check(base, [e.question for e in done.new])} == {"found"}
    assert all(e.made.startswith("test:writer: ") for e in done.new)


def test_a_stopped_draft_goes_on_without_asking_again(base: KnowledgeBase) -> None:
    wanted = Drafting(10, kinds=("fact",), phrasings=0)
    first, second = Writer(), Writer()
    done = drafted(base, first, wanted)
    (base.folder / questions.DRAFTS).unlink()
    replies = base.folder / ".wellread" / paths.REPLIES
    assert drafted(base, second, wanted).new == done.new
    assert second.prompts == []
    (base.folder / questions.DRAFTS).unlink()
    lines = replies.read_text("utf-8").splitlines()
    replies.write_text("\n".join(lines[:-2]) + "\n" + lines[-2][:20], "utf-8")  # killed while it wrote
    assert drafted(base, second, wanted).new == done.new
    assert len(second.prompts) == 2
    assert len(set(first.prompts)) == len(first.prompts)


class Careless(Writer):
    """Asks two things of a ship, and words the first as the second, or twice in the same words."""

    def _said(self, prompt: str) -> str:
        found = re.search(r"The ship (\w+) has (\d+) lamps in all its saloons\.", prompt)
        if found:
            return (
                f"Question: How many lamps does the ship {found[1]} have?\nAnswer: {found[2]}\nQuote: {found[0]}\n\n"
                f"Question: Where does the ship {found[1]} lie today?\nAnswer: at the quay\nQuote: at the quay today\n"
            )
        name = re.search(r"the ship (\w+)", prompt)
        assert name
        text = f"What is the number of lamps on the ship {name[1]}?"
        again = text.replace("What", "what").replace(" on", ", on")
        return "".join(f"Question: {asked}\n" for asked in (f"Where does the ship {name[1]} lie today?", text, again))


def test_a_wording_that_is_another_question_or_no_other_wording_is_not_drafted(base: KnowledgeBase) -> None:
    model, wanted = draft_chat.asked(base, Careless()), Drafting(20, kinds=("fact",), phrasings=2)
    done = draft.draft(base, wanted, more=draft_chat.maker(base, model, wanted))
    assert questions.entries(base.folder / questions.DRAFTS) == done.new
    by_answer = {q.text: (q.answers, q.variant_of is None) for q in (entry.question for entry in done.new)}
    for name, n in SHIPS.items():
        assert by_answer[f"Where does the ship {name} lie today?"] == (("at the quay",), True)
        assert by_answer[f"How many lamps does the ship {name} have?"] == ((str(n),), True)
    assert len({q for q, (_, first) in by_answer.items() if not first}) == len(SHIPS)


class Broken(Writer):
    """Fails on one ship."""

    def reply(self, messages: Sequence[Message], sampling: Sampling) -> Reply:
        if "The ship Cob has" in messages[-1].content:
            raise ModelError("test:writer: no room")
        return super().reply(messages, sampling)


def test_a_passage_that_the_model_fails_on_is_counted_and_the_others_go_on(base: KnowledgeBase) -> None:
    wanted = Drafting(10, kinds=("fact",), phrasings=0)
    model = draft_chat.asked(base, Broken())
    done = draft.draft(base, wanted, more=draft_chat.maker(base, model, wanted))
    assert model.failed == 1
    assert len(done.new) == 4


def test_replies_are_read_with_and_without_decoration() -> None:
    reply = '1. **Question:** What?\n   Answer: "Nine."\nQUOTE: - a b\nquote 2: c d\n'
    reply += "Question 2: Who?\nAnswer: Ida\nQuote:\n"
    assert draft_chat.parsed(reply) == [("What?", "Nine", ["- a b", "c d"]), ("Who?", "Ida", [])]
    assert draft_chat.parsed("I am sorry.\nAnswer: nothing") == []
