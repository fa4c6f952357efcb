"""Which channels of a small speech LLM carry what, once its weights are set from speech.

Of the encoder's width::

    z | -z | sines and cosines | mean of the speech | four neighbours | scores | three constants

and of the language model's::

    scores | answers | constant | mark of a label's last token | free
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from equivoice.errors import ConfigError

__all__ = ["Layout"]

OFFSETS = (-3, -1, 1, 3)
"""The neighbours of a position that heads bring, in positions after the convolutions."""

_CONSTANTS = 3
_MARKS = 2


@dataclass(frozen=True)
class Layout:
    """The channels of a model of given sizes.

    Args:
        bands: mel bands.
        width: of the audio encoder.
        heads: of the audio encoder.
        inner: its feed-forward units.
        text_width: of the language model.
        text_heads: of the language model.
        labels: how many answers there are.

    Example:
        >>> found = Layout(bands=80, width=384, heads=6, inner=4096, text_width=128,
        ...                text_heads=4, labels=8)
        >>> found.content, found.timing, found.neighbour, found.scores
        (60, 32, 34, slice(348, 356, None))
    """

    bands: int
    width: int
    heads: int
    inner: int
    text_width: int
    text_heads: int
    labels: int

    @classmethod
    def of(cls, config: Any, labels: int) -> Layout:
        """The layout of a checkpoint.

        Args:
            config: of a Qwen2-Audio.
            labels: how many answers there are.

        Raises:
            ConfigError: the model is too small for it, or has several layers of encoder.
        """
        audio, text = config.audio_config, config.text_config
        found = cls(
            bands=int(audio.num_mel_bins),
            width=int(audio.d_model),
            heads=int(audio.encoder_attention_heads),
            inner=int(audio.encoder_ffn_dim),
            text_width=int(text.hidden_size),
            text_heads=int(text.num_attention_heads),
            labels=labels,
        )
        found.check(int(audio.encoder_layers))
        return found

    def check(self, layers: int) -> None:
        """Refuse sizes that have no room.

        Raises:
            ConfigError: lists all that is missing.
        """
        needed = 1 + len(OFFSETS)
        wrong = {
            f"layers: {layers} in the encoder, and one is set": layers != 1,
            f"heads: {self.heads}, and {needed} are needed": self.heads < needed,
            f"inner: {self.inner} units, and 2 or more are needed": self.inner < 2,
            f"width: {self.width} has room for {max(0, self.room)} labels of {self.labels}": (
                self.room < self.labels
            ),
            f"text_width: {self.text_width} has room for {self.text_room} labels of "
            f"{self.labels}": self.text_room < self.labels,
        }
        problems = [problem for problem, found in wrong.items() if found]
        if problems:
            raise ConfigError.from_problems(
                ["the model cannot be started from speech; size='wide' can", *problems]
            )

    @property
    def head(self) -> int:
        """The width of a head."""
        return self.width // self.heads

    @property
    def content(self) -> int:
        """How many principal components of the sound are kept."""
        return min(self.head * 15 // 16, 5 * self.bands)

    @property
    def timing(self) -> int:
        """How many sines and cosines tell positions."""
        return self.head // 4 * 2

    @property
    def neighbour(self) -> int:
        """How many components of each neighbour are brought."""
        return min(self.content, self.head * 17 // 32)

    @property
    def compared(self) -> int:
        """In how many dimensions pieces of speech are compared."""
        return min(80, self.content + self.neighbour * len(OFFSETS))

    @property
    def positions(self) -> slice:
        """Sines and cosines."""
        return slice(2 * self.content, 2 * self.content + self.timing)

    @property
    def mean(self) -> slice:
        """What the first head brings: the mean of the clip's speech."""
        return slice(self.positions.stop, self.positions.stop + self.content)

    @property
    def brought(self) -> slice:
        """What the next heads bring: neighbours."""
        return slice(self.mean.stop, self.mean.stop + self.neighbour * len(OFFSETS))

    @property
    def scores(self) -> slice:
        """A score for each label."""
        return slice(self.brought.stop, self.brought.stop + self.labels)

    @property
    def zero(self) -> int:
        """A channel that the norms of the encoder take to what 0 is taken to."""
        return self.width - 3

    @property
    def plus(self) -> int:
        """A large constant."""
        return self.width - 2

    @property
    def minus(self) -> int:
        """The same below 0."""
        return self.width - 1

    @property
    def room(self) -> int:
        """For how many labels the encoder has channels."""
        return self.width - _CONSTANTS - int(self.brought.stop)

    @property
    def text_head(self) -> int:
        """The width of a head of the language model."""
        return self.text_width // self.text_heads

    @property
    def text_room(self) -> int:
        """For how many labels the language model has channels."""
        return max(0, min(self.text_head, (self.text_width - _MARKS) // 2))

    @property
    def heard(self) -> slice:
        """Scores, in the language model."""
        return slice(0, self.labels)

    @property
    def answers(self) -> slice:
        """The mean of the scores over the sound, in the language model."""
        return slice(self.labels, 2 * self.labels)

    @property
    def constant(self) -> int:
        """A large constant of the language model: positive for sound, negative for text."""
        return 2 * self.labels

    @property
    def last(self) -> int:
        """Marks the last token of a label, in the language model."""
        return 2 * self.labels + 1
