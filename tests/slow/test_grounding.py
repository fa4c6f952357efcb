"""Claims about speech of known manner, and about real actors, are judged rightly.

The long version is ``benchmarks/grounding.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from equivoice.corpora.synthetic import Biases, make_synthetic
from equivoice.corpora.synthetic.cast import cast_speakers
from equivoice.corpora.synthetic.plan import plan_takes
from equivoice.rationales.grounding import Ground, ground_reasons, make_ground
from equivoice.rationales.measurements import measure_utterances
from equivoice.rationales.precision import shuffled_support
from equivoice.store.cache import ArrayCache

pytestmark = pytest.mark.slow
pytest.importorskip("parselmouth")

SPEAKERS, TAKES = 6, 12
WORDS = {
    "pitch": ("The pitch is high.", "The pitch is low."),
    "range": ("The intonation varies a lot.", "The voice is monotone."),
    "rate": ("She speaks fast.", "The speech is slow."),
    "level": ("The voice is loud.", "The speaker talks quietly."),
}


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> tuple[pl.DataFrame, Ground]:
    """The synthetic corpus without planted biases, with what each take was told to be."""
    folder = tmp_path_factory.mktemp("spoken")
    made = make_synthetic(
        folder / "corpus", speakers=SPEAKERS, per_speaker=TAKES, biases=Biases.none()
    )
    cast = cast_speakers(SPEAKERS, 0)
    takes = plan_takes(cast, per_speaker=TAKES, biases=Biases.none(), seed=0)
    told = {take.utterance_id: take.delivery for take in takes}
    names = made.utterances.get_column("utterance_id").to_list()
    traits = [pl.Series(trait, [getattr(told[name], trait) for name in names]) for trait in WORDS]
    cache = ArrayCache(folder / "cache")
    measured = measure_utterances(made.utterances, cache=cache, workers=1)
    utterances = made.utterances.with_columns(traits)
    return utterances, make_ground(measured, made.utterances)


def on_purpose(utterances: pl.DataFrame, *, true: bool) -> pl.DataFrame:
    """About each trait of a take that is clear: what is so, or the opposite."""
    rows = []
    for part in utterances.partition_by("speaker", maintain_order=True):
        for trait, (much, little) in WORDS.items():
            values = part.get_column(trait).to_numpy()
            low, high = np.quantile(values, [1 / 3, 2 / 3])
            for name, value in zip(part.get_column("utterance_id"), values, strict=True):
                if low < value < high:
                    continue
                reason = much if (value >= high) == true else little
                rows.append({"utterance_id": name, "system": trait, "reason": reason})
    return pl.DataFrame(rows)


def share(claims: pl.DataFrame, outcome: str) -> float:
    tested = claims.filter(pl.col("outcome") != "not testable")
    return tested.filter(pl.col("outcome") == outcome).height / tested.height


def test_true_claims_are_supported(spoken: tuple[pl.DataFrame, Ground]) -> None:
    utterances, ground = spoken
    claims = ground_reasons(on_purpose(utterances, true=True), ground)
    assert share(claims, "supported") >= 0.9
    assert claims.filter(pl.col("outcome") != "not testable").height >= 0.8 * claims.height


def test_false_claims_are_contradicted(spoken: tuple[pl.DataFrame, Ground]) -> None:
    utterances, ground = spoken
    claims = ground_reasons(on_purpose(utterances, true=False), ground)
    assert share(claims, "contradicted") >= 0.9


def test_shuffled_sound_leaves_chance(spoken: tuple[pl.DataFrame, Ground]) -> None:
    utterances, ground = spoken
    claims = ground_reasons(on_purpose(utterances, true=True), ground)
    tested = claims.filter(pl.col("outcome") != "not testable")
    drawn = shuffled_support(tested, ground, shuffles=200, seed=0)
    assert 0.4 < drawn.mean() < 0.6
    assert drawn.max() < share(claims, "supported")


def actors(ravdess: Path, numbers: Sequence[int]) -> pl.DataFrame:
    rows = []
    for path in sorted(ravdess.rglob("*.flac")):
        parts = path.stem.split("-")
        if int(parts[6]) in numbers:
            rows.append(
                {
                    "utterance_id": f"ravdess/{path.stem}",
                    "audio": str(path),
                    "speaker": parts[6],
                    "emotion": parts[2],
                    "intensity": "strong" if parts[3] == "02" else "normal",
                }
            )
    return pl.DataFrame(rows)


def test_actors_who_speak_strongly_are_louder(real_data: Path, tmp_path: Path) -> None:
    utterances = actors(real_data / "audio" / "ravdess", [1, 2])
    cache = ArrayCache(tmp_path)
    ground = make_ground(measure_utterances(utterances, cache=cache, workers=1), utterances)
    # neutral has no strong form, and a strong calm is no louder
    chosen = utterances.filter(~pl.col("emotion").is_in(["01", "02"]))
    reasons = chosen.select("utterance_id", pl.col("intensity").alias("system")).with_columns(
        reason=pl.lit("The voice is loud.")
    )
    claims = ground_reasons(reasons, ground)
    strong, normal = (claims.filter(pl.col("system") == name) for name in ("strong", "normal"))
    assert share(strong, "supported") > 0.7
    assert share(normal, "supported") < 0.4
