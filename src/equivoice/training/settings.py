"""What a training is asked to do: the recipe as resolved, as the run record holds it.

The sections are those of a recipe file (:mod:`equivoice.training.recipes`); what each
key means, and what the paper says of it, stands in the recipes line by line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from equivoice.prompting.explained import TargetForm

__all__ = [
    "CellBy",
    "CheckpointSettings",
    "DataSettings",
    "GroupSettings",
    "ModelSettings",
    "ObjectiveSettings",
    "OptimiserSettings",
    "SelectionSettings",
    "TrackingSettings",
    "TrainingSettings",
    "WeightSettings",
    "fold_of",
]

_FROZEN = ConfigDict(extra="forbid", frozen=True)


def _listed(given: object) -> object:
    """``language,modality`` and ``[language, modality]`` mean the same."""
    if isinstance(given, str):
        return [part.strip() for part in given.split(",") if part.strip()]
    return given


def _modalities(given: object) -> object:
    """``auto`` is written for none by name."""
    return () if given == "auto" else _listed(given)


CellBy = Literal["language", "corpus", "modality"]
Modality = Literal["speech", "speech+transcript", "transcript"]
Words = Annotated[tuple[str, ...], BeforeValidator(_listed)]
When = Literal["epoch"] | Annotated[int, Field(ge=1)]
"""At the end of each epoch, or every so many steps."""


class ObjectiveSettings(BaseModel):
    """What is minimised.

    Args:
        loss: of an item. Of a language model: ``mean`` over its answer's tokens, or that
            times the weight of its class, N / (N_c C): ``class_weighted``. Of a classifier:
            a name of :func:`~equivoice.training.losses.loss_names`; those two are then
            the cross-entropy, plain and weighted.
        options: of a classifier's loss, such as ``gamma``.
        reduction: by what the sum of a classifier's losses is divided: the number of
            ``items`` (as papers have it), or the sum of their ``weights`` (as frameworks'
            weighted cross-entropy has it), in either case over the effective batch.
        smoothing: ε of label smoothing, for a classifier.
        tokens: which tokens are counted: the answer's, or all of the target's.
        penalty: ``gap`` adds λ Δ^p, Δ the largest gap in loss between groups; or ``none``.
        power: p.
        scope: Δ of the whole effective batch (exact), or of each micro-batch by itself.
        road: how the exact gradient is had: one gradient buffer a cell and group, or two
            passes where those do not fit into memory.
    """

    model_config = _FROZEN

    loss: str = "mean"
    options: Mapping[str, Any] = Field(default_factory=dict)
    reduction: Literal["items", "weights"] = "items"
    smoothing: float = Field(default=0.0, ge=0, lt=1)
    tokens: Literal["answer", "all"] = "answer"
    penalty: Literal["none", "gap"] = "none"
    power: Literal[1, 2] = 2
    scope: Literal["batch", "microbatch"] = "batch"
    road: Literal["one_pass", "two_pass"] = "one_pass"


class GroupSettings(BaseModel):
    """Between whom, and within what, gaps are taken.

    Args:
        attribute: whose values are the groups, as for every grouping (``gender``,
            ``age[30,50]``, ``gender x age[30]``).
        cell: within what: language, corpus, modality, or several of them.
        keep: each group of each cell stands in every effective batch, as far as counts allow.
    """

    model_config = _FROZEN

    attribute: str = "gender"
    cell: Annotated[tuple[CellBy, ...], BeforeValidator(_listed)] = Field(
        default=("language", "modality"), min_length=1
    )
    keep: bool = True


class WeightSettings(BaseModel):
    """The weight λ of the penalty.

    Args:
        kind: ``adaptive``: λ ← clip(λ + rate (Δ_dev − tolerance), 0, maximum); or ``fixed``.
        start: λ at the beginning; for ever, where it is fixed.
        rate: η.
        tolerance: ε, in the unit of ``gap``.
        maximum: the largest λ.
        update: when λ moves.
        gap: Δ_dev, the worst cell's gap on the validation part: in ``loss``, or in a metric
            such as ``macro_f1``.
    """

    model_config = _FROZEN

    kind: Literal["adaptive", "fixed"] = "adaptive"
    start: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    rate: float = Field(default=0.5, ge=0, allow_inf_nan=False)
    tolerance: float = Field(default=0.02, ge=0, allow_inf_nan=False)
    maximum: float = Field(default=10.0, ge=0, allow_inf_nan=False)
    update: When = "epoch"
    gap: str = "loss"

    @model_validator(mode="after")
    def _within(self) -> WeightSettings:
        if self.kind == "adaptive" and self.start > self.maximum:
            raise ValueError("start lies above maximum")
        return self


class ModelSettings(BaseModel):
    """What of the model is trained, and how it is held.

    What of a classifier is trained is an option of the system; of this section only
    ``precision`` and ``keep_sounds`` are heeded for one.

    Args:
        tuning: ``lora``; ``partial``: the parameters that ``unfreeze`` names; or ``full``.
        rank: of LoRA.
        alpha: of LoRA; updates are scaled by alpha / rank.
        dropout: of LoRA.
        targets: ``language`` (the linear layers of the language model), ``all-linear``, or
            names of modules.
        unfreeze: patterns of parameter names, such as ``*multi_modal_projector*``; with
            ``lora`` they are trained beside it.
        precision: of the arithmetic; what is trained is held in float32 in any case.
            ``auto`` is bfloat16 where the model is held in it.
        gradient_checkpointing: keep the input of each layer only: less memory, more work.
        keep_sounds: encode each clip once and keep it on disk, where the audio encoder is
            not trained: in the training folder until the training is done, or in a folder
            that is named and may be shared.
    """

    model_config = _FROZEN

    tuning: Literal["lora", "partial", "full"] = "lora"
    rank: int = Field(default=16, ge=1)
    alpha: float = Field(default=32.0, gt=0)
    dropout: float = Field(default=0.05, ge=0, lt=1)
    targets: Annotated[str | tuple[str, ...], Field(union_mode="left_to_right")] = "language"
    unfreeze: Words = ()
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    gradient_checkpointing: bool = False
    keep_sounds: Annotated[bool | str, Field(union_mode="left_to_right")] = True

    @model_validator(mode="after")
    def _names_what_is_trained(self) -> ModelSettings:
        if self.tuning == "partial" and not self.unfreeze:
            raise ValueError("tuning is partial, and unfreeze names no parameters")
        if self.tuning == "full" and self.unfreeze:
            raise ValueError("tuning is full, so unfreeze has nothing to add")
        return self


class DataSettings(BaseModel):
    """What is put to the model.

    Args:
        modalities: ``speech``, ``speech+transcript``, ``transcript``; each utterance is an
            item of each of them. Empty (``auto``): what the system can be given; speech
            where that is one of several.
        prompt: a prompt by name, or a file.
        orders: label orders; where there are several, an item has in each epoch the one
            that its hash draws.
        order_seed: the seed of shuffled orders.
        targets: what is learnt: the corpus's ``label``, what the ``votes`` say by ``rule``,
            or (by language models) the label with transcript and reason: ``rationales``.
        rationales: the folder or table of reasons that ``rationales generate`` made; an
            utterance of the training part without a reason that was kept is left out.
        order: of the parts of such an answer: ``label_first`` as published,
            ``reason_first``, or ``label_only``: the same utterances without their reasons.
        rule: ``majority`` and ``plurality`` give a label, or none; ``all_inclusive`` gives
            the shares of the votes, as a distribution over the labels.
        question: which question the votes answer.
        channel: which channel the raters were given; ``None`` where there is only one.
        filter_splits: the parts in which an utterance without a target by the rule is left
            out. In the validation part it is otherwise kept with the corpus's label.
        labels: ``own``: each corpus is asked with its own labels; ``shared``: with those
            that all corpora have, the rest is left out; or a list of labels.
        validation_share: of the speakers that are taken for validation, where a corpus has
            no validation part of its own.
        limit: at most so many utterances of each part of each corpus.
    """

    model_config = _FROZEN

    modalities: Annotated[tuple[Modality, ...], BeforeValidator(_modalities)] = ("speech",)
    prompt: str = "user_labels"
    orders: Words = Field(default=("given",), min_length=1)
    order_seed: int = Field(default=0, ge=0)
    targets: Literal["label", "votes", "rationales"] = "label"
    rationales: str | None = None
    order: TargetForm = "label_first"
    rule: Literal["majority", "plurality", "all_inclusive"] = "all_inclusive"
    question: str = "emotion"
    channel: str | None = None
    filter_splits: Annotated[
        tuple[Literal["train", "validation"], ...], BeforeValidator(_listed)
    ] = ("train", "validation")
    labels: Annotated[
        Literal["own", "shared"] | tuple[str, ...], Field(union_mode="left_to_right")
    ] = "own"
    validation_share: float = Field(default=0.2, gt=0, lt=1)
    limit: int | None = Field(default=None, ge=1)

    @field_validator("rationales")
    @classmethod
    def _anywhere(cls, given: str | None) -> str | None:
        """A path that means the same wherever a training is repeated."""
        return None if given is None else str(Path(given).absolute())

    @model_validator(mode="after")
    def _learns_from_the_filtered(self) -> DataSettings:
        if self.targets == "votes" and "train" not in self.filter_splits:
            raise ValueError("filter_splits must name train: nothing else is learnt from")
        if self.targets != "rationales" and self.rationales is not None:
            raise ValueError(f"rationales are learnt with targets=rationales, not {self.targets}")
        return self

    @property
    def form(self) -> TargetForm | None:
        """The order of the parts of an answer; ``None`` where it is a label alone."""
        return self.order if self.targets == "rationales" else None


class OptimiserSettings(BaseModel):
    """How it is minimised: AdamW.

    Args:
        epochs: at most.
        batch: items of an effective batch, whatever fits into memory at once.
        micro: items that go through the model together.
        lr: the highest learning rate.
        weight_decay: of parameters with two dimensions or more; biases and norms have none.
        betas: of AdamW.
        eps: of AdamW.
        schedule: how the rate falls: ``cosine``, ``linear`` (both to 0), ``constant``.
        warmup: the share of all steps in which it rises.
        clip: the largest norm of the gradient; ``None`` for none.
    """

    model_config = _FROZEN

    epochs: int = Field(default=20, ge=1)
    batch: int = Field(default=64, ge=1)
    micro: int = Field(default=8, ge=1)
    lr: float = Field(default=5e-5, gt=0, allow_inf_nan=False)
    weight_decay: float = Field(default=0.01, ge=0, allow_inf_nan=False)
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = Field(default=1e-8, gt=0)
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: float = Field(default=0.03, ge=0, lt=1)
    clip: float | None = Field(default=1.0, gt=0)


class SelectionSettings(BaseModel):
    """Which checkpoint is the best, and when it is time to stop.

    Args:
        metric: on the validation part: ``macro_f1`` or another score, ``loss``, or
            ``worst_gap``: the gap that ``weight.gap`` names; or ``worst_group``: the least
            macro-F1 of a group within a cell, which nobody can raise by making others worse.
        every: when the validation part is evaluated.
        start: whether the model as it is before the first step can be the best.
        patience: stop after so many evaluations without a better one; ``None``: never.
    """

    model_config = _FROZEN

    metric: str = "macro_f1"
    every: When = "epoch"
    start: bool = False
    patience: int | None = Field(default=5, ge=1)


class CheckpointSettings(BaseModel):
    """From where a training that was cut off goes on.

    Args:
        every: when one is written; one is also written with each evaluation.
        keep: how many are kept, the last ones.
    """

    model_config = _FROZEN

    every: When = "epoch"
    keep: int = Field(default=2, ge=1)


class TrackingSettings(BaseModel):
    """Who else is told of each step.

    Args:
        tensorboard: write event files, where TensorBoard is installed.
        wandb: a project of Weights & Biases; ``None`` for none.
        mlflow: an experiment of MLflow; ``None`` for none.
    """

    model_config = _FROZEN

    tensorboard: bool = True
    wandb: str | None = None
    mlflow: str | None = None


class TrainingSettings(BaseModel):
    """The settings of a training; equal settings on equal inputs give equal weights on a CPU.

    Args:
        system: the name of a system, or ``ALIAS=NAME``.
        options: the options of the system.
        corpora: absolute paths of prepared corpora, or names of such as were given.
        fold: whose training part is learnt from: one name for all corpora, or one for each;
            ``None`` where each corpus has only one.
        recipe: the name or the path of the recipe that the rest began with.
        seed: the root of all seeds.
    """

    model_config = _FROZEN

    system: str = Field(min_length=1)
    options: Mapping[str, Any] = Field(default_factory=dict)
    corpora: tuple[str, ...] = Field(min_length=1)
    fold: str | Mapping[str, str] | None = None
    recipe: str = "erm"
    seed: int = Field(default=42, ge=0)
    objective: ObjectiveSettings = Field(default_factory=ObjectiveSettings)
    groups: GroupSettings = Field(default_factory=GroupSettings)
    weight: WeightSettings = Field(default_factory=WeightSettings)
    model: ModelSettings = Field(default_factory=ModelSettings)
    data: DataSettings = Field(default_factory=DataSettings)
    optimiser: OptimiserSettings = Field(default_factory=OptimiserSettings)
    selection: SelectionSettings = Field(default_factory=SelectionSettings)
    checkpoints: CheckpointSettings = Field(default_factory=CheckpointSettings)
    tracking: TrackingSettings = Field(default_factory=TrackingSettings)

    @property
    def cell_by(self) -> tuple[str, ...]:
        """What cells are made of; the modality takes no part where there is but one.

        Example:
            >>> TrainingSettings(system="qwen2-audio", corpora=("a",)).cell_by
            ('language',)
        """
        if len(self.data.modalities) > 1 or self.groups.cell == ("modality",):
            return self.groups.cell
        return tuple(part for part in self.groups.cell if part != "modality")

    def as_config(self) -> dict[str, Any]:
        """The settings as JSON can hold them, for the run record."""
        return self.model_dump(mode="json")


def fold_of(settings: TrainingSettings, corpus: str, names: Sequence[str]) -> str | None:
    """The fold of a corpus that is trained on; ``None`` where it must be named and is not.

    Args:
        settings: of the training.
        corpus: the name of the corpus.
        names: its folds.

    Example:
        >>> plain = TrainingSettings(system="qwen2-audio", corpora=("a",))
        >>> fold_of(plain, "a", ["1"]), fold_of(plain, "a", ["1", "2"])
        ('1', None)
    """
    if isinstance(settings.fold, str):
        return settings.fold
    given = (settings.fold or {}).get(corpus)
    if given is None and len(names) == 1:
        return names[0]
    return given
