"""Whatever the items: each once, no batch too large, groups together as far as they go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from equivoice.objectives.minmax_gap import Stratum
from equivoice.training.effective_batches import Item, plan_epoch, steps_per_epoch

CELLS = st.sampled_from(["de", "en", "ja"])
GROUPS = st.sampled_from(["f", "m", None])
LENGTHS = st.one_of(st.floats(0, 40), st.just(float("inf")))
ITEMS = st.lists(
    st.builds(Item, st.uuids().map(str), CELLS, GROUPS, st.just("happy"), LENGTHS),
    min_size=1,
    max_size=80,
    unique_by=lambda item: item.utterance_id,
)
SIZES = st.integers(6, 40)  # 6 groups at most
MICRO = st.integers(1, 12)


@given(items=ITEMS, batch=SIZES, micro=MICRO, keep=st.booleans(), mixed=st.booleans())
def test_each_item_once_and_no_batch_too_large(
    items: list[Item], batch: int, micro: int, keep: bool, mixed: bool
) -> None:
    plan = plan_epoch(
        items, batch=batch, micro=micro, seed=0, epoch=3, keep_groups=keep, mixed=mixed
    )
    assert sorted(row for each in plan for row in each.rows) == list(range(len(items)))
    assert len(plan) == steps_per_epoch(len(items), batch=batch)
    for each in plan:
        assert 1 <= len(each.rows) <= batch
        for part in each.micro_batches:
            assert 1 <= len(part.rows) <= micro
            assert part.strata == tuple(items[row].stratum for row in part.rows)
            assert (part.stratum is None) == mixed


@given(items=ITEMS, batch=SIZES, micro=MICRO)
def test_a_group_with_enough_items_is_in_each_batch(
    items: list[Item], batch: int, micro: int
) -> None:
    plan = plan_epoch(items, batch=batch, micro=micro, seed=0, epoch=0)
    total: dict[Stratum, int] = {}
    for item in items:
        total[item.stratum] = total.get(item.stratum, 0) + 1
    for stratum, count in total.items():
        held = [each.counts().get(stratum, 0) for each in plan]
        assert sum(held) == count
        if stratum[1] is not None and count >= len(plan):
            assert min(held) >= 1


@given(
    women=st.integers(1, 12),
    men=st.integers(1, 12),
    others=st.integers(0, 120),
    batch=st.integers(6, 30),
)
def test_the_rarer_group_of_a_cell_is_always_with_the_other(
    women: int, men: int, others: int, batch: int
) -> None:
    strata = [("ja", "f")] * women + [("ja", "m")] * men + [("de", "f"), ("de", "m")] * others
    items = [Item(str(k), *stratum, "happy", 1.0) for k, stratum in enumerate(strata)]
    plan = plan_epoch(items, batch=batch, micro=4, seed=0, epoch=0)
    counts = [each.counts() for each in plan]
    both = sum(("ja", "f") in each and ("ja", "m") in each for each in counts)
    assert both == min(women, men, len(plan))


@given(items=ITEMS, batch=SIZES, micro=MICRO, chance=st.randoms(use_true_random=False))
def test_the_plan_does_not_know_in_which_order_the_items_come(
    items: list[Item], batch: int, micro: int, chance: object
) -> None:
    others = list(items)
    chance.shuffle(others)  # type: ignore[attr-defined]
    plans = [
        [
            [[of[row].utterance_id for row in part.rows] for part in each.micro_batches]
            for each in plan_epoch(of, batch=batch, micro=micro, seed=0, epoch=0)
        ]
        for of in (items, others)
    ]
    assert plans[0] == plans[1]
