"""Parts follow from the seed, keep together what says the same, and come near their shares of every label."""

from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from wellread.tune.data.data import PARTS
from wellread.tune.data.split import by_group, by_phrasing, grouped

SHARES = (0.8, 0.1, 0.1)
names = st.sampled_from("abcdefgh")


def test_by_hand_keys_join_rows_over_others() -> None:
    made = grouped([["a", "b"], ["c"], ["b", "d"], ["d"]])
    assert made[0] == made[2] == made[3] != made[1]


@given(st.lists(st.lists(names, min_size=1, max_size=3), min_size=1, max_size=20))
def test_rows_that_share_a_key_are_in_one_group(keys: list[list[str]]) -> None:
    made = grouped(keys)
    for one, group in zip(keys, made, strict=True):
        for other, group_2 in zip(keys, made, strict=True):
            if set(one) & set(other):
                assert group == group_2


@given(st.lists(names, min_size=1, max_size=60), st.integers(0, 5))
def test_a_group_is_in_one_part(groups: list[str], seed: int) -> None:
    made = by_group(groups, [""] * len(groups), SHARES, seed=seed)
    parts = defaultdict(set)
    for group, part in zip(groups, made, strict=True):
        parts[group].add(part)
    assert all(len(found) == 1 for found in parts.values())
    assert set(made) <= set(PARTS)


@given(st.permutations(range(40)), st.integers(0, 5))
def test_the_order_of_the_rows_changes_nothing(order: list[int], seed: int) -> None:
    groups = [f"g{n}" for n in range(40)]
    labels = [("x", "y")[n % 2] for n in range(40)]
    made = by_group(groups, labels, SHARES, seed=seed)
    shuffled = by_group([groups[n] for n in order], [labels[n] for n in order], SHARES, seed=seed)
    assert [made[n] for n in order] == shuffled


def test_another_seed_gives_other_parts_of_the_same_size() -> None:
    groups = [f"g{n}" for n in range(100)]
    one, other = (by_group(groups, [""] * 100, SHARES, seed=seed) for seed in (0, 1))
    assert one != other
    assert Counter(one) == Counter(other) == {"train": 80, "validation": 10, "test": 10}


def test_every_label_has_its_share_in_every_part() -> None:
    labels = ["often"] * 100 + ["seldom"] * 20
    made = by_group([f"g{n}" for n in range(120)], labels, SHARES, seed=0)
    assert Counter(zip(labels, made, strict=True)) == {
        ("often", "train"): 80, ("often", "validation"): 10, ("often", "test"): 10,
        ("seldom", "train"): 16, ("seldom", "validation"): 2, ("seldom", "test"): 2,
    }  # fmt: skip


def test_a_share_of_zero_leaves_its_part_empty() -> None:
    made = by_group([f"g{n}" for n in range(30)], [""] * 30, (0.9, 0.1, 0.0), seed=0)
    assert Counter(made) == {"train": 27, "validation": 3}


def test_of_eight_phrasings_six_are_learned_and_two_held_out() -> None:
    facts = [f"f{n // 8}" for n in range(24)]
    ids = [f"r{n}" for n in range(24)]
    made = by_phrasing(facts, ids, SHARES, seed=0)
    for fact in set(facts):
        parts = Counter(part for name, part in zip(facts, made, strict=True) if name == fact)
        assert parts == {"train": 6, "validation": 1, "test": 1}
    assert made != by_phrasing(facts, ids, SHARES, seed=1)


def test_a_fact_with_few_phrasings_keeps_them_all_for_learning() -> None:
    assert by_phrasing(["f"] * 3, ["a", "b", "c"], SHARES, seed=0) == ["train"] * 3
