"""The study of open and closed form: tables of runs as typed, the page, and the command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import f1_score

from equivoice.cli.app import run
from equivoice.corpora import Corpus
from equivoice.corpora.labels import label_space
from equivoice.errors import ConfigError, InputError
from equivoice.studies.explainable.measuring import FormSettings
from equivoice.studies.explainable.page import differences_in_words
from equivoice.studies.explainable_forms import (
    ExplainableStudy,
    explainable_forms,
    write_explainable,
)

NAMES = ("angry", "sad", "happy", "surprise", "fear", "disgust", "contempt", "neutral")
WORDS = dict(zip(NAMES, ("annoyed", "gloomy", "thrilled", "stunned", "nervous", "revolted",
                         "sarcastic", "calm"), strict=True))  # fmt: skip
N = 96
IDS = [f"msp_podcast/{n:02}" for n in range(N)]
TRUTH = [NAMES[n % 8] for n in range(N)]
QUICK = FormSettings("Q2A", replicates=30, permutations=20)


def said(seed: int, share: float) -> list[str]:
    rng = np.random.default_rng(seed)
    return [label if rng.random() < share else str(rng.choice(NAMES)) for label in TRUTH]


Q2A, COT = said(1, 0.3), said(2, 0.7)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs as tables: open answers in words, closed ones as letters; reference and votes."""
    place = tmp_path_factory.mktemp("forms")
    letters = dict(zip(NAMES, "ABCDEFGH", strict=True))
    tables = {
        "open": [f"<asr>one two</asr> I think the emotion is {WORDS[label]}." for label in Q2A],
        "cot": [f"Step 1: angry? Step 2: calm?\nAnswer: {WORDS[label]}" for label in COT],
        "closed": [f"{letters[label]}. {label}" for label in Q2A],
    }
    for name, responses in tables.items():
        pl.DataFrame({"utterance_id": IDS, "response": responses}).write_csv(place / f"{name}.csv")
    options = [[f"{letter}. {name.capitalize()}" for name, letter in letters.items()]] * N
    pl.DataFrame(
        {"utterance_id": IDS, "response": tables["closed"], "options": options}
    ).write_parquet(place / "closed.parquet")
    pl.DataFrame({"utterance_id": IDS, "emotion": COT}).write_csv(place / "labels.csv")
    reference().write_csv(place / "u.csv")
    votes().write_csv(place / "v.csv")
    return place


def reference() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "utterance_id": IDS,
            "corpus": "msp_podcast",
            "speaker": [f"s{n % 12}" for n in range(N)],
            "emotion": TRUTH,
            "transcript": ["one two three"] * N,
        }
    )


def votes() -> pl.DataFrame:
    rng = np.random.default_rng(4)
    rows = [
        (name, f"r{k}", "emotion", label if rng.random() < 0.6 else str(rng.choice(NAMES)))
        for name, label in zip(IDS, TRUTH, strict=True)
        for k in range(5)
    ]
    rows.append((IDS[0], "r5", "emotion", "Other-wistful"))
    return pl.DataFrame(rows, schema=["item", "rater", "question", "value"], orient="row")


@pytest.fixture(scope="module")
def study(folder: Path) -> ExplainableStudy:
    corpus = Corpus(
        name="msp_podcast",
        utterances=reference(),
        label_space=label_space(NAMES, id="msp"),
        votes=votes(),
    )
    runs: Any = {
        "open": [f"Q2A={folder / 'open.csv'}", f"Q2A+CoT={folder / 'cot.csv'}"],
        "closed": [f"Q2A={folder / 'closed.parquet'}", f"mine={folder / 'labels.csv'}"],
    }
    return explainable_forms(runs, corpus, settings=QUICK)


def score(study: ExplainableStudy, system: str, form: str, **where: str) -> dict[str, Any]:
    own = {"quantity": "score", "metric": "macro_f1", "subset": "all", "labels": "majority"}
    asked = own | where | {"system": system, "form": form}
    return study.measured.scores.table.row(
        by_predicate=pl.all_horizontal(pl.col(k) == v for k, v in asked.items()), named=True
    )


def test_each_form_is_read_in_its_own_way(study: ExplainableStudy) -> None:
    macro = {
        name: f1_score(TRUTH, labels, labels=NAMES, average="macro")
        for name, labels in (("Q2A", Q2A), ("CoT", COT))
    }
    assert score(study, "Q2A", "open")["value"] == pytest.approx(macro["Q2A"])
    assert score(study, "Q2A", "closed")["value"] == pytest.approx(macro["Q2A"])
    assert score(study, "Q2A+CoT", "open")["value"] == pytest.approx(macro["CoT"])
    assert score(study, "mine", "closed")["value"] == pytest.approx(macro["CoT"])


def test_a_system_without_words_is_scored_by_its_labels(study: ExplainableStudy) -> None:
    assert set(study.measured.readings) == {
        ("Q2A", "open"), ("Q2A+CoT", "open"), ("Q2A", "closed"),
    }  # fmt: skip
    assert study.measured.readings["Q2A", "open"].counts["read as a label"] == N


def test_votes_give_all_labels_and_the_strict_majority(study: ExplainableStudy) -> None:
    plain = score(study, "Q2A", "open")
    every = score(study, "Q2A", "open", labels="all")
    agreed = score(study, "Q2A", "open", subset="agreement > 0.5")
    assert every["value"] > plain["value"]
    assert agreed["n"] < plain["n"] == N


def test_systems_are_compared_with_one_form_by_form(study: ExplainableStudy) -> None:
    told = differences_in_words(study.measured.scores.table)
    assert len(told) == 4  # two forms, two readings
    assert told[0].startswith("Q2A+CoT minus Q2A, open form, majority labels: +")
    assert told[0].endswith("which tells them apart.")


def test_transcripts_are_watched(study: ExplainableStudy) -> None:
    rates = study.measured.transcripts.filter(quantity="score", metric="word_error_rate")
    assert rates.select("system", "prompt").rows() == [("Q2A", "open")]
    assert rates["value"].item() == pytest.approx(1 / 3)


def test_the_page_has_the_printed_numbers_beside(study: ExplainableStudy, tmp_path: Path) -> None:
    page = write_explainable(study, tmp_path / "out", command="equivoice study explainable")
    text = page.read_text(encoding="utf-8")
    for part in ("19.53 printed", "59.32 printed", "not run", "Q2A-lora-SFT w/ reasoning", "mine",
                 "Word error rate", "an emotion that is no label", "McNemar", "teacher wrote"):  # fmt: skip
        assert part in text, part
    table = pl.read_csv(tmp_path / "out" / "table_1.csv")
    assert table.height == study.measured.scores.table.height
    assert (tmp_path / "out" / "transcripts.csv").is_file()


def test_on_another_corpus_printed_numbers_stand_in_brackets(folder: Path, tmp_path: Path) -> None:
    other = reference().with_columns(corpus=pl.lit("mine")).drop("transcript")
    other.write_csv(tmp_path / "other.csv")
    code = run(
        ["study", "explainable", "--open", f"Q2A={folder / 'open.csv'}", "--reference",
         str(tmp_path / "other.csv"), "--replicates", "20", "-o", str(tmp_path / "out")]
    )  # fmt: skip
    assert code == 0
    text = (tmp_path / "out" / "explainable.html").read_text(encoding="utf-8")
    assert "(19.53)" in text
    assert "19.53 printed" not in text
    assert "There are no votes" in text
    assert "Word error rate over" not in text


def test_the_command_compares_and_says_what_it_found(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(
        ["study", "explainable", "--open", f"Q2A={folder / 'open.csv'}",
         "--open", f"Q2A+CoT={folder / 'cot.csv'}", "--reference", str(folder / "u.csv"),
         "--votes", str(folder / "v.csv"), "--against", "Q2A", "--replicates", "20",
         "--permutations", "20", "-o", str(tmp_path / "out")]
    )  # fmt: skip
    said = capsys.readouterr()
    assert code == 0
    assert "Q2A+CoT minus Q2A, open form" in said.out
    assert said.out.splitlines()[-1] == f"Result: {tmp_path / 'out' / 'explainable.html'}"
    assert "reconstruction" in said.err


def test_what_cannot_be_shown_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to score"):
        explainable_forms({"open": []}, folder / "u.csv")
    with pytest.raises(InputError, match="a channel of votes is named"):
        explainable_forms(
            {"open": [f"a={folder / 'open.csv'}"]}, folder / "u.csv",
            settings=FormSettings(channel="voice"),
        )  # fmt: skip
    two = pl.DataFrame({"utterance_id": IDS * 2, "system": ["a"] * N + ["b"] * N,
                        "emotion": Q2A + COT})  # fmt: skip
    two.write_csv(folder / "two.csv")
    with pytest.raises(ConfigError, match="this names 2"):
        explainable_forms({"open": [str(folder / "two.csv")]}, folder / "u.csv")
