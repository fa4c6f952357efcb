"""The language model within a speech LLM, wherever a release of transformers keeps it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from equivoice.errors import ConfigError

if TYPE_CHECKING:
    import torch

__all__ = ["LanguagePart", "part_of"]


def part_of(model: Any, name: str) -> Any:
    """A submodule such as ``audio_tower``: of ``model.model`` in newer releases, else of ``model``.

    Raises:
        ConfigError: neither has it.
    """
    for holder in (getattr(model, "model", None), model):
        found = getattr(holder, name, None)
        if found is not None:
            return found
    raise ConfigError(
        f"this release of transformers keeps no {name} in the model", value=type(model).__name__
    )


class LanguagePart:
    """The language model of a speech LLM, called as a causal model of its own.

    Running it apart from the encoder leaves the logits of the prompt uncomputed: the
    stock models compute them for each of its tokens, over the whole vocabulary.

    Args:
        model: the speech LLM, as loaded.
    """

    def __init__(self, model: Any) -> None:
        # the thinker of Qwen2.5-Omni had nothing between itself and its language model
        inner: Any = getattr(model, "model", None)
        bare = hasattr(inner, "embed_tokens") and hasattr(inner, "layers")
        language: Any = inner if bare else part_of(model, "language_model")
        # a causal model with a head of its own in older releases
        self._body: Any = language.model if hasattr(language, "lm_head") else language
        self._model = model
        self.config = self._body.config
        self.dtype: torch.dtype = self._body.dtype
        self.device: torch.device = self._body.device
        self.embed = self._body.get_input_embeddings()

    def forward(
        self,
        *,
        input_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        past_key_values: Any = None,
        use_cache: bool = True,
        logits_to_keep: int = 0,
    ) -> SimpleNamespace:
        """One pass, as the causal models of transformers: ``logits`` and ``past_key_values``."""
        out = self._body(
            input_ids=input_ids,
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            use_cache=use_cache,
        )
        hidden = out.last_hidden_state[:, -logits_to_keep:]
        return SimpleNamespace(logits=self.head(hidden), past_key_values=out.past_key_values)

    __call__ = forward

    @property
    def body(self) -> Any:
        """The layers, without the head."""
        return self._body

    @property
    def head(self) -> Any:
        """What makes logits of states."""
        return self._model.get_output_embeddings()
