from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.index.bases import EVERYONE, WordEmbedder, filled, ready

from wellread.documents.settings import ChunkSettings, ParseSettings
from wellread.errors import SourceError, UsageError
from wellread.index.open import IndexReader
from wellread.retrieve.similar.similar import FileReading, alike
from wellread.retrieve.similar.tone import likeness, tone
from wellread.store.engine.api import Store
from wellread.types import Principal

RULES = "You must wear a vest. You must not smoke. Dogs shall stay on a lead. You must report every fault at once. "
CHATTY = "We loved the trip! Dogs? They're welcome, and we gave them water. Isn't it nice? We'll be back soon! "
READING = FileReading(WordEmbedder(), ParseSettings(workers=1), ChunkSettings())


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[IndexReader]:
    with Store.open(tmp_path / "base") as store:
        filled(
            store,
            WordEmbedder(),
            ready("/docs/rules.md", RULES * 4, title="Rules"),
            ready("/docs/more-rules.md", RULES.replace("Dogs", "Cats") * 4, title="More rules"),
            ready("/docs/blog.md", CHATTY * 4, title="Blog"),
            ready("/docs/secret.md", RULES * 5, title="Secret rules", labels=["board"]),
            ready("/other/rules.md", "timetable of line one", title="Timetable"),
        )
        yield IndexReader(store)


def names(reader: IndexReader, what: str, **other: object) -> list[str]:
    who = other.pop("who", EVERYONE)
    return [one.document.title for one in alike(what, reader, READING, who=who, k=9, **other)]  # type: ignore[arg-type]


def test_the_nearest_in_topic_and_tone_comes_first_and_the_sample_itself_never(reader: IndexReader) -> None:
    found = names(reader, "/docs/rules.md")
    assert found[0] == "More rules" and "Rules" not in found
    assert names(reader, "/docs/rules.md", by="tone")[0] == "More rules"


def test_nobody_is_shown_a_document_that_is_not_for_them(reader: IndexReader) -> None:
    assert "Secret rules" not in names(reader, "/docs/rules.md")
    assert names(reader, "/docs/rules.md", who=Principal(groups=frozenset({"board"})))[0] == "Secret rules"


def test_a_name_that_several_have_is_refused_and_one_that_none_has_too(reader: IndexReader) -> None:
    with pytest.raises(UsageError, match="2 documents are called so"):
        names(reader, "rules.md")
    with pytest.raises(UsageError, match=r"nothing\.md: no such document in the base, and no such file"):
        names(reader, "nothing.md")


def test_a_file_that_is_not_in_the_base_is_read_like_any_other(reader: IndexReader, tmp_path: Path) -> None:
    draft = tmp_path / "draft.md"
    draft.write_text(f"# Draft\n\n{CHATTY * 3}", "utf-8")
    found = alike(str(draft), reader, READING, who=EVERYONE, k=1, by="tone")
    assert found[0].document.title == "Blog" and 0 < found[0].tone <= 1
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.4 nothing")
    with pytest.raises(SourceError):
        names(reader, str(broken))


def test_a_text_is_exactly_as_its_own_tone_and_further_from_another() -> None:
    same, other = likeness(tone(RULES * 4), [tone(RULES * 4), tone(CHATTY * 4)])
    assert same.value == pytest.approx(1.0)
    assert other.value < 0.7
    assert "must and shall" in {name for name, _, _ in other.apart + other.alike} or other.value < same.value


def test_tone_counts_what_it_says_it_counts() -> None:
    measured = dict(zip(("length",), tone("We go. You stay here now.").named[:1], strict=True))
    assert measured["length"] == pytest.approx(3.0)
    empty = tone("")
    assert empty.words == 0 and np.isfinite(empty.named).all()
