"""compare: the same utterances, the same labels, every system of one with every other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from equivoice.corpora import Corpus, label_space
from equivoice.corpora.folds import make_folds
from equivoice.errors import ConfigError, InputError
from equivoice.evaluation import benchmark, compare
from equivoice.evaluation.described import read_descriptions
from equivoice.models.scripted import ScriptedBaseline
from equivoice.records import ESTIMATES
from equivoice.store import RunFolder

LABELS = ("angry", "happy", "sad")


def corpus(name: str = "demo", speakers: int = 8) -> Corpus:
    rows = [
        {
            "utterance_id": f"{name}/{speaker}-{number}",
            "speaker": f"s{speaker}",
            "gender": "female" if speaker % 2 else "male",
            "emotion": LABELS[number % 3],
        }
        for speaker in range(speakers)
        for number in range(9)
    ]
    table = pl.DataFrame(rows)
    return Corpus(name, label_space(LABELS), table, make_folds(table, n_folds=2, seed=0))


def ran(out: Path, made: Corpus, *, folds: tuple[str, ...] | None = None, **systems: float) -> Path:
    """A run of fakes that are right as often as stated."""
    truth = dict(made.utterances.select("utterance_id", "emotion").iter_rows())
    fakes = [ScriptedBaseline(truth, accuracy, name) for name, accuracy in systems.items()]
    return benchmark(
        fakes, made, out=out, folds=folds, replicates=20, permutations=10, group_by=()
    ).path


QUICK = {"replicates": 100, "permutations": 50}


def accuracy(estimates: pl.DataFrame, **where: str) -> float:
    rows = estimates.filter(metric="accuracy", quantity="comparison", **where)
    rows = rows.filter(pl.col("group_by").is_null())
    assert rows.height == 1, rows
    return float(rows.get_column("value")[0])


def share_right(run: Path, system: str) -> float:
    folder = RunFolder.read(run)
    joined = (
        folder.predictions()
        .filter(system=system)
        .join(folder.utterances(), on="utterance_id", suffix="_true")
    )
    return float((joined["emotion"] == joined["emotion_true"]).mean() or 0)


def test_two_runs_are_compared_utterance_by_utterance(tmp_path: Path) -> None:
    a = ran(tmp_path / "a", corpus(), good=0.9)
    b = ran(tmp_path / "b", corpus(), bad=0.4)
    found = compare(a, b, **QUICK)
    assert set(found.estimates["quantity"]) == {"comparison"}
    expected = share_right(a, "good") - share_right(b, "bad")
    assert accuracy(found.estimates, system="good − bad") == pytest.approx(expected, abs=1e-12)
    assert found.left_out == {}
    assert found.folder is None
    turned = compare(b, a, **QUICK)
    assert accuracy(turned.estimates, system="bad − good") == pytest.approx(-expected, abs=1e-12)


def test_the_systems_of_one_run_are_compared_with_each_other(tmp_path: Path) -> None:
    run = ran(tmp_path / "a", corpus(), x=0.9, y=0.6, z=0.3)
    found = compare(run, **QUICK)
    assert found.estimates["system"].unique().sort().to_list() == ["x − y", "x − z", "y − z"]


def test_one_system_alone_cannot_be_compared(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds one system"):
        compare(ran(tmp_path / "a", corpus(), x=0.9))


def test_systems_of_one_name_are_told_apart_by_their_runs(tmp_path: Path) -> None:
    a = ran(tmp_path / "first", corpus(), same=0.9)
    b = ran(tmp_path / "second", corpus(), same=0.9)
    found = compare(a, b, **QUICK)
    assert accuracy(found.estimates, system="same (first) − same (second)") == 0


def test_different_test_sets_are_refused_unless_their_common_part_is_asked_for(
    tmp_path: Path,
) -> None:
    a = ran(tmp_path / "a", corpus(), good=1.0)
    b = ran(tmp_path / "b", corpus(), folds=("1",), bad=0.0)
    with pytest.raises(ConfigError, match=r"36 in common, 36 only in the first, 0 only") as caught:
        compare(a, b, **QUICK)
    assert "--tests common" in str(caught.value)
    found = compare(a, b, tests="common", **QUICK)
    assert found.left_out == {"demo: tested for good only": 36}
    assert accuracy(found.estimates) == 1


def test_runs_without_a_common_corpus_or_utterance_are_refused(tmp_path: Path) -> None:
    a = ran(tmp_path / "a", corpus(), folds=("1",), x=1.0)
    with pytest.raises(InputError, match="no corpus in common: demo in the first, other"):
        compare(a, ran(tmp_path / "b", corpus("other"), x=1.0))
    with pytest.raises(InputError, match="no utterance of demo was tested in both"):
        compare(a, ran(tmp_path / "c", corpus(), folds=("2",), x=1.0), tests="common")


def test_other_reference_labels_or_label_spaces_are_refused(tmp_path: Path) -> None:
    made = corpus()
    a = ran(tmp_path / "a", made, x=1.0)
    turned = made.utterances.with_columns(emotion=pl.col("emotion").reverse())
    b = ran(tmp_path / "b", replace(made, utterances=turned), y=1.0)
    with pytest.raises(InputError, match="different reference labels for"):
        compare(a, b)
    wider = replace(made, label_space=label_space([*LABELS, "fear"]))
    with pytest.raises(InputError, match="different labels"):
        compare(a, ran(tmp_path / "c", wider, y=1.0))


def test_an_unfinished_run_is_refused(tmp_path: Path) -> None:
    run = ran(tmp_path / "a", corpus(), x=1.0, y=0.5)
    with RunFolder.open(run) as folder:
        folder.save_record(folder.record.model_copy(update={"finished": None}))
    with pytest.raises(InputError, match="not finished"):
        compare(run)


def test_a_comparison_is_stored_as_a_run_of_its_own(tmp_path: Path) -> None:
    run = ran(tmp_path / "a", corpus(), x=0.9, y=0.5)
    found = compare(run, out=tmp_path / "c", seed=3, command="equivoice compare", **QUICK)
    assert found.folder is not None
    stored = RunFolder.read(tmp_path / "c")
    assert stored.estimates().equals(ESTIMATES.validate(found.estimates))
    assert stored.record.verb == "compare"
    assert stored.record.config["runs"] == [str(run)]
    assert set(stored.record.inputs) == {"a/predictions.parquet", "a/utterances.parquet"}
    assert set(read_descriptions(stored)) == {"demo"}
    again = compare(run, out=tmp_path / "c", seed=3, **QUICK)
    assert again.estimates.equals(found.estimates)
    with pytest.raises(ConfigError, match="holds another run"):
        compare(run, out=tmp_path / "c", seed=4, **QUICK)
    with pytest.raises(ConfigError, match="is one of the runs"):
        compare(run, out=run, **QUICK)
    compare(run, out=tmp_path / "c", seed=4, overwrite=True, **QUICK)


def test_overwriting_a_run_that_is_compared_is_refused(tmp_path: Path) -> None:
    run = ran(tmp_path / "a", corpus(), x=0.9, y=0.5)
    with pytest.raises(ConfigError, match="is one of the runs"):
        compare(run, out=run, overwrite=True, **QUICK)
    assert RunFolder.read(run).predictions().height


def test_groups_are_compared_where_they_are_asked_for(tmp_path: Path) -> None:
    run = ran(tmp_path / "a", corpus(), x=0.9, y=0.5)
    found = compare(run, group_by=("gender",), **QUICK)
    rows = found.estimates.filter(metric="accuracy", group_by="gender")
    assert rows.height == 2
