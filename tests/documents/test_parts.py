"""What lies in mails and archives: documents of their own, in step with the file that holds them."""

from __future__ import annotations

from pathlib import Path

from tests.documents import samples

from wellread.documents.changes import Duplicate, Failed, Gone, Ready, Touched, Unchanged
from wellread.documents.settings import IngestSettings


def folder(base) -> Path:
    return Path(base.source.location)


def read(changes) -> dict[str, str]:
    return {c.item.uri.rpartition("papers/")[2]: c.document.text for c in changes if isinstance(c, Ready)}


def letter(text: bytes = b"Grease the ramp.") -> bytes:
    deep = samples.zipped({"notes/deep.txt": "Deep words."})
    return samples.mail(attached={"plan.md": text, "pack.zip": samples.zipped({"inner.zip": deep})})


def test_parts_of_parts_are_documents_that_inherit_labels(base) -> None:
    (folder(base) / "a.eml").write_bytes(letter())
    (folder(base) / "a.eml.meta.toml").write_text('title = "Ours"\nlabels = ["crew"]\nowner = "Deck"\n')
    changes = base.sync()
    made = {c.item.uri.rpartition("papers/")[2]: c.document for c in changes if isinstance(c, Ready)}
    assert set(made) == {
        "a.eml",
        "a.eml!/plan.md",
        "a.eml!/pack.zip",
        "a.eml!/pack.zip!/inner.zip",
        "a.eml!/pack.zip!/inner.zip!/notes/deep.txt",
    }
    assert made["a.eml!/pack.zip!/inner.zip!/notes/deep.txt"].text == "Deep words."
    assert {document.labels for document in made.values()} == {frozenset({"crew"})}
    assert {document.metadata["owner"] for document in made.values()} == {"Deck"}
    assert (made["a.eml"].title, made["a.eml!/plan.md"].title) == ("Ours", "plan")
    assert all(isinstance(change, Touched | Unchanged) for change in base.sync()), "nothing is read again"


def test_a_changed_file_brings_its_parts_in_step(base) -> None:
    (folder(base) / "a.zip").write_bytes(samples.zipped({"a.txt": "One.", "b.txt": "Two."}))
    base.sync()
    (folder(base) / "a.zip").write_bytes(samples.zipped({"a.txt": "One, changed.", "c.txt": "Three."}))
    changes = base.sync()
    assert read(changes) == {"a.zip": "- a.txt\n- c.txt", "a.zip!/a.txt": "One, changed.", "a.zip!/c.txt": "Three."}
    assert [c.uri.rpartition("papers/")[2] for c in changes if isinstance(c, Gone)] == ["a.zip!/b.txt"]


def test_an_entry_that_was_renamed_in_its_archive_is_not_lost(base) -> None:
    (folder(base) / "a.zip").write_bytes(samples.zipped({"old.txt": "The same words."}))
    base.sync()
    (folder(base) / "a.zip").write_bytes(samples.zipped({"new.txt": "The same words."}))
    assert read(base.sync())["a.zip!/new.txt"] == "The same words."
    assert {uri.rpartition("papers/")[2] for uri in base.known} == {"a.zip", "a.zip!/new.txt"}


def test_a_renamed_archive_takes_its_parts_along(base) -> None:
    (folder(base) / "a.zip").write_bytes(samples.zipped({"a.txt": "One."}))
    base.sync()
    (folder(base) / "a.zip").rename(folder(base) / "b.zip")
    base.sync()
    assert {uri.rpartition("papers/")[2] for uri in base.known} == {"b.zip", "b.zip!/a.txt"}


def test_a_removed_archive_takes_its_parts_away(base) -> None:
    (folder(base) / "a.zip").write_bytes(samples.zipped({"a.txt": "One."}))
    base.sync()
    (folder(base) / "a.zip").unlink()
    base.sync()
    assert not base.known


def test_parts_of_a_file_that_became_unreadable_have_failed_and_are_not_gone(base) -> None:
    path = folder(base) / "a.zip"
    path.write_bytes(samples.zipped({"a.txt": "One."}))
    base.sync()
    path.write_bytes(b"PK\x03\x04 damaged")
    changes = base.sync()
    assert sorted(c.item.uri.rpartition("papers/")[2] for c in changes if isinstance(c, Failed)) == [
        "a.zip",
        "a.zip!/a.txt",
    ]
    path.write_bytes(samples.zipped({"a.txt": "One again."}))
    assert read(base.sync())["a.zip!/a.txt"] == "One again."


def test_a_part_that_cannot_be_read_is_listed_and_tried_again(base) -> None:
    (folder(base) / "a.zip").write_bytes(samples.zipped({"a.docx": b"PK\x03\x04 no", "b.xyz": b"?", "c.txt": b"Good."}))
    changes = base.sync()
    failed = {c.item.uri.rpartition("papers/")[2]: (c.kind, c.skipped) for c in changes if isinstance(c, Failed)}
    assert failed == {"a.zip!/a.docx": ("broken", False), "a.zip!/b.xyz": ("unknown-type", True)}
    assert all(isinstance(change, Touched | Unchanged) for change in base.sync()), "nothing is read again"
    again = base.sync(IngestSettings(retry_failed=True))
    assert {c.item.uri.rpartition("papers/")[2] for c in again if isinstance(c, Failed)} == set(failed)


def test_what_lies_too_deep_is_listed(base) -> None:
    data = b"Bottom."
    for name in ("e.txt", "d.zip", "c.zip", "b.zip"):
        data = samples.zipped({name: data})
    (folder(base) / "a.zip").write_bytes(data)
    failed = [c for c in base.sync() if isinstance(c, Failed)]
    assert [(c.kind, c.item.uri.rpartition("papers/")[2]) for c in failed] == [
        ("too-large", "a.zip!/b.zip!/c.zip!/d.zip!/e.txt")
    ]


def test_a_file_of_every_kind_is_a_document(base) -> None:
    names = samples.write(folder(base))
    changes = base.sync()
    made = read(changes)
    same = {c.item.uri.rpartition("papers/")[2] for c in changes if isinstance(c, Duplicate)}
    waiting = {c.item.uri.rpartition("papers/")[2] for c in changes if isinstance(c, Failed) and c.kind == "extra"}
    assert {name for name in same if "!/" not in name} < {"pack.tar", "pack.tar.gz", "pack.zip"}, (
        "the same list of entries"
    )
    assert not set(names) - set(made) - same - waiting
    assert all(text.strip() for text in made.values())
