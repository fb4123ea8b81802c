"""A label for each word (names, places, parts of speech): the output layer is replaced by one that reads every token.

A word's label stands at its first token; the other tokens of the word are read and not learned (Devlin et al., NAACL
2019, section 5.3). Scores count whole spans, as CoNLL does: a span is right when its kind, start and end are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from wellread.tune.labels.labelled import IGNORED, LabelledItem, f1, is_cut


class Tagged(NamedTuple):
    """Words [start, end) of a sentence that are one ``kind`` of thing."""

    kind: str
    start: int
    end: int


def encode(words: Sequence[str], labels: Sequence[int] | None, tokenizer: Any, longest: int) -> LabelledItem:
    """The words as token ids; ``labels`` (one a word, None to predict) stand at the first token of each."""
    made = tokenizer(list(words), is_split_into_words=True, truncation=True, max_length=longest)
    target, before = [], None
    for word in made.word_ids():
        first = word is not None and word != before
        target.append((labels[word] if labels is not None else 0) if first and word is not None else IGNORED)
        before = word
    return LabelledItem(tuple(made["input_ids"]), tuple(target), cut=is_cut(made))


def spans(tags: Sequence[str]) -> set[Tagged]:
    """The spans of B-, I- and O-tags; an I- without a beginning begins one, as CoNLL's own script has it."""
    found: set[Tagged] = set()
    start, kind = 0, ""
    for n, tag in enumerate([*tags, "O"]):
        mark, _, name = tag.partition("-")
        if kind and (mark != "I" or name != kind):
            found.add(Tagged(kind, start, n))
            kind = ""
        if mark == "B" or (mark == "I" and not kind):
            start, kind = n, name
    return found


def scores(said: Sequence[Sequence[str]], wanted: Sequence[Sequence[str]]) -> dict[str, float]:
    """F1, precision and recall of spans over all sentences, and the share of words with the right tag."""
    right = n_said = n_wanted = same = words = 0
    for mine, true in zip(said, wanted, strict=True):
        a, b = spans(mine), spans(true)
        right, n_said, n_wanted = right + len(a & b), n_said + len(a), n_wanted + len(b)
        same += sum(x == y for x, y in zip(mine, true, strict=True))
        words += len(true)
    return {
        "f1": f1(right, n_said, n_wanted),
        "precision": right / n_said if n_said else 0.0,
        "recall": right / n_wanted if n_wanted else 0.0,
        "words_right": same / words if words else 0.0,
    }
