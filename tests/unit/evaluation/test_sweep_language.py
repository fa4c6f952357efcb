"""benchmark with systems that are asked in words: the grid, its rows, its record, its resume."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.corpora import Corpus, label_space, save_corpus
from equivoice.corpora.folds import make_folds
from equivoice.errors import ConfigError, CorpusError
from equivoice.evaluation import benchmark, plan_benchmark, rerun
from equivoice.inference import Cell, Silence
from equivoice.models.scripted_language import ScriptedLanguageModel, ScriptedServer
from equivoice.store import RunFolder

QUICK: Mapping[str, Any] = {"replicates": 20, "permutations": 10, "group_by": ("gender",)}
LABELS = ("angry", "happy", "sad")
GRID: Mapping[str, Any] = {
    "prompts": ("user_labels", "direct"),
    "label_orders": ("given", "shuffled-2"),
    "temperatures": (0.0, 1.0),
    "runs": 2,
    "batch_size": 4,
}
TABLES = ("predictions.parquet", "estimates.parquet", "utterances.parquet")


def corpus(name: str = "demo", *, transcripts: int = 0) -> Corpus:
    rows = [
        {
            "utterance_id": f"{name}/{speaker}-{number}",
            "audio": f"/sound/{speaker}-{number}.wav",
            "duration": 1.0 + number,
            "speaker": f"s{speaker}",
            "gender": "female" if speaker % 2 else "male",
            "emotion": LABELS[number % 3],
            "transcript": "so it is" if number < transcripts else None,
        }
        for speaker in range(4)
        for number in range(3)
    ]
    table = pl.DataFrame(rows, schema_overrides={"transcript": pl.String})
    made = Corpus(name, label_space(LABELS, id=name), table)
    return replace(made, folds=make_folds(table, n_folds=2, seed=0))


def answers(*corpora: Corpus) -> dict[str, str]:
    tables = [each.utterances.select("utterance_id", "emotion") for each in corpora]
    return dict(pl.concat(tables).iter_rows())


def fake(*corpora: Corpus, **options: Any) -> ScriptedLanguageModel:
    standard = {"accuracy": 0.7, "wordings": {"exact": 0.7, "sentence": 0.2, "refusal": 0.1}}
    return ScriptedLanguageModel(answers(*corpora), **(standard | options))


# ------------------------------------------------------------------------- the grid


def test_the_whole_grid_is_run_beside_a_fitted_system(tmp_path: Path) -> None:
    made = corpus()
    run = benchmark(["prior", fake(made)], made, out=tmp_path / "run", **GRID, **QUICK)
    table = run.predictions()
    counts = dict(table.group_by("system").len().iter_rows())
    ways = 2 * 2 * 2  # prompts, orders, temperatures
    assert counts == {
        "prior": 12,
        "scripted-llm": 12 * ways * 2,
        "scripted-llm/options": 12 * ways,
    }
    llm = table.filter(system="scripted-llm")
    shown = set(llm.get_column("options").list.join(" ").unique())
    assert len(shown) == 2
    assert "Angry Happy Sad" in shown
    assert set(llm.get_column("prompt")) == {"user_labels", "direct"}
    assert table.filter(system="prior").get_column("prompt").null_count() == 12


def test_cells_of_language_systems_follow_system_by_system() -> None:
    made = corpus()
    task = plan_benchmark([fake(made, name="a"), "prior", fake(made, name="b")], made, **GRID)
    systems = [cell.system for cell in task.plan.cells]
    assert systems == ["prior"] * 2 + ["a"] * 8 + ["b"] * 8
    assert len({cell.name for cell in task.plan.cells}) == len(systems)


def test_label_orders_that_show_the_same_are_asked_once_and_this_is_said() -> None:
    made = corpus()
    orders = ("given", "alphabetical", "shuffled:8")
    task = plan_benchmark(fake(made), made, label_orders=orders)
    asked = [task.asking(cell) for cell in task.plan.cells if cell.fold == "1"]
    shown = [asking.options.shown for asking in asked if asking is not None]
    assert len(shown) == len(set(shown)) <= 6
    assert len(task.settings.label_orders) == 10
    assert any("alphabetical is the order given" in note for note in task.notes)
    assert len(task.notes) == 10 - len(shown)


def test_label_orders_have_a_seed_of_their_own() -> None:
    made = corpus()

    def options(**settings: Any) -> set[tuple[str, ...]]:
        task = plan_benchmark(fake(made), made, label_orders=("shuffled-1",), **settings)
        return {asking.options.shown for c in task.plan.cells if (asking := task.asking(c))}

    assert options(seed=1) == options(seed=2)
    assert len(set.union(*(options(order_seed=seed) for seed in range(8)))) > 1


def test_two_models_of_one_kind_stand_in_one_run_by_their_aliases(tmp_path: Path) -> None:
    made = corpus()
    run = benchmark(
        ["good=scripted-llm", "bad=scripted-llm"],
        save_corpus(made, tmp_path / "demo"),
        out=tmp_path / "run",
        options={
            "good": {"answers": str(tmp_path / "demo" / "utterances.parquet")},
            "bad": {
                "answers": str(tmp_path / "demo" / "utterances.parquet"),
                "accuracy": 0.0,
            },
        },
        **QUICK,
    )
    accuracy = run.estimates().filter(
        quantity="score", metric="accuracy", fold="all", temperature=0.0
    )
    values = dict(accuracy.select("system", "value").iter_rows())
    assert values["good"] == 1.0
    assert values["bad"] == 0.0
    assert set(run.record.generation) == {"good", "bad"}
    assert rerun(run.path, out=tmp_path / "again").equal


def test_a_plain_table_without_speakers_is_one_test_part(tmp_path: Path) -> None:
    made = corpus()
    bare = replace(made, utterances=made.utterances.drop("speaker"), folds=made.folds.clear())
    run = benchmark(fake(made), bare, out=tmp_path / "run", **QUICK)
    assert run.predictions().filter(system="scripted-llm").height == 12
    assert "all of it is one test part" in str(run.read_text("notes.json"))
    with pytest.raises(CorpusError, match="speaker"):
        plan_benchmark([fake(made), "prior"], bare)


def test_a_system_is_not_asked_with_what_it_cannot_be_given() -> None:
    made = corpus(transcripts=3)
    deaf = ScriptedServer(name="deaf", modalities=frozenset({"transcript"}))
    task = plan_benchmark([fake(made), deaf], made, modalities=("speech", "transcript"))
    given = {(cell.system, cell.modality) for cell in task.plan.cells}
    assert given == {
        ("scripted-llm", "speech"),
        ("scripted-llm", "transcript"),
        ("deaf", "transcript"),
    }
    assert "deaf is not asked with speech: it cannot be given that." in task.notes
    with pytest.raises(ConfigError, match="'deaf' cannot be given any"):
        plan_benchmark(deaf, made)


# ------------------------------------------------------------------------- the scores


def test_option_scores_are_scored_by_label_and_as_they_are(tmp_path: Path) -> None:
    made = corpus()
    run = benchmark(
        fake(made, accuracy=1.0), made, out=tmp_path / "run", temperatures=(0.0, 1.0), **QUICK
    )

    def accuracy(system: str, temperature: float) -> float:
        rows = run.estimates().filter(
            quantity="score",
            metric="accuracy",
            fold="all",
            system=system,
            temperature=temperature,
        )
        return float(rows.get_column("value").item())

    assert accuracy("scripted-llm/options", 1.0) == 1.0
    # the right label has 0.7 of the mass, and 0.7 of that is worded exactly
    assert accuracy("scripted-llm/expected", 1.0) == pytest.approx(0.49)
    assert accuracy("scripted-llm/expected", 0.0) == 1.0
    notes = json.loads(str(run.read_text("notes.json")))
    assert any("not the expected score of sampled answers" in note for note in notes)
    assert set(run.predictions().get_column("system")) == {"scripted-llm", "scripted-llm/options"}


def test_without_option_scores_there_is_nothing_more_to_score(tmp_path: Path) -> None:
    made = corpus()
    run = benchmark(fake(made), made, out=tmp_path / "run", option_scores=False, **QUICK)
    assert set(run.estimates().get_column("system")) == {"scripted-llm"}
    assert "expected" not in str(run.read_text("notes.json"))


# ------------------------------------------------------------------------ transcripts


def test_utterances_without_transcript_are_left_out_and_counted(tmp_path: Path) -> None:
    made = corpus(transcripts=2)
    run = benchmark(
        fake(made), made, out=tmp_path / "run", modalities=("speech", "transcript"), **QUICK
    )
    counts = dict(run.predictions().group_by("modality").len().iter_rows())
    assert counts == {"speech": 24, "transcript": 16}
    key = "demo, fold 1: test utterance without transcript"
    assert run.record.left_out[key] == 2
    assert run.utterances().height == 12


def test_a_corpus_without_transcripts_cannot_be_asked_about_them() -> None:
    made = corpus()
    task = plan_benchmark(fake(made), made, modalities=("transcript",))
    with pytest.raises(CorpusError, match="has a transcript"):
        task.parts(task.plan.cells[0])


# --------------------------------------------------------------------- what is recorded


def test_the_record_holds_what_the_model_says_and_the_folder_what_it_was_shown(
    tmp_path: Path,
) -> None:
    made = corpus()
    run = benchmark(fake(made), made, out=tmp_path / "run", **GRID, **QUICK)
    said = run.record.generation["scripted-llm"]
    assert said["weights"].startswith("none")
    assert run.record.config["temperatures"] == [0.0, 1.0]
    prompts = json.loads(str(run.read_text("prompts.json")))
    assert prompts["direct"]["options"]["demo"]["given"] == ["Angry", "Happy", "Sad"]
    (shown,) = prompts["direct"]["shown"]["scripted-llm"]["demo"]["speech"]
    assert "Angry, Happy, Sad" in shown
    assert "{audio}" in shown
    assert set(prompts["user_labels"]["options"]["demo"]) == {"given", "shuffled-2"}
    timings = run.timings()
    assert timings.get_column("utterances").sum() == 12 * 4
    assert (timings.get_column("seconds") > 0).all()


def test_another_wording_in_the_same_prompt_file_is_another_run(tmp_path: Path) -> None:
    made = corpus()
    file = tmp_path / "mine.yaml"
    text = "wordings:\n  - turns:\n      - user: ['{audio}', 'QUESTION {labels}']\n"
    file.write_text(text.replace("QUESTION", "Which?"), encoding="utf-8")
    benchmark(fake(made), made, out=tmp_path / "run", prompts=(str(file),), **QUICK)
    file.write_text(text.replace("QUESTION", "What?"), encoding="utf-8")
    with pytest.raises(ConfigError, match="prompt mine"):
        benchmark(fake(made), made, out=tmp_path / "run", prompts=(str(file),), **QUICK)


# ----------------------------------------------------------------------------- resume


class Interrupted(Exception):
    """Stands for whatever ends a process."""


class StopAfter(Silence):
    """Progress that ends the run after so many batches."""

    def __init__(self, batches: int) -> None:
        self.left = batches

    def advanced(self, cell: Cell | None, predictions: int) -> None:
        assert predictions
        self.left -= 1
        if self.left < 0:
            raise Interrupted(str(cell))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that nothing disturbed."""
    made, out = corpus(), tmp_path_factory.mktemp("whole")
    return benchmark([fake(made), "prior"], made, out=out / "run", **GRID, **QUICK)


@pytest.mark.parametrize("batches", [0, 1, 3, 9])
def test_a_grid_that_was_cut_off_ends_with_the_same_bytes(
    tmp_path: Path, whole: RunFolder, batches: int
) -> None:
    made = corpus()
    settings = {**GRID, **QUICK}
    with pytest.raises(Interrupted):
        benchmark(
            [fake(made), "prior"],
            made,
            out=tmp_path / "cut",
            progress=StopAfter(batches),
            **settings,
        )
    assert RunFolder.read(tmp_path / "cut").record.finished is None
    cut = benchmark([fake(made), "prior"], made, out=tmp_path / "cut", **settings)
    for table in TABLES:
        assert (cut.path / table).read_bytes() == (whole.path / table).read_bytes()


def test_a_grid_is_repeated_from_its_record(tmp_path: Path) -> None:
    made = save_corpus(corpus(), tmp_path / "demo")
    options = {"scripted-llm": {"answers": str(made / "utterances.parquet"), "accuracy": 0.5}}
    first = benchmark("scripted-llm", made, out=tmp_path / "run", options=options, **GRID, **QUICK)
    again = rerun(first.path, out=tmp_path / "again")
    assert again.equal, [str(table) for table in again.tables]


def test_a_repetition_that_differs_says_in_how_many_rows(tmp_path: Path) -> None:
    made = save_corpus(corpus(), tmp_path / "demo")
    table = made / "utterances.parquet"
    answers_file = tmp_path / "answers.parquet"
    answers_file.write_bytes(table.read_bytes())
    options = {"scripted-llm": {"answers": str(answers_file)}}
    first = benchmark("scripted-llm", made, out=tmp_path / "run", options=options, runs=2, **QUICK)
    changed = pl.read_parquet(table).with_columns(
        emotion=pl.when(pl.col("utterance_id") == "demo/0-0")
        .then(pl.lit("sad"))
        .otherwise(pl.col("emotion"))
    )
    changed.select("utterance_id", "emotion").write_parquet(answers_file)
    again = rerun(first.path, out=tmp_path / "again")
    assert not again.equal
    assert again.tables[0].differing == 3  # two runs, and the option scores


# --------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"prompts": ("song",)}, ["song", "user_labels"]),
        ({"label_orders": ("backwards",)}, ["backwards"]),
        ({"modalities": ("smell",)}, ["smell", "speech"]),
        ({"parser": "mine"}, ["mine", "equivoice"]),
        ({"temperatures": (-1.0,)}, ["temperature is 0 or more"]),
        ({"runs": 0, "temperatures": ()}, ["runs", "temperatures"]),
        ({"decoding": {"top_p": 2}}, ["decoding.top_p"]),
        ({"decoding": {"max_new_tokens": 2, "min_new_tokens": 3}}, ["more than max_new_tokens"]),
        ({"select_on_test": True}, ["nothing is selected"]),
        (
            {"prompts": ("song",), "label_orders": ("x",), "modalities": ("smell",)},
            ["3 problems", "song", "'x'", "smell"],
        ),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_name(
    settings: dict[str, Any], words: list[str]
) -> None:
    made = corpus()
    with pytest.raises(ConfigError) as caught:
        plan_benchmark(fake(made), made, **settings)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_settings_that_no_system_heeds_are_refused() -> None:
    with pytest.raises(ConfigError, match="temperatures: no system of this run is asked in words"):
        plan_benchmark("prior", corpus(), temperatures=(0.5,))


@pytest.mark.parametrize("entry", ["a/b=prior", "=prior", "a="])
def test_an_alias_that_cannot_be_is_refused(entry: str) -> None:
    with pytest.raises(ConfigError, match="ALIAS=SYSTEM"):
        plan_benchmark(entry, corpus())
