"""From files of reasons and corpora to tables: what is read, what is refused, what is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from equivoice.audio.prosody import prosody_names
from equivoice.corpora import Corpus, label_space
from equivoice.corpora.card import Card, Fact
from equivoice.errors import InputError
from equivoice.rationales import ground_run
from equivoice.rationales.ground_run import (
    Grounded,
    ground_corpora,
    read_reasons,
    write_grounded,
)
from equivoice.rationales.measurements import LETTER_RATE
from equivoice.rationales.precision import PRECISION, PrecisionSettings
from equivoice.rationales.verdicts import GroundingRules
from equivoice.records import CLAIMS, ESTIMATES, UTTERANCES, read_table
from unit.rationales.measured import measured

QUICK = PrecisionSettings(replicates=50, shuffles=10)
TAKES = 11


def corpus(name: str = "a", speakers: int = 6) -> Corpus:
    """Utterances without sound; their measurements are made up, see :func:`silent`."""
    rows = [
        {
            "utterance_id": f"{name}/{speaker}-{take}",
            "corpus": name,
            "speaker": f"{name}{speaker}",
            "gender": "female" if speaker % 2 else "male",
            "language": "en",
            "transcript": f"take number {take}",
            "emotion": "sad",
        }
        for speaker in range(speakers)
        for take in range(TAKES)
    ]
    return Corpus(
        name,
        label_space(["sad", "happy"], id=name),
        UTTERANCES.validate(pl.DataFrame(rows)),
        card=Card(name=name, licence=Fact(value="CC BY 4.0", source="test")),
    )


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Measurements by number instead of by ear: the pitch climbs over a speaker's takes."""
    asked: list[int] = []

    def measure(utterances: pl.DataFrame, **_: Any) -> pl.DataFrame:
        asked.append(utterances.height)
        rows = [
            {
                "utterance_id": row["utterance_id"],
                "corpus": row["corpus"],
                "speaker": row["speaker"],
                "language": row["language"],
                "gender": row["gender"],
                "pitch": float(row["utterance_id"].rpartition("-")[2]),
            }
            for row in utterances.iter_rows(named=True)
        ]
        return measured(rows)

    monkeypatch.setattr(ground_run, "measure_utterances", measure)
    return asked


def reasons_for(names: list[str], text: str = "The pitch is high.") -> pl.DataFrame:
    return pl.DataFrame({"utterance_id": names, "system": "m", "reason": text})


def test_all_utterances_are_measured_and_only_those_with_reasons_judged(silent: list[int]) -> None:
    found = ground_corpora(reasons_for(["a/0-10", "a/1-0"]), [corpus()], settings=QUICK)
    assert silent == [6 * TAKES]
    assert found.measured.height == 6 * TAKES
    assert found.claims.select("utterance_id", "outcome").rows() == [
        ("a/0-10", "supported"),
        ("a/1-0", "contradicted"),
    ]
    assert found.left_out == {"utterance is not in the corpus": 0}
    whole = found.estimates.filter(
        (pl.col("metric") == PRECISION)
        & pl.col("class").is_null()
        & (pl.col("quantity") == "score")
    )
    assert whole["value"].to_list() == [0.5]
    assert found.cards["a"].name == "a"


def test_reasons_about_others_are_left_out_and_counted(silent: list[int]) -> None:
    found = ground_corpora(reasons_for(["a/0-10", "z/9"]), [corpus()], settings=QUICK)
    assert found.reasons["utterance_id"].to_list() == ["a/0-10"]
    assert found.left_out == {"utterance is not in the corpus": 1}
    assert len(silent) == 1


def test_nothing_is_measured_where_no_reason_fits(silent: list[int]) -> None:
    with pytest.raises(InputError, match="no reason is about an utterance of the corpus"):
        ground_corpora(reasons_for(["z/9"]), [corpus()])
    assert silent == []


def test_several_corpora_are_measured_together_and_compared_apart(silent: list[int]) -> None:
    names = ["a/0-10", "b/0-10"]
    found = ground_corpora(reasons_for(names), [corpus("a"), corpus("b")], settings=QUICK)
    assert silent == [12 * TAKES]
    assert found.claims["reference"].to_list() == [1.0, 1.0]
    assert set(found.cards) == {"a", "b"}


def test_the_same_corpus_twice_is_refused(silent: list[int]) -> None:
    with pytest.raises(InputError, match="measured twice"):
        ground_corpora(reasons_for(["a/0-10"]), [corpus(), corpus()])
    assert len(silent) == 1


@pytest.mark.usefixtures("silent")
def test_the_rules_are_those_given() -> None:
    reasons = reasons_for(["a/0-7"])
    near = ground_corpora(reasons, [corpus()], settings=QUICK)
    far = ground_corpora(reasons, [corpus()], rules=GroundingRules(clear=0.4), settings=QUICK)
    assert near.claims["outcome"].to_list() == ["supported"]
    assert far.claims["outcome"].to_list() == ["not testable"]
    alone = ground_corpora(reasons, [corpus()], rules=GroundingRules(fewest=50), settings=QUICK)
    assert alone.claims["scope"].to_list() == ["corpus"]


@pytest.mark.usefixtures("silent")
def test_what_is_written_can_be_read_and_keeps_its_schema(tmp_path: Path) -> None:
    found = ground_corpora(reasons_for(["a/0-10"]), [corpus()], settings=QUICK)
    files = write_grounded(found, tmp_path / "deep" / "out")
    assert read_table(files["claims"], CLAIMS).equals(found.claims)
    assert read_table(files["estimates"], ESTIMATES).equals(found.estimates)
    table = pl.read_parquet(files["measurements"])
    assert set(prosody_names()) | {LETTER_RATE, "fault"} <= set(table.columns)
    assert np.isfinite(table["pitch"].to_numpy()).all()


@pytest.mark.usefixtures("silent")
def test_reasons_without_claims_make_empty_tables_that_can_be_written(tmp_path: Path) -> None:
    found = ground_corpora(reasons_for(["a/0-10"], "Sad words."), [corpus()], settings=QUICK)
    assert isinstance(found, Grounded)
    assert found.claims.is_empty()
    assert found.estimates.is_empty()
    files = write_grounded(found, tmp_path)
    assert read_table(files["claims"], CLAIMS).is_empty()


def test_reasons_are_read_from_a_table(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    table = pl.DataFrame(
        {"utterance_id": ["a/1", "a/2"], "system": ["007", "007"], "reason": ["Loud.", None]}
    )
    table.write_csv(path)
    assert read_reasons(path).rows() == [("a/1", "007", "Loud.")]  # a name stays as it is written


def test_dropped_rationales_are_read_only_where_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "rationales.parquet"
    pl.DataFrame(
        {
            "utterance_id": ["a/1", "a/2"],
            "teacher": ["t", "t"],
            "reason": ["Loud.", "Fast."],
            "status": ["kept", "label_word"],
        }
    ).write_parquet(path)
    assert read_reasons(path)["reason"].to_list() == ["Loud."]
    assert read_reasons(path, every=True)["reason"].to_list() == ["Loud.", "Fast."]


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"utterance_id": ["a/1"], "system": ["m"]}, "lacks a column"),
        ({"utterance_id": ["a/1"], "reason": ["Loud."]}, "lacks a column"),
        ({"utterance_id": ["a/1"], "system": ["m"], "reason": [None]}, "there is no reason in it"),
    ],
)
def test_tables_that_hold_no_reasons_are_refused(
    tmp_path: Path, columns: dict[str, list[str | None]], problem: str
) -> None:
    path = tmp_path / "table.parquet"
    pl.DataFrame(columns).with_columns(pl.all().cast(pl.String)).write_parquet(path)
    with pytest.raises(InputError, match=problem):
        read_reasons(path)


def test_a_place_where_nothing_is_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        read_reasons(tmp_path / "nothing.csv")
    with pytest.raises(InputError):
        read_reasons(tmp_path)
