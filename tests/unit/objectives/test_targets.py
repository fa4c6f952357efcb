"""What losses over classes take, and what they refuse."""

from __future__ import annotations

import pytest
import torch

from equivoice.errors import InputError
from equivoice.objectives.targets import class_shares, item_weights, log_probabilities, row_like

SCORES = torch.zeros(3, 4)


def test_probabilities_of_known_scores() -> None:
    odds = torch.tensor([[1.0, 2.0, 5.0]]).log()
    assert log_probabilities(odds).exp().tolist()[0] == pytest.approx([0.125, 0.25, 0.625])


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32])
def test_halves_are_counted_in_float32(kind: torch.dtype) -> None:
    assert log_probabilities(SCORES.to(kind)).dtype == torch.float32


def test_float64_stays() -> None:
    assert log_probabilities(SCORES.double()).dtype == torch.float64


@pytest.mark.parametrize("shape", [(4,), (3, 1), (2, 3, 4), ()])
def test_scores_are_a_table_of_classes(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="items, classes"):
        log_probabilities(torch.zeros(shape))


@pytest.mark.parametrize("kind", [torch.int64, torch.int32, torch.uint8])
def test_classes_become_rows(kind: torch.dtype) -> None:
    shares = class_shares(torch.tensor([3, 0, 1], dtype=kind), SCORES)
    assert shares.tolist() == [[0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0]]
    assert shares.dtype == torch.float32


def test_shares_take_the_type_of_the_scores() -> None:
    given = torch.full((3, 4), 0.25, dtype=torch.float64)
    assert class_shares(given, SCORES).dtype == torch.float32


@pytest.mark.parametrize(
    "targets",
    [
        torch.tensor([0, 1]),  # too few
        torch.tensor([[0], [1], [2]]),  # a column: it would be stretched
        torch.tensor([0.0, 1.0, 2.0]),  # classes as floats
        torch.full((3, 3), 1 / 3),  # other classes
        torch.eye(4, dtype=torch.int64)[:3],  # shares as whole numbers
        torch.tensor(1),
    ],
)
def test_other_targets_are_refused(targets: torch.Tensor) -> None:
    with pytest.raises(InputError, match="one class an item, or the shares"):
        class_shares(targets, SCORES)


@pytest.mark.parametrize("row", [[0.5, 0.5, 0.5, 0], [1.5, -0.5, 0, 0], [0, 0, 0, 0]])
def test_rows_are_distributions(row: list[float]) -> None:
    shares = torch.tensor([[1.0, 0, 0, 0], row, [0, 1.0, 0, 0]])
    with pytest.raises(InputError, match=r"sum 1(.|\n)*row: 2"):
        class_shares(shares, SCORES)


def test_no_number_is_no_share() -> None:
    shares = torch.tensor([[1.0, 0, 0, 0], [0, 1.0, 0, 0], [float("nan"), 1, 0, 0]])
    with pytest.raises(InputError, match=r"sum 1(.|\n)*row: 3"):
        class_shares(shares, SCORES)


def test_rounding_is_forgiven() -> None:
    shares = torch.tensor([[0.333333, 0.333333, 0.333333, 0.0]]).expand(3, 4)
    assert torch.equal(class_shares(shares, SCORES), shares)


def test_items_have_the_mean_weight_of_their_shares() -> None:
    shares = torch.tensor([[0.5, 0.5], [1.0, 0.0], [0.2, 0.8]])
    assert item_weights(shares, (2.0, 0.5)).tolist() == pytest.approx([1.25, 2.0, 0.8])


def test_items_of_classes_without_weights_weigh_one() -> None:
    assert item_weights(torch.tensor([3, 1]), None).tolist() == [1.0, 1.0]


def test_one_number_a_class() -> None:
    with pytest.raises(InputError, match="knows 3 classes and the model scores 4"):
        row_like((1.0, 2.0, 3.0), SCORES)
