"""A speech LLM that has a head instead of words: ``speech-llm-classifier``, ``salmonn-classifier``.

The speech LLM is asked as ever; its last states are pooled over all positions of the
prompt, sound and text, padding apart, and a head gives a logit a label. Trained are an
adapter of the language model, what leads from the encoder to it, and the head. With
SALMONN these are ABHINAYA's systems S2 (13B, speech) and ST1 (7B, speech and transcript).
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
from equivoice.models.decoding.adapter_files import adapter_config
from equivoice.models.decoding.adapters import attach_lora, unfreeze
from equivoice.models.from_scratch import random_state
from equivoice.models.language import Question
from equivoice.models.registry import load_model
from equivoice.prompting.turns import AUDIO, Turn
from equivoice.records import LabelSpace

if TYPE_CHECKING:
    import torch

    from equivoice.models.classifiers.network import ClassifierNetwork
    from equivoice.models.hearing.backend import PromptedModel

__all__ = ["PROMPTS", "TRAINED", "SpeechLLMClassifier", "SpeechLLMNetwork"]

PROMPTS: Mapping[str, str] = {
    "speech": "Describe emotion of the speaker in one word",
    "speech+transcript": "Describe emotion of the speaker in one word <Transcript> {transcript}",
}
"""What it is asked, by modality, unless told: ABHINAYA's ST1, and the same without a transcript."""

TRAINED = ("lora", "projector", "encoder", "language")
"""What of it may be trained besides pooling and head."""

_TRANSCRIPT = "{transcript}"
_WHOLE_PARTS = ("encoder", "language")


@dataclass(frozen=True)
class SpeechLLMClassifier(AdaptedLanguageModel):
    """A speech LLM, before it is fitted to labels.

    Its further options are those of
    :class:`~equivoice.models.classifiers.adapted.AdaptedLanguageModel`.

    Args:
        model: a local folder, or an id of the hub.
        of: the system that it is of: ``salmonn``, ``qwen2-audio``, ``audio-flamingo-3``,
            ``qwen2-5-omni`` or ``voxtral``.
        modality: ``speech``, or ``speech+transcript``.
        prompt: what stands after the sound; ``{transcript}`` stands for what was said.
            ``None``: as :data:`PROMPTS` says.
        seconds: sound is cut there, which is counted.
        trained: of :data:`TRAINED`; pooling and head are trained in any case. ``lora``
            goes on with an adapter that the model brings (SALMONN's own), whose rank,
            scale and layers then hold, or with a fresh one; ``projector`` is SALMONN's Q-Former with its
            norms and projection.
        adapter: as for :class:`~equivoice.models.decoding.loading.LoadOptions`.
        name: of the system; where empty, that of ``of`` and ``-classifier``.

    Raises:
        ConfigError: an unknown choice, or parts that cannot be trained as they are held.

    Reference:
        ABHINAYA, sections 3.1.2, 3.3 and 4.2 [paper]; S2's own prompt is not given.

    Example:
        >>> SpeechLLMClassifier("models/salmonn-13b", of="salmonn").name
        'salmonn-classifier'
    """

    model: str
    of: str = "salmonn"
    modality: str = "speech"
    prompt: str | None = None
    seconds: float = 10.0
    trained: Sequence[str] = ("lora", "projector")
    adapter: str | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", f"{self.of}-classifier")
        problems = [
            f"trained: unknown choice {part!r} ({', '.join(TRAINED)})"
            for part in self.trained
            if part not in TRAINED
        ]
        if isinstance(self.trained, str):
            problems = ["trained: a list is wanted, such as [lora, projector]"]
        if self.modality not in PROMPTS:
            problems.append(f"modality: unknown choice {self.modality!r} ({', '.join(PROMPTS)})")
        elif (_TRANSCRIPT in self.asked) != ("transcript" in self.modality):
            problems.append(f"prompt: {_TRANSCRIPT} goes with the modality speech+transcript alone")
        if not self.exact and set(self.trained) & set(_WHOLE_PARTS):
            problems.append("trained: encoder and language are trained in float32 only")
        if problems:
            raise ConfigError.from_problems(problems)

    @property
    def modalities(self) -> frozenset[str]:
        """The one that it is given."""
        return frozenset({self.modality})

    @property
    def asked(self) -> str:
        """What stands after the sound."""
        return PROMPTS[self.modality] if self.prompt is None else self.prompt

    def classifier(self, label_space: LabelSpace, *, seed: int) -> SpeechLLMNetwork:
        """A new network for these labels.

        Args:
            label_space: its labels.
            seed: of a fresh adapter, of pooling and head.

        Raises:
            ConfigError: the speech LLM cannot be loaded, or an option does not fit it.
            MissingDependencyError: torch, transformers or peft is not installed.
        """
        return SpeechLLMNetwork(self, label_space, seed)


class SpeechLLMNetwork(NetworkClassifier):
    """A speech LLM with a head for the labels of a corpus.

    Args:
        system: what it is made of.
        label_space: its labels.
        seed: of its first weights, those of the speech LLM apart.
    """

    model: ClassifierNetwork
    pretrained = ("encoder.",)

    def __init__(self, system: SpeechLLMClassifier, label_space: LabelSpace, seed: int) -> None:
        self.backend = _speech_llm(system)
        self._asked = system.asked
        said = self.backend.describe()
        own = said.get("own_adapter")
        self.base = {system.model: said["weights"]}
        if own is not None:
            self.base[own["folder"]] = own["weights"]
        with random_state(seed):
            network = _network(self.backend, system, len(label_space.names))
        self._trained = _trained_modules(self.backend, system)
        super().__init__(
            network.eval(),
            label_space,
            system="speech-llm-classifier",
            options=as_options(system),
            name=system.name,
            modality=system.modality,
        )

    def class_logits(self, samples: Sequence[Sample]) -> torch.Tensor:
        """The logits of n samples, (n, C) float32.

        Raises:
            AudioError: a sound cannot be used.
            ConfigError: a sample lacks what the modality needs.
            RunError: the GPU's memory has run out.
        """
        self.check(samples)
        states, mask = self.backend.states([self.question(sample) for sample in samples])
        return self.model.classify(states, mask)

    def question(self, sample: Sample) -> Question:
        """A sample as the speech LLM is asked about it."""
        text = self._asked.replace(_TRANSCRIPT, sample.transcript or "")
        return Question(sample.utterance_id, (Turn("user", (AUDIO, text)),), sample.clip)

    def training_mode(self, on: bool) -> None:
        """Switch dropout on or off; parts that are not trained stay without."""
        super().training_mode(on)
        self.model.encoder.eval()
        for module in self._trained:
            module.train(on)

    def keep_sounds(self, cache: Any) -> None:
        """Keep what the encoder makes of each clip, wherever nothing in it is trained."""
        self.backend.keep_sounds(cache)

    def cuts(self) -> Mapping[str, int]:
        """How many clips were cut so far, by the limit."""
        return self.backend.cuts()

    def facts(self) -> Mapping[str, Any]:
        """What the speech LLM says of itself, and what it is asked."""
        return {"speech_llm": dict(self.backend.describe()), "prompt": self._asked}


def _speech_llm(system: SpeechLLMClassifier) -> PromptedModel:
    """The speech LLM, frozen.

    Raises:
        ConfigError: it is none whose states can be had.
    """
    whole = bool(set(system.trained) & set(_WHOLE_PARTS))
    loaded = load_model(
        system.of,
        model=system.model,
        max_seconds=system.seconds,
        longer="cut",
        revision=system.revision,
        dtype="float32" if whole else system.dtype,
        device=system.device,
        attention=system.attention,
        quantisation=system.quantisation,
        trust_remote_code=system.trust_remote_code,
        safetensors_only=system.safetensors_only,
        adapter=system.adapter,
    )
    from equivoice.models.hearing.backend import PromptedModel

    if not isinstance(loaded, PromptedModel):
        raise ConfigError(
            "the states of this system cannot be had apart, so that it has no classifier",
            value=system.of,
            choices=["audio-flamingo-3", "qwen2-5-omni", "qwen2-audio", "salmonn", "voxtral"],
        )
    return loaded


def _network(backend: PromptedModel, system: SpeechLLMClassifier, labels: int) -> ClassifierNetwork:
    """The speech LLM, what of it is trained being so, and what follows it."""
    from equivoice.models.classifiers.network import ClassifierNetwork

    if "lora" in system.trained:
        _train_adapter(backend, system)
    parts = [part for part in system.trained if part != "lora"]
    unfreeze(backend, parts)
    for parameter in backend.model.parameters():
        if parameter.requires_grad:
            # small steps vanish in half precision
            parameter.data = parameter.data.float()
    network = ClassifierNetwork(
        backend.model,
        width=int(backend.language.embed.weight.shape[1]),
        labels=labels,
        settings=system.head,
    )
    return network.to(backend.language.device)


def _train_adapter(backend: PromptedModel, system: SpeechLLMClassifier) -> None:
    """Go on with the adapter that the model brings, or give it a fresh one."""
    if adapter_config(backend.model) is not None:
        for name, parameter in backend.model.named_parameters():
            if "lora_" in name:
                parameter.requires_grad_(True)
        return
    attach_lora(backend, system.lora)


def _trained_modules(backend: PromptedModel, system: SpeechLLMClassifier) -> list[Any]:
    """The modules that have dropout in training."""
    parts = {
        "projector": getattr(backend, "projector", None),
        "encoder": backend.tower,
        "language": backend.language.body,
    }
    found = [part for name, part in parts.items() if name in system.trained and part is not None]
    if "lora" in system.trained:
        found += [each for name, each in backend.model.named_modules() if "lora_" in name]
    return found
