"""What answering adds or takes away: a reader that is always right, and readers that are always wrong.

    python -m bench.ceiling [--half even|odd] [--style bare|sentence|spelt|told] [--show] [--base FOLDER]

A server on this machine speaks OpenAI's protocol and knows every question of the sample organisation. It replies with
the reference answer (``right``), with the answer of another question (``other``), or with the reference answer in which
a number, a name or a negation is changed (``changed``). All settings are the defaults but ``answer.style = "write"``
and the address of the model, so what is lost between a right reply and the screen is lost by wellread.

Prints the share of answerable questions that are shown right, by kind and where the twenty hits hold the answer, and
the share of wrong replies that are shown.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bench.common import interval, keep, rows
from bench.harbour import HARBOUR, stands
from wellread import KnowledgeBase
from wellread.metrics.metrics import holds
from wellread.types import Principal

REFUSED = "The passages do not say."
_NUMBER = re.compile(r"\d+")
_NOT = re.compile(r"\b(?:not|no|never|cannot|can't|don't)\b ?", re.IGNORECASE)
_NAME = re.compile(r"\b[A-Z][a-z’']{2,}(?: [A-Z][a-z’']+)*")
_DIGITS = dict(
    enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    )
)
Reply = Callable[[Mapping[str, Any]], str | None]


def main() -> None:
    """Asks every question of every reader and prints shares with intervals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=("even", "odd"), help="only questions with even or odd numbers")
    parser.add_argument("--style", choices=tuple(STYLES), default="bare", help="how the replies are worded")
    parser.add_argument("--readers", nargs="*", default=("right", "other", "changed"))
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    parser.add_argument(
        "--show", action="store_true", help="print every right reply that is lost, every wrong one shown"
    )
    parser.add_argument("--base", type=Path, help="keep the base here and use it again")
    arguments = parser.parse_args()
    questions = rows(HARBOUR / "questions.jsonl")
    if arguments.half:
        questions = [q for q in questions if int(q["id"][1:]) % 2 == (arguments.half == "odd")]
    with tempfile.TemporaryDirectory() as folder:
        base = arguments.base or Path(folder) / "base"
        if not base.exists():
            with KnowledgeBase.create(base) as kb:
                kb.add(str(HARBOUR / "documents"))
        figures = {
            name: measure(base, questions, reader(name, questions, arguments.style), arguments)
            for name in arguments.readers
        }
    keep("ceiling", figures)


def reader(name: str, questions: list[dict[str, Any]], style: str) -> Reply:
    """What this reader replies to a question; None where it has nothing to say."""
    answerable = [q for q in questions if q["answerable"]]
    shuffled = random.Random(7).sample(answerable, len(answerable))
    others = {q["id"]: shuffled[n - 1] for n, q in enumerate(shuffled)}
    worded = STYLES[style]
    if name == "right":
        return lambda q: worded(q, reference(q)) if q["answerable"] else REFUSED
    if name == "other":
        return lambda q: worded(q, reference(others.get(q["id"], shuffled[0])))
    names = sorted({found for q in answerable for a in q["answers"] for found in _NAME.findall(a)})
    return lambda q: worded(q, wrong) if q["answerable"] and (wrong := changed(q, names)) else None


def reference(question: Mapping[str, Any]) -> str:
    """The reference answer, with every part that a whole answer holds."""
    parts = [question["answers"][0], *question.get("all_of", ())]
    return ", ".join(p for n, p in enumerate(parts) if not any(holds(other, [p]) for other in parts[:n]))


def changed(question: Mapping[str, Any], names: list[str]) -> str | None:
    """The reference answer with its last number, its name or its negation another one; None where it has none."""
    right, draw = reference(question), random.Random(question["id"])
    if numbers := list(_NUMBER.finditer(right)):
        last = numbers[-1]
        other = str(int(last[0]) + draw.choice((-2, -1, 1, 2, 3, 10)) or 7)
        return right[: last.start()] + other.lstrip("-").zfill(len(last[0])) + right[last.end() :]
    if _NOT.search(right):
        return _NOT.sub("", right)
    if named := _NAME.search(right):
        return right.replace(named[0], draw.choice([name for name in names if name not in right]))
    return None


def _sentence(question: Mapping[str, Any], answer: str) -> str:
    about = question["text"].rstrip("?. ")
    return f"According to the documents, the answer to «{about}» is {answer}."


def _told(question: Mapping[str, Any], answer: str) -> str:
    return f"It is {answer}."


def _spelt(question: Mapping[str, Any], answer: str) -> str:
    def other(match: re.Match[str]) -> str:
        n = int(match[0].replace(",", ""))
        return _DIGITS.get(n) or (f"{n:,}".replace(",", " ") if n > 9999 else match[0])

    return re.sub(r"(?<![\w.,:-])\d[\d,]*(?![\w.:-])", other, answer) + "."


STYLES: dict[str, Callable[[Mapping[str, Any], str], str]] = {
    "bare": lambda question, answer: answer,
    "sentence": _sentence,
    "told": _told,
    "spelt": _spelt,
}


def measure(base: Path, questions: list[dict[str, Any]], reply: Reply, arguments: argparse.Namespace) -> dict[str, Any]:
    """Shares of one reader."""
    flags: dict[str, list[bool]] = defaultdict(list)
    with serving(questions, reply) as url:
        overrides = ["answer.style='write'", "chat.model='openai:scripted'", f"chat.base_url='{url}/v1'"]
        with KnowledgeBase.open(base, overrides=[*overrides, *arguments.overrides]) as kb:
            for question in questions:
                if reply(question) is None:
                    continue
                for name, flag in outcome(question, kb, reply(question) or "", arguments.show).items():
                    flags[name].append(flag)
    return {name: interval(values) for name, values in sorted(flags.items())}


def outcome(question: dict[str, Any], kb: KnowledgeBase, said: str, show: bool) -> dict[str, bool]:
    """Whether what was said is on the screen, by the figures that it counts for."""
    visible = kb.as_user(Principal(groups=frozenset(question.get("who_needed", []))))
    answer = visible.ask(question["text"])
    right = question["answerable"] and not wrong(said, question)
    if not right:
        name = "wrong replies shown" if said != REFUSED else "refusals of the reader kept"
        flag = not answer.refused if said != REFUSED else answer.refused
        if show and flag and said != REFUSED:
            print(f"✗ shown: {question['id']} {question['text']}\n    → {answer.text}   = {question['answers']}")
        return {name: flag}
    shown = not answer.refused and not wrong(answer.text, question)
    hits = visible.search(question["text"], k=kb.settings["answer"].passages).hits
    held = all(any(stands(e, hit) for hit in hits) for e in question["evidence"])
    if show and not shown:
        print(f"✗ lost: {question['id']} {question['text']}\n    → {said}  (held: {held}) {answer.text}")
        for verdict in answer.verdicts:
            print(f"      {verdict.reason}")
    of = {f"right replies shown: {question['kind']}": shown, "right replies shown": shown}
    if question["kind"] != "other-format":
        of["right replies shown, kinds that the base reads"] = shown
    return of | ({"right replies shown where the hits hold the evidence": shown} if held else {})


def wrong(text: str, question: Mapping[str, Any]) -> bool:
    """Whether a text lacks an accepted answer or a part of one, or holds what no answer may."""
    whole = all(holds(text, [part]) for part in question.get("all_of", ()))
    return not (holds(text, question["answers"]) and whole) or holds(text, question.get("wrong", ()))


@contextmanager
def serving(questions: list[dict[str, Any]], reply: Reply) -> Iterator[str]:
    """A loopback server that finds the question in the last message and replies; its address."""
    known = sorted(questions, key=lambda q: -len(q["text"]))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            last = str(body["messages"][-1]["content"])
            asked = next((q for q in known if q["text"] in last), None)
            text = (reply(asked) if asked else None) or REFUSED
            usage = {"prompt_tokens": len(last) // 4, "completion_tokens": len(text) // 4}
            if body.get("stream"):
                piece = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": "stop"}]}
                events = (piece, {"choices": [], "usage": usage})
                data = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
                kind = "text/event-stream"
            else:
                message = {"role": "assistant", "content": text}
                data = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage})
                kind = "application/json"
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data.encode())))
            self.end_headers()
            self.wfile.write(data.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is printed for a request."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    main()
