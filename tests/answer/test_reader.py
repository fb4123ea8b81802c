"""How a chat model is asked: what it is given to read, whether it may refuse, and what of its reply is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.models.loopback import Canned, Request, events, serving

from wellread import KnowledgeBase
from wellread.answer import profile, reader
from wellread.answer.settings import AnswerSettings
from wellread.errors import UsageError
from wellread.models.providers import minilm, openai
from wellread.models.settings import ChatSettings

FARES = "# Fares\n\nA dog travels for 12 crowns on every crossing. Cats travel free. Bicycles cost 9 crowns.\n"


def saying(text: str, seen: list[str]) -> Any:
    def answer(request: Request) -> Canned:
        seen.append(request.body["messages"][-1]["content"])
        pieces = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": "stop"}]}
        return Canned(events(pieces), headers={"Content-Type": "text/event-stream"})

    return answer


def asked(folder: Path, question: str, reply: str, **settings: object) -> tuple[Any, list[str]]:
    """The answer of a base over ``folder`` when an endpoint replies with ``reply``, and the prompts it got."""
    seen: list[str] = []
    with serving(saying(reply, seen)) as server, KnowledgeBase.create(folder.parent / f"base{len(reply)}") as base:
        base.add(str(folder))
        chosen = {"answer.style": "write", "chat.model": "openai:scripted", "chat.base_url": f"{server.url}/v1"}
        overrides = [f"{name}={value!r}" for name, value in {**chosen, **settings}.items()]
        return base.configured(overrides).ask(question), seen


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "fares.md").write_text(FARES, "utf-8")
    return tmp_path / "docs"


def test_a_window_that_allows_it_gets_eight_thousand_tokens_of_passages(folder: Path) -> None:
    for n in range(40):
        text = " ".join(f"Dog number {n} of the harbour cost {100 * n + k} crowns in spring." for k in range(60))
        (folder / f"dogs{n}.md").write_text(f"# Dogs {n}\n\n{text}\n", "utf-8")
    settings: dict[str, object] = {"chat.context_tokens": 32_768}
    answer, seen = asked(folder, "What does a dog cost on every crossing?", "12 crowns.", **settings)
    detail = next(stage.detail for stage in answer.stages if stage.name == "write")
    assert len(seen) == 1 and 7_000 < int(str(detail["tokens"])) <= 8_000
    assert len(seen[0]) > 20_000
    assert answer.text == "12 crowns. [1]"


def test_the_default_window_of_an_endpoint_is_not_exceeded() -> None:
    profile = reader.profile(ChatSettings("openai:any"), AnswerSettings("write"))
    assert profile.form == "passages" and profile.refuses
    assert profile.budget_tokens + profile.max_tokens + reader.FRAME_TOKENS <= 8_192


@pytest.mark.parametrize("style", ["write", "auto"])
def test_a_refusal_of_a_capable_model_is_respected(folder: Path, style: str) -> None:
    settings: dict[str, object] = {"answer.style": style}
    answer, seen = asked(folder, "What does a dog cost on every crossing?", "Not in the documents.", **settings)
    assert seen and answer.refused and answer.nearest


def test_a_model_is_asked_though_the_evidence_is_thin_and_shown_only_what_stands_there(folder: Path) -> None:
    right, seen = asked(folder, "What is the charge for a pet that barks?", "12 crowns for a dog.")
    assert seen and right.text == "12 crowns for a dog. [1]"
    wrong, _ = asked(folder, "What does a dog cost on every crossing?", "It costs 21 crowns.")
    assert wrong.refused
    assert "a number that the passages do not hold: 21" in wrong.verdicts[0].reason


def test_what_follows_a_struck_number_is_not_shown(folder: Path) -> None:
    reply = "A dog costs 14 crowns. Cats travel free."
    answer, _ = asked(folder, "What do dogs and cats cost on every crossing?", reply)
    assert answer.refused and len(answer.verdicts) == 1


def test_a_small_window_keeps_the_small_prompt_and_the_gate() -> None:
    profile = reader.profile(ChatSettings("llama:smollm2-135m"), AnswerSettings("auto", refuse_below=0.7))
    assert (profile.form, profile.budget_tokens, profile.max_tokens, profile.ask_above) == ("pieces", 400, 96, 0.7)
    wide = reader.profile(ChatSettings("llama:any", context_tokens=16_384), AnswerSettings("auto"))
    assert (wide.form, wide.budget_tokens, wide.ask_above) == ("passages", 8_000, 0.0)
    told = reader.profile(ChatSettings("openai:any"), AnswerSettings("write", budget_tokens=500, reader="small"))
    assert (told.form, told.budget_tokens) == ("pieces", 500)


def test_a_measured_profile_is_kept_for_its_model_and_address_alone(tmp_path: Path) -> None:
    chat = ChatSettings("openai:one", "http://127.0.0.1:1/v1")
    measured = reader.ReaderProfile(budget_tokens=3_000, form="passages", close=0.3, refuses=True, measured=True)
    file = reader.keep(chat, tmp_path, measured, {"asked": 24})
    assert reader.profile(chat, AnswerSettings("write"), tmp_path).close == 0.3
    assert not reader.profile(ChatSettings("openai:two"), AnswerSettings("write"), tmp_path).measured
    file.write_text("{}", "utf-8")
    with pytest.raises(UsageError, match="is no profile of a model"):
        reader.profile(chat, AnswerSettings("write"), tmp_path)


def test_profiling_finds_whether_a_model_refuses_and_keeps_what_fits_it(folder: Path) -> None:
    questions = profile.asked()[1]
    known = {question.text: question.answers for question in questions}

    def knows(request: Request) -> Canned:
        last = request.body["messages"][-1]["content"]
        answers = next(held for text, held in known.items() if text in last)
        message = {"role": "assistant", "content": answers[0] if answers else "Not in the documents."}
        return Canned({"choices": [{"message": message, "finish_reason": "stop"}]})

    def invents(request: Request) -> Canned:
        return Canned({"choices": [{"message": {"content": "It is 71 florins."}, "finish_reason": "stop"}]})

    found = {}
    for name, replying in (("knows", knows), ("invents", invents)):
        with serving(replying) as server:
            chat = openai.open_chat("m", ChatSettings("openai:m", f"{server.url}/v1"), folder, None)
            found[name] = profile.measure(reader.CAPABLE, chat, minilm.load())
        assert len(server.requests) == len(questions)
    good, figures, _ = found["knows"]
    assert good.refuses and good.measured and good.ask_above == 0.0
    assert figures["right"] == figures["answerable"] == 14 and figures["refused where there is no answer"] == 10
    assert not found["invents"][0].refuses
