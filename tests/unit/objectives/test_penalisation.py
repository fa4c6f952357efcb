"""The penalisation matrix and both of its losses, by hand."""

from __future__ import annotations

import math

import pytest
import torch

from equivoice.errors import ConfigError, InputError
from equivoice.objectives.penalisation import Penalisation, penalisation_matrix

SHOWN = torch.tensor([[1, 1, 0], [1, 1, 0], [1, 0, 0], [0, 0, 1]])
MATRIX = penalisation_matrix(SHOWN)
ODDS = torch.tensor([[1.0, 2.0, 5.0]]).log()


def test_the_known_matrix() -> None:
    expected = [[0, 1 / 3, 1], [0, 0, 1], [1, 1, 0]]
    torch.testing.assert_close(torch.tensor(MATRIX), torch.tensor(expected))


@pytest.mark.parametrize("kind", [torch.bool, torch.float32, torch.int64])
def test_ones_and_zeros_of_any_kind(kind: torch.dtype) -> None:
    assert penalisation_matrix(SHOWN.to(kind)) == MATRIX


def test_a_class_that_nobody_showed_is_far_from_all() -> None:
    matrix = penalisation_matrix(torch.tensor([[1, 1, 0], [1, 0, 0]]))
    assert matrix[2] == (1.0, 1.0, 0.0)
    assert matrix[0] == (0.0, 0.5, 1.0)


@pytest.mark.parametrize("shown", [torch.tensor([[0.5, 0.5]]), torch.ones(3)])
def test_shares_are_not_counted(shown: torch.Tensor) -> None:
    with pytest.raises(InputError, match="ones and zeros"):
        penalisation_matrix(shown)


def test_the_thesis_form_by_hand() -> None:
    # rows of P have the sums 4/3, 1, 2; the shares are 1/2, 1/2
    shares = torch.tensor([[0.5, 0.5, 0.0]])
    expected = 4 / 3 * 0.5 * math.log(0.5 / (1 / 8)) + 1 * 0.5 * math.log(0.5 / (2 / 8))
    assert Penalisation(MATRIX)(ODDS, shares).item() == pytest.approx(expected, abs=1e-6)


def test_the_pairwise_form_by_hand() -> None:
    shares = torch.tensor([[0.5, 0.5, 0.0]])
    apart = 0.5 * math.log(0.5 / (1 / 8)) + 0.5 * math.log(0.5 / (2 / 8))
    # P to the classes: from the first (0, 1/3, 1), from the second (0, 0, 1)
    cost = 0.5 * (1 / 3 * 2 / 8 + 5 / 8) + 0.5 * (5 / 8)
    loss = Penalisation(MATRIX, "pairwise")
    assert loss(ODDS, shares).item() == pytest.approx(apart + cost, abs=1e-6)


def test_only_the_pairwise_form_asks_where_the_mass_goes() -> None:
    # the first class has the same mass twice, the rest lies near or far
    near, far = torch.tensor([[0.2, 0.7, 0.1], [0.2, 0.1, 0.7]]).log()
    target = torch.tensor([0])
    thesis, pairwise = Penalisation(MATRIX), Penalisation(MATRIX, "pairwise")
    torch.testing.assert_close(thesis(near[None], target), thesis(far[None], target))
    assert pairwise(near[None], target) < pairwise(far[None], target)


def test_items_have_the_sum_of_their_row_in_the_thesis_form_only() -> None:
    targets = torch.tensor([0, 2])
    weights = Penalisation(MATRIX).item_weights(targets).tolist()
    assert weights == pytest.approx([4 / 3, 2])
    assert Penalisation(MATRIX, "pairwise").item_weights(targets).tolist() == [1, 1]


def test_both_are_reconstructions_and_say_so() -> None:
    assert Penalisation(MATRIX).provenance == "reconstruction"


def test_an_unknown_form_names_the_choices() -> None:
    with pytest.raises(ConfigError, match="thesis, pairwise"):
        Penalisation(MATRIX, "paper")


@pytest.mark.parametrize("matrix", [(), ((0.0, 1.0),)])
def test_a_matrix_is_square(matrix: tuple[tuple[float, ...], ...]) -> None:
    with pytest.raises(InputError, match="square"):
        Penalisation(matrix)


@pytest.mark.parametrize("form", ["thesis", "pairwise"])
def test_other_classes_are_refused(form: str) -> None:
    with pytest.raises(InputError, match="has 3 classes and the model scores 4"):
        Penalisation(MATRIX, form)(torch.zeros(1, 4), torch.tensor([0]))
