"""Qwen2.5-Omni: its thinker, which hears and writes; what speaks is not loaded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from equivoice.errors import ConfigError
from equivoice.models.decoding.loading import (
    Loading,
    LoadOptions,
    load_pretrained,
    load_processing,
)
from equivoice.models.hearing.backend import PromptedModel
from equivoice.models.hearing.chat import expanded, messages, rendering
from equivoice.models.hearing.clips import RATE, ClipReader, Wave
from equivoice.models.hearing.encoders import token_count
from equivoice.models.hearing.mel import LogMel
from equivoice.models.language import Question

if TYPE_CHECKING:
    import torch

__all__ = ["Qwen25Omni"]


class Qwen25Omni(PromptedModel):
    """The thinker of Qwen2.5-Omni, such as Qwen/Qwen2.5-Omni-7B.

    From a checkpoint of the thinker alone or of the whole model, of which only the
    thinker is read. Its encoder takes the valid part of each clip and nothing else,
    so that there is no padding to leave out. torchvision, which its whole processor
    needs, is not needed for sound.

    Args:
        model: a local folder, or an id of the hub.
        name: the name of the system; ``None`` for the last part of ``model``.
        tree: ``auto`` evaluates distinct answers once, where that is exact; or ``off``.
        max_seconds: the longest clip; ``None`` for the 300 s that it can hear.
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
        tree: str = "auto",
        max_seconds: float | None = None,
        longer: str = "refuse",
        **loading: Unpack[Loading],
    ) -> None:
        options = LoadOptions(model, **loading)
        loaded = load_pretrained(_Thinker, options)
        tokenizer = load_processing("AutoTokenizer", options)
        self.mel = LogMel(load_processing("WhisperFeatureExtractor", options))
        super().__init__(
            loaded,
            options,
            tokenizer=tokenizer,
            clips=ClipReader(self.mel.most_samples / RATE, max_seconds=max_seconds, longer=longer),
            name=name,
            family="qwen2_5_omni",
            tree=tree,
            audio_token_id=int(loaded.config.audio_token_id),
        )
        self._template = tokenizer.chat_template or _template_of(options)
        self._placeholder = tokenizer.convert_ids_to_tokens(self.audio_token_id)

    def trimming(self) -> dict[str, Any]:
        """Whether the padding of clips is left out, and why or why not."""
        return {"on": False, "why": "the encoder takes the valid frames alone: nothing to trim"}

    def audio_tokens(self, samples: int) -> int:
        """How many placeholder tokens stand for a clip of so many samples."""
        return token_count(self.mel.frames(samples))

    def prompt_tokens(self, question: Question, count: int) -> list[int]:
        """The token ids of a question whose sound makes ``count`` tokens."""
        with rendering():
            text = self.tokenizer.apply_chat_template(
                messages(question, self.marks),
                chat_template=self._template,
                add_generation_prompt=True,
                tokenize=False,
            )
        counts = [count] if question.clip is not None else []
        return self.tokens(expanded(text, self._placeholder, counts, whose=question.utterance_id))

    def hear(self, waves: Sequence[Wave]) -> list[torch.Tensor]:
        """What the encoder makes of each clip: (tokens, width of the language model)."""
        import torch

        frames = [self.mel.frames(len(wave)) for wave in waves]
        # the frames of all clips, one after the other: the encoder cuts them into chunks
        features = torch.cat(
            [
                # frames beyond the last valid one, so that it is that of the padded sound
                self.mel([wave], count + 2)[0, :, :count]
                for wave, count in zip(waves, frames, strict=True)
            ],
            dim=1,
        )
        lengths = torch.tensor(frames, device=self.language.device)
        hidden = self.tower(
            features.to(self.language.device, self.language.dtype),
            feature_lens=lengths,
            aftercnn_lens=(lengths - 1) // 2 + 1,
        ).last_hidden_state
        self.encoder_passes += len(waves)
        return list(hidden.split([token_count(count) for count in frames]))

    def project(self, heard: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """As it was heard: the encoder itself ends in the width of the language model."""
        return list(heard)


class _Thinker:
    """Reads the thinker from either kind of checkpoint."""

    @staticmethod
    def from_pretrained(place: str, *, config: Any, **settings: Any) -> Any:
        from transformers import Qwen2_5OmniThinkerForConditionalGeneration

        kind = config.model_type
        if kind not in ("qwen2_5_omni", "qwen2_5_omni_thinker"):
            raise ConfigError(
                "the checkpoint is of another architecture than Qwen2.5-Omni",
                file=place,
                value=kind,
                choices=["qwen2_5_omni", "qwen2_5_omni_thinker"],
                hint="choose the system that is made for this architecture: equivoice models",
            )
        if kind == "qwen2_5_omni":
            config = config.thinker_config
        return Qwen2_5OmniThinkerForConditionalGeneration.from_pretrained(
            place, config=config, **settings
        )


def _template_of(options: LoadOptions) -> str:
    """The chat template, where it lies beside the processor and not with the tokenizer."""
    from transformers.utils.hub import cached_file

    for file in ("chat_template.jinja", "chat_template.json"):
        found = cached_file(
            str(options.folder or options.model),
            file,
            revision=options.revision,
            _raise_exceptions_for_missing_entries=False,
        )
        if found is not None:
            text = Path(found).read_text(encoding="utf-8")
            return text if file.endswith("jinja") else str(json.loads(text)["chat_template"])
    raise ConfigError(
        "the checkpoint has no chat template",
        value=options.model,
        hint="add the chat_template.json of the published model to the folder",
    )
