"""SALMONN's modules, as transformers saves and loads them.

Tang et al. 2024 (arXiv:2310.13289): Whisper's encoder and BEATs hear; the frames of both,
layer-normed and side by side, are cut into windows of a third of a second; a Q-Former
with one query looks at each window; a projection gives one embedding of the language
model a window. Whisper's padding to 30 s takes part, as in the release.

Parts are named as in transformers' speech LLMs: ``audio_tower``,
``multi_modal_projector``, ``language_model``. :mod:`equivoice.models.salmonn.keys` says
how the release names them. Importing this module imports torch and transformers, and
makes ``salmonn`` known to ``AutoConfig``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    Blip2QFormerConfig,
    Blip2QFormerModel,
    GenerationMixin,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
    WhisperConfig,
)
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from equivoice.models.salmonn.beats import Beats, BeatsConfig
from equivoice.models.salmonn.windows import Windows, packed, unpacked, window_count

__all__ = [
    "SalmonnConfig",
    "SalmonnEncoder",
    "SalmonnForConditionalGeneration",
    "SalmonnProjector",
]


class SalmonnConfig(PreTrainedConfig):  # type: ignore[misc]
    """The sizes of a SALMONN.

    Args:
        whisper_config: of the Whisper whose encoder hears.
        beats_config: of BEATs.
        qformer_config: of the Q-Former; what it looks at is as wide as both encoders.
        text_config: of LLaMA or Vicuna.
        query_tokens: queries, and so embeddings, of a window.
        seconds_per_window: length of a window.
        seconds_per_stride: from one window's beginning to the next one's.
        audio_token_id: stands for an embedding of sound in a prompt; no text holds it.
        rest: as every configuration of transformers.
    """

    model_type = "salmonn"
    sub_configs = {  # noqa: RUF012 - transformers reads it of the class
        "whisper_config": WhisperConfig,
        "beats_config": BeatsConfig,
        "qformer_config": Blip2QFormerConfig,
        "text_config": LlamaConfig,
    }

    def __init__(
        self,
        *,
        whisper_config: Any = None,
        beats_config: Any = None,
        qformer_config: Any = None,
        text_config: Any = None,
        query_tokens: int = 1,
        seconds_per_window: float = 0.333333,
        seconds_per_stride: float = 0.333333,
        audio_token_id: int = 0,
        **rest: Any,
    ) -> None:
        self.whisper_config = _made(WhisperConfig, whisper_config)
        self.beats_config = _made(BeatsConfig, beats_config)
        both = self.whisper_config.d_model + self.beats_config.encoder_embed_dim
        usual = {
            "num_hidden_layers": 2,
            "cross_attention_frequency": 1,
            "encoder_hidden_size": both,
        }
        self.qformer_config = _made(Blip2QFormerConfig, qformer_config, usual)
        self.text_config = _made(LlamaConfig, text_config)
        self.query_tokens = query_tokens
        self.seconds_per_window = seconds_per_window
        self.seconds_per_stride = seconds_per_stride
        self.audio_token_id = audio_token_id
        super().__init__(**{"tie_word_embeddings": False, **rest})

    @property
    def windows(self) -> Windows:
        """How frames are cut into windows."""
        return Windows.of_seconds(self.seconds_per_window, self.seconds_per_stride)

    @property
    def embeddings_per_clip(self) -> int:
        """How many embeddings any clip becomes, since each is padded to 30 s."""
        frames = int(self.whisper_config.max_source_positions)
        return window_count(frames, self.windows) * self.query_tokens


class SalmonnEncoder(nn.Module):
    """Both encoders: what neither fine-tuning nor the Q-Former changes.

    Args:
        config: the sizes.
    """

    def __init__(self, config: SalmonnConfig) -> None:
        super().__init__()
        self.whisper = WhisperEncoder(config.whisper_config)
        self.beats = Beats(config.beats_config)
        self._windows = config.windows

    def forward(
        self, features: torch.Tensor, bank: torch.Tensor, patches: list[int]
    ) -> list[torch.Tensor]:
        """What both make of n clips.

        Args:
            features: (n, mel bands, 3000) Whisper's log-mel of clips padded to 30 s.
            bank: (n, frames, 128) BEATs' normalised filter bank; shorter clips end in
                anything.
            patches: how many patches of each clip are real.

        Returns:
            The windows of each clip, as :func:`~equivoice.models.salmonn.windows.packed`.
            None depends on the other clips.
        """
        speech = self.whisper(features).last_hidden_state
        counts = torch.tensor(patches, device=bank.device)
        longest = max(patches)
        padding = torch.arange(longest, device=bank.device) >= counts[:, None]
        audio = self.beats(bank, padding if bool(padding.any()) else None)
        return [
            packed(heard, also[:count], self._windows)
            for heard, also, count in zip(speech, audio, patches, strict=True)
        ]


class SalmonnProjector(nn.Module):
    """From windows of frames to embeddings of the language model: layer norms, Q-Former, projection.

    Args:
        config: the sizes.
    """

    def __init__(self, config: SalmonnConfig) -> None:
        super().__init__()
        self._widths = (config.whisper_config.d_model, config.beats_config.encoder_embed_dim)
        self._windows = config.windows
        self.ln_speech = nn.LayerNorm(self._widths[0])
        self.ln_audio = nn.LayerNorm(self._widths[1])
        width = config.qformer_config.hidden_size
        self.query_tokens = nn.Parameter(torch.zeros(1, config.query_tokens, width))
        nn.init.normal_(self.query_tokens, std=config.qformer_config.initializer_range)
        self.qformer = Blip2QFormerModel._from_config(config.qformer_config)  # noqa: SLF001
        self.proj = nn.Linear(width, config.text_config.hidden_size)

    def queried(self, rows: torch.Tensor) -> torch.Tensor:
        """(N, queries, width): what the Q-Former makes of each of N windows.

        Args:
            rows: (N, …) as :func:`~equivoice.models.salmonn.windows.packed` gives them.
        """
        # kept from an encoder in another precision, perhaps
        rows = rows.to(self.ln_speech.weight.dtype)
        speech, audio, real = unpacked(rows, self._windows, *self._widths)
        silent = torch.where(real, self.ln_audio(audio), 0.0)
        frames = torch.cat([self.ln_speech(speech), silent.to(rows.dtype)], dim=-1)
        found: torch.Tensor = self.qformer(
            query_embeds=self.query_tokens.expand(len(rows), -1, -1), encoder_hidden_states=frames
        ).last_hidden_state
        return found

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """(N × queries, width of the language model): the embeddings of N windows."""
        projected: torch.Tensor = self.proj(self.queried(rows))
        return projected.flatten(0, 1)


class SalmonnForConditionalGeneration(PreTrainedModel, GenerationMixin):  # type: ignore[misc]
    """SALMONN whole. Its ``forward`` is the language model's: sound comes as embeddings.

    Args:
        config: the sizes.
    """

    config_class = SalmonnConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_attention_backend = True
    _no_split_modules = ("LlamaDecoderLayer", "WhisperEncoderLayer")

    def __init__(self, config: SalmonnConfig) -> None:
        super().__init__(config)
        self.audio_tower = SalmonnEncoder(config)
        self.multi_modal_projector = SalmonnProjector(config)
        self.language_model = LlamaForCausalLM._from_config(config.text_config)  # noqa: SLF001
        self.post_init()

    def get_input_embeddings(self) -> Any:
        """The embeddings of tokens."""
        return self.language_model.get_input_embeddings()

    def get_output_embeddings(self) -> Any:
        """What makes logits of the last states."""
        return self.language_model.get_output_embeddings()

    def forward(self, **inputs: Any) -> Any:
        """The language model's own forward, as for any causal model."""
        return self.language_model(**inputs)


def _made(kind: Any, given: Any, usual: Mapping[str, Any] | None = None) -> Any:
    """A configuration out of itself, a mapping or nothing."""
    if isinstance(given, kind):
        return given
    said = {name: value for name, value in (given or {}).items() if name != "model_type"}
    return kind(**{**(usual or {}), **said})


AutoConfig.register("salmonn", SalmonnConfig, exist_ok=True)
