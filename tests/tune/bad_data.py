"""Files of examples that are broken as users' files are, each with the finding that it must give.

Made from what users of training libraries complain about: rows that vanish, wrong roles, answers that are cut, end
tokens that double or are missing, labels that contradict each other, questions that leak.
"""

import io
import json
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

CITIES = ("Oslo", "Rome", "Lima", "Cairo", "Delhi", "Quito", "Accra", "Hanoi", "Sofia", "Tunis")
THINGS = ("harbour", "market", "tower", "garden", "library", "bridge", "theatre", "station", "castle", "school")


@dataclass(frozen=True)
class Broken:
    """A broken file (or two), and the finding: code, file, row; ``code_of_exit`` is 3, or 2 where nothing is left."""

    name: str
    files: Mapping[str, bytes]
    code: str
    row: int
    file: str = ""
    code_of_exit: int = 3
    task: str = ""
    mapping: tuple[str, ...] = ()
    max_length: int = 0
    says: str = ""  # part of the message, where it matters what is advised
    questions: tuple[str, ...] = ()
    left: int | None = None  # rows that are left
    template: str = field(default="")  # chat template of the tokenizer, where it is the fault
    eos: str = "<|im_end|>"

    @property
    def where(self) -> str:
        """The file that the finding names."""
        return self.file or next(iter(self.files))


LONG = " ".join(f"Go past the {one} of {other}." for one, other in zip(THINGS, CITIES, strict=True))


def lines(rows: Sequence[Any]) -> bytes:
    return "".join(
        (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)) + "\n" for row in rows
    ).encode()


def asked(n: int) -> tuple[str, str]:
    city, thing = CITIES[n % 10], THINGS[(n * 3 + n // 10) % 10]
    return (
        f"Where do I find the {thing} of {city} number {n}?",
        f"Beside gate {n * 7 + 3} in the {THINGS[n % 10]} road.",
    )


def turns(n: int) -> list[dict[str, Any]]:
    question, answer = asked(n)
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def chat(n: int) -> dict[str, Any]:
    return {"messages": turns(n)}


def pair(n: int) -> dict[str, Any]:
    return dict(zip(("prompt", "completion"), asked(n), strict=True))


def labelled(n: int, label: str = "") -> dict[str, Any]:
    return {"text": asked(n)[0], "label": label or ("good", "bad")[n % 2]}


def chats(*broken: Any, name: str = "chat.jsonl") -> dict[str, bytes]:
    """Two good rows, the broken ones from row 3 on, and two good ones."""
    return {name: lines([chat(0), chat(1), *broken, chat(2), chat(3)])}


def talk(*said: tuple[Any, Any]) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content} for role, content in said]}


def csv(*rows: str, head: str = "text,label") -> bytes:
    return ("\n".join([head, *rows]) + "\n").encode()


def xlsx(rows: Sequence[Sequence[str]]) -> bytes:
    """A workbook with one sheet of inline texts."""
    cells = "".join(
        f'<row r="{r}">'
        + "".join(f'<c r="{chr(65 + c)}{r}" t="inlineStr"><is><t>{cell}</t></is></c>' for c, cell in enumerate(row))
        + "</row>"
        for r, row in enumerate(rows, 1)
    )
    sheet = f'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{cells}</sheetData></worksheet>'
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", sheet)
    return made.getvalue()


def many(*broken: Any, n: int = 24) -> list[Any]:
    return [*(labelled(k) for k in range(n)), *broken]


def texts(*broken: str) -> bytes:
    return lines([*({"text": asked(n)[0]} for n in range(24)), *({"text": text} for text in broken)])


CONLL = b"Anna B-PER\nlives O\nin O\nOslo B-LOC\n\nBoris B-PER\nsails O\n\n"


def files() -> list[Broken]:
    """Files that are broken as files."""
    return [
        Broken("an empty file", {"a.jsonl": b""}, "empty-file", 0, code_of_exit=2),
        Broken("only white space", {"a.csv": b" \n \n"}, "empty-file", 0, code_of_exit=2),
        Broken("a header and no row", {"a.csv": b"text,label\n"}, "empty-file", 0, code_of_exit=2),
        Broken("a line that is not JSON", chats('{"messages": [}'), "bad-json", 3, left=4),
        Broken("a JSON file cut in the middle", {"a.json": b'[{"prompt": "a", "comple'}, "bad-json", 1, code_of_exit=2),
        Broken("JSON that is a number", {"a.json": b"42"}, "not-rows", 0, code_of_exit=2),
        Broken("a row that is a list", chats([1, 2]), "wrong-type", 3, left=4),
        Broken("Latin-1 letters", {"a.csv": "text,label\ncafé,x\n".encode("latin-1")}, "not-utf8", 2, code_of_exit=2),
        Broken(
            "a picture called JSONL", {"a.jsonl": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"}, "unreadable", 0, code_of_exit=2
        ),
        Broken("a text called XLSX", {"a.xlsx": b"text,label\n"}, "unreadable", 0, code_of_exit=2),
        Broken("half an XLSX", {"a.xlsx": xlsx([["text", "label"], ["a", "b"]])[:90]}, "unreadable", 0, code_of_exit=2),
        Broken("a text called Parquet", {"a.parquet": b"PAR1 not really"}, "unreadable", 0, code_of_exit=2),
        Broken(
            "a row with a cell too many", {"a.csv": csv("a fine day,good", "a, b,bad", "no luck,bad")}, "ragged-row", 3
        ),
        Broken(
            "a sheet with a column without a name",
            {"a.xlsx": xlsx([["text", "text"], ["a", "b"]])},
            "duplicate-column",
            0,
            code_of_exit=2,
        ),
        Broken(
            "columns of no format",
            {"a.csv": csv("1,2", head="foo,bar")},
            "unknown-format",
            0,
            code_of_exit=2,
            says="--map foo=prompt",
        ),
        Broken(
            "a misspelt column",
            {"a.jsonl": lines([{"instrction": "a", "output": "b"}])},
            "unknown-format",
            0,
            code_of_exit=2,
            says="--map instrction=instruction",
        ),
        Broken(
            "files of two tasks",
            {"a.jsonl": lines([chat(0)]), "b.csv": csv("a fine day,good", "a bad day,bad")},
            "mixed-tasks",
            0,
            file="b.csv",
            code_of_exit=2,
        ),
        Broken("a row of another format", chats(pair(9)), "other-columns", 3, left=4),
        Broken(
            "parallel files of different length",
            {"a.en": b"one\ntwo\n", "a.de": b"eins\n"},
            "line-count",
            0,
            task="text2text",
            code_of_exit=2,
        ),
        Broken(
            "an empty line in parallel files",
            {"a.en": b"one\ntwo\nthree\n", "a.de": b"eins\n\ndrei\n"},
            "empty-field",
            2,
            task="text2text",
            left=2,
        ),
    ]


def conversations() -> list[Broken]:
    """Conversations that are broken in their turns."""
    return [
        Broken(
            "a misspelt role",
            chats(talk(("usr", "Hi?"), ("assistant", "Yes."))),
            "unknown-role",
            3,
            says="did you mean 'user'",
            left=4,
        ),
        Broken(
            "a role of another format",
            chats({"conversations": 1, **talk(("robot", "a"), ("assistant", "b"))}),
            "unknown-role",
            3,
        ),
        Broken(
            "a turn without a role",
            chats({"messages": [{"content": "a"}, {"role": "assistant", "content": "b"}]}),
            "missing-field",
            3,
            says="turn 1",
        ),
        Broken(
            "a content that is null",
            chats(talk(("user", "a?"), ("assistant", None))),
            "missing-field",
            3,
            says="turn 2",
        ),
        Broken("a content that is a number", chats(talk(("user", 5), ("assistant", "b"))), "wrong-type", 3),
        Broken("an empty answer", chats(talk(("user", "Who are you?"), ("assistant", "  "))), "empty-turn", 3, left=4),
        Broken("no turn at all", chats({"messages": []}), "empty-field", 3),
        Broken("messages that are text", chats({"messages": "user: hi"}), "wrong-type", 3),
        Broken("only the user speaks", chats(talk(("user", "Is anybody here today?"))), "nothing-to-train", 3, left=4),
        Broken(
            "the user has the last word",
            chats({"messages": [*turns(7), {"role": "user", "content": "And?"}]}),
            "ends-with-user",
            3,
            left=5,
        ),
        Broken("two user turns in a row", chats({"messages": [turns(7)[0], *turns(8)]}), "two-in-a-row", 3),
        Broken(
            "a late system turn",
            chats({"messages": [*turns(7), {"role": "system", "content": "Be kind."}, *turns(8)]}),
            "system-late",
            3,
        ),
        Broken("the assistant begins", chats({"messages": [turns(7)[1], *turns(8)]}), "starts-with-assistant", 3),
        Broken(
            "ShareGPT without values",
            {
                "a.json": lines(
                    [
                        [
                            {
                                "conversations": [
                                    {"from": "human", "value": "Hi, who is there?"},
                                    {"from": "gpt", "value": "It is me."},
                                ]
                            },
                            {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt"}]},
                        ]
                    ]
                )
            },
            "missing-field",
            2,
            left=1,
        ),
        Broken(
            "a null completion",
            {"a.jsonl": lines([pair(0), {"prompt": "a", "completion": None}, pair(1)])},
            "missing-field",
            2,
            left=2,
        ),
        Broken(
            "an alpaca row without output",
            {
                "a.json": json.dumps(
                    [
                        {"instruction": "Name a fruit of the garden.", "input": "", "output": "Apple"},
                        {"instruction": "Name two.", "input": ""},
                    ]
                ).encode()
            },
            "missing-field",
            2,
            left=1,
        ),
        Broken(
            "an alpaca row with an empty output",
            {
                "a.json": json.dumps(
                    [
                        {"instruction": "Name a fruit of the garden.", "input": "", "output": "Apple"},
                        {"instruction": "Name two.", "input": "", "output": ""},
                    ]
                ).encode()
            },
            "empty-turn",
            2,
            left=1,
        ),
        Broken(
            "an answer that repeats the question",
            chats(talk(("user", "Say it again."), ("assistant", "Say it again."))),
            "echo",
            3,
            left=4,
        ),
        Broken(
            "a placeholder for an answer",
            chats(talk(("user", "How much is the fish?"), ("assistant", "TODO"))),
            "placeholder",
            3,
        ),
        Broken(
            "another model speaks of itself",
            chats(talk(("user", "How old are you?"), ("assistant", "As an AI language model, I have no age."))),
            "model-talk",
            3,
        ),
    ]


def tokens() -> list[Broken]:
    """Rows that are broken only once a tokenizer has seen them."""
    long = talk(("user", "Tell me all of it."), ("assistant", "All of it is this. " * 30))
    deaf = talk(("user", "Read this: " + "and so on " * 60), ("assistant", "Done."))
    plain = (
        "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
    )
    refuses = (
        "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system turn here') }}"
        "{% endif %}{{ m['role'] + m['content'] + '<|im_end|>' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'assistant' }}{% endif %}"
    )
    return [
        Broken("an answer that is cut", chats(long), "answer-cut", 3, max_length=300, left=4, says="--max-length"),
        Broken("nothing left to learn from", chats(deaf), "zero-trained", 3, max_length=300, left=4),
        Broken("all rows cut", {"a.jsonl": lines([long, deaf])}, "no-rows", 0, max_length=50, code_of_exit=2),
        Broken(
            "an end token in an answer",
            chats(talk(("user", "Who is there?"), ("assistant", "Me.<|im_end|>"))),
            "special-token",
            3,
            left=4,
            says="<|im_end|>",
        ),
        Broken(
            "an end token of another model",
            chats(talk(("user", "Who is there?"), ("assistant", "Me.</s>"))),
            "special-token",
            3,
            says="</s>",
        ),
        Broken(
            "a begin token in a question",
            chats(talk(("user", "<|begin_of_text|>Hi, you"), ("assistant", "Me."))),
            "special-token",
            3,
        ),
        Broken(
            "a template without an end token",
            {"a.jsonl": lines([chat(0), {"messages": [*turns(1), *turns(2)]}, chat(3)])},
            "no-end-token",
            2,
            template=plain,
        ),
        Broken(
            "a template that ends with another token",
            {"a.jsonl": lines([chat(0), chat(1)])},
            "other-end-token",
            0,
            eos="<|endoftext|>",
        ),
        Broken(
            "a template that refuses a row",
            chats({"messages": [{"role": "system", "content": "Be kind."}, *turns(7)]}),
            "refused-by-template",
            3,
            template=refuses,
            left=4,
        ),
        Broken(
            "a text that is cut",
            {"a.jsonl": lines([{"text": "Short."}, {"text": "very long " * 40}])},
            "text-cut",
            2,
            max_length=100,
            left=2,
        ),
    ]


def sets() -> list[Broken]:
    """Sets whose rows do not go together."""
    other = {"text": asked(3)[0], "label": "good"}
    near = asked(30)[0] + " " + " ".join(asked(31))
    squad = {
        "question": "Who sails?",
        "context": "Anna sails to Oslo.",
        "answers": {"text": ["Anna"], "answer_start": [0]},
    }
    return [
        Broken("a row twice", {"a.jsonl": lines([chat(0), chat(1), chat(0)])}, "duplicate", 3, left=2, says="row 1"),
        Broken(
            "a row in two files",
            {"a.jsonl": lines([chat(0)]), "b.jsonl": lines([chat(1), chat(0)])},
            "duplicate",
            2,
            file="b.jsonl",
            says="a.jsonl: row 1",
        ),
        Broken(
            "a row nearly twice",
            {
                "a.jsonl": lines(
                    [
                        {"text": near},
                        {"text": asked(1)[0]},
                        {"text": near.replace("Where", "Where then")},
                    ]
                )
            },
            "near-duplicate",
            3,
        ),
        Broken("one text, two labels", {"a.jsonl": lines(many(other))}, "contradiction", 25, says="row 4"),
        Broken(
            "one question, two answers",
            chats(talk(("user", asked(0)[0]), ("assistant", "Nowhere at all."))),
            "contradiction",
            3,
            says="row 1",
        ),
        Broken("no label", {"a.csv": csv("a fine day,good", "an odd day,", "a bad day,bad")}, "empty-label", 3, left=2),
        Broken(
            "one label for all", {"a.csv": csv("a fine day,good", "a good day,good")}, "one-class", 0, code_of_exit=2
        ),
        Broken(
            "a label of its own for each row",
            {"a.jsonl": lines([labelled(n, f"id{n}") for n in range(12)])},
            "label-per-row",
            0,
            code_of_exit=2,
            says="--map",
        ),
        Broken("a rare label", {"a.jsonl": lines(many(labelled(40, "ugly")))}, "rare-class", 25),
        Broken(
            "labels out of balance",
            {
                "a.jsonl": lines(
                    [*(labelled(n, "good") for n in range(40)), *(labelled(n, "bad") for n in (50, 51, 52))]
                )
            },
            "imbalance",
            41,
        ),
        Broken(
            "labels that differ in case",
            {"a.jsonl": lines(many(*(labelled(n, "Good") for n in (40, 41, 42))))},
            "similar-labels",
            25,
        ),
        Broken(
            "a misspelt label",
            {
                "a.jsonl": lines(
                    [
                        *(labelled(n, ("positive", "negative")[n % 2]) for n in range(12)),
                        *(labelled(n, "positve") for n in (40, 41, 42)),
                    ]
                )
            },
            "similar-labels",
            13,
        ),
        Broken(
            "numbers and words as labels",
            {"a.jsonl": lines(many(*(labelled(n, "1") for n in (40, 41, 42))))},
            "mixed-labels",
            25,
        ),
        Broken(
            "tags that are missing",
            {
                "a.jsonl": lines(
                    [
                        {"tokens": ["Anna", "sails"], "tags": ["B-PER", "O"]},
                        {"tokens": ["Boris", "sails"], "tags": ["B-PER"]},
                    ]
                )
            },
            "length-mismatch",
            2,
            left=1,
        ),
        Broken("a line of CoNLL without a tag", {"a.conll": CONLL + b"Clara\n"}, "ragged-row", 9),
        Broken(
            "a tag that continues nothing", {"a.conll": CONLL + b"in O\nNew I-LOC\nYork I-LOC\n"}, "tag-sequence", 9
        ),
        Broken("nothing tagged", {"a.conll": b"Anna O\nsails O\n"}, "only-outside", 0, code_of_exit=2),
        Broken(
            "an answer that is not there",
            {"a.jsonl": lines([squad, {**squad, "answers": {"text": ["Boris"], "answer_start": [0]}}])},
            "answer-not-there",
            2,
            left=1,
        ),
        Broken(
            "an answer that stands elsewhere",
            {
                "a.jsonl": lines(
                    [squad, {**squad, "question": "Where to?", "answers": {"text": ["Oslo"], "answer_start": [3]}}]
                )
            },
            "answer-offset",
            2,
            left=2,
            says="stands at 14",
        ),
        Broken(
            "a text that is its own translation",
            {"a.tsv": b"good day\tguten Tag\nyes, please\tyes, please\n"},
            "untranslated",
            2,
        ),
        Broken(
            "a translation that is far too long",
            {
                "a.jsonl": lines(
                    [
                        *({"source": asked(n)[0], "target": asked(n)[1]} for n in range(8)),
                        {"source": "Yes.", "target": "So be it. " * 30},
                    ]
                )
            },
            "length-ratio",
            9,
        ),
        Broken(
            "chosen is rejected too",
            {
                "a.jsonl": lines(
                    [
                        {"prompt": "Hi there?", "chosen": "Hello.", "rejected": "Go."},
                        {"prompt": "Who is it?", "chosen": "Me.", "rejected": "Me."},
                    ]
                )
            },
            "same-pair",
            2,
            left=1,
        ),
        Broken(
            "a pair both ways",
            {
                "a.jsonl": lines(
                    [
                        {"prompt": "Hi there?", "chosen": "Hello.", "rejected": "Go away."},
                        {"prompt": "Hi there?", "chosen": "Go away.", "rejected": "Hello."},
                    ]
                )
            },
            "reversed-pair",
            2,
        ),
        Broken(
            "two answers that hardly differ",
            {
                "a.jsonl": lines(
                    [
                        {"prompt": asked(n)[0], "chosen": asked(n)[1], "rejected": f"Ask at number {n}, please."}
                        for n in range(3)
                    ]
                    + [{"prompt": "Hi?", "chosen": f"{LONG} It is wet.", "rejected": f"{LONG} It is dry."}]
                )
            },
            "near-same-pair",
            4,
        ),
        Broken(
            "pairs that length alone decides",
            {
                "a.jsonl": lines(
                    [
                        {"prompt": asked(n)[0], "chosen": f"{asked(n)[1]} {asked(n + 40)[1]}", "rejected": asked(n)[1]}
                        for n in range(24)
                    ]
                )
            },
            "length-bias",
            0,
            says="longer answer is preferred in 100% of 24",
        ),
        Broken(
            "a rater who likes everything",
            {
                "a.jsonl": lines(
                    [{"prompt": asked(n)[0], "completion": asked(n)[1], "score": 5, "rater": "ann"} for n in range(12)]
                    + [
                        {"prompt": asked(n)[0], "completion": f"No. {n}", "score": n % 5, "rater": "bob"}
                        for n in range(12, 30)
                    ]
                )
            },
            "one-sided-rater",
            0,
            says="'ann' gives 5 to 12 of 12",
        ),
        Broken(
            "one rater for nearly all",
            {
                "a.jsonl": lines(
                    [
                        {
                            "prompt": asked(n)[0],
                            "completion": asked(n)[1],
                            "score": n % 3,
                            "rater": "ann" if n % 6 else "bob",
                        }
                        for n in range(30)
                    ]
                )
            },
            "rater-share",
            0,
            code_of_exit=0,
            says="'ann' gave 83%",
        ),
        Broken(
            "answers in a circle",
            {
                "a.jsonl": lines(
                    [
                        {"prompt": "Which gate?", "chosen": asked(one)[1], "rejected": asked(other)[1]}
                        for one, other in ((1, 2), (2, 3), (3, 1), (1, 5))
                    ]
                )
            },
            "preference-circle",
            1,
        ),
        Broken(
            "a row far longer than the rest",
            {"a.jsonl": texts(" ".join(asked(n)[1] for n in range(40, 80)))},
            "length-outlier",
            25,
        ),
        Broken(
            "a row about something else",
            {"a.jsonl": texts("SELECT amount FROM invoices WHERE tax_rate > 0.19;")},
            "odd-one-out",
            25,
        ),
        Broken(
            "letters decoded wrongly",
            chats(talk(("user", "Where is the cafÃ© of Oslo?"), ("assistant", "There."))),
            "mojibake",
            3,
            left=5,
        ),
        Broken(
            "letters that were lost",
            chats(talk(("user", "Where is the caf\ufffd of Oslo?"), ("assistant", "There."))),
            "replacement-characters",
            3,
        ),
        Broken(
            "invisible characters",
            chats(talk(("user", "Where is the\u200b bank of Oslo?"), ("assistant", "There."))),
            "control-characters",
            3,
        ),
        Broken(
            "HTML in an answer",
            chats(talk(("user", "Where is the bank of Oslo?"), ("assistant", "<p>There.</p>"))),
            "markup",
            3,
        ),
        Broken(
            "an e-mail address",
            chats(talk(("user", "Who knows it?"), ("assistant", "Ask eva.moe@example.org now."))),
            "personal-data",
            3,
            says="e-mail",
        ),
        Broken(
            "a card number",
            chats(talk(("user", "What is paid with?"), ("assistant", "With 4111 1111 1111 1111."))),
            "personal-data",
            3,
            says="card",
        ),
        Broken(
            "an IBAN",
            chats(talk(("user", "Where to pay it?"), ("assistant", "To DE89 3704 0044 0532 0130 00."))),
            "personal-data",
            3,
            says="IBAN",
        ),
        Broken(
            "an evaluation question",
            chats(pair_of("What does a dog cost on Line 3?", "Nothing.")),
            "leaked-question",
            3,
            questions=("What does a dog cost on Line 3?",),
            left=4,
        ),
        Broken(
            "an evaluation question in other words",
            chats(pair_of("What does the dog cost on line 3, please?", "Nil.")),
            "leaked-question",
            3,
            questions=("What does a dog cost on Line 3?",),
            left=4,
        ),
    ]


def pair_of(question: str, answer: str) -> dict[str, Any]:
    return talk(("user", question), ("assistant", answer))


def lost() -> list[Broken]:
    """Files that hold more than is learned of them."""
    calls = [{"type": "function", "function": {"name": "depth_of", "arguments": "{}"}}]
    called = {"messages": [turns(7)[0], {"role": "assistant", "content": "I look.", "tool_calls": calls}, turns(7)[1]]}
    light = {"messages": [*turns(7), turns(8)[0], {**turns(8)[1], "weight": 0}]}
    thought = {"messages": [turns(7)[0], {**turns(7)[1], "reasoning_content": "They ask for a road."}]}
    silent = "{% for m in messages %}{% if m.role != 'system' %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
    silent += "{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    quoted = b'text,label\nA deep berth,good\nA 5 m berth,"bad\nA wet berth,bad\nA dry berth,good\nA new berth,bad\n'
    more = [{**labelled(n), "body": "More of it is told here."} for n in range(6)]
    return [
        Broken("a turn that calls a tool", chats(called), "lost-calls", 3, says="depth_of", left=5),
        Broken("a turn of weight 0", chats(light), "turn-weight", 3, says="'weight' 0", left=5),
        Broken("a turn with its reasoning", chats(thought), "unused-key", 3, says="reasoning_content", left=5),
        Broken("a quote that is never closed", {"a.csv": quoted}, "open-quote", 3, left=5),
        Broken("a column that is not read", {"a.jsonl": lines(more)}, "unused-column", 0, says="'body'", left=6),
        Broken(
            "a template without system turns",
            chats({"messages": [{"role": "system", "content": "Be brief."}, *turns(7)]}),
            "lost-turn",
            3,
            template=silent,
            says="system",
            left=5,
        ),
    ]


def corpus() -> list[Broken]:
    """Every broken file."""
    return [*files(), *conversations(), *tokens(), *sets(), *lost()]


def parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The rows as a Parquet file."""
    import pyarrow
    from pyarrow import parquet as written

    made = io.BytesIO()
    written.write_table(pyarrow.Table.from_pylist([dict(row) for row in rows]), made)
    return made.getvalue()


def zip_bomb(n_bytes: int) -> bytes:
    """A workbook whose sheet says that it unpacks to ``n_bytes``."""
    made = bytearray(xlsx([["text"], ["a"]]))
    at = made.rindex(b"PK\x01\x02")
    made[at + 24 : at + 28] = struct.pack("<I", n_bytes)
    return bytes(made)
