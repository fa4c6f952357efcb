"""Pretrained speech encoders of transformers, each with its own road from a wave to frames.

A road has two parts. The *front* turns one wave into features, alone, so that nothing of a
batch reaches it: for WavLM, HuBERT, wav2vec 2.0 and data2vec-audio these are the outputs of
the convolutions over samples, some of which take means over time; for w2v-BERT a filter
bank; for Whisper the log-mel of 30 s. The *rest* is the model's own forward, over a batch
of padded features with its mask.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from equivoice.errors import ConfigError
from equivoice.models.decoding.loading import LoadOptions, load_pretrained, load_processing
from equivoice.models.hearing.clips import RATE, Wave
from equivoice.models.hearing.mel import LogMel

__all__ = ["MODEL_CLASSES", "Encoder", "load_encoder"]

MODEL_CLASSES = {
    "data2vec-audio": "Data2VecAudioModel",
    "hubert": "HubertModel",
    "wav2vec2": "Wav2Vec2Model",
    "wav2vec2-bert": "Wav2Vec2BertModel",
    "wavlm": "WavLMModel",
    "whisper": "WhisperModel",
}
"""From the kind of a checkpoint to the class of transformers that holds it."""

_VARIANCE_FLOOR = 1e-7


class Encoder(nn.Module):
    """A pretrained encoder: waves to features, features to frames.

    Args:
        model: of transformers.
        extractor: its feature extractor.

    Attributes:
        width: D of a frame.
        depth: how many layers it has.
        longest: what it can hear, in seconds.
        front: the part that is run for each wave alone; ``None`` where it has no weights.
    """

    longest = 600.0

    def __init__(self, model: Any, extractor: Any) -> None:
        super().__init__()
        self.model = model
        self.extractor = extractor
        self.front: nn.Module | None = None
        self.width = int(model.config.hidden_size)
        self.depth = int(model.config.num_hidden_layers)

    def features(self, wave: Wave) -> torch.Tensor:
        """What the front makes of a wave: (t, d), on the model's device; t may be 0."""
        raise NotImplementedError

    def valid(self, wave: Wave, features: torch.Tensor) -> int:
        """How many of a wave's features are of the speech, and not of silence behind it."""
        del wave
        return len(features)

    def forward(
        self, features: torch.Tensor, mask: torch.Tensor, *, every: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Frames of a batch.

        Args:
            features: (n, t, d), filled up with zeros.
            mask: (n, t) bool, true where there are features of the speech.
            every: frames of each layer, the input of the first one among them.

        Returns:
            (n, T, D), or (depth + 1, n, T, D); and (n, T) bool.
        """
        raise NotImplementedError

    def beginning(self) -> list[nn.Module]:
        """The convolutions, or what stands in their place: what ``freeze=features`` freezes."""
        return [self.model.feature_projection] if self.front is None else [self.front]

    def layers(self) -> nn.ModuleList:
        """Its layers, the lowest first."""
        found: nn.ModuleList = self.model.encoder.layers
        return found

    def above(self) -> list[nn.Module]:
        """What comes after the last layer."""
        return []

    def _collected(self, told: Any, *, every: bool) -> torch.Tensor:
        """The frames that were asked for, from what a model of transformers returns."""
        if not every:
            last: torch.Tensor = told.last_hidden_state
            return last
        return torch.stack(tuple(told.hidden_states))

    def _placed(self, given: torch.Tensor) -> torch.Tensor:
        """On the model's device, in its precision."""
        weight: torch.Tensor = next(self.model.parameters())
        return given.to(weight.device, weight.dtype)


class WaveEncoder(Encoder):
    """WavLM, HuBERT, wav2vec 2.0, data2vec-audio: convolutions over samples, then layers."""

    def __init__(self, model: Any, extractor: Any) -> None:
        super().__init__(model, extractor)
        self.front = model.feature_extractor
        # the model is given what its convolutions made of each wave alone
        model.feature_extractor = _Given()

    def features(self, wave: Wave) -> torch.Tensor:
        """The outputs of the convolutions over samples."""
        if not self.frames(len(wave)):
            return torch.zeros(0, 1)
        if self.extractor.do_normalize:
            wave = (wave - wave.mean()) / np.sqrt(wave.var() + _VARIANCE_FLOOR)
        given = torch.from_numpy(np.ascontiguousarray(wave))[None]
        found: torch.Tensor = cast("nn.Module", self.front)(self._placed(given))
        return found[0].transpose(0, 1)

    def frames(self, samples: int) -> int:
        """How many frames the convolutions make of so many samples."""
        config = self.model.config
        for kernel, step in zip(config.conv_kernel, config.conv_stride, strict=True):
            samples = (samples - kernel) // step + 1 if samples >= kernel else 0
        return samples

    def forward(
        self, features: torch.Tensor, mask: torch.Tensor, *, every: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Frames of a batch; see :class:`Encoder`."""
        # the model counts samples, of which it makes so many frames again
        samples = self.samples(mask.sum(dim=1))
        heard = torch.arange(int(samples.max()), device=mask.device) < samples[:, None]
        with warnings.catch_warnings():
            # WavLM's own call: its masks are of two kinds, and mean what they shall
            warnings.filterwarnings("ignore", message="Support for mismatched key_padding_mask")
            told = self.model(features, attention_mask=heard.long(), output_hidden_states=every)
        return self._collected(told, every=every), mask

    def samples(self, frames: torch.Tensor) -> torch.Tensor:
        """The fewest samples of which the convolutions make so many frames."""
        config = self.model.config
        shapes = list(zip(config.conv_kernel, config.conv_stride, strict=True))
        for kernel, step in reversed(shapes):
            frames = (frames - 1) * step + kernel
        return frames

    def above(self) -> list[nn.Module]:
        """The last norm, where it comes after the layers."""
        last = getattr(self.model.config, "do_stable_layer_norm", False)
        return [self.model.encoder.layer_norm] if last else []


class StackedPositionsEncoder(WaveEncoder):
    """data2vec-audio: positions by several convolutions, one upon the other.

    Padding is nought before the first of them alone, and reaches the speech through the
    others. Here it is nought before each, as beyond the end of a wave that stands alone.
    """

    def __init__(self, model: Any, extractor: Any) -> None:
        super().__init__(model, extractor)
        self._valid: torch.Tensor | None = None
        for layer in model.encoder.pos_conv_embed.layers:
            layer.register_forward_hook(self._silenced)

    def forward(
        self, features: torch.Tensor, mask: torch.Tensor, *, every: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Frames of a batch; see :class:`Encoder`."""
        self._valid = mask[:, None]
        return super().forward(features, mask, every=every)

    def _silenced(self, layer: nn.Module, given: Any, found: torch.Tensor) -> torch.Tensor:
        """(n, D, T) with noughts behind each wave."""
        del layer, given
        return found if self._valid is None else found * self._valid


class FilterBankEncoder(Encoder):
    """w2v-BERT: a Kaldi filter bank, then conformer layers."""

    def features(self, wave: Wave) -> torch.Tensor:
        """The filter bank of a wave, two frames in one."""
        if len(wave) < _KALDI_WINDOW:
            return torch.zeros(0, 1)
        told = self.extractor(wave, sampling_rate=RATE, return_tensors="pt")
        found: torch.Tensor = told["input_features"][0][told["attention_mask"][0].bool()]
        return self._placed(found)

    def forward(
        self,
        features: torch.Tensor,
        mask: torch.Tensor,
        *,
        every: bool,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Frames of a batch; see :class:`Encoder`."""
        told = self.model(features, attention_mask=mask.long(), output_hidden_states=every)
        return self._collected(told, every=every), mask


class WhisperEncoder(Encoder):
    """The encoder of Whisper: 30 s of log-mel, silence behind the speech included.

    It attends to that silence, so that nothing of it can be left out; what lies behind the
    speech is not pooled.
    """

    def __init__(self, model: Any, extractor: Any) -> None:
        super().__init__(model.encoder, extractor)
        self.mel = LogMel(extractor)
        self.longest = self.mel.most_samples / RATE

    def features(self, wave: Wave) -> torch.Tensor:
        """The log-mel of a wave padded to the full length: (frames, bands)."""
        found = self.mel([wave])[0].transpose(0, 1)
        return self._placed(found)

    def valid(self, wave: Wave, features: torch.Tensor) -> int:
        """How many frames begin within the speech."""
        del features
        return self.mel.frames(len(wave))

    def forward(
        self, features: torch.Tensor, mask: torch.Tensor, *, every: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Frames of a batch; see :class:`Encoder`."""
        told = self.model(features.transpose(1, 2), output_hidden_states=every)
        # the second convolution takes every other frame
        return self._collected(told, every=every), mask[:, ::2]

    def beginning(self) -> list[nn.Module]:
        """The convolutions over frames."""
        return [self.model.conv1, self.model.conv2]

    def layers(self) -> nn.ModuleList:
        """Its layers, the lowest first."""
        found: nn.ModuleList = self.model.layers
        return found

    def above(self) -> list[nn.Module]:
        """The last norm."""
        return [self.model.layer_norm]


_KALDI_WINDOW = 400
# whose attention is its own, and goes by this name
_EAGER = ("wavlm",)
_KINDS: dict[str, type[Encoder]] = {
    "data2vec-audio": StackedPositionsEncoder,
    "whisper": WhisperEncoder,
    "wav2vec2-bert": FilterBankEncoder,
}


def load_encoder(options: LoadOptions) -> Encoder:
    """A pretrained encoder, all of it frozen.

    Layers are never dropped as a whole in training (LayerDrop), so that all that is
    trained has a gradient in each step.

    Args:
        options: what to load and how.

    Raises:
        ConfigError: the checkpoint cannot be loaded, or is of another kind.
        MissingDependencyError: transformers is not installed.
    """
    config = load_processing("AutoConfig", options)
    if config.model_type not in MODEL_CLASSES:
        raise ConfigError(
            "the checkpoint is no speech encoder that is known here",
            file=options.model,
            value=config.model_type,
            choices=MODEL_CLASSES,
        )
    extractor = load_processing("AutoFeatureExtractor", options)
    if int(extractor.sampling_rate) != RATE:
        raise ConfigError(
            f"the encoder does not hear {RATE} samples a second",
            file=options.model,
            value=extractor.sampling_rate,
        )
    if config.model_type in _EAGER:
        options = replace(options, attention="eager")
    model = load_pretrained(MODEL_CLASSES[config.model_type], options)
    for name in ("layerdrop", "encoder_layerdrop"):
        if hasattr(model.config, name):
            setattr(model.config, name, 0.0)
    return _KINDS.get(config.model_type, WaveEncoder)(model, extractor)


class _Given(nn.Module):
    """In the place of convolutions whose outputs are at hand: (n, t, d) to (n, d, t)."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features.transpose(1, 2)
