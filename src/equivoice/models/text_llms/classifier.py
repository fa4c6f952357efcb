"""A language model that reads a transcript and has a head instead of words: ``text-classifier``.

The hidden states of its last layer are pooled over the tokens of the transcript, and a
head gives a logit a label. The language model has a LoRA adapter, is trained whole, or
stays as it is. This is ABHINAYA's system T2 with a LLaMA of 8 billion weights, an
adapter of rank 8, attentive statistics and the VS loss; and a model for teaching with
:func:`~equivoice.models.text_llms.small.make_small_llama`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from equivoice.errors import ConfigError
from equivoice.models.classifiers.adapted import AdaptedLanguageModel
from equivoice.models.classifiers.backend import NetworkClassifier
from equivoice.models.classifiers.settings import as_options
from equivoice.models.classifying import Sample
from equivoice.models.decoding.adapters import attach_lora
from equivoice.models.decoding.backend import enough_memory
from equivoice.models.decoding.loading import (
    LoadOptions,
    describe_loading,
    load_pretrained,
    load_processing,
)
from equivoice.models.from_scratch import random_state
from equivoice.models.text_llms.reading import PLACE, TranscriptReader
from equivoice.records import LabelSpace

if TYPE_CHECKING:
    import torch

    from equivoice.models.classifiers.network import ClassifierNetwork

__all__ = ["TRAINED", "TextClassifier", "TextClassifierNetwork"]

TRAINED = ("lora", "all", "head")
"""What of it is trained: an adapter, the whole language model, or pooling and head alone."""


@dataclass(frozen=True)
class TextClassifier(AdaptedLanguageModel):
    """A causal language model of transformers, before it is fitted.

    Its further options are those of
    :class:`~equivoice.models.classifiers.adapted.AdaptedLanguageModel`.

    Args:
        model: a local folder, or an id of the hub; no chat template is needed.
        prompt: what it reads; ``{transcript}`` stands for what was said.
        max_tokens: a longer text is cut there, at its end, which is counted.
        trained: one of :data:`TRAINED`. Pooling and head are trained in any case.
        name: of the system.

    Raises:
        ConfigError: an unknown choice, or a number that cannot be.

    Reference:
        ABHINAYA, sections 3.2.2 and 4.2, T2 [paper]; what T2 is asked is not given.

    Example:
        >>> TextClassifier("meta-llama/Llama-3.1-8B").modalities
        frozenset({'transcript'})
    """

    model: str
    prompt: str = PLACE
    max_tokens: int = 256
    trained: str = "lora"
    name: str = "text-classifier"

    def __post_init__(self) -> None:
        problems = []
        if self.trained not in TRAINED:
            problems.append(f"trained: unknown choice {self.trained!r} ({', '.join(TRAINED)})")
        if self.trained == "all" and not self.exact:
            problems.append("trained: all weights are trained in float32 only, not quantised")
        if problems:
            raise ConfigError.from_problems(problems)

    @property
    def modalities(self) -> frozenset[str]:
        """Transcripts alone."""
        return frozenset({"transcript"})

    @property
    def loading(self) -> LoadOptions:
        """Where the language model comes from and how it is held."""
        return LoadOptions(
            self.model,
            revision=self.revision,
            dtype="float32" if self.trained == "all" else self.dtype,
            device=self.device,
            attention=self.attention,
            quantisation=self.quantisation,
            trust_remote_code=self.trust_remote_code,
            safetensors_only=self.safetensors_only,
        )

    def classifier(self, label_space: LabelSpace, *, seed: int) -> TextClassifierNetwork:
        """A new network for these labels.

        Args:
            label_space: its labels.
            seed: of adapter, pooling and head.

        Raises:
            ConfigError: the language model cannot be loaded, or an option does not fit it.
            MissingDependencyError: torch, transformers or peft is not installed.
        """
        return TextClassifierNetwork(self, label_space, seed)


class TextClassifierNetwork(NetworkClassifier):
    """A language model with a head for the labels of a corpus.

    Args:
        system: what it is made of.
        label_space: its labels.
        seed: of its first weights, those of the language model apart.

    Attributes:
        reader: of transcripts; it counts those that were cut.
    """

    model: ClassifierNetwork
    pretrained = ("encoder.",)

    def __init__(self, system: TextClassifier, label_space: LabelSpace, seed: int) -> None:
        loading = system.loading
        whole = load_pretrained("AutoModelForCausalLM", loading)
        _check_context(whole.config, system.max_tokens)
        self.reader = TranscriptReader(
            load_processing("AutoTokenizer", loading), prompt=system.prompt, most=system.max_tokens
        )
        self._loaded = describe_loading(whole, loading)
        self._what = system.trained
        self.base = {system.model: self._loaded["weights"]}
        with random_state(seed):
            network = _network(whole, system, len(label_space.names))
        super().__init__(
            network.to(whole.device).eval(),
            label_space,
            system="text-classifier",
            options=as_options(system),
            name=system.name,
            modality="transcript",
        )

    def class_logits(self, samples: Sequence[Sample]) -> torch.Tensor:
        """The logits of n samples, (n, C) float32.

        Raises:
            ConfigError: a sample has no transcript.
            RunError: the GPU's memory has run out.
        """
        import torch

        self.check(samples)
        ids, mask = self.reader.batch(
            [(each.utterance_id, each.transcript or "") for each in samples]
        )
        ids, mask = ids.to(self.device), mask.to(self.device)
        # an encoder of which nothing is trained needs no graph
        graph = torch.is_grad_enabled() and self._what != "head"
        with enough_memory(), torch.set_grad_enabled(graph):
            hidden = self.model.encoder(
                input_ids=ids, attention_mask=mask.long(), use_cache=False
            ).last_hidden_state
        return self.model.classify(hidden, mask)

    def training_mode(self, on: bool) -> None:
        """Switch dropout on or off; layers that are not trained stay without."""
        super().training_mode(on)
        if self._what == "all":
            return
        self.model.encoder.eval()
        for name, module in self.model.encoder.named_modules():
            if "lora_" in name:
                module.train(on)

    def cuts(self) -> Mapping[str, int]:
        """How many texts were cut so far, by the limit."""
        return self.reader.cuts()

    def facts(self) -> Mapping[str, Any]:
        """Where the language model comes from, what is trained, how texts are read."""
        return {"language_model": self._loaded, "trained": self._what, **self.reader.describe()}


@dataclass(frozen=True)
class _Held:
    """A model as adapters take it."""

    model: Any


def _network(whole: Any, system: TextClassifier, labels: int) -> ClassifierNetwork:
    """The language model without its head for words, and what follows it."""
    from equivoice.models.classifiers.network import ClassifierNetwork

    if system.trained == "lora":
        attach_lora(_Held(whole), system.lora)
    language = whole.base_model
    if system.trained == "all":
        language.requires_grad_(requires_grad=True)
    return ClassifierNetwork(
        language,
        width=int(whole.get_input_embeddings().weight.shape[1]),
        labels=labels,
        settings=system.head,
    )


def _check_context(config: Any, most: int) -> None:
    longest = getattr(config, "max_position_embeddings", None)
    if longest is not None and most > longest:
        raise ConfigError(
            "max_tokens is more than the language model can read", value=most, choices=[longest]
        )
