"""From training speech to a small speech LLM that can answer, in about a minute on a CPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equivoice.errors import ConfigError, StorageError
from equivoice.models.decoding.loading import without_bars
from equivoice.models.language import Clip
from equivoice.models.registry import load_model
from equivoice.models.small_start.answers import start_answers
from equivoice.models.small_start.layout import Layout
from equivoice.models.small_start.ridge import LabelRidge, Readout
from equivoice.models.small_start.sounds import Sounds, as_codes, hear
from equivoice.models.small_start.tower import start_tower, unit_means

if TYPE_CHECKING:
    import torch

__all__ = ["SpeechStart", "start_from_speech"]

COPIES = ((0.95, 1.08), (1.05, 0.93))
"""The copies of each clip from which scores are learnt too: bands stretched, speed."""

_SOME = 400


@dataclass(frozen=True)
class SpeechStart:
    """What a start came to; all figures are of training speakers left out in turn.

    Args:
        answers: the labels, in the order of the scores.
        clips: how many were learnt from.
        strength: of the ridge regression.
        sharpness: of the answers' probabilities.
        macro_f1: of the largest score; chosen among three strengths, so a little too good.
        nll: the mean negative log-likelihood, in nats.
    """

    answers: tuple[str, ...]
    clips: int
    strength: float
    sharpness: float
    macro_f1: float
    nll: float


def start_from_speech(
    folder: str | Path,
    clips: Sequence[Clip],
    answers: Sequence[str],
    speakers: Sequence[str],
    *,
    seed: int = 0,
) -> SpeechStart:
    """Set the weights of a small speech LLM from training speech, without gradients.

    The encoder is set from the sound alone; a ridge regression of the labels on what its
    units answer, on the clips and on two changed copies of each, gives a score for each
    label, and the language model answers with the largest. How strong the ridge is, and
    how sharp the probabilities are, is chosen on speakers left out in turn.

    Args:
        folder: as :func:`~equivoice.models.speech_llms.small.make_small_speech_llm` made
            it with ``size="wide"``; its weights are replaced.
        clips: the training speech; the log-mel of all of it is held in memory.
        answers: what the model is to answer to each.
        speakers: of each; two or more.
        seed: of the pieces of speech that units answer to.

    Returns:
        what was chosen, and how good it is on speakers left out.

    Raises:
        ConfigError: fewer than two answers or speakers, or a model that has no room.
        AudioError: a clip cannot be used.
        StorageError: the folder cannot be written.
    """
    import torch

    _check(clips, answers, speakers)
    backend: Any = load_model("qwen2-audio", model=str(folder), device="cpu")
    labels, codes = as_codes(answers)
    layout = Layout.of(backend.model.config, len(labels))
    sounds = hear(backend, clips)
    some = sounds.some(max(1, len(clips) // _SOME))
    start_tower(backend.tower, layout, some, torch.Generator().manual_seed(seed))
    readout = LabelRidge(_means(backend.tower, sounds), codes, speakers).fitted()
    start_answers(backend, layout, readout, labels)
    try:
        with without_bars():
            backend.model.save_pretrained(folder)
    except OSError as error:
        raise StorageError(f"the small speech LLM cannot be written: {error}") from error
    return _told(labels, len(clips), readout)


def _means(tower: Any, sounds: Sounds) -> torch.Tensor:
    """(copies × clips, units): of the clips, then of each changed copy."""
    import torch

    copies = (sounds.changed(bands, speed) for bands, speed in COPIES)
    return torch.cat([unit_means(tower, sounds), *(unit_means(tower, each) for each in copies)])


def _told(labels: Sequence[str], clips: int, readout: Readout) -> SpeechStart:
    return SpeechStart(
        answers=tuple(labels),
        clips=clips,
        strength=readout.strength,
        sharpness=readout.sharpness,
        macro_f1=readout.macro_f1,
        nll=readout.nll,
    )


def _check(clips: Sequence[Clip], answers: Sequence[str], speakers: Sequence[str]) -> None:
    if not len(clips) == len(answers) == len(speakers):
        raise ConfigError(
            "each clip has an answer and a speaker",
            value=f"{len(clips)} clips, {len(answers)} answers, {len(speakers)} speakers",
        )
    for what, found in (("answers", set(answers)), ("speakers", set(speakers))):
        if len(found) < 2:
            raise ConfigError(
                f"a start from speech needs two {what} or more", value=", ".join(sorted(found))
            )
