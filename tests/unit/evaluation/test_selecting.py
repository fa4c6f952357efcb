"""Selection: on validation utterances, stored apart, with every candidate in the record."""

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
from equivoice.evaluation import benchmark, plan_benchmark, rerun, score
from equivoice.models.scripted_language import ScriptedLanguageModel
from equivoice.store import RunFolder

LABELS = ("angry", "happy", "sad")
SETTINGS: Mapping[str, Any] = {
    "temperatures": (0.0, 1.0, 3.0),
    "runs": 2,
    "batch_size": 5,
    "replicates": 20,
    "permutations": 10,
    "group_by": ("gender",),
}


def corpus(*, official: bool = False, speakers: int = 8) -> Corpus:
    rows = [
        {
            "utterance_id": f"demo/{speaker}-{number}",
            "audio": f"/sound/{speaker}-{number}.wav",
            "duration": 1.0 + number,
            "speaker": f"s{speaker}",
            "gender": "female" if speaker % 2 else "male",
            "emotion": LABELS[number % 3],
        }
        for speaker in range(speakers)
        for number in range(6)
    ]
    table = pl.DataFrame(rows)
    made = Corpus("demo", label_space(LABELS), table)
    if not official:
        return replace(made, folds=make_folds(table, n_folds=2, seed=0))
    parts = {0: "validation", 1: "validation", 2: "test", 3: "test"}
    speaker = pl.col("speaker").str.strip_prefix("s").cast(pl.Int64)
    split = speaker.replace_strict(parts, default="train")
    return replace(made, folds=table.select("utterance_id", fold=pl.lit("1"), split=split))


def fake(made: Corpus, **options: Any) -> ScriptedLanguageModel:
    labels = dict(made.utterances.select("utterance_id", "emotion").iter_rows())
    return ScriptedLanguageModel(labels, **({"confidence": 0.6} | options))


def entries(run: RunFolder) -> list[dict[str, Any]]:
    return [each for each in run.record.selection if "(selected)" in each["system"]]


def estimate(run: RunFolder, **where: Any) -> float:
    standard = {"quantity": "score", "metric": "macro_f1", "fold": "all"}
    return float(run.estimates().filter(**(standard | where)).get_column("value").item())


# --------------------------------------------------------------------- on validation


def test_the_best_temperature_on_validation_is_scored_as_one_more_system(tmp_path: Path) -> None:
    made = corpus()
    run = benchmark(fake(made), made, out=tmp_path / "run", select=("temperature",), **SETTINGS)
    chosen = entries(run)
    assert [each["fold"] for each in chosen] == ["1", "2"]
    for each in chosen:
        assert each["chosen"] == {"temperature": 0.0}  # right each time at 0, noisy above
        assert [c["temperature"] for c in each["candidates"]] == [0.0, 1.0, 3.0]
        assert each["candidates"][0]["score"] == 1.0
        assert each["candidates"][2]["score"] < 0.9
        assert each["split"] == "validation"
        assert each["where"] == {"prompt": "user_labels", "modality": "speech"}
        assert each["speakers"]
        assert not set(each["speakers"]) & set(each["test_speakers"])
    assert estimate(run, system="scripted-llm (selected)") == 1.0
    row = run.estimates().filter(system="scripted-llm (selected)").row(0, named=True)
    assert row["temperature"] is None
    assert row["prompt"] == "user_labels"
    # never among the predictions
    systems = set(run.predictions().get_column("system"))
    assert systems == {"scripted-llm", "scripted-llm/options"}
    assert run.predictions().filter(system="scripted-llm").height == 48 * 3 * 2


def test_a_candidate_has_the_score_of_the_validation_answers(tmp_path: Path) -> None:
    made = corpus(official=True)
    run = benchmark(
        fake(made),
        made,
        out=tmp_path / "run",
        select=("temperature",),
        select_by="accuracy",
        **SETTINGS,
    )
    (entry,) = entries(run)
    assert entry["speakers"] == ["s0", "s1"]
    assert entry["test_speakers"] == ["s2", "s3"]
    apart = RunFolder.read(run.path / "validation").predictions()
    assert apart.filter(system="scripted-llm").height == 12 * 3 * 2
    names = set(apart.get_column("utterance_id"))
    assert not names & set(run.predictions().get_column("utterance_id"))
    for candidate in entry["candidates"]:
        own = apart.filter(system="scripted-llm", temperature=candidate["temperature"])
        found = score(own, made.utterances, replicates=0).estimates
        value = found.filter(quantity="score", metric="accuracy").get_column("value").item()
        assert candidate["score"] == pytest.approx(value)


def test_prompt_and_order_are_selected_together_for_each_temperature(tmp_path: Path) -> None:
    made = corpus()
    # one prompt is answered badly, and whatever is displayed first is favoured
    poor = fake(made, phrases={"Listen to the audio": 0.0}, first_bias=1.5)
    run = benchmark(
        poor,
        made,
        out=tmp_path / "run",
        prompts=("direct", "user_labels"),
        label_orders=("given", "shuffled-2"),
        select=("prompt", "order"),
        **SETTINGS,
    )
    for each in entries(run):
        assert len(each["candidates"]) == 4
        assert set(each["chosen"]) == {"prompt", "order"}
        assert set(each["where"]) == {"temperature", "modality"}
        best = max(each["candidates"], key=lambda c: c["score"])
        assert {k: best[k] for k in ("prompt", "order")} == each["chosen"]
    assert len(entries(run)) == 2 * 3
    rows = run.estimates().filter(
        quantity="score", metric="macro_f1", system="scripted-llm (selected)", fold="all"
    )
    assert sorted(rows.get_column("temperature")) == [0.0, 1.0, 3.0]
    assert rows.get_column("prompt").null_count() == 3


def test_answers_that_are_there_from_another_fold_are_not_asked_for_again(tmp_path: Path) -> None:
    made, log = corpus(), tmp_path / "log"
    benchmark(
        fake(made, log=str(log)), made, out=tmp_path / "run", select=("temperature",), **SETTINGS
    )
    asked = [name for line in log.read_text(encoding="utf-8").splitlines() for name in line.split()]
    assert len(asked) == len(set(asked)) == 48


def test_a_selection_that_was_cut_off_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = corpus(official=True)
    arguments: dict[str, Any] = {"select": ("temperature",), **SETTINGS}
    whole = benchmark(fake(made), made, out=tmp_path / "whole", **arguments)
    append = RunFolder.append_predictions

    def failing(self: RunFolder, cell: str, frame: pl.DataFrame) -> None:
        if self.path.name == "validation" and not self.cell_predictions(cell).is_empty():
            raise KeyboardInterrupt
        append(self, cell, frame)

    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "append_predictions", failing)
        with pytest.raises(KeyboardInterrupt):
            benchmark(fake(made), made, out=tmp_path / "cut", **arguments)
    cut = benchmark(fake(made), made, out=tmp_path / "cut", **arguments)
    for table in ("predictions.parquet", "estimates.parquet"):
        assert (cut.path / table).read_bytes() == (whole.path / table).read_bytes()
    assert cut.record.selection == whole.record.selection


def test_a_run_with_a_selection_is_repeated_from_its_record(tmp_path: Path) -> None:
    made = save_corpus(corpus(), tmp_path / "demo")
    options = {"scripted-llm": {"answers": str(made / "utterances.parquet")}}
    run = benchmark(
        "scripted-llm",
        made,
        out=tmp_path / "run",
        options=options,
        select=("temperature",),
        **SETTINGS,
    )
    again = rerun(run.path, out=tmp_path / "again")
    assert again.equal
    assert again.folder.record.selection == run.record.selection


def test_overwriting_removes_the_validation_answers_too(tmp_path: Path) -> None:
    made, out = corpus(), tmp_path / "run"
    benchmark(fake(made), made, out=out, select=("temperature",), **SETTINGS)
    assert (out / "validation" / "run.json").exists()
    benchmark(fake(made), made, out=out, overwrite=True, **SETTINGS)
    assert not (out / "validation").exists()


# ------------------------------------------------------------------------------ on test


def test_selecting_on_test_is_said_loudly(tmp_path: Path) -> None:
    made = corpus()
    run = benchmark(
        fake(made),
        made,
        out=tmp_path / "run",
        select=("temperature",),
        select_on_test=True,
        **SETTINGS,
    )
    for each in entries(run):
        assert each["split"] == "test"
        assert each["speakers"] == each["test_speakers"]
    notes = json.loads(str(run.read_text("notes.json")))
    assert any("SELECTED ON THE TEST UTTERANCES" in note for note in notes)
    assert not (run.path / "validation").exists()


# ----------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"select": ("shoe",)}, "select"),
        ({"select": ("temperature",), "select_by": "f1"}, "no such metric to select by"),
        ({"select": ("temperature",), "select_by": "beauty"}, "macro_f1"),
    ],
)
def test_what_cannot_select_is_refused(settings: dict[str, Any], match: str) -> None:
    made = corpus()
    with pytest.raises(ConfigError, match=match):
        plan_benchmark(fake(made), made, **settings)


def test_without_enough_speakers_there_is_no_validation_and_nothing_is_asked() -> None:
    made = corpus(speakers=2)
    with pytest.raises(CorpusError, match="speaker"):
        plan_benchmark(fake(made), made, select=("temperature",))
