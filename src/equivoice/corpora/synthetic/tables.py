"""The synthetic corpus as tables and card."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import polars as pl

from equivoice.corpora.card import Card, Fact
from equivoice.corpora.synthetic.biases import Biases
from equivoice.corpora.synthetic.cast import Speaker
from equivoice.corpora.synthetic.plan import CORPUS, Take
from equivoice.corpora.synthetic.raters import raters_record
from equivoice.corpora.synthetic.recipe import (
    DIRECTIONS_SOURCE,
    EMOTIONS,
    LANGUAGES,
    RECIPE_VERSION,
)
from equivoice.records import FOLDS, UTTERANCES

__all__ = ["audio_path", "card_of", "folds_table", "provenance_of", "utterance_table"]

_SOURCE = "how it was made: corpus.json, provenance"


def audio_path(take: Take) -> str:
    """Where a recording lies below the corpus folder."""
    return f"audio/{take.speaker.name}/{take.key}.wav"


def utterance_table(takes: Sequence[Take], durations: dict[str, float]) -> pl.DataFrame:
    """A table of ``records.UTTERANCES``.

    Further columns: ``sentence`` (number within the language), ``snr_db`` and ``cue``
    (whether the planted tone is there).

    Args:
        takes: what was recorded.
        durations: from key to length in seconds.
    """
    rows = [
        {
            "utterance_id": take.utterance_id,
            "corpus": CORPUS,
            "audio": audio_path(take),
            "duration": durations[take.key],
            "language": take.speaker.language,
            "transcript": take.sentence.text,
            "speaker": take.speaker.name,
            "gender": take.speaker.gender,
            "age": float(take.speaker.age),
            "emotion": take.emotion,
            "sentence": take.sentence_number,
            "snr_db": take.snr_db,
            "cue": take.cue is not None,
        }
        for take in takes
    ]
    return UTTERANCES.validate(pl.DataFrame(rows))


def folds_table(takes: Sequence[Take]) -> pl.DataFrame:
    """A table of ``records.FOLDS``: each speaker is tested in one fold and trained on in the rest."""
    names = sorted({take.speaker.fold for take in takes if take.speaker.fold})
    rows = [
        (take.utterance_id, fold, "test" if take.speaker.fold == fold else "train")
        for fold in names
        for take in takes
    ]
    if not rows:
        return FOLDS.empty()
    return FOLDS.validate(
        pl.DataFrame(rows, schema=["utterance_id", "fold", "split"], orient="row")
    )


def card_of(cast: Sequence[Speaker], takes: Sequence[Take], biases: Biases) -> Card:
    """The facts about this corpus; what was planted stands among its traps."""

    def fact(value: str | list[str]) -> Fact:
        return Fact(value=value, source=_SOURCE)

    women = sum(speaker.gender == "female" for speaker in cast)
    planted = biases.sentences() or ("Nothing was planted.",)
    return Card(
        name=CORPUS,
        title=fact("Equivoice synthetic corpus"),
        languages=fact([tag for tag in LANGUAGES if tag in {s.language for s in cast}]),
        licence=fact("Apache-2.0: sentences and recipe are Equivoice's, the sound was made here"),
        obtain=fact("made on this machine by equivoice.corpora.synthetic.make_synthetic"),
        label_names=fact(list(EMOTIONS)),
        size=fact(f"{len(takes)} utterances"),
        speakers=fact(
            f"{women} women's and {len(cast) - women} men's voices, none of them a person"
        ),
        recording=fact("synthetic: voices built into Praat, emotion by rule"),
        folds=fact(
            "speaker-disjoint, women and men in each, languages balanced where they come out"
        ),
        traps=(
            *(fact(sentence) for sentence in planted),
            fact("Age has no effect on the voice: a gap by age is chance."),
            fact("Votes are simulated; no person has listened."),
            Fact(
                value="Directions of the emotions follow a table on Wikibooks, amounts are "
                "ours; a score here says nothing about real speech.",
                source=DIRECTIONS_SOURCE,
            ),
        ),
    )


def provenance_of(
    cast: Sequence[Speaker], *, seed: int, per_speaker: int, biases: Biases
) -> dict[str, Any]:
    """All that was planted and drawn: the ground truth for an audit."""
    return {
        "made_by": "equivoice.corpora.synthetic.make_synthetic",
        "recipe_version": RECIPE_VERSION,
        "seed": seed,
        "per_speaker": per_speaker,
        "versions": {name: version(name) for name in ("praat-parselmouth", "numpy")},
        "planted": biases.as_record(),
        "speakers": {speaker.name: speaker.as_record() for speaker in cast},
        **raters_record(),
    }
