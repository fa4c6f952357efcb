"""Mistakes between emotions that listeners rarely hear together cost more.

Counted over the training data, co_ab is the number of items that show both a and b, and
P_ab = 1 − co_ab / co_aa: 0 where whoever hears a hears b too, 1 where nobody ever does.
P is not symmetric. How P enters the loss is known from secondary sources only: both
forms here are reconstructions and claim no published number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from equivoice.errors import ConfigError, InputError
from equivoice.objectives.targets import class_shares, item_weights, log_probabilities

if TYPE_CHECKING:
    import torch

__all__ = ["PENALISATION_FORMS", "Penalisation", "penalisation_matrix"]

PENALISATION_FORMS = ("thesis", "pairwise")
"""How the matrix enters the loss."""


def penalisation_matrix(shown: torch.Tensor) -> tuple[tuple[float, ...], ...]:
    """P of the training data: C rows of C numbers from 0 to 1.

    Args:
        shown: (N, C) whether each item shows each class: 1 or 0, or booleans.

    Returns:
        P_ab in row a, column b. A class that no item shows was never heard together with
        another: its row is 1 but for the 0 in the diagonal.

    Raises:
        InputError: it is no table of ones and zeros.

    Example:
        >>> import torch
        >>> shown = torch.tensor([[1, 1, 0], [1, 1, 0], [1, 0, 0], [0, 0, 1]])
        >>> for row in penalisation_matrix(shown):
        ...     print([round(value, 4) for value in row])
        [0.0, 0.3333, 1.0]
        [0.0, 0.0, 1.0]
        [1.0, 1.0, 0.0]
    """
    if shown.ndim != 2 or not bool(((shown == 0) | (shown == 1)).all()):
        raise InputError(
            "the penalisation matrix is counted from ones and zeros, (items, classes)",
            value=tuple(shown.shape),
            hint="give for example: shares > 1 / classes",
        )
    exact = shown.double()
    together = exact.T @ exact
    alone = together.diagonal()
    matrix = 1 - together / alone.clamp_min(1)[:, None]
    matrix.fill_diagonal_(0.0)
    return tuple(tuple(row) for row in matrix.tolist())


@dataclass(frozen=True)
class Penalisation:
    """The divergence from the raters, with a penalty on unlikely confusions.

    ``thesis``: ℓ_i = Σ_j Σ_z P_jz t_ij log(t_ij / p_ij). As p_iz does not occur in it,
    the sum over z makes it a weight of class j, the sum of row j.

    ``pairwise``: ℓ_i = Σ_j t_ij log(t_ij / p_ij) + Σ_j Σ_z t_ij P_jz p_iz: the mass that
    the model puts on z where raters said j costs P_jz.

    Args:
        matrix: P, as :func:`penalisation_matrix` gives it.
        form: one of :data:`PENALISATION_FORMS`.
        provenance: both forms are ``reconstruction``.

    Raises:
        ConfigError: the form is unknown.
        InputError: the matrix is not square.

    Reference:
        Chou's thesis, by secondary summaries [2nd; construction recon].

    Example:
        >>> import torch
        >>> matrix = ((0.0, 1 / 3, 1.0), (0.0, 0.0, 1.0), (1.0, 1.0, 0.0))
        >>> uniform, first = torch.zeros(1, 3), torch.tensor([0])
        >>> round(Penalisation(matrix)(uniform, first).item(), 5)  # 4/3 · log 3
        1.46482
        >>> round(Penalisation(matrix, "pairwise")(uniform, first).item(), 5)  # log 3 + 4/9
        1.54306
    """

    matrix: tuple[tuple[float, ...], ...]
    form: str = "thesis"
    provenance: str = "reconstruction"

    def __post_init__(self) -> None:
        if self.form not in PENALISATION_FORMS:
            raise ConfigError(
                "unknown form of the penalisation loss", value=self.form, choices=PENALISATION_FORMS
            )
        if not self.matrix or any(len(row) != len(self.matrix) for row in self.matrix):
            raise InputError("the penalisation matrix must be square, one row a class")

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss of each item, as :class:`~equivoice.objectives.targets.ItemLoss` says it."""
        import torch

        log_p = log_probabilities(logits)
        shares = class_shares(targets, log_p)
        if len(self.matrix) != shares.shape[1]:
            raise InputError(
                f"the penalisation matrix has {len(self.matrix)} classes and the model scores "
                f"{shares.shape[1]}"
            )
        apart = torch.xlogy(shares, shares) - shares * log_p
        costs = log_p.new_tensor(self.matrix)
        if self.form == "thesis":
            return apart @ costs.sum(dim=1)
        return apart.sum(dim=1) + ((shares @ costs) * log_p.exp()).sum(dim=1)

    def item_weights(self, targets: torch.Tensor) -> torch.Tensor:
        """The weight of each item: the sum of its class's row for ``thesis``, else 1."""
        rows = [sum(row) for row in self.matrix] if self.form == "thesis" else None
        return item_weights(targets, rows)
