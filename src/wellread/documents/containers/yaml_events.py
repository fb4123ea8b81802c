"""YAML read event by event: aliases are refused, because 300 bytes of them can grow to gigabytes."""

from __future__ import annotations

from typing import Any

from wellread.errors import SourceError

_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


def load(text: str, name: str, max_depth: int) -> list[Any]:
    """The documents of a YAML stream as objects, arrays and texts; numbers stay as they are written.

    Raises: SourceError (broken): not YAML, with aliases, or nested deeper than ``max_depth``.
    """
    import yaml

    documents: list[Any] = []
    stack: list[tuple[Any, list[str]]] = []  # what is open, and the key that waits for its value
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                line = event.start_mark.line + 1
                raise SourceError(f"{name}: line {line}: YAML with aliases is not read; write the value out", "broken")
            if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                stack.append(({} if isinstance(event, yaml.MappingStartEvent) else [], []))
                if len(stack) > max_depth:
                    raise SourceError(f"{name}: is nested deeper than {max_depth}", "broken")
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                _put(stack, documents, stack.pop()[0])
            elif isinstance(event, yaml.ScalarEvent):
                _put(stack, documents, _scalar(event.value, plain=event.implicit[0]))
    except yaml.YAMLError as error:
        raise SourceError(f"{name}: not YAML: {' '.join(str(error).split())[:300]}", "broken") from error
    return documents


def _scalar(text: str, *, plain: bool) -> Any:
    return _WORDS.get(text, text) if plain else text


def _put(stack: list[tuple[Any, list[str]]], documents: list[Any], value: Any) -> None:
    if not stack:
        documents.append(value)
        return
    holder, key = stack[-1]
    if isinstance(holder, list):
        holder.append(value)
    elif key:
        holder[key.pop()] = value
    else:
        key.append(str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value))
