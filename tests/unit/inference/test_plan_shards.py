"""Shards and batches by length: all of the work, each piece of it once, padding within limits."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.errors import ConfigError
from equivoice.inference import Batch, Cell, Plan, Shard

LENGTHS = st.dictionaries(
    st.text("abc/123", min_size=1, max_size=6),
    st.floats(0, 400, allow_nan=False) | st.just(math.inf),
    max_size=60,
)
CELLS = tuple(Cell("s", "c", str(fold)) for fold in range(5))


def ids(batches: tuple[Batch, ...]) -> list[str]:
    return [name for batch in batches for name in batch.utterance_ids]


# --------------------------------------------------------------------- batches by length


@given(LENGTHS, st.integers(1, 9) | st.none(), st.randoms())
def test_every_utterance_stands_in_one_batch_whatever_order_it_came_in(
    lengths: dict[str, float], size: int | None, chance: random.Random
) -> None:
    plan = Plan((), batch_size=size)
    batches = plan.batches_by_length(lengths)
    assert sorted(ids(batches)) == sorted(lengths)
    assert [batch.number for batch in batches] == list(range(len(batches)))
    shuffled = list(lengths.items())
    chance.shuffle(shuffled)
    assert plan.batches_by_length(dict(shuffled)) == batches


@given(LENGTHS)
def test_the_longest_go_first_and_those_of_unknown_length_last(lengths: dict[str, float]) -> None:
    found = [lengths[name] for name in ids(Plan(()).batches_by_length(lengths))]
    known = [each for each in found if each < math.inf]
    assert found[: len(known)] == known
    assert all(one >= other for one, other in pairwise(known))


@given(LENGTHS)
def test_equal_lengths_are_ordered_by_name(lengths: dict[str, float]) -> None:
    equal = dict.fromkeys(lengths, 1.0)
    assert ids(Plan((), batch_size=3).batches_by_length(equal)) == sorted(lengths)


@given(LENGTHS)
def test_without_a_size_a_batch_holds_16_utterances_or_120_padded_seconds_at_most(
    lengths: dict[str, float],
) -> None:
    for batch in Plan((), batch_size=None).batches_by_length(lengths):
        size = len(batch.utterance_ids)
        assert 1 <= size <= 16
        known = [lengths[name] for name in batch.utterance_ids if lengths[name] < math.inf]
        # one that is longer than the limit stands alone
        assert size == 1 or size * max(known, default=math.inf) <= 120


def test_where_no_length_is_known_each_utterance_stands_alone() -> None:
    lengths = dict.fromkeys(("a/2", "a/1", "a/3"), math.inf)
    batches = Plan((), batch_size=None).batches_by_length(lengths)
    assert [batch.utterance_ids for batch in batches] == [("a/1",), ("a/2",), ("a/3",)]


@given(LENGTHS)
def test_without_a_size_no_batch_is_cut_before_it_is_full(lengths: dict[str, float]) -> None:
    batches = Plan((), batch_size=None).batches_by_length(lengths)
    for batch in batches[:-1]:
        longest = max(1.0, lengths[batch.utterance_ids[0]])
        one_more = len(batch.utterance_ids) + 1
        assert one_more > 16 or one_more * longest > 120


@given(LENGTHS, st.integers(1, 9))
def test_a_size_that_is_given_is_kept_whatever_the_lengths(
    lengths: dict[str, float], size: int
) -> None:
    batches = Plan((), batch_size=size).batches_by_length(lengths)
    assert all(len(batch.utterance_ids) == size for batch in batches[:-1])
    assert all(len(batch.utterance_ids) <= size for batch in batches)


def test_a_recognizer_without_a_size_gets_the_usual_one() -> None:
    names = [f"a/{number:03}" for number in range(70)]
    sizes = [len(batch.utterance_ids) for batch in Plan((), batch_size=None).batches(names)]
    assert sizes == [32, 32, 6]


# -------------------------------------------------------------------------------- shards


@given(st.integers(1, 9), st.lists(st.integers(0, 12), min_size=5, max_size=5))
def test_each_batch_is_some_shards_and_only_one_shards(of: int, sizes: list[int]) -> None:
    plans = [Plan(CELLS, shard=Shard(number, of)) for number in range(1, of + 1)]
    for cell, size in zip(CELLS, sizes, strict=True):
        batches = tuple(Batch(number, (f"a/{number}",)) for number in range(size))
        owned = [plan.own(cell, batches) for plan in plans]
        assert sorted(each.number for part in owned for each in part) == list(range(size))
        counts = [len(part) for part in owned]
        assert max(counts) - min(counts) <= 1
        assert all(list(part) == sorted(part, key=lambda each: each.number) for part in owned)


@given(st.integers(1, 9))
def test_each_cell_in_one_piece_is_some_shards_and_only_one_shards(of: int) -> None:
    plans = [Plan(CELLS, shard=Shard(number, of)) for number in range(1, of + 1)]
    for cell in CELLS:
        assert sum(plan.owns(cell) for plan in plans) == 1


def test_the_first_batches_of_all_cells_are_not_all_the_first_shards() -> None:
    first = (Batch(0, ("a/1",)),)
    plan = Plan(CELLS, shard=Shard(1, 5))
    assert [len(plan.own(cell, first)) for cell in CELLS].count(1) == 1


def test_without_shards_everything_is_ours() -> None:
    batches = tuple(Batch(number, (f"a/{number}",)) for number in range(4))
    assert Plan(CELLS).own(CELLS[2], batches) == batches
    assert all(Plan(CELLS).owns(cell) for cell in CELLS)


@given(st.integers(1, 99), st.data())
def test_a_shard_is_read_as_it_is_written(of: int, data: st.DataObject) -> None:
    shard = Shard(data.draw(st.integers(1, of)), of)
    assert Shard.read(str(shard)) == shard
    assert Shard.read(f" {shard.number} / {shard.of} ") == shard
    assert shard.folder == f"{shard.number}-of-{shard.of}"


@pytest.mark.parametrize("text", ["", "1", "1/", "/2", "1/2/3", "a/b", "-1/2", "1.5/2", "1-of-2"])
def test_what_is_no_shard_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match="a shard is written k/n") as caught:
        Shard.read(text)
    assert "such as 1/4" in str(caught.value)
    assert caught.value.value == text


@pytest.mark.parametrize("text", ["0/2", "3/2", "1/0", "0/0"])
def test_a_shard_beyond_the_last_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=f"no such shard: '{text}'"):
        Shard.read(text)


# --------------------------------------------------------------------------------- names


PART = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(st.tuples(*[PART] * 6), st.tuples(*[PART] * 6))
def test_two_ways_to_ask_share_a_name_only_if_they_are_one(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    assert (Cell(*one).name == Cell(*other).name) == (one == other)
    assert "/" not in Cell(*one).name


def test_the_order_and_modality_of_a_system_without_prompts_are_no_part_of_its_name() -> None:
    assert Cell("s", "c", "1", modality="speech").name == Cell("s", "c", "1").name == "s@c@1"


def test_the_seed_of_a_fit_is_no_other_shards() -> None:
    """A system is fitted alike in each shard, or shards would not be parts of one run."""
    seeds = {Plan(CELLS, seed=3, shard=Shard(n, 4)).fit_seed(CELLS[1]) for n in range(1, 5)}
    assert seeds == {Plan(CELLS, seed=3).fit_seed(CELLS[1])}


def test_the_cell_that_stands_twice_is_named() -> None:
    twice = Cell("llm", "c", "1", "direct", "given", "speech")
    with pytest.raises(ConfigError, match="different names") as caught:
        Plan((CELLS[0], twice, twice))
    assert caught.value.value == "llm@c@1@direct@given@speech"
