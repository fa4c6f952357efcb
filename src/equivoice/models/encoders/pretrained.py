"""A pretrained speech encoder of transformers, to be trained for emotion.

What of it is trained is chosen by ``freeze``; what is frozen and comes before all that is
trained is run once for each clip, and kept on disk from then on (``keep_sounds``).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from equivoice.errors import AudioError, ConfigError
from equivoice.models.classifiers.backend import NetworkClassifier
from equivoice.models.classifiers.settings import HeadSettings, as_options
from equivoice.models.classifying import Sample
from equivoice.models.decoding.backend import enough_memory
from equivoice.models.decoding.loading import LoadOptions, describe_loading, weights_fingerprint
from equivoice.models.encoders.freezing import Freezing, freeze
from equivoice.models.encoders.kept_frames import FrameKeeper, stacked
from equivoice.models.encoders.listening import clips_of, reader
from equivoice.models.from_scratch import random_state
from equivoice.models.hearing.clips import Wave
from equivoice.models.language import Clip
from equivoice.records import LabelSpace

if TYPE_CHECKING:
    import torch

    from equivoice.models.classifiers.network import ClassifierNetwork
    from equivoice.models.encoders.families import Encoder
    from equivoice.models.hearing.sound_cache import SoundCache

__all__ = ["LAYERS", "PretrainedClassifier", "PretrainedEncoder"]

LAYERS = ("last", "weighted")
"""Which frames are pooled: of the last layer, or a learned weighted sum of all."""


@dataclass(frozen=True)
class PretrainedEncoder:
    """WavLM, HuBERT, wav2vec 2.0, data2vec-audio, w2v-BERT or Whisper's encoder: ``speech-encoder``.

    The defaults are those of ABHINAYA's S1, where the paper gives them.

    Args:
        model: a local folder, or an id of the hub such as ``microsoft/wavlm-large``.
        freeze: ``features``: the convolutions over samples (S1); ``all``: the encoder;
            ``layers:K``: all below its layer K, which is counted from 0; ``none``.
        layers: ``last``, or a ``weighted`` sum of all layers, learnt.
        seconds: longer sound is cut there (S1: 10), which is counted.
        pooling: ``attentive`` statistics (S1), or the ``mean``.
        attention_width: of attentive statistics.
        projector: width of a linear layer before the pooling; 0 for none (S1).
        head_width: between the two layers of the head; 0 for one linear layer.
        head_dropout: before the last layer.
        spec_augment: hide moments and features while it is trained, as the checkpoint's
            configuration says; ``False``: never.
        name: of the system; ``None`` for the last part of ``model``.
        revision: branch, tag or commit of the hub.
        dtype: in which the encoder is held; another than ``float32`` only where all of it
            is frozen.
        device: ``auto`` is the first GPU where there is one.
        attention: the attention kernel, ``sdpa`` or ``eager``.
        safetensors_only: refuse weights in pickle files.

    Raises:
        ConfigError: what cannot be; all of it together.

    Example:
        >>> PretrainedEncoder("microsoft/wavlm-large").name
        'wavlm-large'
    """

    model: str
    freeze: str = "features"
    layers: str = "last"
    seconds: float = 10.0
    pooling: str = "attentive"
    attention_width: int = 128
    projector: int = 0
    head_width: int = 1024
    head_dropout: float = 0.5
    spec_augment: bool = True
    name: str = ""
    revision: str | None = None
    dtype: str = "float32"
    device: str = "auto"
    attention: str = "sdpa"
    safetensors_only: bool = True

    def __post_init__(self) -> None:
        frozen = Freezing.read(self.freeze)
        problems = []
        if self.layers not in LAYERS:
            problems.append(f"layers: unknown choice {self.layers!r} ({', '.join(LAYERS)})")
        if self.dtype != "float32" and not frozen.whole:
            problems.append(f"dtype: {self.dtype}, and not all of the encoder is frozen")
        if problems:
            raise ConfigError.from_problems(problems)
        if not self.name:
            object.__setattr__(self, "name", self.loading().name)

    @property
    def modalities(self) -> frozenset[str]:
        """Speech alone."""
        return frozenset({"speech"})

    def classifier(self, label_space: LabelSpace, *, seed: int) -> PretrainedClassifier:
        """The encoder with a new head for these labels.

        Raises:
            ConfigError: the checkpoint cannot be loaded, or does not fit the options.
            MissingDependencyError: torch or transformers is not installed.
        """
        return PretrainedClassifier(self, label_space, seed)

    def loading(self) -> LoadOptions:
        """Where the encoder comes from and how it is held."""
        return LoadOptions(
            self.model,
            revision=self.revision,
            dtype=self.dtype,
            device=self.device,
            attention=self.attention,
            safetensors_only=self.safetensors_only,
        )


class PretrainedClassifier(NetworkClassifier):
    """A pretrained encoder with a head for the labels of a corpus.

    Args:
        system: its options.
        label_space: its labels.
        seed: of the weights that are not pretrained.
    """

    model: ClassifierNetwork
    pretrained = ("encoder.",)

    def __init__(self, system: PretrainedEncoder, label_space: LabelSpace, seed: int) -> None:
        from equivoice.models.classifiers.network import ClassifierNetwork
        from equivoice.models.encoders.families import load_encoder

        self.loading = system.loading()
        with random_state(seed):
            # transformers draws first weights that it then reads from the checkpoint
            self.encoder: Encoder = load_encoder(self.loading)
        self.told = describe_loading(self.encoder.model, self.loading)
        self.freezing = Freezing.read(system.freeze)
        self._frozen = freeze(self.encoder, self.freezing, spec_augment=system.spec_augment)
        self.clips = reader(system.seconds, longest=self.encoder.longest)
        self.every = system.layers == "weighted"
        with random_state(seed):
            network = ClassifierNetwork(
                self.encoder,
                width=self.encoder.width,
                labels=len(label_space.names),
                settings=HeadSettings(
                    pooling=system.pooling,
                    attention_width=system.attention_width,
                    projector=system.projector,
                    head_width=system.head_width,
                    head_dropout=system.head_dropout,
                ),
                layers=self.encoder.depth + 1 if self.every else 0,
            )
        super().__init__(
            network.to(next(self.encoder.parameters()).device).eval(),
            label_space,
            system="speech-encoder",
            options=as_options(system),
            name=system.name,
        )
        folder = self.loading.folder
        fingerprint = self.told["commit"] if folder is None else weights_fingerprint(folder)
        self.base = {self.loading.model: fingerprint}
        self._kept = self._keeper(system)
        self._waves: dict[Clip, Wave] = {}
        self._lock = threading.Lock()

    def class_logits(self, samples: Sequence[Sample]) -> torch.Tensor:
        """The logits of n samples, (n, C) float32.

        Raises:
            AudioError: a sound cannot be used.
            ConfigError: a sample has no sound.
            RunError: the device has not enough memory.
        """
        self.check(samples)
        clips = clips_of(samples)
        with enough_memory():
            return self.model.classify(*self._frames(clips))

    def frozen_parts(self) -> list[Any]:
        """What is frozen, and stays without dropout."""
        return self._frozen

    def listen(self, samples: Sequence[Sample]) -> None:
        """Decode clips, to be kept until they are classified."""
        if self._kept is not None and self._kept.cache is not None:
            return
        for clip in clips_of(samples):
            # the error is raised again, in its place, when the clip is classified
            with suppress(AudioError):
                wave = self.clips.read(clip)
                with self._lock:
                    self._waves[clip] = wave

    def keep_sounds(self, cache: SoundCache | None) -> None:
        """Keep what is frozen makes of each clip: frames of a frozen encoder, or of its front.

        A weighted sum needs the frames of each layer: L + 1 times as much space. Of an
        encoder that is not wholly frozen, the outputs of frozen convolutions over samples
        are kept; w2v-BERT and Whisper have none.
        """
        if self._kept is not None:
            self._kept.cache = cache

    def cuts(self) -> Mapping[str, int]:
        """How many clips were cut so far, by the limit."""
        return self.clips.cuts()

    def facts(self) -> Mapping[str, Any]:
        """Where the encoder comes from, what is frozen, and how clips are read."""
        own = ("architecture", "parameters", "dtype", "device", "generation_settings", "adapter")
        told = {name: value for name, value in self.told.items() if name not in own}
        kept = None if self._kept is None else self._kept.describe()
        return {
            **told,
            "encoder": self.told["architecture"],
            "clips": self.clips.describe(),
            "sounds_kept": kept,
        }

    # -------------------------------------------------------------------- inner part

    def _keeper(self, system: PretrainedEncoder) -> FrameKeeper | None:
        """Keeps what is frozen and comes before all that is trained, where there is such."""
        kept = self.encoder if self.freezing.whole else self.encoder.front
        if kept is None or not self.freezing.front:
            return None
        settings = {"seconds": system.seconds, "every": self.every, "whole": self.freezing.whole}
        told = {**settings, "attention": system.attention}
        return FrameKeeper(kept, told, found=self.clips.end)

    def _frames(self, clips: Sequence[Clip]) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, T, D) or (L, n, T, D), and (n, T): without a graph as far as all is frozen."""
        if not self.freezing.whole:
            return self._passed(clips)
        with self._ungraded():
            if self._kept is None or self._kept.cache is None:
                return self._passed(clips)
            return stacked(self._kept(clips, self._alone), self.device)

    def _passed(self, clips: Sequence[Clip]) -> tuple[torch.Tensor, torch.Tensor]:
        """The encoder over clips: together, but one by one where that is no slower.

        A single clip fills a processor's cores; a batch of them only adds its padding.
        """
        import torch

        if self.device.type == "cpu" and not torch.is_grad_enabled():
            return stacked([self._alone(clip) for clip in clips], self.device)
        return self._run(clips)

    def _alone(self, clip: Clip) -> torch.Tensor:
        """The frames of one clip: (T, D), or (L, T, D)."""
        hidden, mask = self._run([clip])
        return hidden[..., 0, :, :][..., mask[0], :]

    def _run(self, clips: Sequence[Clip]) -> tuple[torch.Tensor, torch.Tensor]:
        """The encoder's forward over a batch of clips."""
        import torch

        if self.freezing.front:
            with self._ungraded():
                fronted = self._fronted(clips)
        else:
            fronted = self._fronted(clips)
        features, mask = stacked([row for row, _ in fronted], self.device)
        valid = torch.tensor([count for _, count in fronted], device=self.device)
        mask = mask & (torch.arange(mask.shape[1], device=self.device) < valid[:, None])
        frames: tuple[torch.Tensor, torch.Tensor] = self.encoder(features, mask, every=self.every)
        return frames

    def _fronted(self, clips: Sequence[Clip]) -> list[tuple[torch.Tensor, int]]:
        """What the front makes of each clip, and how much of that is speech."""
        if self._kept is not None and not self.freezing.whole:
            return [(row, len(row)) for row in self._kept(clips, lambda one: self._heard(one)[0])]
        return [self._heard(clip) for clip in clips]

    def _heard(self, clip: Clip) -> tuple[torch.Tensor, int]:
        with self._lock:
            wave = self._waves.pop(clip, None)
        if wave is None:
            wave = self.clips.read(clip)
        features = self.encoder.features(wave)
        if not len(features):
            raise self.clips.too_short(clip)
        return features, self.encoder.valid(wave, features)

    @contextmanager
    def _ungraded(self) -> Iterator[None]:
        """As in inference, whatever precision the rest is trained in."""
        import torch

        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            yield
