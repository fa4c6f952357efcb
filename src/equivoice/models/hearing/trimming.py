"""Speech LLMs with a Whisper-like encoder that masks its padding: encoded without it.

:class:`TrimmingModel` encodes the valid part of each clip (see
:mod:`~equivoice.models.hearing.encoders`); :func:`trim_gate` shows on demand that
nothing is lost by it, and switches it off where something is.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from equivoice.models.decoding.gates import Gate
from equivoice.models.hearing.backend import PromptedModel, check_switches
from equivoice.models.hearing.clips import Wave
from equivoice.models.hearing.encoders import (
    REACH,
    by_length,
    known_structure,
    token_count,
    trimmed_forward,
)
from equivoice.models.hearing.language_part import part_of
from equivoice.models.hearing.mel import LogMel
from equivoice.models.language import Clip, Question
from equivoice.prompting.turns import AUDIO, Turn

if TYPE_CHECKING:
    import torch

__all__ = ["TrimmingModel", "trim_gate"]

_EXACT = 1e-4
# half precision: so many times what the size of the batch alone changes, at least this
_TIMES_NOISE = 4.0
_HALF_PRECISION = 2.0**-6
_WORKS = "the padding is masked by the encoder, so that leaving it out changes nothing"


class TrimmingModel(PromptedModel):
    """A speech LLM that leaves the padding of its clips out.

    The arguments are those of :class:`PromptedModel`, and:

    Args:
        mel: the log-mel of its feature extractor.
        trim: ``auto``, or ``off`` to pad each clip as the stock model does.
    """

    def __init__(self, *arguments: Any, mel: LogMel, trim: str = "auto", **named: Any) -> None:
        check_switches(trim=trim)
        super().__init__(*arguments, **named)
        self.mel = mel
        self.projector = part_of(self.model, "multi_modal_projector")
        unknown = known_structure(self.tower)
        self.trim = trim == "auto" and unknown is None
        self.trim_why = _WORKS if self.trim else unknown or "switched off"

    @abstractmethod
    def padded_forward(self, features: torch.Tensor, frames: Sequence[int]) -> torch.Tensor:
        """What the stock encoder gives for clips padded to the full length."""

    def trimming(self) -> dict[str, Any]:
        """Whether the padding of clips is left out, and why or why not."""
        return {"on": self.trim, "why": self.trim_why}

    def audio_tokens(self, samples: int) -> int:
        """How many placeholder tokens stand for a clip of so many samples."""
        return sum(token_count(self.mel.frames(size)) for size in self._window_sizes(samples))

    def hear(self, waves: Sequence[Wave]) -> list[torch.Tensor]:
        """What the encoder makes of each clip: (tokens, width of the encoder)."""
        import torch

        windows = [window for wave in waves for window in self._windows(wave)]
        frames = [self.mel.frames(len(window)) for window in windows]
        found: list[Any] = [None] * len(windows)
        for group in by_length(frames):
            self._hear_group(group, windows, frames, found)
        self.encoder_passes += len(windows)
        pieces = iter(found)
        return [torch.cat([next(pieces) for _ in self._window_sizes(len(wave))]) for wave in waves]

    def project(self, heard: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """What was heard as embeddings: (tokens, width of the language model) each."""
        return [self.projector(each) for each in heard]

    def _hear_group(
        self,
        group: Sequence[int],
        windows: Sequence[Wave],
        frames: Sequence[int],
        found: list[Any],
    ) -> None:
        lengths = [frames[number] for number in group]
        sound = [windows[number] for number in group]
        if self.trim:
            features = self.mel(sound, max(lengths) + REACH)
            hidden = trimmed_forward(self.tower, features, lengths)
        else:
            hidden = self.padded_forward(self.mel(sound), lengths)
        for number, row in zip(group, hidden, strict=True):
            found[number] = row[: token_count(frames[number])]

    def _window_sizes(self, samples: int) -> list[int]:
        whole, rest = divmod(samples, self.mel.most_samples)
        return [self.mel.most_samples] * whole + ([rest] if rest else [])

    def _windows(self, wave: Wave) -> list[Wave]:
        most = self.mel.most_samples
        return [wave[at : at + most] for at in range(0, len(wave), most)]


def trim_gate(backend: TrimmingModel, clips: Sequence[Clip]) -> Gate:
    """Whether trimmed encoding is exact for a model, on some clips.

    Each clip is encoded with and without its padding, and a prompt is run with both.
    In float32 the embeddings, and the logits of the first token, must agree to 1e-4
    (where they are larger than 1, to 1e-4 of the largest); in half precision to four
    times what the batch alone changes. A model that fails encodes with the padding
    from then on.

    Args:
        backend: the model.
        clips: two or more, of several lengths, some shorter than 30 s.
    """
    padded = _measured(backend, clips, trim=False)
    singles = [_measured(backend, [clip], trim=False) for clip in clips]
    alone = [[each[what][0] for each in singles] for what in range(2)]
    try:
        trimmed = _measured(backend, clips, trim=True)
    except (RuntimeError, TypeError, AttributeError) as error:
        said = str(error).partition("\n")[0]
        return _closed(backend, Gate(False, f"the encoder cannot be run apart: {said}"))
    verdicts = [
        _compared(backend, what, *measured)
        for what, *measured in zip(("embeddings", "logits"), trimmed, padded, alone, strict=True)
    ]
    why = "; ".join(verdict.why for verdict in verdicts)
    gate = Gate(all(verdict.passed for verdict in verdicts), f"with and without padding, {why}")
    if not gate.passed:
        return _closed(backend, gate)
    if backend.trim:
        backend.trim_why = f"{_WORKS}: {gate.why}"
    return gate


def _measured(
    backend: TrimmingModel, clips: Sequence[Clip], *, trim: bool
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """The embeddings of each clip, and the logits of the first token after it."""
    turns = (Turn("user", (AUDIO, "Which emotion does the speaker show? Answer:")),)
    passes, before = backend.encoder_passes, backend.trim
    backend.trim = trim
    try:
        embeddings = backend.encode([backend.clips.read(clip) for clip in clips])
        prefix = backend.prepare([Question(clip.path, turns, clip) for clip in clips])
        return embeddings, list(prefix.logits)
    finally:
        backend.encoder_passes, backend.trim = passes, before


def _compared(
    backend: TrimmingModel,
    what: str,
    trimmed: Sequence[torch.Tensor],
    padded: Sequence[torch.Tensor],
    alone: Sequence[torch.Tensor],
) -> Gate:
    import torch

    apart, noise = _difference(trimmed, padded), _difference(alone, padded)
    scale = max(float(each.abs().max()) for each in padded)
    allowed = _EXACT * max(1.0, scale)
    if backend.model.dtype != torch.float32:
        allowed = max(_TIMES_NOISE * noise, _HALF_PRECISION * scale)
    why = (
        f"{what} up to {scale:.1e} differ by {apart:.1e} "
        f"({allowed:.1e} allowed; the batch alone changes {noise:.1e})"
    )
    return Gate(apart <= allowed, why)


def _closed(backend: TrimmingModel, gate: Gate) -> Gate:
    backend.trim = False
    backend.trim_why = gate.why
    return gate


def _difference(first: Sequence[torch.Tensor], second: Sequence[torch.Tensor]) -> float:
    return max(
        float((one.float() - other.float()).abs().max())
        for one, other in zip(first, second, strict=True)
    )
