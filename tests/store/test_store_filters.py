from __future__ import annotations

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_samples import EVERYONE, put

from wellread.errors import UsageError
from wellread.store import documents, filters
from wellread.store.engine.api import Store
from wellread.types import AllOf, AnyOf, Compare, Filter, Not, OneOf, ValidOn

LEAVES = st.one_of(
    st.builds(
        Compare,
        st.one_of(st.sampled_from([*filters.FIELDS, "meta.type", "meta.' OR 1=1 --"]), st.text()),
        st.sampled_from(filters.OPERATORS),
        st.one_of(st.text(), st.sampled_from(["'; DROP TABLE versions; --", "%", "*", "2026-05", "policy", "\\"])),
    ),
    st.builds(OneOf, st.sampled_from([*filters.FIELDS, "meta.type"]), st.lists(st.text(), max_size=4).map(tuple)),
    st.builds(ValidOn, st.dates()),
)
FILTERS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(AllOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)


@pytest.fixture
def fares(store: Store) -> Store:
    put(store, "/x/old_100%.txt", metadata={"type": "policy"}, valid_until=date(2025, 12, 31))
    put(store, "/x/new.md", metadata={"type": "policy", "line": "4"}, valid_from=date(2026, 1, 1))
    put(store, "/x/bare", metadata={}, modified_at=None)
    put(store, "/x/foreign", tenant="other", metadata={"type": "policy"})
    put(store, "/x/hidden", labels=("hr",), metadata={"type": "policy"})
    return store


def found(store: Store, where: Filter) -> list[str]:
    with store.reading() as connection:
        listed = [document.uri for document in documents.listing(connection, who=EVERYONE, where=where)]
        assert len(documents.matching(connection, where, who=EVERYONE)) == len(listed)
    return listed


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(where=FILTERS)
def test_no_filter_breaks_out_of_its_parameters_or_its_tenant(fares: Store, where: Filter) -> None:
    try:
        matched = found(fares, where)
    except UsageError:
        return
    everything = {"/x/old_100%.txt", "/x/new.md", "/x/bare"}
    assert set(matched) <= everything
    assert set(found(fares, Not(where))) == everything - set(matched)


@pytest.mark.parametrize(
    ("where", "uris"),
    [
        (Compare("meta.type", "=", "policy"), ["/x/new.md", "/x/old_100%.txt"]),
        (Compare("meta.line", "!=", "4"), ["/x/bare", "/x/old_100%.txt"]),
        (Compare("uri", "like", "*_100%*"), ["/x/old_100%.txt"]),
        (Compare("uri", "like", "_x_bare"), []),
        (OneOf("meta.line", ("3", "4")), ["/x/new.md"]),
        (ValidOn(date(2025, 6, 1)), ["/x/bare", "/x/old_100%.txt"]),
        (ValidOn(date(2026, 1, 1)), ["/x/bare", "/x/new.md"]),
        (Compare("modified_at", "=", "2026-05"), ["/x/new.md", "/x/old_100%.txt"]),
        (Compare("modified_at", ">=", "2026-05-01T14:00:00+02:00"), ["/x/new.md", "/x/old_100%.txt"]),
        (Compare("modified_at", ">", "2026-05-01T12:00:00Z"), []),
        (Compare("valid_from", "<=", "2026"), ["/x/new.md"]),
        (Not(Compare("modified_at", ">", "2020")), ["/x/bare"]),
        (AllOf(()), ["/x/bare", "/x/new.md", "/x/old_100%.txt"]),
        (AnyOf(()), []),
    ],
)
def test_each_filter_means_what_it_says(fares: Store, where: Filter, uris: list[str]) -> None:
    assert found(fares, where) == uris


def test_a_misspelt_field_is_named_with_the_one_that_was_meant(store: Store) -> None:
    with pytest.raises(UsageError, match="'modifed_at': no such field to filter by; did you mean 'modified_at'"):
        found(store, Compare("modifed_at", "=", "2026"))


@pytest.mark.parametrize(
    "where",
    [
        Compare("modified_at", ">", "last week"),
        Compare("modified_at", ">", "2026-13"),
        Compare("uri", "~", "x"),  # type: ignore[arg-type] # on purpose
        Compare("uri", "=", "a\0b"),
        Compare("uri", "=", "\ud800"),
        Compare("uri", "like", "*a" * 30),
        OneOf("uri", ("x",) * 100_000),
        AnyOf(tuple(Compare("uri", "=", "x") for _ in range(1000))),
    ],
)
def test_what_cannot_be_understood_is_refused(store: Store, where: Filter) -> None:
    with pytest.raises(UsageError):
        found(store, where)


def test_a_filter_nested_a_thousand_deep_is_refused(store: Store) -> None:
    where: Filter = Compare("uri", "=", "x")
    for _ in range(1000):
        where = Not(where)
    with pytest.raises(UsageError, match="too large"):
        found(store, where)
