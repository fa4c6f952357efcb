"""What a benchmark is asked to do: the resolved configuration, as the run record holds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from equivoice.models import Decoding
from equivoice.prompting.explained import TargetForm

__all__ = ["CONDITIONS", "BenchmarkSettings", "DecodingSettings", "expand_orders"]

_FROZEN = ConfigDict(extra="forbid", frozen=True)

CONDITIONS = ("temperature", "prompt", "order", "modality")
"""What can be selected."""

_MOST_ORDERS = 1_000
_SHORTEST_EXPLANATION = 16

ASKING = (
    "prompts",
    "label_orders",
    "order_seed",
    "modalities",
    "temperatures",
    "runs",
    "decoding",
    "parser",
    "option_scores",
    "answer_form",
    "select",
    "select_by",
    "select_on_test",
)
"""The settings that only language systems heed."""


class DecodingSettings(BaseModel):
    """How answers are sampled, apart from the temperature.

    Args:
        max_new_tokens: the most tokens of an answer.
        min_new_tokens: the fewest tokens before an answer may end.
        top_p: sample among the most probable tokens of this total mass.
        top_k: sample among so many tokens; 0 for all.
        repetition_penalty: divides the logits of tokens seen; 1 for none.
        checkpoint: whether what is not given here is as the checkpoint's own
            generation settings say (``keep``) or is switched off (``neutral``).
    """

    model_config = _FROZEN

    max_new_tokens: int = Field(default=5, ge=1)
    min_new_tokens: int = Field(default=1, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=0)
    repetition_penalty: float | None = Field(default=None, gt=0)
    checkpoint: Literal["keep", "neutral"] = "keep"

    @model_validator(mode="after")
    def _fits(self) -> DecodingSettings:
        if self.min_new_tokens > self.max_new_tokens:
            raise ValueError("min_new_tokens is more than max_new_tokens")
        return self

    @property
    def resolved(self) -> Decoding:
        """As a backend takes them.

        Example:
            >>> DecodingSettings(top_p=0.9, checkpoint="neutral").resolved.top_k
            0
        """
        names = ("top_p", "top_k", "repetition_penalty")
        given = {name: getattr(self, name) for name in names}
        if self.checkpoint == "neutral":
            neutral = Decoding.neutral()
            given = {
                name: getattr(neutral, name) if value is None else value
                for name, value in given.items()
            }
        return Decoding(self.max_new_tokens, self.min_new_tokens, **given)


class BenchmarkSettings(BaseModel):
    """The settings of a benchmark; equal settings on equal inputs give equal tables.

    Those from ``prompts`` to ``select_on_test`` are heeded by systems that are
    asked in words, and refused where no system is.

    Args:
        systems: names of systems, or ``ALIAS=NAME``; tables have the alias.
        options: from a system's name (or alias) to its options.
        corpora: absolute paths of prepared corpora, or the names of such as were
            given in memory.
        folds: the folds to run; ``None`` for all of each corpus.
        n_folds: how many speaker-disjoint folds are made at most where a corpus has
            none of its own.
        limit: at most so many utterances of each training and each test part.
        batch_size: how many utterances a system is given at once; ``None`` for 32,
            and for systems that are asked in words for what lasts two minutes, at
            most 16.
        seed: the root of all seeds.
        group_by: groupings to audit; ``None`` for those that each corpus supports.
        convention: the rules that scores follow.
        replicates: bootstrap replicates.
        permutations: arrangements of a permutation test.
        level: nominal coverage of the intervals.
        prompts: names of prompts, or paths of prompt files.
        label_orders: in which orders the labels are displayed: ``given``,
            ``alphabetical``, ``shuffled-K``; ``shuffled:10`` stands for ten of these.
        order_seed: the seed of the shuffled orders, apart from that of the samples.
        modalities: what of an utterance is put to a system.
        temperatures: at which answers are sampled; 0 takes the most probable tokens.
        runs: how many answers at each temperature.
        decoding: how answers are sampled otherwise.
        parser: by which convention answers are read.
        option_scores: whether the options' probabilities are computed, where they can be.
        answer_form: how a model answers that was taught to say what it heard and why; its
            labels are scored given what it says before them. ``None`` for labels alone.
        select: which conditions are selected on validation utterances.
        select_by: by which metric.
        select_on_test: whether the test utterances themselves may select.
        training: from a classifier's name (or alias) to how it is trained for each fold:
            ``recipe``, and what is to be otherwise than in it, section by section.
    """

    model_config = _FROZEN

    systems: tuple[str, ...] = Field(min_length=1)
    options: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    corpora: tuple[str, ...] = Field(min_length=1)
    folds: tuple[str, ...] | None = None
    n_folds: int = Field(default=5, ge=2)
    limit: int | None = Field(default=None, ge=1)
    batch_size: int | None = Field(default=None, ge=1)
    seed: int = 0
    group_by: tuple[str, ...] | None = None
    convention: str = "equivoice"
    replicates: int = Field(default=10_000, ge=20)
    permutations: int = Field(default=2_000, ge=1)
    level: float = Field(default=0.95, gt=0, lt=1)
    prompts: tuple[str, ...] = Field(default=("user_labels",), min_length=1)
    label_orders: tuple[str, ...] = Field(default=("given",), min_length=1)
    order_seed: int = Field(default=0, ge=0)
    modalities: tuple[str, ...] = Field(default=("speech",), min_length=1)
    temperatures: tuple[float, ...] = Field(default=(0.0,), min_length=1)
    runs: int = Field(default=1, ge=1)
    decoding: DecodingSettings = Field(default_factory=DecodingSettings)
    parser: str = "equivoice"
    option_scores: bool = True
    answer_form: TargetForm | None = None
    select: tuple[Literal["temperature", "prompt", "order", "modality"], ...] = ()
    select_by: str = "macro_f1"
    select_on_test: bool = False
    training: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)

    @field_validator("label_orders", mode="before")
    @classmethod
    def _orders(cls, given: Sequence[str]) -> tuple[str, ...]:
        return expand_orders(given)

    @field_validator("prompts", "label_orders", "modalities", "temperatures", "select")
    @classmethod
    def _each_once(cls, given: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(dict.fromkeys(given))

    @field_validator("temperatures")
    @classmethod
    def _not_negative(cls, given: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 <= temperature < 100 for temperature in given):
            raise ValueError("a temperature is 0 or more, and less than 100")
        return given

    @model_validator(mode="after")
    def _selects(self) -> BenchmarkSettings:
        if self.select_on_test and not self.select:
            raise ValueError("select_on_test: nothing is selected; name it with select")
        return self

    @model_validator(mode="after")
    def _has_room(self) -> BenchmarkSettings:
        if self.answer_form is not None and self.decoding.max_new_tokens < _SHORTEST_EXPLANATION:
            raise ValueError(
                "answer_form: answers would be cut off before their label; give them room, "
                "such as decoding.max_new_tokens=512"
            )
        return self

    def as_config(self) -> dict[str, Any]:
        """The settings as JSON can hold them, for the run record."""
        return self.model_dump(mode="json")

    def asking_changed(self) -> tuple[str, ...]:
        """The settings for language systems that are not as they are by default.

        Example:
            >>> BenchmarkSettings(systems=("a",), corpora=("b",), runs=3).asking_changed()
            ('runs',)
        """
        fields = type(self).model_fields
        return tuple(
            name
            for name in ASKING
            if getattr(self, name) != fields[name].get_default(call_default_factory=True)
        )


def expand_orders(given: Sequence[str]) -> tuple[str, ...]:
    """Label orders with ``shuffled:N`` written out.

    Example:
        >>> expand_orders(["given", "shuffled:3"])
        ('given', 'shuffled-1', 'shuffled-2', 'shuffled-3')
    """
    found: list[str] = []
    for order in (given,) if isinstance(given, str) else given:
        kind, colon, number = str(order).partition(":")
        if kind == "shuffled" and colon and number.isdecimal():
            if int(number) > _MOST_ORDERS:
                raise ValueError(f"{order}: at most {_MOST_ORDERS} shuffled orders")
            found += [f"shuffled-{place}" for place in range(1, int(number) + 1)]
        else:
            found.append(str(order))
    return tuple(found)
