"""Sensitivity to prompts and label orders: known answers, and intervals that cover."""

from __future__ import annotations

import json
import statistics

import numpy as np
import polars as pl
import pytest

from equivoice.errors import ConfigError
from equivoice.evaluation.sensitivity import sensitivity
from equivoice.evaluation.variants import VARIANT_COLUMNS
from equivoice.records import Label, LabelSpace

LABELS = ("angry", "happy", "sad")
SPACE = LabelSpace("demo", tuple(Label(name) for name in LABELS))


def reference(speakers: int, each: int, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    n = speakers * each
    return pl.DataFrame(
        {
            "utterance_id": [f"demo/{i:04d}" for i in range(n)],
            "corpus": ["demo"] * n,
            "speaker": [f"s{i // each:03d}" for i in range(n)],
            "emotion": rng.choice(LABELS, n),
        }
    )


def answers(truth: pl.DataFrame, chance: float, seed: int, **conditions: object) -> pl.DataFrame:
    """Right with a chance that varies by speaker, otherwise one of the labels."""
    rng = np.random.default_rng(seed)
    right = rng.random(truth.height) < chance
    guess = rng.choice(LABELS, truth.height)
    said = np.where(right, truth.get_column("emotion").to_numpy(), guess)
    frame = pl.DataFrame({"utterance_id": truth.get_column("utterance_id"), "emotion": said})
    return frame.with_columns(
        system=pl.lit("model"), **{k: pl.lit(v) for k, v in conditions.items()}
    )


def value(table: pl.DataFrame, **wanted: str) -> float:
    rows = table.filter(**wanted)
    assert rows.height == 1
    return float(rows.get_column("value")[0])


def test_known_answers_by_hand() -> None:
    truth = reference(6, 10)
    prompts = {"a": 0.9, "b": 0.6, "c": 0.3}
    parts = {
        p: answers(truth, chance, i, prompt=p) for i, (p, chance) in enumerate(prompts.items())
    }
    table = sensitivity(pl.concat(parts.values()), truth, label_space=SPACE, replicates=200)
    gold = truth.get_column("emotion")
    by_hand = [float((part.get_column("emotion") == gold).mean()) for part in parts.values()]
    for prompt, expected in zip(parts, by_hand, strict=True):
        got = value(table, quantity="score", metric="accuracy", variant=prompt)
        assert got == pytest.approx(expected)
    spread = max(by_hand) - min(by_hand)
    assert value(table, quantity="range", metric="accuracy") == pytest.approx(spread)
    deviation = statistics.stdev(by_hand)
    assert value(table, quantity="sd", metric="accuracy") == pytest.approx(deviation)
    rows = zip(*(part.get_column("emotion") for part in parts.values()), strict=True)
    changed = [len(set(labels)) > 1 for labels in rows]
    assert value(table, quantity="changed") == pytest.approx(statistics.fmean(changed))
    assert table.columns == list(VARIANT_COLUMNS)
    assert table.get_column("undefined").is_null().all()
    assert (table.get_column("low") <= table.get_column("high")).all()
    assert set(table.get_column("unit")) == {"speaker"}
    assert set(table.get_column("n")) == {60}
    assert set(table.get_column("clusters")) == {6}


def test_what_was_not_asked_under_every_prompt_is_left_out_and_counted() -> None:
    truth = reference(6, 4)
    first = answers(truth, 0.9, 0, prompt="a")
    second = answers(truth, 0.9, 0, prompt="b").head(20)
    table = sensitivity(pl.concat([first, second]), truth, label_space=SPACE, replicates=100)
    assert set(table.get_column("n")) == {20}
    assert json.loads(table.get_column("left_out")[0]) == {"not answered under every prompt": 4}
    assert value(table, quantity="changed") == 0.0


def test_temperatures_and_runs_are_items_of_their_own() -> None:
    truth = reference(5, 2)
    parts = [
        answers(truth, 0.5, 10 * run + place, prompt=prompt, run=run, temperature=0.7)
        for place, prompt in enumerate("ab")
        for run in range(3)
    ]
    table = sensitivity(pl.concat(parts), truth, label_space=SPACE, replicates=100)
    assert set(table.get_column("n")) == {30}
    by_run = sensitivity(pl.concat(parts), truth, factor="run", label_space=SPACE, replicates=100)
    assert set(by_run.filter(quantity="score").get_column("variant")) == {"0", "1", "2"}
    assert set(by_run.get_column("n")) == {20}


def test_orders_match_over_prompts_in_two_languages() -> None:
    truth = reference(5, 4)
    words = {
        ("en", 0): ["Angry", "Happy", "Sad"],
        ("de", 0): ["wütend", "fröhlich", "traurig"],
        ("en", 1): ["Sad", "Happy", "Angry"],
        ("de", 1): ["traurig", "fröhlich", "wütend"],
    }
    parts = [
        answers(truth, 0.8, order, prompt=prompt).with_columns(
            options=pl.lit(shown, dtype=pl.List(pl.String))
        )
        for (prompt, order), shown in words.items()
    ]
    both = pl.concat(parts)
    orders = sensitivity(both, truth, factor="label_order", label_space=SPACE, replicates=100)
    assert set(orders.filter(quantity="score").get_column("variant")) == {
        "angry|happy|sad",
        "sad|happy|angry",
    }
    assert set(orders.get_column("n")) == {40}
    # the seeds are by order, so that prompts make no difference here and orders do
    prompts = sensitivity(both, truth, factor="prompt", label_space=SPACE, replicates=100)
    assert value(prompts, quantity="changed") == 0.0
    assert value(orders, quantity="changed") > 0.0


def test_answers_without_a_label_are_a_label_of_their_own() -> None:
    truth = reference(5, 2)
    first = answers(truth, 1.0, 0, prompt="a")
    silent = first.with_columns(
        prompt=pl.lit("b"), emotion=pl.lit(None, dtype=pl.String), status=pl.lit("unparsed")
    )
    both = pl.concat([first.with_columns(status=pl.lit("parsed")), silent])
    table = sensitivity(both, truth, label_space=SPACE, replicates=100)
    assert value(table, quantity="changed") == 1.0
    same = pl.concat([silent, silent.with_columns(prompt=pl.lit("c"))])
    assert (
        value(sensitivity(same, truth, label_space=SPACE, replicates=100), quantity="changed") == 0
    )


def test_no_number_comes_without_its_reason() -> None:
    truth = reference(6, 4)
    one = answers(truth, 0.9, 0, prompt="a")
    table = sensitivity(one, truth, label_space=SPACE, replicates=100)
    assert set(table.get_column("undefined")) == {"only one prompt: a"}
    assert table.get_column("value").is_null().all()
    apart = pl.concat([one.head(3), answers(truth, 0.9, 1, prompt="b").tail(3)])
    table = sensitivity(apart, truth, label_space=SPACE, replicates=100)
    assert set(table.get_column("undefined")) == {"no utterance was answered under every prompt"}
    few = truth.filter(pl.col("speaker") < "s003")
    pair = pl.concat([answers(few, 0.9, 0, prompt="a"), answers(few, 0.5, 1, prompt="b")])
    table = sensitivity(pair, few, label_space=SPACE, replicates=100)
    assert table.get_column("value").is_not_null().all()
    assert table.get_column("low").is_null().all()
    assert all("too few speakers: 3" in why for why in table.get_column("undefined"))


def test_each_system_has_rows_of_its_own() -> None:
    truth = reference(6, 4)
    pair = pl.concat([answers(truth, 0.9, 0, prompt="a"), answers(truth, 0.5, 1, prompt="b")])
    both = pl.concat([pair, pair.with_columns(system=pl.lit("other"))])
    table = sensitivity(both, truth, label_space=SPACE, replicates=100)
    one, two = (table.filter(system=name).drop("system") for name in ("model", "other"))
    assert one.height > 0
    assert one.equals(two)


def test_the_same_seed_gives_the_same_table() -> None:
    truth = reference(6, 4)
    pair = pl.concat([answers(truth, 0.9, 0, prompt="a"), answers(truth, 0.5, 1, prompt="b")])
    first, again, other = (
        sensitivity(pair, truth, label_space=SPACE, replicates=100, seed=seed) for seed in (1, 1, 2)
    )
    assert first.equals(again)
    assert not first.equals(other)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"factor": "speaker"}, "no factor of a benchmark: 'speaker'"),
        ({"metrics": ["f1"]}, "no metric with one value: 'f1'"),
        ({"convention": "x"}, "x"),
    ],
)
def test_mistakes_are_named(options: dict[str, object], problem: str) -> None:
    truth = reference(6, 4)
    pair = pl.concat([answers(truth, 0.9, 0, prompt="a"), answers(truth, 0.5, 1, prompt="b")])
    with pytest.raises(ConfigError, match=problem):
        sensitivity(pair, truth, replicates=100, **options)  # type: ignore[arg-type]


def sample_of_prompts(seed: int, speakers: int, lift: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Three prompts on the same utterances; the first is better by ``lift``, speakers differ."""
    rng = np.random.default_rng(seed)
    truth = reference(speakers, 12, seed)
    skill = np.repeat(rng.uniform(0.4, 0.7, speakers), 12)
    parts = []
    for place, prompt in enumerate("abc"):
        right = rng.random(truth.height) < skill + (lift if place == 0 else 0.0)
        gold = truth.get_column("emotion").to_numpy()
        wrong = np.array([LABELS[(LABELS.index(label) + 1) % 3] for label in gold])
        parts.append(
            pl.DataFrame(
                {
                    "utterance_id": truth.get_column("utterance_id"),
                    "emotion": np.where(right, gold, wrong),
                    "system": ["model"] * truth.height,
                    "prompt": [prompt] * truth.height,
                }
            )
        )
    return pl.concat(parts), truth


@pytest.mark.slow
@pytest.mark.parametrize(("speakers", "lift"), [(12, 0.0), (40, 0.0), (12, 0.15), (40, 0.15)])
def test_intervals_of_the_range_cover_also_where_prompts_do_not_differ(
    speakers: int, lift: float
) -> None:
    """200 samples; 95 % nominal. Fewer than 181 hits have a chance below 1 % at 95 %."""
    hits = 0
    for seed in range(200):
        said, truth = sample_of_prompts(seed, speakers, lift)
        table = sensitivity(
            said, truth, label_space=SPACE, metrics=["accuracy"], replicates=500, seed=seed
        )
        row = table.filter(quantity="range").row(0, named=True)
        hits += row["low"] <= lift <= row["high"]
    assert hits >= 181
