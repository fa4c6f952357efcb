"""The plan of an epoch: each item once, groups together, like lengths together, pure."""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import replace

import pytest

from equivoice.errors import ConfigError, InputError
from equivoice.training.effective_batches import (
    EffectiveBatch,
    Item,
    MicroBatch,
    plan_epoch,
    steps_per_epoch,
)

CELLS = ("de", "en", "ja")


def make_items(counts: dict[tuple[str, str | None], int], *, seed: int = 0) -> list[Item]:
    """Items of given strata, shuffled, with lengths from 1 to 9 s."""
    chance = random.Random(seed)  # noqa: S311
    items = [
        Item(f"{cell}/{group}-{k:03d}", cell, group, "happy", chance.uniform(1, 9))
        for (cell, group), n in counts.items()
        for k in range(n)
    ]
    chance.shuffle(items)
    return items


def balanced(n: int) -> dict[tuple[str, str | None], int]:
    return {(cell, group): n for cell in CELLS for group in ("female", "male")}


def plan(items: list[Item], **settings: object) -> list[EffectiveBatch]:
    how = {"batch": 24, "micro": 4, "seed": 1, "epoch": 0, **settings}
    return plan_epoch(items, **how)  # type: ignore[arg-type]


def names(items: list[Item], batches: list[EffectiveBatch]) -> list[list[list[str]]]:
    return [
        [[items[row].utterance_id for row in micro.rows] for micro in each.micro_batches]
        for each in batches
    ]


# ------------------------------------------------------------------- every item once


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("keep_groups", [False, True])
def test_every_item_stands_exactly_once_in_an_epoch(keep_groups: bool, mixed: bool) -> None:
    items = make_items({**balanced(17), ("de", None): 5, ("fr", "male"): 3})
    batches = plan(items, keep_groups=keep_groups, mixed=mixed)
    assert sorted(row for each in batches for row in each.rows) == list(range(len(items)))


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("keep_groups", [False, True])
def test_no_batch_is_larger_than_asked_for(keep_groups: bool, mixed: bool) -> None:
    items = make_items({**balanced(17), ("de", None): 5, ("fr", "male"): 3})
    batches = plan(items, keep_groups=keep_groups, mixed=mixed)
    assert len(batches) == steps_per_epoch(len(items), batch=24) == 5
    assert max(len(each.rows) for each in batches) <= 24
    assert max(len(micro.rows) for each in batches for micro in each.micro_batches) <= 4


def test_batches_are_of_like_size() -> None:
    sizes = [len(each.rows) for each in plan(make_items(balanced(17)), batch=64)]
    assert sizes == [51, 51]


def test_a_batch_larger_than_the_data_is_one_step() -> None:
    [only] = plan(make_items(balanced(2)), batch=64)
    assert len(only.rows) == 12


# ----------------------------------------------------------------------- groups together


def test_every_group_of_every_cell_is_in_each_batch() -> None:
    items = make_items(balanced(20))
    for each in plan(items):
        assert set(each.counts()) == set(balanced(1))


def test_groups_are_dealt_evenly() -> None:
    items = make_items({("de", "female"): 40, ("de", "male"): 20})
    for each in plan(items, batch=12):
        assert each.counts() == {("de", "female"): 8, ("de", "male"): 4}


def test_without_keeping_groups_chance_decides() -> None:
    items = make_items({("de", "female"): 40, ("de", "male"): 20})
    shares = {tuple(each.counts().values()) for each in plan(items, batch=12, keep_groups=False)}
    assert len(shares) > 1


def test_a_rare_group_meets_the_other_of_its_cell() -> None:
    # 3 and 4 items for 10 batches: where the rarer group is, the other must be
    items = make_items({**balanced(30), ("fr", "female"): 3, ("fr", "male"): 4})
    batches = plan(items, batch=20)
    both = [each for each in batches if {("fr", "female"), ("fr", "male")} <= set(each.counts())]
    assert len(batches) == 10
    assert len(both) == 3


def test_rare_groups_of_several_cells_each_meet_theirs() -> None:
    rare = {(cell, group): 2 for cell in ("fr", "it", "pl") for group in ("f", "m")}
    batches = plan(make_items({("de", "f"): 40, ("de", "m"): 40, **rare}), batch=12)
    for cell in ("fr", "it", "pl"):
        held = [{group for c, group in each.counts() if c == cell} for each in batches]
        assert held.count({"f", "m"}) == 2
        assert held.count(set()) == len(batches) - 2
    assert max(len(each.rows) for each in batches) <= 12


def test_a_rare_group_of_a_large_cell_is_spread() -> None:
    batches = plan(make_items({("de", "f"): 57, ("de", "m"): 3}), batch=10)
    assert sorted(each.counts().get(("de", "m"), 0) for each in batches) == [0, 0, 0, 1, 1, 1]


def test_items_without_a_group_are_spread_too() -> None:
    batches = plan(make_items({**balanced(20), ("en", None): 12}), batch=22)
    assert [each.counts()["en", None] for each in batches] == [2] * 6


def test_counts_are_in_the_order_of_names_with_the_unknown_last() -> None:
    items = make_items({("en", None): 2, ("en", "m"): 2, ("de", "x"): 2, ("en", "f"): 2})
    [only] = plan(items)
    assert list(only.counts()) == [("de", "x"), ("en", "f"), ("en", "m"), ("en", None)]


# ------------------------------------------------------------------------ micro-batches


def test_micro_batches_are_of_one_stratum() -> None:
    items = make_items({**balanced(17), ("de", None): 5})
    for each in plan(items):
        for micro in each.micro_batches:
            assert {items[row].stratum for row in micro.rows} == {(micro.cell, micro.group)}
            assert micro.stratum == (micro.cell, micro.group)
            assert set(micro.strata) == {micro.stratum}
            assert len(micro.strata) == len(micro.rows)


def test_the_micro_batches_of_a_stratum_follow_each_other() -> None:
    items = make_items(balanced(30))
    for each in plan(items, batch=60, micro=3):
        order = [micro.stratum for micro in each.micro_batches]
        assert sorted(order) == order  # type: ignore[type-var]
        assert len(order) > len(set(order))


def test_items_of_like_length_go_together_the_longest_first() -> None:
    items = make_items({("de", "f"): 50})
    [only] = plan(items, batch=50, micro=8)
    lengths = [items[row].length for row in only.rows]
    assert lengths == sorted(lengths, reverse=True)


def test_unknown_lengths_go_last_and_cost_nothing_infinite() -> None:
    items = make_items({("de", "f"): 10})
    items[3] = replace(items[3], length=math.inf)
    [only] = plan(items, micro=3)
    assert only.rows[-1] == 3
    assert all(math.isfinite(micro.cost) for micro in only.micro_batches)


def test_the_cost_is_that_of_the_padded_micro_batch() -> None:
    items = [replace(item, length=float(k + 1)) for k, item in enumerate(make_items(balanced(1)))]
    [only] = plan(items, keep_groups=True, mixed=True, micro=6)
    assert [micro.cost for micro in only.micro_batches] == [36.0]
    [only] = plan(items, micro=6)
    assert sorted(micro.cost for micro in only.micro_batches) == [1, 2, 3, 4, 5, 6]


def test_parts_of_a_stratum_are_even() -> None:
    [only] = plan(make_items({("de", "f"): 9}), micro=8)
    assert [len(micro.rows) for micro in only.micro_batches] == [4, 5]


def test_mixed_micro_batches_keep_the_groups_too() -> None:
    items = make_items(balanced(20))
    for each in plan(items, batch=40, micro=12, mixed=True):
        for micro in each.micro_batches:
            assert micro.stratum is None
            assert micro.strata == tuple(items[row].stratum for row in micro.rows)
            assert set(micro.strata) == set(balanced(1))


def test_mixed_micro_batches_too_small_for_all_hold_whole_pairs() -> None:
    items = make_items(balanced(8))
    pairs = alone = 0
    for each in plan(items, batch=48, micro=2, mixed=True):
        for micro in each.micro_batches:
            groups = [group for _, group in micro.strata]
            same = len({cell for cell, _ in micro.strata}) == 1
            pairs += same and len(set(groups)) == 2
            alone += 1
    assert pairs == alone == 24


def test_mixed_micro_batches_hold_like_lengths_of_each_stratum() -> None:
    items = make_items({("de", "f"): 12, ("de", "m"): 12})
    [only] = plan(items, batch=24, micro=8, mixed=True)
    for group in "fm":
        lengths = [items[row].length for row in only.rows if items[row].group == group]
        assert lengths == sorted(lengths, reverse=True)


# -------------------------------------------------------------------------------- purity


@pytest.mark.parametrize("mixed", [False, True])
def test_the_plan_is_a_function_of_items_seed_and_epoch(mixed: bool) -> None:
    items = make_items(balanced(17))
    random.seed(3)
    first = plan(items, mixed=mixed)
    random.seed(4)
    assert plan(items, mixed=mixed) == first
    assert plan(items, seed=2, mixed=mixed) != first
    assert plan(items, epoch=1, mixed=mixed) != first


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("keep_groups", [False, True])
def test_the_order_in_which_items_come_changes_nothing(keep_groups: bool, mixed: bool) -> None:
    items = make_items({**balanced(17), ("de", None): 5})
    others = random.Random(9).sample(items, len(items))  # noqa: S311
    how = {"keep_groups": keep_groups, "mixed": mixed}
    assert names(items, plan(items, **how)) == names(others, plan(others, **how))


def test_every_epoch_has_the_same_steps_and_sizes_in_another_order() -> None:
    items = make_items({**balanced(17), ("de", None): 5})
    sizes = [[len(each.rows) for each in plan(items, epoch=epoch)] for epoch in range(6)]
    assert len({tuple(sorted(each)) for each in sizes}) == 1
    assert len({tuple(each) for each in sizes}) > 1


def test_who_learns_with_whom_changes_from_epoch_to_epoch() -> None:
    items = make_items(balanced(20))
    company = Counter(
        frozenset((a, b))
        for epoch in range(10)
        for each in plan(items, epoch=epoch)
        for a in each.rows
        for b in each.rows
        if a < b
    )
    # 120 items in 5 batches: any two meet in about a fifth of the epochs
    assert max(company.values()) <= 9
    assert len(company) > 0.8 * 120 * 119 / 2


def test_an_utterance_may_stand_in_two_cells() -> None:
    items = [
        Item("a/1", cell, group, "happy", 2.0)
        for cell in ("de x speech", "de x speech+transcript")
        for group in ("f", "m")
    ]
    [only] = plan(items)
    assert sorted(only.rows) == [0, 1, 2, 3]


# ------------------------------------------------------------------------------ bad input


def test_a_batch_that_cannot_hold_the_groups_is_refused_with_their_counts() -> None:
    items = make_items({**balanced(9), ("ja", "male"): 2, ("ja", None): 4})
    with pytest.raises(ConfigError) as caught:
        plan(items, batch=5)
    message = str(caught.value)
    assert "batch of 5 cannot hold the 6 groups" in message
    assert "de female (9)" in message
    assert "ja male (2)" in message
    assert "at least 6" in message


def test_a_batch_that_just_holds_the_groups_is_enough() -> None:
    items = make_items({**balanced(9), ("ja", None): 4})
    for each in plan(items, batch=6, micro=1):
        assert len(each.rows) <= 6


def test_without_keeping_groups_any_batch_will_do() -> None:
    assert len(plan(make_items(balanced(2)), batch=1, keep_groups=False)) == 12


@pytest.mark.parametrize("name", ["batch", "micro"])
def test_sizes_below_one_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}: at least 1"):
        plan(make_items(balanced(2)), **{name: 0})


def test_no_items_are_refused() -> None:
    with pytest.raises(InputError, match="nothing to learn from"):
        plan([])


@pytest.mark.parametrize("length", [math.nan, -1.0])
def test_a_length_that_is_no_number_is_named(length: float) -> None:
    items = make_items(balanced(2))
    items[4] = replace(items[4], length=length)
    with pytest.raises(InputError, match=r"length of (.|\n)*row: 5"):
        plan(items)


def test_a_micro_batch_of_one_stratum_knows_each_row_s() -> None:
    assert MicroBatch((4, 7), "de", None).strata == (("de", None), ("de", None))


def test_a_large_epoch_is_planned_quickly() -> None:
    items = make_items({**balanced(5_000), ("fr", "f"): 40, ("fr", "m"): 400})
    batches = plan(items, batch=64, micro=8)
    assert len(batches) == 476
    assert all(set(balanced(1)) <= set(each.counts()) for each in batches)
