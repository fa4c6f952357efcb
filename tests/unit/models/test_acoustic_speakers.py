"""Normalisation within a speaker."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from equivoice.models.acoustic_speakers import SpeakerNorms, speaker_keys


def made(speakers: int = 4, each: int = 10) -> tuple[np.ndarray, list[str]]:
    rng = np.random.default_rng(0)
    names = [f"/s{number}" for number in range(speakers) for _ in range(each)]
    offsets = np.repeat(rng.normal(0, 10, (speakers, 3)), each, axis=0)
    scales = np.repeat(rng.uniform(0.5, 5, (speakers, 3)), each, axis=0)
    return offsets + scales * rng.normal(size=(speakers * each, 3)), names


def test_each_speaker_has_mean_zero_and_spread_one() -> None:
    values, names = made()
    found = SpeakerNorms.of(values, names).apply(values, names)
    for name in set(names):
        rows = found[[row for row, other in enumerate(names) if other == name]]
        np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(rows.std(axis=0), 1, atol=1e-12)


def test_an_offset_and_scale_of_a_speaker_leave_no_trace() -> None:
    values, names = made()
    norms = SpeakerNorms.of(values, names)
    test = np.random.default_rng(1).normal(size=(6, 3))
    plain = norms.with_speakers(test, ["/new"] * 6).apply(test, ["/new"] * 6)
    moved = 3 * test - 7
    other = norms.with_speakers(moved, ["/new"] * 6).apply(moved, ["/new"] * 6)
    np.testing.assert_allclose(plain, other, atol=1e-9)


def test_a_speaker_of_whom_little_is_known_gets_the_reference() -> None:
    values, names = made()
    norms = SpeakerNorms.of(values, names)
    one = np.array([[1.0, 2.0, 3.0]])
    expected = (one - values.mean(axis=0)) / values.std(axis=0)
    for prepared in (norms, norms.with_speakers(one, ["/new"])):
        np.testing.assert_allclose(prepared.apply(one, ["/new"]), expected)


def test_known_norms_go_before_those_of_a_batch() -> None:
    values, names = made()
    norms = SpeakerNorms.of(values, names)
    test = np.random.default_rng(1).normal(size=(8, 3))
    whole = norms.with_speakers(test, ["/new"] * 8)
    part = norms.with_speakers(test[:2], ["/new"] * 2, known=whole)
    np.testing.assert_array_equal(
        part.apply(test[:2], ["/new"] * 2), whole.apply(test, ["/new"] * 8)[:2]
    )


def test_what_is_missing_stays_missing_and_what_never_moves_is_zero() -> None:
    values, names = made()
    values[:10, 0] = np.nan
    values[3, 1] = np.nan
    values[:, 2] = 4.0
    found = SpeakerNorms.of(values, names).apply(values, names)
    assert np.isnan(found[:10, 0]).all()
    assert np.isnan(found[3, 1])
    assert np.isfinite(found[10:, 0]).all()
    np.testing.assert_array_equal(found[:, 2], 0)


def test_speakers_of_two_corpora_are_two() -> None:
    table = pl.DataFrame({"corpus": ["a", "b", "a"], "speaker": ["1", "1", "1"]})
    keys, unnamed = speaker_keys(table)
    assert keys[0] == keys[2] != keys[1]
    assert unnamed == 0


@pytest.mark.parametrize(
    "table",
    [
        pl.DataFrame({"utterance_id": ["x", "y"]}),
        pl.DataFrame({"speaker": [None, None]}, schema={"speaker": pl.String}),
    ],
)
def test_without_names_each_utterance_speaks_for_itself(table: pl.DataFrame) -> None:
    keys, unnamed = speaker_keys(table)
    assert len(set(keys)) == unnamed == 2
