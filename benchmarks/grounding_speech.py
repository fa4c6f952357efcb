"""Speech whose manner is known: every trait drawn by itself, so that no two go together.

The synthetic corpus speaks by emotion: who is loud is also high and fast. Here
pitch, range, course, rate, loudness, breath, harshness, tremor and pauses are
drawn independently for each take, so that a measure can only be right by
hearing its own trait. Used by ``benchmarks/grounding.py``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl
import soundfile

from equivoice.audio.decode import decode
from equivoice.audio.synthesis import SYNTHESIS_RATE, Delivery
from equivoice.corpora.synthetic import render
from equivoice.corpora.synthetic.cast import Speaker, cast_speakers
from equivoice.corpora.synthetic.sentences import SENTENCES

PAUSE_SECONDS = 0.4
_PAUSES = 2
_BREATH_DB = 28.0
_JITTER, _SHIMMER, _TREMOR = 0.03, 0.25, 0.8


@dataclass(frozen=True)
class Manner:
    """One take: what is said, and the traits it is said with."""

    key: str
    text: str
    spoken: str
    delivery: Delivery
    harsh: bool
    paused: bool
    seed: int


def manners(speaker: Speaker, takes: int, seed: int) -> tuple[Manner, ...]:
    """The takes of a speaker; half of them breathy, half harsh, half trembling, half paused."""
    number = sum(map(ord, speaker.name))
    rng = np.random.default_rng([seed, number])
    halves = {name: rng.permutation(takes) % 2 == 0 for name in ("b", "h", "t", "p")}
    sentences = SENTENCES[speaker.language]
    found = []
    for take in range(takes):
        sentence = sentences[take % len(sentences)]
        harsh = bool(halves["h"][take])
        delivery = Delivery(
            pitch=float(rng.uniform(-4, 4)),
            range=float(np.exp(rng.uniform(np.log(0.5), np.log(2.0)))),
            rate=float(np.exp(rng.uniform(np.log(0.75), np.log(1.33)))),
            level=float(rng.uniform(-6, 6)),
            breath=_BREATH_DB * bool(halves["b"][take]),
            jitter=_JITTER * harsh,
            shimmer=_SHIMMER * harsh,
            tremor=_TREMOR * bool(halves["t"][take]),
            slope=float(rng.uniform(-4, 4)),
        )
        key = f"{speaker.name}_{take:02d}"
        paused = bool(halves["p"][take])
        found.append(
            Manner(
                key, sentence.text, sentence.spoken, delivery, harsh, paused, number * 100 + take
            )
        )
    return tuple(found)


def make_speech(folder: Path, *, speakers: int, takes: int, seed: int = 0) -> pl.DataFrame:
    """Record the takes, and a table of them with the traits beside.

    A speaker who was recorded whole is not recorded again.

    Returns:
        ``utterance_id``, ``audio``, ``speaker``, ``gender``, ``transcript`` and the traits.
    """
    rows = []
    for speaker in cast_speakers(speakers, seed):
        own = manners(speaker, takes, seed)
        place = (folder / speaker.name).absolute()
        if not (place / "whole").exists():
            _record(place, speaker, own)
            (place / "whole").touch()
        rows += [
            {
                "utterance_id": f"manners/{manner.key}",
                "corpus": "manners",
                "audio": str(place / f"{manner.key}.wav"),
                "speaker": speaker.name,
                "gender": speaker.gender,
                "language": speaker.language,
                "transcript": manner.text,
                "paused": manner.paused,
                "harsh": manner.harsh,
                **{f"said_{name}": value for name, value in asdict(manner.delivery).items()},
            }
            for manner in own
        ]
    return pl.DataFrame(rows)


def _record(place: Path, speaker: Speaker, own: tuple[Manner, ...]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    takes = [
        {
            "key": manner.key,
            "text": manner.spoken,
            "delivery": asdict(manner.delivery),
            "seed": manner.seed,
            "snr_db": 40.0,
            "cue": None,
        }
        for manner in own
    ]
    job = {"folder": str(place), "voice": asdict(speaker.voice), "takes": takes}
    subprocess.run(
        [sys.executable, "-P", render.__file__], input=json.dumps(job), text=True, check=True
    )
    for manner in own:
        if manner.paused:
            path = place / f"{manner.key}.wav"
            soundfile.write(path, _with_pauses(decode(path)), SYNTHESIS_RATE)


def _with_pauses(samples: np.ndarray) -> np.ndarray:
    """Silence let in at the quietest places near one and two thirds of the way."""
    width = SYNTHESIS_RATE // 50
    power = np.convolve(samples.astype(np.float64) ** 2, np.ones(width) / width, "same")
    pieces, last = [], 0
    for number in range(1, _PAUSES + 1):
        middle, reach = len(samples) * number // (_PAUSES + 1), len(samples) // 10
        cut = middle - reach + int(np.argmin(power[middle - reach : middle + reach]))
        pieces += [samples[last:cut], np.zeros(int(PAUSE_SECONDS * SYNTHESIS_RATE), np.float32)]
        last = cut
    return np.concatenate([*pieces, samples[last:]])
