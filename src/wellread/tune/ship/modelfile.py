"""A chat template written for Ollama: the frame around each role is found by rendering, the result is rendered back.

Ollama knows Go templates, transformers knows Jinja. The two are compared on the same conversations before anybody is
given the file; a template that a frame around each role cannot express is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wellread.errors import ModelError, UsageError
from wellread.models.api import Message

Render = Callable[[Sequence[Message], bool], str]  # messages, open for an answer → prompt
_U, _S, _A = "\N{EURO SIGN}u1", "\N{EURO SIGN}s1", "\N{EURO SIGN}a1"  # texts that no template holds
_ACTION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_IF = re.compile(r'(?:else )?if eq \.Role "(\w+)"')
_TEXT = re.compile(r'^(TEMPLATE|SYSTEM) """(.*?)"""$', re.MULTILINE | re.DOTALL)
_STOP = re.compile(r'^PARAMETER stop "(.*)"$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Frames:
    """What a template writes: before and after the text of each role, and before an answer.

    ``default`` is the system message that it puts in where there is none; empty where it puts in nothing.
    """

    around: Mapping[str, tuple[str, str]]
    opening: str
    default: str = ""


@dataclass(frozen=True, slots=True)
class Modelfile:
    """What a Modelfile says about prompts."""

    template: str
    system: str = ""
    stops: tuple[str, ...] = field(default=())


def renderer(tokenizer: Any) -> Render:
    """The tokenizer's template as a function."""

    def render(messages: Sequence[Message], opened: bool) -> str:
        plain = [{"role": message.role, "content": message.content} for message in messages]
        return str(tokenizer.apply_chat_template(plain, tokenize=False, add_generation_prompt=opened))

    return render


def frames(render: Render, bos: str = "") -> Frames:
    """The frames of a template; ``bos`` at its beginning is left out, as Ollama puts it there itself.

    Raises: ModelError where the template is more than a frame around each role.
    """
    user, system, assistant = Message("user", _U), Message("system", _S), Message("assistant", _A)
    asked = _split(render([user], False).removeprefix(bos), _U)
    answered = _split(render([user, assistant], False).removeprefix(bos), _U, _A)
    opening = render([user], True).removeprefix(bos)[len("".join((asked[0], _U, asked[1]))) :]
    if not answered[1].startswith(asked[1]):
        raise ModelError("the chat template writes a question differently once it is answered; Ollama cannot do that")
    around = {"assistant": (answered[1][len(asked[1]) :], answered[2])}
    lead, default = asked[0], ""
    alone = _tried(render, [system])
    if alone is not None:
        before, after = _split(alone.removeprefix(bos), _S)
        both = _split(render([system, user], False).removeprefix(bos), _S, _U)
        around["system"] = (before, after)
        lead = both[1].removeprefix(after)
        inserted = asked[0].removesuffix(lead)
        default = inserted.removeprefix(before).removesuffix(after) if inserted else ""
    around["user"] = (lead, asked[1])
    return Frames(around, opening, default)


def _tried(render: Render, messages: Sequence[Message]) -> str | None:
    from jinja2.exceptions import TemplateError

    try:
        return render(messages, False)
    except (TemplateError, UsageError):  # a template without a system role
        return None


def _split(text: str, *marks: str) -> list[str]:
    parts, rest = [], text
    for mark in marks:
        before, found, rest = rest.partition(mark)
        if not found or mark in rest:
            raise ModelError("the chat template drops a message or writes it twice; Ollama cannot do that")
        parts.append(before)
    return [*parts, rest]


def go_template(found: Frames) -> str:
    """The frames in Ollama's template language. Raises: ModelError for texts that it would take as its own."""
    for text in (found.opening, found.default, *(side for pair in found.around.values() for side in pair)):
        if "{{" in text or '"""' in text:
            raise ModelError("the chat template writes braces that Ollama would take as its own")
    cases = [f'if eq .Role "{role}" }}}}{a}{{{{ .Content }}}}{b}{{{{ ' for role, (a, b) in found.around.items()]
    return f"{{{{ range .Messages }}}}{{{{ {'else '.join(cases)}end }}}}{{{{ end }}}}{found.opening}"


def write(gguf_name: str, found: Frames, stops: Sequence[str], context_tokens: int) -> str:
    """The text of a Modelfile for the GGUF file beside it; answers are greedy, as they were checked."""
    lines = [f"FROM ./{gguf_name}", f'TEMPLATE """{go_template(found)}"""']
    if found.default:
        lines.append(f'SYSTEM """{found.default}"""')
    lines += [f'PARAMETER stop "{stop}"' for stop in stops]
    lines += ["PARAMETER temperature 0", f"PARAMETER num_ctx {context_tokens}"]
    return "\n".join(lines) + "\n"


def read(text: str) -> Modelfile:
    """What a Modelfile that ``write`` made says. Raises: ModelError where it has no template."""
    texts = {match[1]: match[2] for match in _TEXT.finditer(text)}
    if "TEMPLATE" not in texts:
        raise ModelError("Modelfile: has no TEMPLATE")
    return Modelfile(texts["TEMPLATE"], texts.get("SYSTEM", ""), tuple(_STOP.findall(text)))


def prompt(file: Modelfile, messages: Sequence[Message]) -> str:
    """The prompt that Ollama makes of a conversation, with its system message in front where there is none.

    Raises: ModelError for template actions that ``go_template`` never writes.
    """
    turns = list(messages)
    if file.system and (not turns or turns[0].role != "system"):
        turns.insert(0, Message("system", file.system))
    body = re.fullmatch(r"\{\{-? range \.Messages -?\}\}(.*)\{\{ end \}\}\{\{ end \}\}(.*)", file.template, re.DOTALL)
    if body is None:
        raise ModelError("Modelfile: its template does not go over the messages")
    return "".join(_turn(body[1], turn) for turn in turns) + body[2]


def _turn(body: str, turn: Message) -> str:
    """One message in the branch of its role; nothing where no branch is for it."""
    written, active = [], True
    for n, piece in enumerate(_ACTION.split(body)):
        if n % 2 == 0:
            written.append(piece if active else "")
        elif piece == ".Content":
            written.append(turn.content if active else "")
        elif (branch := _IF.fullmatch(piece)) is not None:
            active = branch[1] == turn.role
        else:
            raise ModelError(f"Modelfile: its template says {{{{ {piece} }}}}, which cannot be checked here")
    return "".join(written)
