"""A base of four short documents, and a reader behind real HTTP that knows nothing but what stands in its prompt."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.models.loopback import Canned, Request, Server, events, serving

from wellread import KnowledgeBase
from wellread.types import Evidence, Question

DOCUMENTS = {
    "fares.md": "# Fares\n\nA dog travels for 12 crowns on every crossing.\n",
    "bicycles.md": "# Bicycles\n\nA bicycle costs 30 crowns for each crossing.\n",
    "ships.md": "# Ships\n\nThe Auk carries 96 cars on her deck.\n",
    "crew/pay.md": "---\nlabels: crew\n---\n# Pay\n\nThe night allowance of the crew is 185 crowns.\n",
}
FACTS = {  # a sentence of the documents → the question that it answers, and the answer
    r"A dog travels for (\d+ crowns)": "What does a dog cost?",
    r"A bicycle costs (\d+ crowns)": "What does a bicycle cost?",
    r"The Auk carries (\d+ cars)": "How many cars does the Auk carry?",
    r"The night allowance of the crew is (\d+ crowns)": "What is the night allowance of the crew?",
}
QUESTIONS = (
    Question("dog", "What does a dog cost?", ("12 crowns",), (Evidence("fares.md", "A dog travels for 12 crowns"),)),
    Question("bike", "What does a bicycle cost?", ("30 crowns",), (Evidence("bicycles.md", "costs 30 crowns"),)),
    Question("cars", "How many cars does the Auk carry?", ("96",), (Evidence("ships.md", "carries 96 cars"),), "table"),
    Question("king", "Who is the king of Norway?", kind="unanswerable", answerable=False),
)
PAY = Question(
    "pay",
    "What is the night allowance of the crew?",
    ("185 crowns",),
    (Evidence("crew/pay.md", "is 185 crowns"),),
    groups=frozenset({"crew"}),
)


@dataclass
class Reader:
    """Answers from the prompt alone; ``fails`` may give another response for a question, ``judges`` a judge's word."""

    fails: Callable[[str], Canned | None] = lambda question: None
    judges: Callable[[str], str] = lambda prompt: "no"
    prompts: list[str] = field(default_factory=list)
    systems: list[str] = field(default_factory=list)

    def __call__(self, request: Request) -> Canned:
        messages = request.body["messages"]
        prompt = "\n".join(message["content"] for message in messages)
        self.prompts.append(prompt)
        if "<<<" in prompt:
            return reply(self.judges(prompt), bool(request.body.get("stream")))
        self.systems += [m["content"] for m in messages if m["role"] == "system"]
        asked = re.findall(r"Question: (.*)", prompt)
        question = asked[-1].strip() if asked else messages[-1]["content"]
        return self.fails(question) or reply(_answer(question, prompt), bool(request.body.get("stream")))


def _answer(question: str, prompt: str) -> str:
    for sentence, asked in FACTS.items():
        found = re.search(sentence, prompt)
        if asked == question and found:
            return f"{found[0]}."
    return "I do not know."


def reply(text: str, streamed: bool) -> Canned:
    counts = {"prompt_tokens": 100, "completion_tokens": 10}
    if not streamed:
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return Canned({"model": "reader", "choices": [choice], "usage": counts})
    piece = {"choices": [{"index": 0, "delta": {"content": text}}]}
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    stream = events(piece, end, {"choices": [], "usage": counts})
    return Canned(stream, headers={"Content-Type": "text/event-stream"})


@contextmanager
def reading(reader: Reader) -> Iterator[Server]:
    """The reader at an address of this machine."""
    with serving(reader) as server:
        yield server


def write_documents(folder: Path) -> Path:
    for name, text in DOCUMENTS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def settings_for(url: str) -> str:
    """wellread.toml: one passage is read for an answer, so that an edit of one document concerns one question."""
    return (
        f'[chat]\nmodel = "openai:reader"\nbase_url = "{url}/v1"\nmax_attempts = 1\n'
        "price_in = 1.0\nprice_out = 10.0\ncontext_tokens = 1000\n"
        '[answer]\npassages = 1\nscorer = ""\nrefuse_below = 0.0\n[evaluate]\ndraws = 200\n'
    )


def make(folder: Path, url: str) -> KnowledgeBase:
    """The open base in ``folder/base`` over ``folder/documents``."""
    documents = write_documents(folder / "documents")
    base = folder / "base"
    KnowledgeBase.create(base).close()
    (base / "wellread.toml").write_text(settings_for(url), "utf-8")
    opened = KnowledgeBase.open(base)
    opened.add(str(documents))
    return opened
