"""Audio Flamingo 3: clips of up to ten minutes in windows of 30 s, encoded without their padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

from equivoice.models.decoding.loading import (
    Loading,
    LoadOptions,
    load_pretrained,
    load_processing,
)
from equivoice.models.hearing.chat import expanded, messages, rendering
from equivoice.models.hearing.clips import ClipReader
from equivoice.models.hearing.encoders import frame_mask
from equivoice.models.hearing.mel import LogMel
from equivoice.models.hearing.trimming import TrimmingModel
from equivoice.models.language import Question

if TYPE_CHECKING:
    import torch

__all__ = ["AudioFlamingo3"]


class AudioFlamingo3(TrimmingModel):
    """Audio Flamingo 3, such as nvidia/audio-flamingo-3-hf.

    Its chat template puts the sound first in its turn, wherever the prompt has it, and
    without a system turn writes one ("You are a helpful assistant."), as in the stock
    processor.

    Args:
        model: a local folder, or an id of the hub.
        name: the name of the system; ``None`` for the last part of ``model``.
        trim: ``auto`` encodes clips without their padding, which is exact; or ``off``.
        tree: ``auto`` evaluates distinct answers once, where that is exact; or ``off``.
        max_seconds: the longest clip; ``None`` for the ten minutes that it can hear.
        longer: ``refuse`` longer clips, or ``cut`` them there (and count them).
        loading: where it comes from and how it is held, as :class:`LoadOptions` names it.

    Raises:
        ConfigError: the checkpoint cannot be loaded, or an unknown choice.
        MissingDependencyError: torch or transformers is not installed.
    """

    def __init__(
        self,
        model: str,
        *,
        name: str | None = None,
        trim: str = "auto",
        tree: str = "auto",
        max_seconds: float | None = None,
        longer: str = "refuse",
        **loading: Unpack[Loading],
    ) -> None:
        options = LoadOptions(model, **loading)
        loaded = load_pretrained("AudioFlamingo3ForConditionalGeneration", options)
        self.processor = load_processing("AutoProcessor", options)
        mel = LogMel(self.processor.feature_extractor)
        super().__init__(
            loaded,
            options,
            tokenizer=self.processor.tokenizer,
            clips=ClipReader(self.processor.max_audio_len, max_seconds=max_seconds, longer=longer),
            name=name,
            family="audio_flamingo_3",
            tree=tree,
            audio_token_id=int(loaded.config.audio_token_id),
            mel=mel,
            trim=trim,
        )

    def prompt_tokens(self, question: Question, count: int) -> list[int]:
        """The token ids of a question whose sound makes ``count`` tokens."""
        with rendering():
            text = self.processor.apply_chat_template(
                messages(question, self.marks), add_generation_prompt=True, tokenize=False
            )
        counts = [count] if question.clip is not None else []
        token = self.processor.audio_token
        return self.tokens(expanded(text, token, counts, whose=question.utterance_id))

    def padded_forward(self, features: torch.Tensor, frames: Sequence[int]) -> torch.Tensor:
        """What the stock encoder gives for windows padded to 30 s."""
        features = features.to(self.tower.conv1.weight)
        out = self.tower(features, input_features_mask=frame_mask(features, frames))
        hidden: torch.Tensor = out.last_hidden_state
        return hidden
