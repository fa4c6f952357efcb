"""A check puts everything together, the worst first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl

from equivoice.corpora import Corpus, check
from equivoice.corpora.finding import SEVERITIES


def test_the_worst_comes_first(demo: Corpus, tmp_path: Path, sound: Callable[..., Path]) -> None:
    path = sound(tmp_path / "a.wav")
    audio = pl.Series("audio", [str(path)] * 35 + [str(tmp_path / "gone.wav")])
    corpus = replace(demo, utterances=demo.utterances.with_columns(audio), left_out={"lost": 2})
    found = check(corpus)
    places = [SEVERITIES.index(one.severity) for one in found]
    assert places == sorted(places)
    codes = {one.code for one in found}
    assert codes == {
        "missing-audio",
        "duplicate-audio",
        "few-speakers",
        "left-out",
        "speaker-disjoint",
    }


def test_sound_is_left_alone_on_request(demo: Corpus) -> None:
    gone = demo.utterances.with_columns(audio=pl.lit("/nowhere.wav"))
    codes = {one.code for one in check(replace(demo, utterances=gone), audio=False)}
    assert "missing-audio" not in codes


def test_what_was_left_out_is_said(demo: Corpus) -> None:
    found = [f for f in check(replace(demo, left_out={"audio file missing": 3}), audio=False)
             if f.code == "left-out"]  # fmt: skip
    assert (found[0].count, found[0].severity) == (3, "note")
    assert "3 × audio file missing" in found[0].message


def test_a_bare_table_is_enough(six_speakers: pl.DataFrame, demo: Corpus) -> None:
    bare = replace(demo, utterances=six_speakers.drop("speaker", "gender"))
    codes = {one.code for one in check(bare, audio=False)}
    assert {"speaker-unknown", "gender-unknown"} <= codes
