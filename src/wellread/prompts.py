"""The prompts that ship with wellread: Markdown files beside the room that sends them, read once."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from string import Formatter


@cache
def load(room: str, name: str) -> str:
    """The text of ``prompts/NAME.md`` of a room (``answer``, ``questions.draft``), without space around it.

    Raises: FileNotFoundError where the room has no such prompt. Threads may share what it returns.
    """
    package = files("wellread")
    return package.joinpath(*room.split("."), "prompts", f"{name}.md").read_text("utf-8").strip()


def filled(room: str, name: str, **fields: object) -> str:
    """A prompt with every one of its fields filled in.

    Raises: ValueError where a field of the prompt has no value, or a value has no field in the prompt.
    """
    text = load(room, name)
    wanted = {field for _, field, _, _ in Formatter().parse(text) if field is not None}
    if wanted != set(fields):
        raise ValueError(f"prompt {room}/{name}: has the fields {sorted(wanted)}, was given {sorted(fields)}")
    return text.format(**fields)
