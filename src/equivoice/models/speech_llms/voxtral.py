"""Voxtral: windows of 30 s whose padding the encoder attends to, so that none is left out."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

from equivoice.errors import ConfigError, MissingDependencyError
from equivoice.models.decoding.loading import (
    Loading,
    LoadOptions,
    load_pretrained,
    load_processing,
)
from equivoice.models.hearing.backend import PromptedModel
from equivoice.models.hearing.chat import messages, rendering
from equivoice.models.hearing.clips import RATE, ClipReader, Wave
from equivoice.models.hearing.language_part import part_of
from equivoice.models.hearing.mel import LogMel
from equivoice.models.language import Question

if TYPE_CHECKING:
    import torch

__all__ = ["Voxtral"]

_LONGEST_S = 2400.0
_WINDOWS_AT_ONCE = 8


class Voxtral(PromptedModel):
    """Voxtral, such as mistralai/Voxtral-Mini-3B-2507.

    Its tokenizer, mistral-common, writes the prompt, and refuses a system turn beside
    sound: put its sentence into the user's turn, as the prompts that come with
    Equivoice do.

    Args:
        model: a local folder, or an id of the hub.
        name: the name of the system; ``None`` for the last part of ``model``.
        tree: ``auto`` evaluates distinct answers once, where that is exact; or ``off``.
        max_seconds: the longest clip; ``None`` for forty minutes, as its makers say.
        longer: ``refuse`` longer clips, or ``cut`` them there (and count them).
        loading: where it comes from and how it is held, as :class:`LoadOptions` names it.

    Raises:
        ConfigError: the checkpoint cannot be loaded, or an unknown choice.
        MissingDependencyError: torch, transformers or mistral-common is not installed.
    """

    def __init__(
        self,
        model: str,
        *,
        name: str | None = None,
        tree: str = "auto",
        max_seconds: float | None = None,
        longer: str = "refuse",
        **loading: Unpack[Loading],
    ) -> None:
        options = LoadOptions(model, **loading)
        loaded = load_pretrained("VoxtralForConditionalGeneration", options)
        processor = load_processing("AutoProcessor", options)
        if not hasattr(processor.tokenizer, "mode"):
            # transformers falls back to a tokenizer that cannot write Voxtral's prompts
            raise MissingDependencyError(
                "mistral-common>=1.11.5", extra="models", purpose="Voxtral's prompts"
            )
        super().__init__(
            loaded,
            options,
            tokenizer=processor.tokenizer,
            clips=ClipReader(_LONGEST_S, max_seconds=max_seconds, longer=longer),
            name=name,
            family="voxtral",
            tree=tree,
            audio_token_id=int(loaded.config.audio_token_id),
        )
        self.processor = processor
        self.mel = LogMel(processor.feature_extractor)
        self.projector = part_of(loaded, "multi_modal_projector")
        sizes = loaded.config.audio_config
        self._folded = int(sizes.intermediate_size)
        self._window_tokens: int = sizes.max_source_positions * sizes.hidden_size // self._folded
        self._sound = _a_moment_of_silence()

    def trimming(self) -> dict[str, Any]:
        """Whether the padding of clips is left out, and why or why not."""
        return {
            "on": False,
            "why": "the encoder attends to the padding, which is part of the model",
        }

    def audio_tokens(self, samples: int) -> int:
        """How many placeholder tokens stand for a clip of so many samples."""
        windows = -(-samples // self.mel.most_samples)
        return windows * self._window_tokens

    def prompt_tokens(self, question: Question, count: int) -> list[int]:
        """The token ids of a question whose sound makes ``count`` tokens."""
        said = messages(question, self.marks)
        if question.clip is not None and any(turn.role == "system" for turn in question.turns):
            raise ConfigError(
                "Voxtral takes no system turn beside sound",
                value=question.utterance_id,
                hint="put its sentence into the user's turn (in the prompt, for family voxtral)",
            )
        for part in (part for message in said for part in message["content"]):
            if part["type"] == "audio":
                part["base64"] = self._sound
        # contents of one text go as plain strings, as mistral-common wants system turns
        for message in said:
            if len(message["content"]) == 1 and message["content"][0]["type"] == "text":
                message["content"] = message["content"][0]["text"]
        from mistral_common.exceptions import MistralCommonException

        with rendering(MistralCommonException):
            ids = self.tokenizer.apply_chat_template(said, tokenize=True, return_dict=False)
        if question.clip is None:
            return [int(token) for token in ids]
        if ids.count(self.audio_token_id) != self._window_tokens:
            raise ConfigError(
                "the tokenizer makes another number of audio tokens of a window than the model",
                value=ids.count(self.audio_token_id),
                choices=[self._window_tokens],
                hint="do tokenizer and model come from one checkpoint?",
            )
        first = ids.index(self.audio_token_id)
        rest = ids[first + self._window_tokens :]
        return [int(token) for token in (*ids[:first], *[self.audio_token_id] * count, *rest)]

    def hear(self, waves: Sequence[Wave]) -> list[torch.Tensor]:
        """What the encoder makes of each clip: (tokens, four frames folded into one)."""
        import torch

        windows = [self.mel.windowed(wave) for wave in waves]
        sound = torch.cat(windows)
        encoded = [
            self._hear(sound[at : at + _WINDOWS_AT_ONCE])
            for at in range(0, len(sound), _WINDOWS_AT_ONCE)
        ]
        self.encoder_passes += len(sound)
        sizes = [len(each) * self._window_tokens for each in windows]
        return list(torch.split(torch.cat(encoded), sizes))

    def project(self, heard: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """What was heard as embeddings: (tokens, width of the language model) each."""
        return [self.projector(each) for each in heard]

    def _hear(self, features: torch.Tensor) -> torch.Tensor:
        hidden = self.tower(features.to(self.tower.conv1.weight.device)).last_hidden_state
        folded: torch.Tensor = hidden.reshape(-1, self._folded)
        return folded


def _a_moment_of_silence() -> str:
    """A sound file of one sample, which the tokenizer widens to one window."""
    import numpy as np
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(1, dtype=np.float32), RATE, format="WAV")
    return base64.b64encode(buffer.getvalue()).decode("ascii")
