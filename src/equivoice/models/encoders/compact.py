"""The compact encoder: log-mel, a convolutional network and a head, trained from nothing.

For people without pretrained weights and without a GPU: some hundred thousand weights,
trained on two processor cores in minutes for an hour of speech.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from equivoice.errors import AudioError
from equivoice.models.classifiers.backend import NetworkClassifier
from equivoice.models.classifiers.settings import HeadSettings, as_options
from equivoice.models.classifying import Sample
from equivoice.models.decoding.loading import pick_device
from equivoice.models.encoders.augmentation import Augmentation, augmented, generator_for
from equivoice.models.encoders.heard_clips import HeardClips
from equivoice.models.encoders.listening import clips_of, drawn_seed, padded, reader
from equivoice.models.encoders.log_mel import LogMelSettings, Spectrum
from equivoice.models.from_scratch import random_state
from equivoice.records import LabelSpace

if TYPE_CHECKING:
    import torch

    from equivoice.models.classifiers.network import ClassifierNetwork
    from equivoice.models.hearing.sound_cache import SoundCache

__all__ = ["CompactClassifier", "CompactEncoder"]


@dataclass(frozen=True)
class CompactEncoder:
    """A convolutional network on log-mel spectra, to be trained from nothing: ``compact-encoder``.

    Args:
        seconds: longer sound is cut there, which :meth:`CompactClassifier.describe` counts.
        pooling: ``attentive`` statistics, or the ``mean``.
        channels: of its convolutions.
        width: of the frames that are pooled.
        dropout: on these frames.
        attention_width: of attentive statistics.
        head_width: between two layers of the head; 0 for one linear layer.
        head_dropout: before the last layer.
        augment: change speech while it is learnt from, as the following say; ``False`` for
            nothing of it.
        speeds: of which one is drawn for an utterance each time it is learnt from.
        gain: the widest change of level, in dB.
        band_masks: how often bands are hidden; as in SpecAugment.
        band_width: the most bands of each such range.
        time_masks: how often moments are hidden.
        time_width: the longest of them, in frames of 20 ms.
        memory: the most mebibytes of spectra that are kept from one epoch to the next.
        device: ``auto`` is the first GPU where there is one.
        name: of the system.

    Raises:
        ConfigError: what cannot be.

    Example:
        >>> CompactEncoder().name
        'compact-encoder'
    """

    RECIPE: ClassVar[str] = "compact"
    """The recipe that it is trained by where none is named."""

    seconds: float = 10.0
    pooling: str = "attentive"
    channels: Sequence[int] = (24, 48, 48, 96, 96)
    width: int = 192
    dropout: float = 0.2
    attention_width: int = 64
    head_width: int = 0
    head_dropout: float = 0.5
    augment: bool = True
    speeds: Sequence[float] = (0.9, 0.95, 1.0, 1.05, 1.1)
    gain: float = 4.0
    band_masks: int = 2
    band_width: int = 8
    time_masks: int = 2
    time_width: int = 12
    memory: int = 1024
    device: str = "auto"
    name: str = "compact-encoder"

    @property
    def modalities(self) -> frozenset[str]:
        """Speech alone."""
        return frozenset({"speech"})

    def classifier(self, label_space: LabelSpace, *, seed: int) -> CompactClassifier:
        """A new network for these labels; its weights derive from the seed alone.

        Raises:
            ConfigError: a size, a limit or a device that cannot be.
            MissingDependencyError: torch is not installed.
        """
        return CompactClassifier(self, label_space, seed)

    def augmentation(self) -> Augmentation:
        """How speech is changed while it is learnt from."""
        if not self.augment:
            return Augmentation.none()
        return Augmentation(
            tuple(float(speed) for speed in self.speeds),
            float(self.gain),
            self.band_masks,
            self.band_width,
            self.time_masks,
            self.time_width,
        )


class CompactClassifier(NetworkClassifier):
    """A compact network for the labels of a corpus.

    Args:
        system: its sizes and options.
        label_space: its labels.
        seed: of its first weights.

    Attributes:
        heard: the spectra of clips, and how many were decoded so far.
    """

    model: ClassifierNetwork

    def __init__(self, system: CompactEncoder, label_space: LabelSpace, seed: int) -> None:
        from equivoice.models.classifiers.network import ClassifierNetwork
        from equivoice.models.encoders.compact_network import CompactNetwork, check_sizes

        device = pick_device(system.device)
        spectrum = LogMelSettings()
        self.heard = HeardClips(reader(system.seconds), spectrum, memory=system.memory)
        self.augmentation = system.augmentation()
        check_sizes(system.channels, system.width, system.dropout)
        with random_state(seed):
            self.encoder = CompactNetwork(
                spectrum.bands,
                channels=system.channels,
                width=system.width,
                dropout=system.dropout,
            )
            network = ClassifierNetwork(
                self.encoder,
                width=system.width,
                labels=len(label_space.names),
                settings=HeadSettings(
                    pooling=system.pooling,
                    attention_width=system.attention_width,
                    head_width=system.head_width,
                    head_dropout=system.head_dropout,
                    scaled=True,
                ),
            )
        super().__init__(
            network.to(device).eval(),
            label_space,
            system="compact-encoder",
            options=as_options(system),
            name=system.name,
        )

    def calibrate(self, samples: Sequence[Sample]) -> None:
        """Begin where all channels have mean 0 and variance 1 over some training speech.

        Raises:
            AudioError: a sound cannot be used.
            ConfigError: a sample has no sound.
        """
        import torch

        self.check(samples)
        spectra, mask = padded([self.heard(clip) for clip in clips_of(samples)])
        spectra, mask = spectra.to(self.device), mask.to(self.device)
        self.training_mode(on=False)
        with torch.no_grad():
            self.encoder.calibrate(spectra, mask)
            self.model.calibrate(*self.encoder(spectra, mask))

    def class_logits(self, samples: Sequence[Sample]) -> torch.Tensor:
        """The logits of n samples, (n, C) float32.

        In training mode each is changed as ``augmentation`` says, drawn from a seed of
        the batch, taken from torch's global stream, and the name of the utterance.

        Raises:
            AudioError: a sound cannot be used.
            ConfigError: a sample has no sound.
        """
        self.check(samples)
        spectra, mask = padded(self._spectra(samples))
        hidden, kept = self.encoder(spectra.to(self.device), mask.to(self.device))
        return self.model.classify(hidden, kept)

    def listen(self, samples: Sequence[Sample]) -> None:
        """Decode clips, to be kept until they are classified."""
        for clip in clips_of(samples):
            # the error is raised again, in its place, when the clip is classified
            with suppress(AudioError):
                self.heard(clip)

    def keep_sounds(self, cache: SoundCache | None) -> None:
        """Keep spectra on disk, of each speed that is drawn; ``None``: in memory alone."""
        self.heard.cache = cache

    def cuts(self) -> Mapping[str, int]:
        """How many clips were cut so far, by the limit."""
        return self.heard.clips.cuts()

    def facts(self) -> Mapping[str, Any]:
        """How clips are read, spectra made, and what is changed in training."""
        return {**self.heard.describe(), "augmentation": asdict(self.augmentation)}

    def _spectra(self, samples: Sequence[Sample]) -> list[Spectrum]:
        clips = clips_of(samples)
        if not self.model.training or self.augmentation == Augmentation.none():
            return [self.heard(clip) for clip in clips]
        seed = drawn_seed()
        found = []
        for sample, clip in zip(samples, clips, strict=True):
            generator = generator_for(seed, sample.utterance_id)
            spectrum = self.heard(clip, self.augmentation.speed(generator))
            found.append(augmented(spectrum, self.augmentation, generator))
        return found
