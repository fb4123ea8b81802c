from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_samples import EVERYONE, bytes_on_disk, made, put

from wellread.store import access, blobs, checksums, documents, log
from wellread.store.engine import sqlite
from wellread.store.engine.api import Store
from wellread.store.schema import chunks
from wellread.types import Answer, Citation, Compare, Principal, Span, Usage

UNICODE = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)


def test_what_was_put_comes_back_letter_for_letter(store: Store) -> None:
    document, passages = made("/x/å.txt", metadata={"type": "fare", "año": "2026"}, valid_from=date(2026, 1, 2))
    with store.writing() as tx:
        keys = documents.put_version(tx, document, passages, b"\1")
    with store.reading() as connection:
        back = documents.get(connection, document.id, who=EVERYONE)
        found = documents.chunks_by_key(connection, keys, who=EVERYONE)
    assert back is not None
    assert (back.text, back.blocks, back.metadata) == (document.text, document.blocks, document.metadata)
    assert (back.version, back.modified_at, back.valid_from) == (1, document.modified_at, date(2026, 1, 2))
    for key, passage in zip(keys, passages, strict=True):
        chunk, of = found[key]
        assert (chunk.id, chunk.text, chunk.span, chunk.heading_path) == (
            passage.id,
            passage.text,
            passage.span,
            passage.heading_path,
        )
        assert back.text[chunk.span.start : chunk.span.end] == chunk.text
        assert (of.id, of.text, chunk.version) == (document.id, "", 1)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=UNICODE, title=UNICODE, key=UNICODE, value=UNICODE)
def test_any_text_survives_the_disk(store: Store, text: str, title: str, key: str, value: str) -> None:
    document, keys = put(store, f"/x/{title}", text, metadata={key: value})
    with store.reading() as connection:
        back = documents.get(connection, document.id, who=EVERYONE)
        found = documents.chunks_by_key(connection, keys, who=EVERYONE)
    assert back is not None
    assert (back.text, back.uri, back.metadata) == (text, f"/x/{title}", {key: value})
    assert "".join(found[key][0].text for key in keys) == text


def test_a_new_version_retires_the_old_one_in_the_same_transaction(store: Store) -> None:
    document, old_keys = put(store, "/x/a", "Dogs pay 4. Cats pay 2.")
    before = store.generation()
    with store.reading() as reader:
        documents.get(reader, document.id, who=EVERYONE)
        _, new_keys = put(store, "/x/a", "Dogs pay 5. Cats pay 2.")
        old = documents.get(reader, document.id, who=EVERYONE)
        assert old is not None
        assert old.text == "Dogs pay 4. Cats pay 2."
        assert set(documents.chunks_by_key(reader, [*old_keys, *new_keys], who=EVERYONE)) == set(old_keys)
    with store.reading() as reader:
        new = documents.get(reader, document.id, who=EVERYONE)
        assert new is not None
        assert (new.text, new.version) == ("Dogs pay 5. Cats pay 2.", 2)
        assert set(documents.chunks_by_key(reader, [*old_keys, *new_keys], who=EVERYONE)) == set(new_keys)
        first = documents.get(reader, document.id, who=EVERYONE, version=1)
        assert first is not None
        assert first.text == "Dogs pay 4. Cats pay 2."
        past = documents.history(reader, document.id, who=EVERYONE)
        assert [(one.version, retired is None) for one, retired in past] == [(1, False), (2, True)]
    assert store.generation() == before + 1
    assert not set(old_keys) & set(new_keys)


def test_keys_of_deleted_chunks_are_never_given_again(store: Store) -> None:
    document, keys = put(store, "/x/a")
    with store.writing() as tx:
        assert documents.retire(tx, document.id, purge=True) == keys
    _, again = put(store, "/x/a")
    assert min(again) > max(keys)


def test_an_exception_undoes_the_whole_transaction(store: Store) -> None:
    document, passages = made("/x/a")
    with pytest.raises(ZeroDivisionError), store.writing() as tx:
        documents.put_version(tx, document, passages, b"")
        raise ZeroDivisionError
    with store.reading() as connection:
        assert documents.listing(connection, who=EVERYONE) == []
    assert store.generation() == 0


def test_a_purged_document_leaves_no_byte_of_its_text(store: Store) -> None:
    canary = "zanzibarkanarie"
    put(store, "/x/kept", "Nothing to hide. Really.")
    put(store, "/x/a", f"An old {canary}1 text. More.", metadata={"secret": f"{canary}2"})
    document, _ = put(store, "/x/a", f"The {canary}3 sings. {canary}4 too.", metadata={"secret": f"{canary}5"})
    cited = Citation(document.uri, "a", 2, None, (), Span(0, 3), f"{canary}6", "gone")
    answer = Answer("Who sings?", f"The {canary}7.", (cited,), (), False, "quote", Usage(), {"total": 1.0}, "t1")
    with store.writing() as tx:
        log.put(tx, answer, who=EVERYONE)
    assert store.checkpoint()
    assert canary.encode() in bytes_on_disk(store.folder)  # so that the search below can find something
    with store.writing() as tx:
        documents.retire(tx, document.id, purge=True)
    assert store.checkpoint()
    assert canary.encode() not in bytes_on_disk(store.folder)
    with store.reading() as connection:
        logged = log.get(connection, "t1", who=EVERYONE)
        assert logged is not None
        assert (logged.answer.text, logged.answer.citations, logged.answer.question) == (log.DELETED, (), "Who sings?")
        assert documents.count(connection, who=EVERYONE) == 1


def test_a_text_shared_by_two_documents_outlives_the_purge_of_one(store: Store) -> None:
    first, _ = put(store, "/x/a", "The same. Text.")
    second, _ = put(store, "/x/b", "The same. Text.")
    with store.writing() as tx:
        documents.retire(tx, first.id, purge=True)
        assert blobs.drop_unused(tx.connection) == 0
    with store.reading() as connection:
        back = documents.get(connection, second.id, who=EVERYONE)
    assert back is not None
    assert back.text == "The same. Text."


def test_every_read_hides_what_the_reader_may_not_see(store: Store) -> None:
    hidden, keys = put(store, "/x/pay", "Pay is 9. Secret.", labels=("hr",), metadata={"type": "pay"})
    foreign, foreign_keys = put(store, "/x/pay", "Other tenant. Here.", tenant="other", metadata={"type": "pay"})
    nobody, hr = Principal(), Principal(groups=frozenset({"hr", "x"}))
    with store.reading() as connection:
        for who, n in ((nobody, 0), (Principal(groups=frozenset({"HR", "h", "hr\0", "\ud800"})), 0), (hr, 1)):
            assert len(documents.listing(connection, who=who)) == n
            assert documents.count(connection, who=who) == n
            assert (documents.get(connection, hidden.id, who=who) is not None) == bool(n)
            assert documents.get(connection, foreign.id, who=who) is None
            assert len(documents.chunks_by_key(connection, [*keys, *foreign_keys], who=who)) == n * len(keys)
            assert len(documents.matching(connection, Compare("meta.type", "=", "pay"), who=who)) == n
            assert len(documents.neighbours(connection, hidden.id, who=who, first=0, last=9)) == n * len(keys)
            assert len(documents.history(connection, hidden.id, who=who)) == n
        assert documents.listing(connection, who=Principal("other"))[0].uri == foreign.uri


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    labels=st.lists(st.frozensets(st.sampled_from("abcde"), max_size=3), max_size=8),
    groups=st.frozensets(st.sampled_from("abcdef")),
)
def test_readable_is_exactly_what_the_principal_says(
    store: Store, labels: list[frozenset[str]], groups: frozenset[str]
) -> None:
    with store.writing() as tx:
        ids = {access.intern(tx, tenant, one): (tenant, one) for one in labels for tenant in ("default", "other")}
    who = Principal(groups=groups)
    with store.reading() as connection:
        seen = access.readable(connection, who=who)
    assert {one for one in ids if one in seen} == {one for one, row in ids.items() if who.may_read(*row)}


def test_many_access_ids_and_many_keys_are_one_query(store: Store) -> None:
    with store.writing() as tx:
        for number in range(sqlite.FEW + 20):
            access.intern(tx, "default", [f"team {number}"])
    _, keys = put(store, "/x/a", ". ".join(f"Sentence {n}" for n in range(200)), labels=("team 3",))
    everything = Principal(groups=frozenset(f"team {number}" for number in range(100)))
    with store.reading() as connection:
        assert len(access.readable(connection, who=everything)) > sqlite.FEW
        assert len(documents.chunks_by_key(connection, keys, who=everything)) == 200
        assert documents.chunks_by_key(connection, keys, who=Principal(groups=frozenset({"team 4"}))) == {}


def test_a_moved_document_keeps_its_id_and_its_chunks(store: Store) -> None:
    document, keys = put(store, "/x/a")
    with store.writing() as tx:
        assert documents.rename(tx, document.id, uri="/y/b", title="b")
    with store.reading() as connection:
        found = documents.chunks_by_key(connection, keys, who=EVERYONE)
        assert {of.uri for _, of in found.values()} == {"/y/b"}
        assert [one.id for one in documents.listing(connection, who=EVERYONE)] == [document.id]


def test_an_index_gets_every_live_chunk_once_and_in_order(store: Store) -> None:
    _, first = put(store, "/x/a", "One. Two. Three. Four. Five.")
    document, second = put(store, "/x/b", "Six. Seven.")
    with store.reading() as connection:
        rows = [row for batch in documents.chunk_batches(connection, size=2) for row in batch]
        assert [row.key for row in rows] == [*first, *second]
        assert [row.text for row in documents.chunk_rows(connection, document.id)] == ["Six. ", "Seven."]
        assert rows[0].content_hash == documents.content_hash(rows[0].indexed_text)
        near = documents.neighbours(connection, document.id, who=EVERYONE, first=1, last=5)
        assert [key for key, _ in near] == [second[1]]


def test_moments_come_back_in_utc_whatever_zone_they_had(store: Store) -> None:
    moment = datetime.fromisoformat("2026-05-01T23:30:00-05:00")
    document, _ = put(store, "/x/a", modified_at=moment)
    with store.reading() as connection:
        back = documents.get(connection, document.id, who=EVERYONE)
    assert back is not None
    assert back.modified_at == moment
    assert back.modified_at.tzinfo is UTC


def test_chunk_rows_are_written_in_the_order_of_the_columns() -> None:
    assert checksums.checked_columns(chunks) == tuple(column.key for column in chunks.columns)[:-1]
    assert chunks.columns.keys()[:3] == ["key", "id", "document_id"]


@given(st.lists(st.one_of(st.none(), st.integers(), st.text(st.characters(exclude_categories=("Cs",))), st.binary())))
def test_different_rows_have_different_checksums(values: list[object]) -> None:
    assert checksums.of_values(values) == checksums.of_values(list(values))
    assert checksums.of_values([*values, ""]) != checksums.of_values(values)
    joined = ["".join(str(value) for value in values)]
    assert (checksums.of_values(joined) == checksums.of_values(values)) == (joined == values)
