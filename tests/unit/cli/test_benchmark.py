"""``benchmark``, ``compare`` and ``rerun`` as typed: results, exit codes, last lines."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from equivoice.cli.benchmark import _summed
from equivoice.cli.reporting import report_inputs, write_report
from equivoice.corpora import Corpus, label_space, save_corpus
from equivoice.corpora.folds import make_folds
from equivoice.errors import ConfigError, InputError
from equivoice.records import RunRecord
from equivoice.store import RunFolder
from tiny.commands import Typed

LABELS = ("angry", "happy", "sad")
QUICK = ["--replicates=50", "--permutations=20"]


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    rows = [
        {
            "utterance_id": f"demo/{speaker}-{number}",
            "speaker": f"s{speaker}",
            "gender": "female" if speaker % 2 else "male",
            "emotion": None if number == 5 else LABELS[number % 3],
        }
        for speaker in range(6)
        for number in range(6)
    ]
    table = pl.DataFrame(rows)
    folds = make_folds(table, n_folds=3, seed=0)
    return save_corpus(Corpus("demo", label_space(LABELS), table, folds), tmp_path / "demo")


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


def test_a_benchmark_ends_with_where_its_report_is(
    typed: Typed, prepared: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    code, said, noted = typed(
        "benchmark", "--system=prior", f"--corpus={prepared}", "--out", out, *QUICK
    )
    assert code == 0
    assert last_line(said) == f"Result: {out / 'report.html'}"
    assert "Macro-F1" in said
    assert "left out: demo: reference without label (6)" in noted
    assert "left out: demo, over all folds: training utterance without label (12)" in noted
    page = (out / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "prior" in page
    record = RunFolder.read(out).record
    assert record.config["systems"] == ["prior"]


@pytest.fixture
def confounded(tmp_path: Path) -> Path:
    """All women are angry, all men sad, and every speaker stands in both parts of the fold."""
    rows = [
        {
            "utterance_id": f"mixed/{speaker}-{number}",
            "speaker": f"s{speaker}",
            "gender": "female" if speaker % 2 else "male",
            "emotion": "angry" if speaker % 2 else "sad",
        }
        for speaker in range(10)
        for number in range(6)
    ]
    table = pl.DataFrame(rows)
    folds = table.select("utterance_id").with_row_index("at")
    folds = folds.select("utterance_id", fold=pl.lit("1"), split=pl.col("at") % 2).with_columns(
        split=pl.when(pl.col("split") == 0).then(pl.lit("train")).otherwise(pl.lit("test"))
    )
    return save_corpus(Corpus("mixed", label_space(LABELS), table, folds), tmp_path / "mixed")


def test_every_verb_says_in_the_terminal_what_limits_all_conclusions(
    typed: Typed, confounded: Path, tmp_path: Path
) -> None:
    run_folder = tmp_path / "run"
    words = ["--system=prior", "--system=scripted", f"--corpus={confounded}", "--group=gender"]
    answers = confounded / "utterances.parquet"
    for verb in (
        ["benchmark", *words, "--out", run_folder, *QUICK],
        ["report", run_folder],
        ["compare", run_folder, "--out", tmp_path / "compared", *QUICK],
        ["score", answers, "--reference", confounded, "--out", tmp_path / "scores", *QUICK],
    ):
        code, said, _ = typed(*verb)
        flat = " ".join(said.split())
        assert code == 0
        assert "The data of mixed ? Gender is confounded with emotion" in flat
        assert "empty: female × sad" in flat
        assert "10 of 10 test speakers also stand in training" in flat


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(
    typed: Typed, prepared: Path, tmp_path: Path
) -> None:
    words = ["benchmark", "--system=prior", f"--corpus={prepared}", "--out", tmp_path / "run"]
    code, said, _ = typed(*words, "--folds=1,3", "--dry-run")
    assert code == 0
    assert "2 cells; nothing was written" in said
    assert not (tmp_path / "run").exists()


def test_a_configuration_file_says_the_same_as_flags(
    typed: Typed, prepared: Path, tmp_path: Path
) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(
        f"system: [scripted]\ncorpus: [{prepared}]\nout: {tmp_path / 'a'}\nfolds: ['1']\n"
        "replicates: 50\npermutations: 20\nseed: 7\noptions: {scripted: {accuracy: 0.5}}\n"
    )
    assert typed("benchmark", "--config", file)[0] == 0
    words = ["--system=scripted", f"--corpus={prepared}", "--folds=1", "--seed=7", *QUICK]
    assert (
        typed("benchmark", *words, "--out", tmp_path / "b", "options.scripted.accuracy=0.5")[0] == 0
    )
    a, b = (RunFolder.read(tmp_path / name) for name in "ab")
    assert a.record.config == b.record.config
    assert a.estimates().equals(b.estimates())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--system=priro"], "no such system"),
        (["--folds=9"], "no such fold"),
        (["--limit=0"], "limit"),
        (["--group=shoe"], "no such attribute"),
        (["options.scripted.accuracy=1"], "not run"),
        (["sytem=prior"], "did you mean 'system'"),
        (["--convention=mine"], "convention"),
    ],
)
def test_wrong_options_are_bad_input(
    typed: Typed, prepared: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    base = ["benchmark", f"--corpus={prepared}", "--out", str(tmp_path / "run"), *QUICK]
    system = [] if words[0].startswith("--system") else ["--system=prior"]
    code, said, error = typed(*base, *system, *words)
    assert code == 2
    assert message in error
    assert said == ""


def test_missing_corpora_are_bad_input(typed: Typed, tmp_path: Path) -> None:
    code, _, error = typed(
        "benchmark", "--system=prior", "--corpus", tmp_path / "none", "--out", tmp_path / "run"
    )
    assert code == 2
    assert "no such corpus" in error


def test_another_configuration_in_the_same_folder_is_refused(
    typed: Typed, prepared: Path, tmp_path: Path
) -> None:
    words = ["benchmark", "--system=prior", f"--corpus={prepared}", "--out", tmp_path / "run"]
    assert typed(*words, *QUICK)[0] == 0
    code, _, error = typed(*words, *QUICK, "--seed=9")
    assert code == 2
    assert "seed: 0 in the run, 9 now" in error
    assert typed(*words, *QUICK, "--seed=9", "--overwrite")[0] == 0


def test_compare_and_rerun_end_with_a_report(typed: Typed, prepared: Path, tmp_path: Path) -> None:
    run_folder = tmp_path / "run"
    answers = f"options.scripted.answers={prepared / 'utterances.parquet'}"
    words = ["--system=prior", "--system=scripted", f"--corpus={prepared}", answers]
    assert typed("benchmark", *words, "--out", run_folder, *QUICK)[0] == 0

    code, said, _ = typed("compare", run_folder, "--out", tmp_path / "compared", *QUICK)
    assert code == 0
    assert last_line(said) == f"Result: {tmp_path / 'compared' / 'report.html'}"
    assert "prior" in said

    code, said, _ = typed("rerun", run_folder, "--out", tmp_path / "again")
    assert code == 0
    assert "predictions: equal (72 rows)" in said
    assert "The run came out the same." in said
    assert last_line(said) == f"Result: {tmp_path / 'again' / 'report.html'}"


def test_a_run_that_comes_out_differently_is_a_failure(
    typed: Typed, prepared: Path, tmp_path: Path
) -> None:
    words = ["benchmark", "--system=scripted", f"--corpus={prepared}", "--out", tmp_path / "run"]
    assert typed(*words, *QUICK)[0] == 0
    with RunFolder.open(tmp_path / "run") as folder:
        turned = folder.predictions().with_columns(emotion=pl.col("emotion").reverse())
        folder.write_predictions(turned)
    code, said, _ = typed("rerun", tmp_path / "run", "--out", tmp_path / "again")
    assert code == 1
    assert "rows differ" in said


# ---------------------------------------------------------------------- the report


def test_a_report_needs_estimates(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path / "run") as folder:
        folder.save_record(RunRecord(verb="benchmark", config={}))
        with pytest.raises(InputError, match="holds no estimates"):
            report_inputs(folder)


def scored(folder: Path) -> RunFolder:
    row = {"quantity": "score", "metric": "accuracy", "value": 0.5, "n": 8, "system": folder.name}
    with RunFolder.open(folder) as open_folder:
        open_folder.save_record(RunRecord(verb="score", config={}))
        open_folder.write_estimates(pl.DataFrame([row]))
        open_folder.write_text("notes.json", '["Mind the gap."]')
    return RunFolder.read(folder)


def test_a_report_is_written_into_its_run_or_where_it_is_asked_for(tmp_path: Path) -> None:
    a, b = scored(tmp_path / "a"), scored(tmp_path / "b")
    assert write_report(a) == tmp_path / "a" / "report.html"
    assert "Mind the gap." in (tmp_path / "a" / "report.html").read_text()
    with pytest.raises(ConfigError, match="needs a place"):
        write_report([a, b])
    assert write_report([a, b], out=tmp_path / "both.html") == tmp_path / "both.html"
    assert write_report([a, b], out=tmp_path) == tmp_path / "report.html"
    assert not list(tmp_path.rglob("*.part"))


def test_counts_are_summed_over_folds() -> None:
    counts = {"a, fold 1: x": 2, "a, fold 2: x": 3, "a: y": 4, "plain": 1, "a, fold 1: y: z": 5}
    assert _summed(counts) == {
        "a, over all folds: x": 5,
        "a: y": 4,
        "plain": 1,
        "a, over all folds: y: z": 5,
    }
