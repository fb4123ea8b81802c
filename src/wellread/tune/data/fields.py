"""The fields of a record: texts, and conversations turn by turn; what a row lacks is said in the words of its file."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wellread.models.api import Message
from wellread.tune.data.files import a_what
from wellread.tune.data.formats import parsed

ROLES = ("system", "user", "assistant", "tool")
SPEAKERS = {  # who speaks in other formats → role
    "human": "user", "gpt": "assistant", "chatgpt": "assistant", "bing": "assistant", "model": "assistant",
    "bot": "assistant", "ai": "assistant", "developer": "system", "function": "tool", "observation": "tool",
}  # fmt: skip
_READ = frozenset({"role", "from", "content", "value"})  # keys of a turn

Say = Callable[[str, str], None]


class Unfit(Exception):
    """A record that is no row."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


def text_of(values: Mapping[str, Any], name: str, *, empty: str = "empty-field") -> str:
    """The text of a field; numbers count as text. Raises: Unfit where it is missing, empty or something else."""
    value = values.get(name)
    if value is None:
        raise Unfit("missing-field", f"'{name}' is null; write its text, or remove the row")
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise Unfit("wrong-type", f"'{name}' is {a_what(value)}, not a text")
    if not str(value).strip():
        raise Unfit(empty, f"'{name}' is empty; write its text, or remove the row")
    return str(value)


def turns_of(values: Mapping[str, Any], name: str, speaker: str, what: str, say: Say) -> list[Message]:
    """The turns of a conversation in a field, speaker and text under their keys. Raises: Unfit where they are none."""
    given = parsed(values.get(name))
    if given is None:
        raise Unfit("missing-field", f"'{name}' is null; it is a list of turns")
    if not isinstance(given, list):
        raise Unfit("wrong-type", f"'{name}' is {a_what(given)}, not a list of turns")
    if not given:
        raise Unfit("empty-field", f"'{name}' holds no turn")
    turns = []
    for n, turn in enumerate(given, 1):
        if not isinstance(turn, dict):
            raise Unfit("wrong-type", f"turn {n} is {a_what(turn)}, not an object with role and content")
        role = turn.get("role", turn.get("from", turn.get(speaker)))
        turns.append(Message(_role(role, n, speaker), _content(turn, n, what, say)))
    _leftover(given, {speaker, what}, say)
    return turns


def _leftover(turns: Sequence[Mapping[str, Any]], read: set[str], say: Say) -> None:
    """What the turns hold beside speaker and text is said, each kind once a row: it is not learned."""
    told: dict[str, str] = {}
    for n, turn in enumerate(turns, 1):
        for key in [key for key, value in turn.items() if key not in _READ | read and value not in (None, "", [], {})]:
            if key in ("tool_calls", "function_call"):
                names = ", ".join(_called(turn[key])) or "a tool"
                told.setdefault("lost-calls", f"turn {n} calls {names}: tool calls are not learned, only its text")
            elif key in ("weight", "train"):
                if turn[key] in (0, False):
                    message = f"turn {n} has '{key}' {turn[key]}, which is not read: it is learned like any other turn"
                    told.setdefault("turn-weight", message)
            elif key not in ("tool_call_id", "id", "timestamp", "time", "name"):
                told.setdefault("unused-key", f"turn {n} has '{key}', which is not read; nothing of it is learned")
    for code, message in told.items():
        say(code, message)


def _called(calls: Any) -> list[str]:
    """The names of the tools that a turn calls."""
    found = []
    for call in calls if isinstance(calls, list) else [calls]:
        of = call.get("function", call) if isinstance(call, dict) else {}
        if isinstance(of, dict) and isinstance(of.get("name"), str):
            found.append(of["name"])
    return found


def _role(given: Any, n: int, speaker: str) -> str:
    if not isinstance(given, str):
        raise Unfit("missing-field", f"turn {n} has no '{speaker}'; it says who speaks: {', '.join(ROLES)}")
    role = SPEAKERS.get(given.strip().lower(), given.strip().lower())
    if role not in ROLES:
        close = difflib.get_close_matches(role, [*ROLES, *SPEAKERS], n=1, cutoff=0.5)
        meant = f"; did you mean '{close[0]}'?" if close else f"; roles are {', '.join(ROLES)}"
        raise Unfit("unknown-role", f"turn {n}: no such role '{given}'{meant}")
    return role


def _content(turn: Mapping[str, Any], n: int, what: str, say: Say) -> str:
    value = turn.get("content", turn.get("value", turn.get(what)))
    if isinstance(value, list) and all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in value):
        value = "\n".join(part["text"] for part in value)
    if value is None:
        calls = "; calls of tools are not learned from here" if turn.get("tool_calls") else ""
        raise Unfit("missing-field", f"turn {n} has no '{what}'{calls}")
    if not isinstance(value, str):
        raise Unfit("wrong-type", f"turn {n}: '{what}' is {a_what(value)}, not a text")
    if not value.strip():
        say("empty-turn", f"turn {n} is empty; write what is said, or remove the row")
    return value
