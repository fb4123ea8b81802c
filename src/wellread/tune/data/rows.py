"""From the records of a file to typed rows of one task; what a row lacks is said with its file and row."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wellread.models.api import Message
from wellread.tune.data.data import (
    ChatRow,
    ClassifyRow,
    ExtractedAnswer,
    ExtractRow,
    PairRow,
    PreferenceRow,
    RatedRow,
    Row,
    TagRow,
    TextRow,
)
from wellread.tune.data.data import row_id as _id
from wellread.tune.data.fields import Say, Unfit, text_of, turns_of
from wellread.tune.data.files import Record, RecordFile, a_what
from wellread.tune.data.findings import DEFAULT, DataFinding, Policy
from wellread.tune.data.formats import Detected, parsed, score_of

_PLACEHOLDER = re.compile(
    r"\s*(?:todo|tbd|fixme|n/?a|none|null|nan|xxx+|\.\.\.|…|-+|lorem ipsum\b.*|\[?insert\b.*|your answer here\W*|"
    r"see above\W*|asdf\w*|test)\s*",
    re.IGNORECASE | re.DOTALL,
)
_MODEL_TALK = re.compile(
    r"\bas an? (?:ai|large) (?:language )?model\b|\bI(?:'m| am) (?:ChatGPT|an AI language model)\b", re.I
)


@dataclass(frozen=True, slots=True)
class PlacedRow:
    """A row and where it stands: what every finding about it names."""

    row: Row
    file: str
    number: int


@dataclass(slots=True)
class TakenRows:
    """Rows of a file that could be read, and what was found on the way."""

    rows: list[PlacedRow] = field(default_factory=list)
    findings: list[DataFinding] = field(default_factory=list)


def take(table: RecordFile, detected: Detected, policy: Policy = DEFAULT) -> TakenRows:
    """Every record of the table as a row of its task; those that are none are listed with the reason."""
    taken = TakenRows()
    convert = _CONVERTERS[detected.format.name]
    for record in table.records:
        told: list[DataFinding] = []

        def say(code: str, message: str, told: list[DataFinding] = told, number: int = record.row) -> None:
            told.append(policy.finding(code, table.file, number, message))

        try:
            row = convert(_values(record, detected), say)
        except Unfit as fault:
            say(fault.code, str(fault))
        else:
            if not any(one.dropped for one in told):
                taken.rows.append(PlacedRow(row, table.file, record.row))
        taken.findings += told
    return taken


def _values(record: Record, detected: Detected) -> dict[str, Any]:
    """The fields of a record; one that its format needs and that is not even a column of it is a fault of the row."""
    values = {}
    absent = [c for f, c in detected.columns.items() if f in detected.format.needs and c not in record.values]
    if absent and len(absent) == len(detected.format.needs):
        there = ", ".join(map(str, record.values)) or "none"
        raise Unfit(
            "other-columns", f"has the columns {there} and not {', '.join(absent)}, unlike the rest of the file"
        )
    if absent:
        raise Unfit("missing-field", f"has no '{absent[0]}'")
    for name, column in detected.columns.items():
        values[name] = record.values.get(column)
    return values


# conversations


def _from_messages(values: Mapping[str, Any], say: Say) -> Row:
    return _conversation(_opened(values, turns_of(values, "messages", "role", "content", say)), say)


def _from_sharegpt(values: Mapping[str, Any], say: Say) -> Row:
    return _conversation(_opened(values, turns_of(values, "conversations", "from", "value", say)), say)


def _opened(values: Mapping[str, Any], turns: list[Message]) -> list[Message]:
    """The turns below the system turn of a column of its own, unless they begin with one."""
    return turns if turns and turns[0].role == "system" else [*_system(values), *turns]


def _from_alpaca(values: Mapping[str, Any], say: Say) -> Row:
    instruction = text_of(values, "instruction")
    more = values.get("input")
    if more is not None and not isinstance(more, str):
        raise Unfit("wrong-type", f"'input' is {a_what(more)}, not a text")
    asked = f"{instruction}\n\n{more.strip()}" if more and more.strip() else instruction
    turns = [Message("user", asked), Message("assistant", text_of(values, "output", empty="empty-turn"))]
    return _conversation([*_system(values), *turns], say)


def _from_prompt(values: Mapping[str, Any], say: Say) -> Row:
    turns = [
        Message("user", text_of(values, "prompt")),
        Message("assistant", text_of(values, "completion", empty="empty-turn")),
    ]
    return _conversation([*_system(values), *turns], say)


def _system(values: Mapping[str, Any]) -> list[Message]:
    """The system turn that a column of its own holds; none where it is blank in this row."""
    given = values.get("system")
    return [Message("system", text_of(values, "system"))] if given is not None and str(given).strip() else []


def _conversation(turns: list[Message], say: Say) -> Row:
    roles = [turn.role for turn in turns]
    if "assistant" not in roles:
        raise Unfit("nothing-to-train", "no turn is the assistant's, so nothing would be learned")
    spoken = [role for role in roles if role != "system"]
    if spoken[0] == "assistant":
        say("starts-with-assistant", "the first turn is the assistant's; most chat templates want the user's")
    if roles[-1] == "user":
        say("ends-with-user", "the last turn is the user's; it is read and not learned")
    for n, (one, other) in enumerate(itertools.pairwise(roles), 2):
        if one == other and one in ("user", "assistant"):
            say("two-in-a-row", f"turn {n} is the {one}'s again; join the two, or add what is missing between them")
            break
    if "system" in roles[1:]:
        say("system-late", f"turn {roles.index('system', 1) + 1} is a system turn; most templates take only the first")
    for n, turn in enumerate(turns):
        if turn.role != "assistant":
            continue
        if n and turn.content.strip() and turn.content.strip() == turns[n - 1].content.strip():
            say("echo", f"turn {n + 1} repeats turn {n} word for word")
        if _PLACEHOLDER.fullmatch(turn.content) and turn.content.strip():
            say("placeholder", f"turn {n + 1} is '{turn.content.strip()[:40]}'; write the answer, or remove the row")
        elif _MODEL_TALK.search(turn.content):
            say("model-talk", f"turn {n + 1} is what another model says about itself; the model learns to say it")
    return ChatRow(_id([(turn.role, turn.content) for turn in turns]), tuple(turns))


# the other tasks


def _from_labelled(values: Mapping[str, Any], say: Say) -> Row:
    text, label = text_of(values, "text"), values.get("label")
    if label is None or (isinstance(label, str) and not label.strip()):
        raise Unfit("empty-label", "has no label; write one, or remove the row")
    if isinstance(label, (list, dict)):
        raise Unfit("wrong-type", f"its label is {a_what(label)}; one label a row is learned")
    if isinstance(label, float) and label.is_integer():
        label = int(label)  # 1 and 1.0 are one label: a column with a gap turns into floats on its way
    return ClassifyRow(_id(text, label), text, str(label).strip())


def _from_tagged(values: Mapping[str, Any], say: Say) -> Row:
    tokens, tags = _list(values, "tokens"), _list(values, "tags")
    if len(tokens) != len(tags):
        raise Unfit("length-mismatch", f"has {len(tokens)} tokens and {len(tags)} tags")
    if not tokens:
        raise Unfit("empty-field", "has no tokens")
    if not all(tags):
        raise Unfit("empty-label", f"token {tags.index('') + 1} has no tag; outside of everything is O")
    return TagRow(_id(tokens, tags), tokens, tags)


def _list(values: Mapping[str, Any], name: str) -> tuple[str, ...]:
    given = parsed(values.get(name))
    if given is None:
        raise Unfit("missing-field", f"'{name}' is null; it is a list")
    if isinstance(given, str):
        given = given.split()
    if not isinstance(given, list) or any(isinstance(one, (list, dict)) or one is None for one in given):
        raise Unfit("wrong-type", f"'{name}' is {a_what(given)}, not a list of texts")
    return tuple(str(one).strip() for one in given)


def _from_squad(values: Mapping[str, Any], say: Say) -> Row:
    question, context = text_of(values, "question"), text_of(values, "context")
    answers = tuple(
        _placed_answer(text, start, context, say) for text, start in _answers(parsed(values.get("answers")))
    )
    return ExtractRow(_id(question, context, [one.text for one in answers]), question, context, answers)


def _answers(given: Any) -> list[tuple[str, Any]]:
    """Answer and position (None where it is not said) of each of the ways in which files write them."""
    if given is None:
        raise Unfit("missing-field", "'answers' is null; a question without an answer has an empty list")
    if isinstance(given, str):
        return [(given, None)] if given.strip() else []
    if isinstance(given, dict):
        texts, starts = given.get("text", []), given.get("answer_start", given.get("start", []))
        texts, starts = (value if isinstance(value, list) else [value] for value in (texts, starts))
        given = [
            {"text": text, "start": start} for text, start in zip(texts, [*starts, *[None] * len(texts)], strict=False)
        ]
    if not isinstance(given, list):
        raise Unfit("wrong-type", f"'answers' is {a_what(given)}, not a list")
    found = [one if isinstance(one, dict) else {"text": one} for one in given]
    if not all(isinstance(one.get("text"), str) for one in found):
        raise Unfit("wrong-type", "an answer has no 'text'")
    return [(one["text"], one.get("start", one.get("answer_start"))) for one in found]


def _placed_answer(text: str, start: Any, context: str, say: Say) -> ExtractedAnswer:
    if not text.strip():
        raise Unfit("empty-field", "an answer is empty")
    if isinstance(start, int) and start >= 0 and context[start : start + len(text)] == text:
        return ExtractedAnswer(text, start)
    places = [m.start() for m in re.finditer(re.escape(text), context)]
    if not places:
        raise Unfit("answer-not-there", f"the answer '{text[:40]}' does not stand in its context letter for letter")
    best = min(places, key=lambda at: abs(at - start)) if isinstance(start, int) else places[0]
    if isinstance(start, int):
        say("answer-offset", f"the answer '{text[:40]}' stands at {best}, not at {start}; {best} was taken")
    return ExtractedAnswer(text, best)


def _from_pairs(values: Mapping[str, Any], say: Say) -> Row:
    return _pair(text_of(values, "source"), text_of(values, "target"), say)


def _from_translation(values: Mapping[str, Any], say: Say) -> Row:
    given = parsed(values.get("translation"))
    if not isinstance(given, dict) or len(given) != 2:
        raise Unfit("wrong-type", f"'translation' is {a_what(given)}, not an object with two languages")
    one, other = given
    return _pair(text_of(given, one), text_of(given, other), say)


def _pair(source: str, target: str, say: Say) -> Row:
    if source.strip() == target.strip():
        say("untranslated", "source and target are the same text")
    elif _PLACEHOLDER.fullmatch(target):
        say("placeholder", f"the target is '{target.strip()[:40]}'")
    return PairRow(_id(source, target), source, target)


def _from_texts(values: Mapping[str, Any], say: Say) -> Row:
    text = text_of(values, "text")
    return TextRow(_id(text), text)


_TURN = re.compile(r"(?:\A|\n\n)Assistant: ?")


def _transcripts(values: Mapping[str, Any]) -> dict[str, Any] | None:
    """Prompt and answers of two transcripts «Human: … Assistant: …» that differ in the last answer; else None."""
    chosen, rejected = values.get("chosen"), values.get("rejected")
    if values.get("prompt") is not None or not isinstance(chosen, str) or not isinstance(rejected, str):
        return None
    ends = [max((m.span() for m in _TURN.finditer(text)), default=None) for text in (chosen, rejected)]
    if ends[0] is None or ends[1] is None or chosen[: ends[0][0]] != rejected[: ends[1][0]]:
        return None
    prompt = chosen[: ends[0][0]].strip()
    if prompt.count("Human:") == 1:
        prompt = prompt.removeprefix("Human:").strip()
    return {"prompt": prompt, "chosen": chosen[ends[0][1] :].strip(), "rejected": rejected[ends[1][1] :].strip()}


def _from_preferences(values: Mapping[str, Any], say: Say) -> Row:
    values = {**values, **(_transcripts(values) or {})}
    chosen, rejected = _last(values, "chosen", say), _last(values, "rejected", say)
    given = parsed(values.get("prompt"))
    if given is None:
        given = parsed(values.get("chosen"))[:-1] if isinstance(parsed(values.get("chosen")), list) else None
    if isinstance(given, list):
        turns = turns_of({"prompt": given}, "prompt", "role", "content", say)
        prompt = "\n\n".join(turn.content for turn in turns)
    else:
        prompt = text_of({"prompt": given}, "prompt")
    if chosen.strip() == rejected.strip():
        say("same-pair", "chosen and rejected are the same text, so nothing is preferred")
    rater = _rater(values)
    return PreferenceRow(_id(prompt, chosen, rejected, *[rater] * bool(rater)), prompt, chosen, rejected, rater)


def _from_rated(values: Mapping[str, Any], say: Say) -> Row:
    prompt, answer = text_of(values, "prompt"), text_of(values, "completion", empty="empty-turn")
    given, rater = values.get("score"), _rater(values)
    if given is None or given == "":
        raise Unfit("missing-field", "has no score; write one, or remove the row")
    score = score_of(given)
    if score is None:
        raise Unfit("wrong-type", f"its score is '{given}', neither a number nor true or false")
    if _PLACEHOLDER.fullmatch(answer):
        say("placeholder", f"the answer is '{answer.strip()[:40]}'")
    return RatedRow(_id(prompt, answer, score, rater), prompt, answer, score, rater)


def _rater(values: Mapping[str, Any]) -> str:
    given = values.get("rater")
    return "" if given is None or isinstance(given, (list, dict)) else str(given).strip()


def _last(values: Mapping[str, Any], name: str, say: Say) -> str:
    given = parsed(values.get(name))
    if isinstance(given, list):
        return turns_of({name: given}, name, "role", "content", say)[-1].content
    return text_of(values, name)


_CONVERTERS: Mapping[str, Callable[[Mapping[str, Any], Say], Row]] = {
    "messages": _from_messages,
    "ShareGPT": _from_sharegpt,
    "alpaca": _from_alpaca,
    "prompt and completion": _from_prompt,
    "preference pairs": _from_preferences,
    "rated answers": _from_rated,
    "question in context": _from_squad,
    "tagged tokens": _from_tagged,
    "translation pairs": _from_translation,
    "parallel texts": _from_pairs,
    "labelled texts": _from_labelled,
    "texts": _from_texts,
}


def parallel(
    source: Sequence[str], target: Sequence[str], names: tuple[str, str], policy: Policy = DEFAULT
) -> TakenRows:
    """Pairs of the lines of two files; an empty side is listed, different numbers of lines are a fault of the whole."""
    taken = TakenRows()
    file = names[0]
    if len(source) != len(target):
        message = (
            f"has {len(source)} lines and {names[1]} has {len(target)}; line n of one belongs to line n of the other"
        )
        taken.findings.append(policy.finding("line-count", file, 0, message))
        return taken
    for number, (one, other) in enumerate(zip(source, target, strict=True), 1):
        told: list[DataFinding] = []

        def say(code: str, message: str, told: list[DataFinding] = told, number: int = number) -> None:
            told.append(policy.finding(code, file, number, message))

        if not one.strip() and not other.strip():
            continue
        if not one.strip() or not other.strip():
            say("empty-field", f"its line in {names[0] if not one.strip() else names[1]} is empty")
        else:
            row = _pair(one.strip(), other.strip(), say)
            if not any(finding.dropped for finding in told):
                taken.rows.append(PlacedRow(row, file, number))
        taken.findings += told
    return taken
