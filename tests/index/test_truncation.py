from __future__ import annotations

from pathlib import Path

from tests.index.bases import EVERYONE, WordEmbedder, filled, ready

from wellread.index.truncation import TruncatedDocument, truncation
from wellread.store.engine.api import Store
from wellread.types import Principal

SHORT = WordEmbedder(max_tokens=5)


def test_what_an_embedder_would_not_read_is_counted_with_headers_and_by_document(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        filled(
            store,
            WordEmbedder(),
            ready("/long", "one two three four five six", "one two", title="A title"),
            ready("/short", "one two three four five"),
            ready("/longest", "one two three four five six seven eight nine ten"),
            ready("/hidden", "one two three four five six seven", labels=("hr",)),
        )
        report = truncation(store, SHORT, who=EVERYONE)
        assert (report.max_tokens, report.chunks, report.cut, report.lost_tokens) == (5, 4, 2, 3 + 5)
        assert (report.tokens, report.longest_tokens, report.cut_share) == (8 + 4 + 5 + 10, 10, 0.5)
        assert report.worst == (TruncatedDocument("/longest", 1, 1, 5), TruncatedDocument("/long", 2, 1, 3))
        assert truncation(store, SHORT, who=Principal(groups=frozenset({"hr"}))).cut == 3
        assert truncation(store, SHORT, "passage: ", who=EVERYONE).cut == 3  # the prefix is read as well
        assert truncation(store, WordEmbedder(), who=EVERYONE).worst == ()


def test_an_empty_base_cuts_nothing(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        report = truncation(store, SHORT, who=EVERYONE)
    assert (report.chunks, report.cut, report.cut_share, report.worst) == (0, 0, 0.0, ())
