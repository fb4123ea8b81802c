"""What is wrong with training data: every kind of fault with its weight, each case with file, row and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from wellread.config import suggestion
from wellread.errors import UsageError

Severity = Literal["error", "warning", "note"]
CLEAN, FINDINGS, UNUSABLE = 0, 3, 2


class Flaw(NamedTuple):
    """A kind of fault: how bad it is, whether a row that has it is dropped unless the user keeps it, and what it is."""

    severity: Severity
    dropped: bool
    sentence: str


# An error means that the row (or file) cannot be learned from as it is. Only what is «dropped» here is ever left out,
# and each time it is listed; --keep and --drop change that for one kind, where a row can be read at all.
KINDS: Mapping[str, Flaw] = {
    # files
    "unreadable": Flaw("error", True, "the file cannot be read"),
    "empty-file": Flaw("error", True, "the file holds nothing"),
    "not-utf8": Flaw("error", True, "the file is not UTF-8 text"),
    "bad-json": Flaw("error", True, "the line is not JSON"),
    "not-rows": Flaw("error", True, "the file is JSON, but not a list of rows"),
    "no-rows": Flaw("error", True, "no row is left to learn from"),
    "unknown-format": Flaw("error", True, "the columns are those of no known format"),
    "mixed-tasks": Flaw("error", True, "files of different tasks were given together"),
    "duplicate-column": Flaw("error", True, "two columns have the same name"),
    "ragged-row": Flaw("error", True, "the row has more or fewer cells than there are columns"),
    "line-count": Flaw("error", True, "the two files of parallel texts have different numbers of lines"),
    "open-quote": Flaw("warning", False, "a quote is never closed; the row is read as it stands in its line"),
    "unused-column": Flaw("warning", False, "columns that hold something and are not read"),
    # fields
    "other-columns": Flaw("error", True, "the row has other columns than the rest of the file"),
    "missing-field": Flaw("error", True, "a field that is needed is missing or null"),
    "wrong-type": Flaw("error", True, "a field holds a value of the wrong type"),
    "empty-field": Flaw("error", True, "a field that is needed is empty"),
    # conversations
    "unknown-role": Flaw("error", True, "a role that no chat template knows"),
    "empty-turn": Flaw("error", True, "a turn without text"),
    "nothing-to-train": Flaw("error", True, "no turn of the assistant, so nothing would be learned"),
    "ends-with-user": Flaw("warning", False, "the last turn is the user's and is not learned"),
    "two-in-a-row": Flaw("warning", False, "two turns of the same role follow each other"),
    "system-late": Flaw("warning", False, "a system turn that is not the first one"),
    "starts-with-assistant": Flaw("warning", False, "the conversation starts with the assistant"),
    "lost-calls": Flaw("warning", False, "calls of tools are not learned: only the text of a turn is"),
    "turn-weight": Flaw("warning", False, "the weight of a turn is not read: it is learned like any other"),
    "unused-key": Flaw("warning", False, "a key of a turn is not read"),
    "lost-turn": Flaw("warning", False, "the template writes no turn of this role: what it says is not seen"),
    "echo": Flaw("error", True, "the answer repeats the question word for word"),
    "placeholder": Flaw("warning", False, "an answer that stands for a missing one (TODO, lorem ipsum, N/A)"),
    "model-talk": Flaw("warning", False, "an answer in which a model speaks about itself"),
    # tokens
    "special-token": Flaw("error", True, "the text spells out a control token of the model (EOS or BOS would double)"),
    "no-end-token": Flaw("error", True, "the template ends no turn with a token that stops: stopping is not learned"),
    "other-end-token": Flaw("warning", False, "the template ends a turn with another token than the tokenizer's EOS"),
    "zero-trained": Flaw("error", True, "no token of the row would be learned"),
    "answer-cut": Flaw("error", True, "the length limit cuts the answer, so its end is not learned"),
    "text-cut": Flaw("warning", False, "the length limit cuts the text"),
    "refused-by-template": Flaw("error", True, "the model's chat template refuses the conversation"),
    # labels, tags, answers
    "empty-label": Flaw("error", True, "a row without a label"),
    "one-class": Flaw("error", False, "all rows have the same label"),
    "rare-class": Flaw("warning", False, "a label with too few rows to split"),
    "imbalance": Flaw("warning", False, "one label is far more frequent than another"),
    "similar-labels": Flaw("warning", False, "two labels that differ in a letter, case or space"),
    "mixed-labels": Flaw("warning", False, "some labels are numbers, others are words"),
    "label-per-row": Flaw("error", False, "nearly every row has a label of its own"),
    "contradiction": Flaw("warning", False, "the same input has different answers"),
    "length-mismatch": Flaw("error", True, "tokens and tags differ in number"),
    "tag-sequence": Flaw("warning", False, "a tag continues (I-) what was not begun (B-)"),
    "only-outside": Flaw("error", False, "no token of any row has a tag but O"),
    "answer-not-there": Flaw("error", True, "the answer does not stand in its context"),
    "answer-offset": Flaw("warning", False, "the answer stands elsewhere than its position says; it was corrected"),
    "untranslated": Flaw("warning", False, "source and target are the same text"),
    "length-ratio": Flaw("warning", False, "one side is many times as long as the other"),
    "same-pair": Flaw("error", True, "the chosen and the rejected answer are the same"),
    "reversed-pair": Flaw("warning", False, "a pair that is preferred one way here and the other way there"),
    "near-same-pair": Flaw("warning", False, "the two answers of a pair hardly differ"),
    "length-bias": Flaw("warning", False, "length alone tells which answer was preferred"),
    "one-sided-rater": Flaw("warning", False, "a rater says the same of everything"),
    "rater-share": Flaw("note", False, "one rater gave most of the rows"),
    "over-share": Flaw("note", True, "a row beyond the share that one rater may give"),
    "preference-circle": Flaw("warning", False, "answers that are each better than the next, all the way round"),
    # sets
    "duplicate": Flaw("warning", True, "the row is there already"),
    "near-duplicate": Flaw("warning", False, "the row is nearly there already"),
    "length-outlier": Flaw("warning", False, "far longer or shorter than the rest"),
    "odd-one-out": Flaw("warning", False, "far from all other rows in meaning"),
    "mojibake": Flaw("warning", False, "letters that were decoded wrongly (Ã¼ for ü)"),
    "replacement-characters": Flaw("warning", False, "letters that were lost in decoding (\N{REPLACEMENT CHARACTER})"),
    "control-characters": Flaw("warning", False, "invisible control characters"),
    "markup": Flaw("warning", False, "tags or entities of HTML"),
    "personal-data": Flaw("warning", False, "personal data: a model gives back what it learned"),
    "leaked-question": Flaw("error", True, "a question that the model will be examined on"),
    "few-rows": Flaw("note", False, "so few rows that results are mostly chance"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DataFinding:
    """One fault at one place. ``row`` counts as the file does: lines of text, rows of a sheet, items from 1; 0: all."""

    code: str
    file: str
    row: int
    message: str
    severity: Severity = "warning"
    dropped: bool = False

    @property
    def where(self) -> str:
        """``file: row 7``, as the user finds it."""
        return f"{self.file}: row {self.row}" if self.row else self.file


@dataclass(frozen=True, slots=True)
class Policy:
    """Which kinds of fault lose their row beyond, or against, what KINDS says."""

    drop: frozenset[str] = frozenset()
    keep: frozenset[str] = frozenset()

    def finding(self, code: str, file: str, row: int, message: str) -> DataFinding:
        """The finding, with its weight and whether its row is dropped."""
        kind = KINDS[code]
        dropped = row > 0 and code not in self.keep and (kind.dropped or code in self.drop)
        return DataFinding(code, file, row, message, kind.severity, dropped)

    def __post_init__(self) -> None:
        for code in sorted(self.drop | self.keep):
            if code not in KINDS:
                raise UsageError(f"'{code}': no such finding{suggestion(code, KINDS)}")
        never = sorted(self.keep & IMPOSSIBLE)
        if never:
            raise UsageError(f"--keep {never[0]}: such a row cannot be made sense of; mend it in the file")


# rows with one of these are no rows, so they cannot be kept
IMPOSSIBLE = frozenset(
    {
        "unreadable",
        "empty-file",
        "not-utf8",
        "bad-json",
        "not-rows",
        "no-rows",
        "unknown-format",
        "mixed-tasks",
        "duplicate-column",
        "ragged-row",
        "line-count",
        "other-columns",
        "missing-field",
        "wrong-type",
        "empty-field",
        "empty-turn",
        "unknown-role",
        "length-mismatch",
        "answer-not-there",
        "empty-label",
        "refused-by-template",
        "nothing-to-train",
        "zero-trained",
    }
)
DEFAULT = Policy()


def exit_code(findings: Iterable[DataFinding], n_rows: int) -> int:
    """0 for clean data, 3 where something was found, 2 where nothing can be trained on."""
    found = [one for one in findings if one.severity != "note"]
    if n_rows == 0 or any(one.code in BLOCKING for one in found):
        return UNUSABLE
    return FINDINGS if found else CLEAN


# with one of these, no training on the rest means anything
BLOCKING = frozenset({"unknown-format", "mixed-tasks", "line-count", "one-class", "label-per-row", "only-outside"})


def counts(findings: Sequence[DataFinding]) -> dict[str, int]:
    """How often each kind was found, the worst and most frequent first."""
    order = {"error": 0, "warning": 1, "note": 2}
    counted = Counter(one.code for one in findings)
    return dict(sorted(counted.items(), key=lambda pair: (order[KINDS[pair[0]].severity], -pair[1], pair[0])))
