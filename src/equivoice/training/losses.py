"""Losses over classes by name: those that come with Equivoice, and those of other packages.

Another package adds losses by an entry point::

    [project.entry-points."equivoice.objectives"]
    my-loss = "my_package.losses:my_loss"

What it names is called with the :class:`TrainingTargets` and with the settings
``objective.options`` as keywords, and returns an
:class:`~equivoice.objectives.ItemLoss`: from logits (n, C) and targets, (n,) classes or
(n, C) shares, to the loss of each item, (n,). Weights of classes are counted from the
training part alone: nothing else is handed in.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from equivoice.errors import ConfigError
from equivoice.metrics import FloatArray
from equivoice.objectives import (
    ClassBalancedSoftCrossEntropy,
    CrossEntropy,
    GeneralisedCrossEntropy,
    ItemLoss,
    KLDivergence,
    LabelSmoothing,
    Penalisation,
    SoftCrossEntropy,
    VectorScaling,
    WeightedCrossEntropy,
    WeightedFocal,
)
from equivoice.objectives.penalisation import penalisation_matrix
from equivoice.plugins import load_plugin, plugin_names
from equivoice.training.settings import ObjectiveSettings

__all__ = [
    "ANSWER_LOSSES",
    "LossFactory",
    "TrainingTargets",
    "check_loss",
    "loss_names",
    "make_loss",
]

_GROUP = "equivoice.objectives"
_ABOVE_CHANCE = 1e-9

ANSWER_LOSSES: Mapping[str, str] = MappingProxyType(
    {"mean": "cross_entropy", "class_weighted": "weighted_cross_entropy"}
)
"""The losses of language models, with what each of them is for a classifier."""


@dataclass(frozen=True, eq=False)
class TrainingTargets:
    """What a loss may know of the training part.

    Args:
        labels: the C labels, in the order of the logits.
        shares: (N, C) the target of each training item; one 1 in a row where an item
            has a label.
    """

    labels: tuple[str, ...]
    shares: FloatArray = field(repr=False)

    @property
    def counts(self) -> tuple[float, ...]:
        """The items of each class; sums of shares where items have several."""
        return tuple(float(total) for total in self.shares.sum(axis=0))

    @property
    def shows(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """(N, C) whether an item shows a class: whether its share lies above 1/C."""
        return np.asarray(self.shares > 1 / len(self.labels) + _ABOVE_CHANCE)


LossFactory: TypeAlias = Callable[..., ItemLoss]
"""From :class:`TrainingTargets` and options to a loss."""


def loss_names() -> tuple[str, ...]:
    """The losses that a classifier can be trained by, in alphabetical order.

    Example:
        >>> "weighted_focal" in loss_names()
        True
    """
    return tuple(sorted({*_BUILT_IN, *plugin_names(_GROUP)}))


def make_loss(settings: ObjectiveSettings, targets: TrainingTargets) -> ItemLoss:
    """The loss that settings ask for.

    Args:
        settings: ``loss``, its ``options``, and ``smoothing``.
        targets: of the training part.

    Raises:
        ConfigError: an unknown loss, an option that it does not have, or a value that it
            refuses; a loss of another package that cannot be loaded.
        InputError: a class without training items, where the loss weights classes.

    Example:
        >>> targets = TrainingTargets(("angry", "sad"), np.array([[1, 0], [0, 1], [0, 1.0]]))
        >>> asked = ObjectiveSettings(loss="weighted_focal", options={"gamma": 1.5})
        >>> loss = make_loss(asked, targets)
        >>> loss.gamma, loss.weights
        (1.5, (1.5, 0.75))
    """
    name, factory = _asked(settings)
    try:
        made = factory(targets, **settings.options)
    except TypeError as error:  # a value of a type that the loss cannot compare
        raise ConfigError(
            f"the loss {name!r} cannot use its options: {error}", value=dict(settings.options)
        ) from error
    if not settings.smoothing:
        return made
    return LabelSmoothing(made, settings.smoothing)


def check_loss(settings: ObjectiveSettings) -> None:
    """Refuse an unknown loss, or an option that it does not have, before there are data.

    Raises:
        ConfigError: names what is known.
    """
    _asked(settings)


# ------------------------------------------------------------------------- built in


def _cross_entropy(_: TrainingTargets) -> ItemLoss:
    return CrossEntropy()


def _weighted_cross_entropy(targets: TrainingTargets) -> ItemLoss:
    return WeightedCrossEntropy(targets.counts)


def _weighted_focal(
    targets: TrainingTargets, *, gamma: float = 2.0, convention: str = "paper"
) -> ItemLoss:
    return WeightedFocal(targets.counts, gamma, convention)


def _vector_scaling(
    targets: TrainingTargets, *, gamma: float = 0.3, tau: float = 1.0, weighted: bool = True
) -> ItemLoss:
    return VectorScaling(targets.counts, gamma, tau, weighted)


def _soft_cross_entropy(_: TrainingTargets) -> ItemLoss:
    return SoftCrossEntropy()


def _kl_divergence(_: TrainingTargets) -> ItemLoss:
    return KLDivergence()


def _class_balanced(targets: TrainingTargets) -> ItemLoss:
    shown = tuple(int(count) for count in targets.shows.sum(axis=0))
    return ClassBalancedSoftCrossEntropy(shown, len(targets.shares))


def _penalisation(targets: TrainingTargets, *, form: str = "thesis") -> ItemLoss:
    import torch

    matrix = penalisation_matrix(torch.from_numpy(targets.shows))
    return Penalisation(matrix, form)


def _generalised_cross_entropy(_: TrainingTargets, *, q: float = 0.7) -> ItemLoss:
    return GeneralisedCrossEntropy(q)


_BUILT_IN: Mapping[str, LossFactory] = MappingProxyType(
    {
        "class_balanced": _class_balanced,
        "cross_entropy": _cross_entropy,
        "generalised_cross_entropy": _generalised_cross_entropy,
        "kl_divergence": _kl_divergence,
        "penalisation": _penalisation,
        "soft_cross_entropy": _soft_cross_entropy,
        "vector_scaling": _vector_scaling,
        "weighted_cross_entropy": _weighted_cross_entropy,
        "weighted_focal": _weighted_focal,
    }
)


# --------------------------------------------------------------------- by their name


def _asked(settings: ObjectiveSettings) -> tuple[str, LossFactory]:
    name = ANSWER_LOSSES.get(settings.loss, settings.loss)
    factory = _factory(name)
    _check_options(name, factory, settings.options)
    return name, factory


def _factory(name: str) -> LossFactory:
    factory = _BUILT_IN.get(name) or load_plugin(_GROUP, name, what="loss")
    if factory is not None:
        return factory
    raise ConfigError(
        "there is no such loss for a classifier",
        value=name,
        choices=loss_names(),
        hint="name it with objective.loss",
    )


def _check_options(name: str, factory: LossFactory, options: Mapping[str, Any]) -> None:
    parameters = list(inspect.signature(factory).parameters.values())[1:]
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters):
        return
    known = [each.name for each in parameters]
    foreign = [option for option in options if option not in known]
    if foreign:
        raise ConfigError(
            f"the loss {name!r} has no such option",
            value=foreign[0],
            choices=known or ["none"],
            hint="objective.options holds the options of the loss",
        )
