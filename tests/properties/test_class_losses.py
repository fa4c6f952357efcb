"""Every loss over classes equals its formula written out, and behaves as a loss must."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

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
from equivoice.objectives.label_smoothing import smoothed_shares
from oracles import class_losses as written

COUNTS = (40, 7, 3, 1)
MATRIX = ((0.0, 0.5, 1.0, 0.25), (0.0, 0.0, 1.0, 0.1), (1.0, 1.0, 0.0, 0.7), (0.2, 0.3, 0.4, 0.0))
LOSSES: dict[str, tuple[ItemLoss, written.Loss]] = {
    "cross_entropy": (CrossEntropy(), written.cross_entropy),
    "soft_cross_entropy": (SoftCrossEntropy(), written.cross_entropy),
    "weighted_cross_entropy": (WeightedCrossEntropy(COUNTS), written.weighted(COUNTS)),
    "weighted_focal": (WeightedFocal(COUNTS, 2.0), written.focal(COUNTS, 2.0)),
    "weighted_focal, 0.5": (WeightedFocal(COUNTS, 0.5), written.focal(COUNTS, 0.5)),
    "vector_scaling": (VectorScaling(COUNTS), written.vector_scaling(COUNTS, 0.3, 1.0)),
    "kl_divergence": (KLDivergence(), written.divergence),
    "class_balanced": (
        ClassBalancedSoftCrossEntropy((4, 2, 1, 0), items=8),
        written.class_balanced((4, 2, 1, 0), 8),
    ),
    "generalised": (GeneralisedCrossEntropy(0.7), written.generalised(0.7)),
    "penalisation, thesis": (Penalisation(MATRIX), written.penalised(MATRIX, "thesis")),
    "penalisation, pairwise": (
        Penalisation(MATRIX, "pairwise"),
        written.penalised(MATRIX, "pairwise"),
    ),
}
EVERY = pytest.mark.parametrize("name", LOSSES)
EXAMPLES = settings(max_examples=25, deadline=None)


@st.composite
def items(draw: st.DrawFn) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores and shares of one to six items of four classes, in float64."""
    rows = draw(st.integers(1, 6))
    number = st.floats(-8, 8, allow_nan=False, width=32)
    scores = draw(st.lists(st.lists(number, min_size=4, max_size=4), min_size=rows, max_size=rows))
    votes = st.lists(st.integers(0, 3), min_size=1, max_size=5)
    said = draw(st.lists(votes, min_size=rows, max_size=rows))
    shares = [[row.count(label) / len(row) for label in range(4)] for row in said]
    return torch.tensor(scores, dtype=torch.float64), torch.tensor(shares, dtype=torch.float64)


@EVERY
@EXAMPLES
@given(items())
def test_losses_are_their_formula(name: str, asked: tuple[torch.Tensor, torch.Tensor]) -> None:
    loss, formula = LOSSES[name]
    scores, shares = asked
    expected = [formula(*row) for row in zip(scores.tolist(), shares.tolist(), strict=True)]
    assert loss(scores, shares).tolist() == pytest.approx(expected, rel=1e-9, abs=1e-9)


@EVERY
@EXAMPLES
@given(items())
def test_an_item_does_not_depend_on_the_others(
    name: str, asked: tuple[torch.Tensor, torch.Tensor]
) -> None:
    loss, _ = LOSSES[name]
    scores, shares = asked
    alone = torch.cat([loss(scores[i : i + 1], shares[i : i + 1]) for i in range(len(scores))])
    torch.testing.assert_close(loss(scores, shares), alone, rtol=1e-12, atol=1e-12)


@EVERY
@EXAMPLES
@given(items(), st.floats(-50, 50))
def test_scores_may_be_shifted(
    name: str, asked: tuple[torch.Tensor, torch.Tensor], shift: float
) -> None:
    loss, _ = LOSSES[name]
    if name == "vector_scaling":
        return  # the classes' factors differ, so a shift is no longer one
    scores, shares = asked
    torch.testing.assert_close(
        loss(scores + shift, shares), loss(scores, shares), rtol=1e-7, atol=1e-7
    )


@EVERY
@EXAMPLES
@given(items())
def test_no_loss_is_below_zero(name: str, asked: tuple[torch.Tensor, torch.Tensor]) -> None:
    loss, _ = LOSSES[name]
    if name == "penalisation, thesis":
        return  # with weights by class the divergence of a distribution can be
    assert loss(*asked).min() >= -1e-12


@EVERY
@EXAMPLES
@given(items())
def test_gradients_are_those_of_differences(
    name: str, asked: tuple[torch.Tensor, torch.Tensor]
) -> None:
    loss, _ = LOSSES[name]
    scores, shares = asked
    assert torch.autograd.gradcheck(
        lambda logits: loss(logits, shares), (scores.requires_grad_(),), atol=1e-4, rtol=1e-3
    )


@EVERY
@pytest.mark.parametrize("sure", [40.0, 1e4])
@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16])
def test_sure_answers_have_finite_losses_and_gradients(
    name: str, sure: float, kind: torch.dtype
) -> None:
    loss, _ = LOSSES[name]
    scores = (torch.eye(4) * sure).to(kind).requires_grad_()
    shares = torch.tensor([[1.0, 0, 0, 0], [0, 0, 1.0, 0], [0, 0, 0.5, 0.5], [0, 0, 0, 1.0]])
    losses = loss(scores, shares)
    losses.sum().backward()
    assert losses.dtype == torch.float32
    assert scores.grad is not None
    assert torch.isfinite(losses).all()
    assert torch.isfinite(scores.grad).all()


CLASSES_TAKEN = [name for name in LOSSES if name != "soft_cross_entropy"]


@pytest.mark.parametrize("name", CLASSES_TAKEN)
def test_a_class_is_a_share_of_one(name: str) -> None:
    loss, _ = LOSSES[name]
    scores = torch.randn(5, 4, generator=torch.Generator().manual_seed(3))
    classes = torch.tensor([0, 3, 1, 2, 3])
    shares = torch.nn.functional.one_hot(classes, 4).float()
    assert torch.equal(loss(scores, classes), loss(scores, shares))
    assert torch.equal(loss.item_weights(classes), loss.item_weights(shares))


@pytest.mark.parametrize("name", CLASSES_TAKEN)
@pytest.mark.parametrize("targets", [torch.tensor([0, 4]), torch.tensor([0, -1])])
def test_a_class_outside_is_an_error_that_names_its_row(name: str, targets: torch.Tensor) -> None:
    from equivoice.errors import InputError

    with pytest.raises(InputError, match=r"no such class(.|\n)*row: 2"):
        LOSSES[name][0](torch.zeros(2, 4), targets)


# --------------------------------------------------------------------------- frameworks


def framework(**options: object) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    return lambda scores, targets: torch.nn.functional.cross_entropy(
        scores,
        targets,
        **options,  # type: ignore[arg-type]
    )


@EXAMPLES
@given(items())
def test_the_divergence_is_that_of_the_framework(asked: tuple[torch.Tensor, torch.Tensor]) -> None:
    scores, shares = asked
    expected = torch.nn.functional.kl_div(scores.log_softmax(1), shares, reduction="none").sum(1)
    torch.testing.assert_close(KLDivergence()(scores, shares), expected)


@EXAMPLES
@given(items(), st.floats(0, 0.9))
def test_uniform_smoothing_is_that_of_the_framework(
    asked: tuple[torch.Tensor, torch.Tensor], amount: float
) -> None:
    scores, classes = asked[0], asked[1].argmax(1)
    loss = LabelSmoothing(CrossEntropy(), amount, "uniform")
    expected = framework(label_smoothing=amount, reduction="none")(scores, classes)
    torch.testing.assert_close(loss(scores, classes), expected)


@EXAMPLES
@given(items(), st.floats(0, 0.9))
def test_smoothed_shares_have_the_sum_one(
    asked: tuple[torch.Tensor, torch.Tensor], amount: float
) -> None:
    for convention in ("others", "uniform"):
        shares = smoothed_shares(asked[1], amount, convention=convention)
        torch.testing.assert_close(shares.sum(1), torch.ones(len(shares), dtype=torch.float64))
        assert shares.min() >= 0
