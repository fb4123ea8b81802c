"""Reason and act: thought, action, observation, until the model finishes with an answer that is then checked.

Source: Yao et al., ICLR 2023 («ReAct: synergizing reasoning and acting in language models»), section 2; without
thoughts it is their act-only form. Observations stand between marks of this run and are data, never instructions; the
answer is held against the passages on the desk as any written one is, so nothing that a tool said without a source is
shown.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass

from wellread import prompts
from wellread.answer import evidence, refusals, verify
from wellread.answer.agent import form as forms
from wellread.answer.agent import tools
from wellread.answer.agent.form import STEP_TOKENS
from wellread.answer.agent.tools import Desk
from wellread.answer.draft import Draft
from wellread.answer.reader import ReaderProfile
from wellread.answer.settings import AnswerSettings
from wellread.documents.sentences import sentences
from wellread.models.api import Chat, Embedder, Message
from wellread.retrieve.parts import SearchResult
from wellread.types import Hit

SMALL_SHOWN = 3  # passages of a search for a model with a small window


@dataclass(frozen=True, slots=True)
class Step:
    """One turn of a run: what the model thought, did, and was given."""

    thought: str
    action: str
    argument: str
    observation: str


@dataclass(frozen=True, slots=True)
class AgentInput:
    """What a run starts from: the question, the first search, and how the model is asked."""

    question: str
    first: SearchResult
    search: Callable[[str], SearchResult]
    scorer: Embedder
    profile: ReaderProfile
    settings: AnswerSettings


def answer(given: AgentInput, chat: Chat, draft: Draft, detail: dict[str, object]) -> Generator[str]:
    """The supported sentences of what the model finishes with; every step goes into ``detail``.

    Raises: ModelError, ModelUnavailable from the model; StoreError from a search.
    """
    draft.sent_to(chat.remote)
    desk = Desk(given.search, SMALL_SHOWN if given.profile.form == "pieces" else tools.SHOWN)
    steps: list[Step] = []
    text = _run(given, chat, desk, steps, draft, detail)
    detail["steps"] = len(steps)
    detail["tools"] = [step.action for step in steps]
    detail["trace"] = [(step.thought, f"{step.action}[{step.argument}]", step.observation) for step in steps]
    if not text or refusals.is_refusal(text):
        detail["refused"] = text or detail.get("ended", "")
        return
    yield from _supported(text, given, desk, draft, detail)


def _run(given: AgentInput, chat: Chat, desk: Desk, steps: list[Step], draft: Draft, detail: dict[str, object]) -> str:
    """What the model finishes with; empty where its budget ran out before."""
    mark, until = secrets.token_hex(4), time.monotonic() + given.settings.agent_seconds
    thinks = given.settings.style == "react"
    form = forms.form_of(chat, given.settings.agent_form)
    detail["form"] = form
    system = prompts.filled("answer", "react" if thinks else "act", mark=mark)
    if form != "text":
        system += "\n\n" + prompts.load("answer", f"agent-{form}")
    room = max(120, (chat.context_tokens - chat.count_tokens(system) - STEP_TOKENS) // 3)
    pages = [f"Question: {given.question}", _observed(desk.take(given.first), mark, room, chat)]
    done: set[tuple[str, str]] = set()
    for _ in range(given.settings.agent_steps):
        if time.monotonic() > until:
            detail["ended"] = f"the {given.settings.agent_seconds:g} seconds of answer.agent_seconds were over"
            return ""
        messages = [Message("system", system), Message("user", _fitting(pages, system, chat))]
        reply = chat.reply(messages, forms.sampling(form, thinks=thinks))
        draft.usage += reply.usage
        thought, name, argument = forms.read(reply)
        if mark in f"{reply.text} {argument}".lower():
            detail["ended"] = "the model repeated the mark of the run, which no answer holds"
            return ""
        if name == "finish":
            return argument
        if not name and thought and steps and not steps[-1].action:
            return thought  # it was told the form and answers without it: what it says is checked all the same
        if (name, argument.lower()) in done:
            observation = "You did exactly that before. Finish with what you know, or try other words."
        elif not name:
            observation = "No action was found. Write one line: search[words], open[number] or finish[answer]."
        else:
            observation = tools.run(name, argument, desk)
        done.add((name, argument.lower()))
        steps.append(Step(thought, name, argument, observation))
        pages += [forms.written(form, thought, name, argument), _observed(observation, mark, room, chat)]
    detail["ended"] = f"the {given.settings.agent_steps} steps of answer.agent_steps were over"
    return ""


def _observed(text: str, mark: str, room: int, chat: Chat) -> str:
    """An observation between its marks, cut to the room that there is."""
    while chat.count_tokens(text) > room and len(text) > 200:
        text = f"{text[: int(len(text) * 0.8)].rstrip()} …"
    return f"Observation:\n<{mark}>\n{text}\n</{mark}>"


def _fitting(pages: list[str], system: str, chat: Chat) -> str:
    """The question and as many of the last pages as the window allows."""
    kept = list(pages)
    room = chat.context_tokens - chat.count_tokens(system) - STEP_TOKENS - 64
    while len(kept) > 2 and chat.count_tokens("\n".join(kept)) > room:
        del kept[1]
    return "\n".join(kept)


def _supported(text: str, given: AgentInput, desk: Desk, draft: Draft, detail: dict[str, object]) -> Generator[str]:
    """The sentences that stand on passages of the desk, with their citations."""
    hits: list[Hit] = desk.hits
    scored = evidence.score(given.question, evidence.units_of(hits), given.scorer)
    pool, struck = verify.pool(scored.units), []
    for start, end in sentences(text):
        sentence = re.sub(r"\s*\[\d+(?:\s*,\s*\d+)*\]", "", text[start:end]).strip()
        verdict = verify.check(sentence, given.question, pool, given.scorer, close=given.profile.close)
        if not verdict.supported or verdict.citation is None:
            struck.append((sentence, verdict.reason))
            detail["struck"] = struck
            if re.search(r"\d", sentence):
                return
            continue
        cited = [draft.cite(evidence.citation(scored.units[m], hits)) for m in (verdict.citation, *verdict.also)]
        draft.verdicts.append(verdict)
        draft.sure = max(draft.sure, verdict.score)
        yield draft.add(sentence, cited)
