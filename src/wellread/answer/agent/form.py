"""How an agent's steps are written: JSON that a grammar holds, calls of tools, or text; all are read the same way."""

from __future__ import annotations

import json
import re
from typing import Literal

from wellread.answer.agent.tools import POLICY
from wellread.models.api import Chat, Reply, Sampling, ToolShape

StepForm = Literal["json", "tools", "text"]
STEP_TOKENS = 160  # of a thought with its action
_ACTION = re.compile(
    r"(?:action\s*\d*\s*:\s*)?\b(?P<name>search|open|table|calculate|finish|[a-z_]+)\s*\[(?P<argument>[^\n]*?)\]\s*(?:$|\n)",
    re.IGNORECASE,
)
_OPEN_FINISH = re.compile(r"\bfinish\s*\[(?P<argument>.+)", re.IGNORECASE | re.DOTALL)
_FORMS: dict[str, StepForm] = {"llama": "json", "openai": "tools"}
_ABOUT = {
    "search": ("Finds passages, each with a number.", "words to search for"),
    "open": ("Shows the whole section of a passage.", "the number of the passage"),
    "table": ("Tables of a passage's document.", "NUMBER, or NUMBER#1; where COLUMN = VALUE, or NUMBER#1; sum:COLUMN"),
    "calculate": ("Computes.", "a sum in numbers, such as 12 * 4.5"),
    "finish": ("Ends the run.", "one or two sentences that the passages say, or: Not in the documents."),
}


def form_of(chat: Chat, wanted: str) -> StepForm:
    """The form that a model is asked for: ``wanted``, or with auto what models of its kind can be held to."""
    if wanted != "auto":
        return wanted  # type: ignore[return-value]  # the setting allows no other
    return _FORMS.get(chat.name.partition(":")[0], "text")


def sampling(form: StepForm, *, thinks: bool) -> Sampling:
    """How one step is generated; in text it ends where the model would make an observation up."""
    if form == "json":
        return Sampling(STEP_TOKENS, grammar=grammar(thinks=thinks))
    if form == "tools":
        return Sampling(STEP_TOKENS, tools=shapes())
    return Sampling(STEP_TOKENS, stop=("Observation",))


def grammar(*, thinks: bool) -> str:
    """One step as a JSON object in GBNF, short enough to end within the tokens of a step."""
    thought = r'"\"thought\": \"" letter{0,160} "\", " ' if thinks else ""
    names = " | ".join(rf'"\"{name}\""' for name in POLICY)
    return "\n".join(
        (
            rf'root ::= "{{" {thought}"\"action\": " name ", \"argument\": \"" letter{{0,240}} "\"}}"',
            f"name ::= {names}",
            r'letter ::= [^"\\\x00-\x1f]',
        )
    )


def shapes() -> tuple[ToolShape, ...]:
    """Every tool as endpoints are told of it: a name, what it does, one argument."""
    return tuple(ToolShape(name, _ABOUT[name][0], _parameters(_ABOUT[name][1])) for name in POLICY)


def _parameters(about: str) -> dict[str, object]:
    argument = {"type": "string", "description": about}
    return {"type": "object", "properties": {"argument": argument}, "required": ["argument"]}


def written(form: StepForm, thought: str, name: str, argument: str) -> str:
    """A step as it stands in the prompt of the next one, in the form that the model writes."""
    if form == "json":
        return json.dumps({"thought": thought, "action": name, "argument": argument}, ensure_ascii=False)
    return f"{thought}\nAction: {name}[{argument}]".strip()


def read(reply: Reply) -> tuple[str, str, str]:
    """Thought, tool and argument of a reply in any of the forms; the tool is empty where it names none.

    Of several calls the first counts. A call whose arguments are no JSON names no tool.
    """
    if reply.calls:
        call = reply.calls[0]
        given = _object(call.arguments)
        return (reply.text.strip(), call.name.lower(), _said(given, "argument")) if given else (reply.text, "", "")
    step = _object(reply.text)
    if step is not None and "action" in step:
        return _said(step, "thought"), _said(step, "action").lower(), _said(step, "argument")
    return parsed(reply.text)


def _object(text: str) -> dict[str, object] | None:
    """The first JSON object of a text; None where there is none."""
    start = text.find("{")
    if start < 0:
        return None
    try:
        found, _ = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _said(given: dict[str, object], key: str) -> str:
    value = given.get(key, "")
    return " ".join(str(value).split()) if isinstance(value, str | int | float) else ""


def parsed(text: str) -> tuple[str, str, str]:
    """Thought, tool and argument of a reply; the tool is empty where it names none.

    The first action counts: what a model writes after it is an observation that it made up.
    """
    match = _ACTION.search(text)
    if match is None and (match := _OPEN_FINISH.search(text)) is not None:
        return _thought(text[: match.start()]), "finish", match["argument"].strip().rstrip("]").strip()
    if match is None:
        return _thought(text), "", ""
    return _thought(text[: match.start()]), match["name"].lower(), match["argument"].strip().strip("\"'")


def _thought(text: str) -> str:
    return re.sub(
        r"\s+", " ", re.sub(r"(?:thought\s*\d*\s*:|action\s*\d*\s*:?)", "", text, flags=re.IGNORECASE)
    ).strip()
