from __future__ import annotations

import contextlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.errors import UsageError
from wellread.retrieve.understand.filters import asks_for_dates, parse
from wellread.types import AllOf, AnyOf, Compare, Not, OneOf, ValidOn


def test_and_binds_closer_than_or_and_brackets_closest() -> None:
    a, b, c = (Compare(f"meta.{x}", "=", "1") for x in "abc")
    assert parse("a=1 or b=1 and c=1") == AnyOf((a, AllOf((b, c))))
    assert parse("(a=1 or b=1) and c=1") == AllOf((AnyOf((a, b)), c))


def test_fields_values_and_validity() -> None:
    assert parse('title like "Fares*"') == Compare("title", "like", "Fares*")
    assert parse("modified_at>=2026-01-01") == Compare("modified_at", ">=", "2026-01-01")
    assert parse("type in policy, 'old notice'") == OneOf("meta.type", ("policy", "old notice"))
    assert parse("type=policy and valid on 2026-05-01") == AllOf(
        (Compare("meta.type", "=", "policy"), ValidOn(date(2026, 5, 1)))
    )
    assert parse("valid_on 2026-05-01") == ValidOn(date(2026, 5, 1))
    assert parse("not meta.owner != hr") == Not(Compare("meta.owner", "!=", "hr"))


WRONG = ["", "type", "type=", "(a=1", "a=1)", "a=1 b=2", "valid on tomorrow", "a ~ 1", "and", "in in"]


@pytest.mark.parametrize("typed", WRONG)
def test_what_makes_no_sense_is_refused_with_an_example(typed: str) -> None:
    with pytest.raises(UsageError, match="for example"):
        parse(typed)


@given(st.text(alphabet="ab=()<>!,\"' notandor", max_size=40))
def test_anything_typed_is_a_filter_or_a_usage_error(typed: str) -> None:
    with contextlib.suppress(UsageError):
        parse(typed)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(UsageError):
        parse("(" * 500 + "a=1" + ")" * 500)


@pytest.mark.parametrize(
    ("typed", "asks"),
    [
        ("type=policy", False),
        ("modified_at>=2026-01-01 and (year=2024 or not owner in a, b)", False),
        ("valid on 2026-05-01", True),
        ("type=policy and not (owner=hr or valid_until<2026-01-01)", True),
        ("valid_from in 2024, 2025", True),
    ],
)
def test_a_filter_asks_for_dates_of_validity_wherever_it_names_them(typed: str, asks: bool) -> None:
    assert asks_for_dates(parse(typed)) is asks
    assert asks_for_dates(Compare("superseded_by", "=", "new.md"))
