"""The tables of ``benchmarks/rationale_chain.py``, of a chain whose numbers are known."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from architecture.source import ROOT
from equivoice.reports.rows import Estimate
from equivoice.studies.chain.found import Chain
from equivoice.studies.chain.settings import ARMS
from unit.studies.chain_by_hand import SETTINGS, TAKES, chain_by_hand

BENCHMARKS = ROOT / "benchmarks"
TESTED = str(5 * TAKES)


@pytest.fixture(scope="module")
def benchmark() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("rationale_chain")


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    return chain_by_hand(tmp_path_factory.mktemp("chain"))


def rows(lines: Iterator[str]) -> list[list[str]]:
    """The cells of the tables, without their headings."""
    text = "".join(lines)
    cells = [line.strip("| \n").split(" | ") for line in text.splitlines() if line.startswith("|")]
    rules = [at for at, row in enumerate(cells) if set("".join(row)) <= set("- |")]
    return [row for at, row in enumerate(cells) if at not in rules and at + 1 not in rules]


def test_the_long_run_has_its_place_in_the_evidence() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        evidence = importlib.import_module("evidence")
    script, *options = evidence.STUDIES["rationale_chain"]
    assert (BENCHMARKS / script).is_file()
    assert options[0] == "--data"


def test_filters_and_faults_add_up(benchmark: ModuleType, chain: Chain) -> None:
    found = rows(benchmark.filters(chain))
    dropped = {row[0]: int(row[1]) for row in found[: chain.dropped.height]}
    assert sum(dropped.values()) == chain.written.height
    for _, planted, expected, met in found[chain.dropped.height :]:
        assert planted == met
        assert dropped[expected] >= int(met)


def test_scores_have_both_arms_and_their_difference(benchmark: ModuleType, chain: Chain) -> None:
    found = rows(benchmark.scores(chain))
    assert [row[:2] for row in found] == [
        [form, name]
        for form in ("open", "closed")
        for name in (*ARMS, "with reasons − without reasons")
    ]
    assert {row[4] for row in found} == {TESTED}
    assert found[2][2].startswith("+")
    assert "[" in found[0][2]


def test_word_error_rates_of_each_student(benchmark: ModuleType, chain: Chain) -> None:
    found = rows(benchmark.heard(chain))
    assert {(row[0], row[1], row[2]) for row in found} == {
        (arm, str(seed), form)
        for arm in ARMS
        for seed in SETTINGS.seeds
        for form in ("open", "closed")
    }
    assert all(row[3].startswith("30.0 ") for row in found)


def test_nobody_who_transcribes_makes_no_row(benchmark: ModuleType, chain: Chain) -> None:
    mute = {seed: replace(each, transcripts=pl.DataFrame()) for seed, each in chain.forms.items()}
    assert rows(benchmark.heard(replace(chain, forms=mute))) == []


def test_support_stands_beside_shuffled_sound(benchmark: ModuleType, chain: Chain) -> None:
    found = {(row[0], row[1]): row for row in rows(benchmark.support(chain))}
    own = found["the student, seed 0", "pitch"]
    assert own[2].startswith("75.0 ")
    assert own[3] == "40"
    assert float(own[4]) < 75
    assert {name for name, _ in found} == {
        "the teacher, of training utterances",
        "the student, seed 0",
        "the student, seed 3",
    }


def test_the_judge_is_told_with_what_was_left_out(benchmark: ModuleType, chain: Chain) -> None:
    found = rows(benchmark.judged(chain))
    assert [row[0] for row in found] == [each.against for each in chain.judged]
    none = replace(chain.judged[0], folder=None, estimates=pl.DataFrame(), left_out={"no pair": 7})
    assert rows(benchmark.judged(replace(chain, judged=(none,)))) == [
        [none.against, "not judged", "0", "no pair: 7"]
    ]


@pytest.mark.parametrize("quick", [True, False])
def test_a_section_says_what_it_cost_and_whether_it_means_anything(
    benchmark: ModuleType, chain: Chain, quick: bool
) -> None:
    text = "".join(benchmark.section(chain, 90.0, 60.0, quick))
    assert ("its numbers mean nothing" in text) is quick
    assert "1.5 minutes, 1.0 of them processor time" in text
    assert f"{6 * TAKES} training and {TESTED} test utterances" in text
    for title in ("What is shown", "What is not shown", "How little this proves"):
        assert f"**{title}**" in text


def test_time_adds_up_over_calls(benchmark: ModuleType, tmp_path: Path) -> None:
    assert benchmark.spent(tmp_path, 10.0, 4.0) == (10.0, 4.0)
    assert benchmark.spent(tmp_path, 5.0, 1.0) == (15.0, 5.0)
    assert json.loads((tmp_path / "spent.json").read_text()) == [15.0, 5.0]


def test_values_without_an_interval_say_so(benchmark: ModuleType) -> None:
    row = Estimate("score", "macro_f1", value=0.5)
    assert benchmark.value(row) == "50.0 (no interval)"
    assert benchmark.value(Estimate("score", "macro_f1", undefined="none")) == "not defined (none)"
    ends = Estimate("comparison", "macro_f1", value=0.05, low=-0.01, high=0.11)
    assert benchmark.value(ends, sign=True) == "+5.0 [−1.0, +11.0]"
    assert benchmark.spread(row) == "–"
