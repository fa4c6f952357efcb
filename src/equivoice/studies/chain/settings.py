"""How the chain is run: seeds, the teacher's planted faults, the recipe, and how numbers are made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

from equivoice.errors import ConfigError
from equivoice.models.speech_llms.small import SmallSize
from equivoice.prompting.explained import TargetForm

__all__ = ["ARMS", "CHAIN_RECIPE", "STUDENT", "ChainSettings"]

ARMS: Mapping[str, TargetForm] = MappingProxyType(
    {"with reasons": "label_first", "without reasons": "label_only"}
)
"""The two halves of the ablation, with the form of the answers that each learns."""

STUDENT = SmallSize(
    bands=40,
    step=500,
    width=64,
    heads=4,
    inner=128,
    dropout=0.0,
    text_width=96,
    text_layers=2,
)
"""The size of the students: half a million weights, most of them of the language model."""

CHAIN_RECIPE: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "model": {"tuning": "full"},
        "data": {"prompt": "open_form"},
        "optimiser": {"epochs": 24, "batch": 32, "micro": 16, "lr": 3e-3},
        # the last step is taken: the validation part hears of labels alone, and would choose a
        # model that cannot write yet
        "selection": {"every": 1_000_000, "patience": None},
        "checkpoints": {"every": 100, "keep": 1},
        "tracking": {"tensorboard": False},
    }
)
"""What is otherwise than in the recipe ``rationales``, for a model with random weights; ours."""


@dataclass(frozen=True)
class ChainSettings:
    """How the chain is run.

    Args:
        seeds: of a model's first weights and of its trainings; both halves of the ablation
            have the same.
        fold: whose training part is explained and learnt from; the first by default.
        faults: the share of the teacher's reasons that break a rule on purpose.
        slips: the share of its claims about the sound that are wrong on purpose.
        size: of the students.
        recipe: what is otherwise than in :data:`CHAIN_RECIPE`, section by section.
        limit: at most so many utterances of each part.
        max_new_tokens: room for an answer: transcript, label and reason.
        per_emotion: how many pairs of each predicted emotion are judged.
        replicates: of each bootstrap.
        permutations: arrangements of each permutation test.
        shuffles: of the sound, for what claims come to by chance.
        level: nominal coverage of the intervals.
        seed: of all that is drawn but the models.

    Raises:
        ConfigError: no seeds, one twice, or numbers out of range: all of these together.
    """

    seeds: tuple[int, ...] = (0, 1)
    fold: str | None = None
    faults: float = 0.15
    slips: float = 0.1
    size: str | SmallSize = STUDENT
    recipe: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    limit: int | None = None
    max_new_tokens: int = 160
    per_emotion: int = 50
    replicates: int = 2_000
    permutations: int = 1_000
    shuffles: int = 200
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        problems = [] if self.seeds else ["seeds: there is none"]
        problems += [
            f"seeds: {seed} stands there twice"
            for seed in dict.fromkeys(self.seeds)
            if self.seeds.count(seed) > 1
        ]
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                wanted = f"{low} or more" if math.isinf(high) else f"within {low} and {high}"
                problems.append(f"{name}: {value} is not {wanted}")
        if problems:
            raise ConfigError.from_problems(problems)

    def changes(self, rationales: str, form: TargetForm) -> dict[str, dict[str, Any]]:
        """What a training has otherwise than its recipe.

        Args:
            rationales: the teacher's folder.
            form: of the answers that are learnt.

        Example:
            >>> ChainSettings(recipe={"optimiser": {"epochs": 3}}).changes("r", "label_only")["data"]
            {'prompt': 'open_form', 'targets': 'rationales', 'rationales': 'r', 'order': 'label_only', 'limit': None}
        """
        own = {
            "data": {
                "targets": "rationales",
                "rationales": rationales,
                "order": form,
                "limit": self.limit,
            }
        }
        merged: dict[str, dict[str, Any]] = {}
        for layer in (CHAIN_RECIPE, self.recipe, own):
            for section, values in layer.items():
                merged[section] = merged.get(section, {}) | dict(values)
        return merged

    def as_config(self) -> dict[str, Any]:
        """The settings as JSON can hold them."""
        return asdict(self)


_SHARE = (0.0, 1.0)
_RANGES: Mapping[str, tuple[float, float]] = {
    "faults": _SHARE,
    "slips": _SHARE,
    "limit": (1, math.inf),
    "max_new_tokens": (16, math.inf),
    "per_emotion": (1, math.inf),
    "replicates": (20, math.inf),
    "permutations": (1, math.inf),
    "shuffles": (0, math.inf),
    "level": (0.5, 0.999),
}
