from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.models.prices import Price, usage
from wellread.types import Usage

counts = st.integers(0, 10**9)


def test_a_million_tokens_cost_their_price() -> None:
    assert usage(Price(3.0, 15.0), 1_000_000, 2_000_000).cost == pytest.approx(33.0)


def test_a_cost_that_is_known_in_part_is_not_known() -> None:
    assert usage(Price(3.0, None), 10, 5).cost is None
    assert usage(Price(3.0, None), 10, 0).cost == pytest.approx(3e-5)
    assert usage(Price(), 10, 5).cost is None


@given(counts, counts, counts, counts)
def test_the_cost_of_two_calls_is_the_sum(a: int, b: int, c: int, d: int) -> None:
    price = Price(1.5, 6.0, "EUR")
    both = usage(price, a, b) + usage(price, c, d)
    assert both.calls == 2 and both.currency == "EUR"
    assert both.cost == pytest.approx(usage(price, a + c, b + d).cost)


def test_a_total_is_in_the_currency_of_what_was_paid_however_it_begins() -> None:
    paid = usage(Price(1.5, 6.0, "EUR"), 1_000_000, 0)
    for total in (Usage() + paid, paid + Usage(), Usage() + usage(Price(), 10, 5) + paid + Usage()):
        assert (total.cost, total.currency) == (1.5, "EUR")
