"""Where an utterance stands among others, worked out by hand; one table from sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from equivoice.errors import InputError
from equivoice.rationales.measurements import (
    LETTER_RATE,
    letter_rate,
    measure_utterances,
    standing,
)
from equivoice.store.cache import ArrayCache
from unit.rationales.measured import ladder, measured


def shares(rows: list[dict[str, object]], measure: str = "pitch", fewest: int = 3) -> list[float]:
    found = standing(measured(rows), fewest=fewest)
    return found.shares[:, found.names.index(measure)].tolist()


def test_a_share_is_that_of_the_others_below() -> None:
    assert shares(ladder("pitch", 5)) == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_ties_count_half() -> None:
    rows = [{"pitch": value, "speaker": "s"} for value in (1.0, 2.0, 2.0, 3.0)]
    assert shares(rows) == pytest.approx([0.0, 0.5, 0.5, 1.0])


def test_what_was_not_measured_stands_nowhere_and_counts_for_nobody() -> None:
    rows = [{"pitch": value, "speaker": "s"} for value in (1.0, np.nan, 3.0)]
    assert shares(rows)[::2] == [0.0, 1.0]
    assert np.isnan(shares(rows)[1])


def test_nobody_to_compare_with_is_no_place() -> None:
    assert np.isnan(shares([{"pitch": 1.0}])).all()


def test_speakers_are_compared_with_themselves_where_they_said_enough() -> None:
    rows = ladder("pitch", 3) + ladder("pitch", 3, speaker="t", corpus="a")
    for row in rows[3:]:
        row["pitch"] = float(str(row["pitch"])) + 100
    found = standing(measured(rows), fewest=3)
    assert found.of_speaker.all()
    assert shares(rows) == [0.0, 0.5, 1.0, 0.0, 0.5, 1.0]
    alone = standing(measured(rows), fewest=4)
    assert not alone.of_speaker.any()
    assert shares(rows, fewest=4) == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])


def test_without_speakers_women_are_compared_with_women_and_languages_apart() -> None:
    rows: list[dict[str, object]] = [
        {"pitch": pitch, "gender": gender, "language": language}
        for gender, base in (("female", 10.0), ("male", 0.0))
        for language in ("en", "de")
        for pitch in (base, base + 1, base + 2)
    ]
    assert shares(rows) == [0.0, 0.5, 1.0] * 4


def test_few_of_a_kind_are_compared_with_the_whole_corpus() -> None:
    rows: list[dict[str, object]] = [{"pitch": 0.0, "gender": "female"}]
    rows += [{"pitch": value, "gender": "male"} for value in (1.0, 2.0, 3.0)]
    found = standing(measured(rows), fewest=3)
    assert len(set(found.pools.tolist())) == 2
    assert shares(rows) == [0.0, 0.0, 0.5, 1.0]  # she among all four, they among themselves
    assert not found.of_speaker.any()


def test_corpora_are_never_compared() -> None:
    rows = ladder("pitch", 3) + ladder("pitch", 3, corpus="b")
    assert shares(rows, fewest=2) == [0.0, 0.5, 1.0] * 2


def test_an_utterance_that_stands_there_twice_is_refused() -> None:
    table = measured([{"utterance_id": "a/1"}, {"utterance_id": "a/1"}])
    with pytest.raises(InputError, match="measured twice"):
        standing(table, fewest=2)


def test_letters_per_second() -> None:
    assert letter_rate("Oh, no! 3", 2.0) == 2.0
    assert letter_rate("電車", 1.0) == 2.0
    assert np.isnan([letter_rate(None, 1.0), letter_rate("…", 1.0), letter_rate("a", 0.0)]).all()


def test_sounds_are_measured_once_and_faults_are_kept_apart(tmp_path: Path) -> None:
    pytest.importorskip("parselmouth")
    soundfile = pytest.importorskip("soundfile")
    from unit.audio.voices import RATE, vowel

    path = tmp_path / "a.wav"
    soundfile.write(path, vowel(200.0, 0.6), RATE)
    utterances = pl.DataFrame(
        {"utterance_id": ["a/1", "a/2"], "audio": [str(path), None], "transcript": ["oh no", "x"]}
    )
    cache = ArrayCache(tmp_path / "cache")
    told: list[tuple[int, int]] = []
    table = measure_utterances(
        utterances, cache=cache, workers=1, progress=lambda *at: told.append(at)
    )
    assert told == [(1, 2), (2, 2)]
    assert table["pitch"][0] == pytest.approx(12.0, abs=0.1)  # 200 Hz is an octave above 100
    assert table[LETTER_RATE][0] == pytest.approx(4 / table["sounding"][0])
    assert table["fault"][0] is None
    assert "no sound file" in table["fault"][1]
    assert np.isnan(table["pitch"][1])
    path.unlink()
    soundfile.write(path, vowel(200.0, 0.6), RATE)  # the same samples: from the cache
    again = measure_utterances(utterances, cache=cache, workers=1)
    assert again.equals(table, null_equal=True)
