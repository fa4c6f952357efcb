"""Render one speaker in a process of its own: ``python render.py < job.json``.

The job comes as JSON on standard input and is all that the result depends on.
Praat's synthesiser keeps state from call to call, so the process boundary is
part of the recipe: one speaker, one process, takes in the order of the plan.
The recordings are written into a folder beside their place, which is renamed
when it is whole; ``render.json`` in it says what job they are the answer to.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equivoice.audio.synthesis import SYNTHESIS_RATE, Delivery, Voice, speak, spoken_loudness

__all__ = ["PADDING", "RECEIPT", "job_hash", "main", "record", "render_speaker"]

Samples = NDArray[np.float64]

PADDING = 0.15
"""Seconds of room before and after the speech."""

RECEIPT = "render.json"
_BABBLERS = 6
_BABBLE_FORMANTS = (500.0, 1_500.0, 2_500.0)  # Hz
_HIGHEST_PEAK = 0.99


def main() -> None:
    """Render the job on standard input."""
    render_speaker(json.load(sys.stdin))


def render_speaker(job: dict[str, Any]) -> None:
    """Write a speaker's recordings, wholly or not at all.

    Args:
        job: ``folder`` (where to; replaced if it exists), ``voice`` and ``takes``,
            each take with key, text, delivery, seed, snr_db and cue.

    Raises:
        OSError: the folder cannot be written.
    """
    folder = Path(job["folder"])
    unfinished = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    voice = Voice(**job["voice"])
    files = {}
    for take in job["takes"]:
        path = unfinished / f"{take['key']}.wav"
        _write_wav(path, record(voice, take))
        files[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    receipt = {"job": job_hash(job), "files": files}
    (unfinished / RECEIPT).write_text(json.dumps(receipt, indent=1) + "\n", "utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)


def job_hash(job: dict[str, Any]) -> str:
    """SHA-256 of a job, whatever folder it is for.

    Example:
        >>> job_hash({"folder": "a", "takes": []}) == job_hash({"folder": "b", "takes": []})
        True
    """
    content = {name: value for name, value in job.items() if name != "folder"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def record(voice: Voice, take: dict[str, Any]) -> Samples:
    """One take as the microphone hears it: speech, the babble behind it, the planted tone.

    Args:
        voice: who speaks.
        take: text, delivery, seed, snr_db and cue.

    Returns:
        samples (n,) within ±0.99 at 16 kHz.
    """
    rng = np.random.Generator(np.random.PCG64(take["seed"]))
    speech = speak(take["text"], voice, Delivery(**take["delivery"]), rng)
    loudness = spoken_loudness(speech)
    heard = np.pad(speech, int(PADDING * SYNTHESIS_RATE))
    heard = heard + loudness * 10 ** (-take["snr_db"] / 20) * _babble(len(heard), rng)
    if take["cue"] is not None:
        hz, level = take["cue"]
        tone = np.sin(2 * np.pi * hz * np.arange(len(heard)) / SYNTHESIS_RATE)
        heard = heard + loudness * 10 ** (level / 20) * np.sqrt(2) * tone
    microphone: Samples = heard * min(1.0, _HIGHEST_PEAK / float(np.abs(heard).max()))
    return microphone


def _babble(length: int, rng: np.random.Generator) -> Samples:
    """A murmur of voices without words, of root mean square 1: pitch, syllables and formants."""
    seconds = np.arange(length) / SYNTHESIS_RATE
    knots = 5 * length // SYNTHESIS_RATE + 2
    murmur = np.zeros(length)
    for _ in range(_BABBLERS):
        wandering = math.log(rng.uniform(90.0, 280.0)) + 0.15 * rng.standard_normal(knots)
        pitch = np.interp(seconds * 4, np.arange(knots), wandering)
        sawtooth = 2 * (np.cumsum(np.exp(pitch)) / SYNTHESIS_RATE % 1) - 1
        syllables = np.interp(seconds * 5, np.arange(knots), rng.random(knots) ** 1.5)
        murmur += syllables * sawtooth
    size = 1 << length.bit_length()
    frequency = np.arange(size // 2 + 1) * (SYNTHESIS_RATE / size)
    gain = 1 / (1 + frequency / 500)
    for formant in _BABBLE_FORMANTS:
        gain += np.exp(-(((frequency - formant) / 150) ** 2))
    murmur = np.fft.irfft(np.fft.rfft(murmur, size) * gain, size)[:length]
    return murmur / float(np.sqrt(np.mean(murmur**2)))


def _write_wav(path: Path, samples: Samples) -> None:
    """16-bit mono; the header holds nothing but the format, so equal samples are equal files."""
    with wave.open(str(path), "wb") as sink:
        sink.setnchannels(1)
        sink.setsampwidth(2)
        sink.setframerate(SYNTHESIS_RATE)
        sink.writeframes(np.round(samples * 32767).astype("<i2").tobytes())


if __name__ == "__main__":
    main()
