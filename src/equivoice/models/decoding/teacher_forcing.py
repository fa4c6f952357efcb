"""The loss of each token of an answer, the prompt and the tokens before it being given.

Logits are computed at the counted positions only: a prompt is mostly places of sound,
and a vocabulary is large. Where a family runs its language model apart
(:func:`token_losses`), lessons are padded on the right: no real token of a causal
model sees what follows it, so no mask is needed and the fast kernels apply; where the
states come from stands in :mod:`~equivoice.models.decoding.lesson_states`. A stock
forward (:func:`forward_losses`) has its lessons end in one column, so that the last
few columns hold all that is counted.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from equivoice.models.decoding.prefix import positions_of
from equivoice.models.learning import LessonTokens, LossOn, TokenLosses

if TYPE_CHECKING:
    import torch

__all__ = [
    "Targets",
    "forward_losses",
    "padded_right",
    "side_by_side",
    "targets_of",
    "token_losses",
]

# the most logits that are kept for the gradients; more are computed again
_KEPT_LOGITS = 2**27


@dataclass(frozen=True)
class Targets:
    """The m counted tokens of n lessons, in order.

    Args:
        lesson: (m,) which lesson each belongs to.
        column: (m,) where it stands in prompt and answer; the logits that foretell it
            stand one before.
        token: (m,) its id.
        count: n.
    """

    lesson: list[int]
    column: list[int]
    token: list[int]
    count: int

    def shifted(self, by: Sequence[int]) -> Targets:
        """The same tokens, those of each lesson so many columns later."""
        column = [at + by[lesson] for lesson, at in zip(self.lesson, self.column, strict=True)]
        return Targets(self.lesson, column, self.token, self.count)

    def foretelling(self, device: Any = None) -> tuple[torch.Tensor, torch.Tensor]:
        """(m,) row and (m,) column of the states that foretell the tokens.

        Example:
            >>> Targets([0, 1], [4, 2], [5, 9], 2).foretelling()
            (tensor([0, 1]), tensor([3, 1]))
        """
        import torch

        row = torch.tensor(self.lesson, dtype=torch.long, device=device)
        return row, torch.tensor(self.column, dtype=torch.long, device=device) - 1


def targets_of(
    lessons: Sequence[LessonTokens], *, on: LossOn = "answer", never: Collection[int] = ()
) -> Targets:
    """The tokens that a loss counts.

    Args:
        lessons: as token ids.
        on: ``answer``, or ``all`` for the prompt too, but for its first token, which
            nothing foretells.
        never: ids in the prompt that are not counted, such as places of sound.

    Example:
        >>> found = targets_of([LessonTokens([7, 0, 0, 8], [5, 2])])
        >>> found.column, found.token
        ([4, 5], [5, 2])
        >>> targets_of([LessonTokens([7, 0, 0, 8], [5, 2])], on="all", never=[0]).column
        [3, 4, 5]
    """
    lesson: list[int] = []
    column: list[int] = []
    token: list[int] = []
    for number, tokens in enumerate(lessons):
        if on == "all":
            said = [at for at, each in enumerate(tokens.prompt) if at and each not in never]
            column += said
            token += [tokens.prompt[at] for at in said]
            lesson += [number] * len(said)
        column += range(len(tokens.prompt), len(tokens.prompt) + len(tokens.answer))
        token += tokens.answer
        lesson += [number] * len(tokens.answer)
    return Targets(lesson, column, token, len(lessons))


def padded_right(rows: Sequence[Sequence[int]], filler: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids as (n, L), padded on the right, and the mask of the real ones."""
    import torch

    longest = max(len(row) for row in rows)
    ids = torch.full((len(rows), longest), filler, dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.bool)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row, dtype=torch.long)
        mask[number, : len(row)] = True
    return ids, mask


def token_losses(
    states: torch.Tensor, targets: Targets, head: Callable[[torch.Tensor], torch.Tensor]
) -> TokenLosses:
    """The losses of the counted tokens.

    Args:
        states: (m, width) the model's last states, before its head, at the places
            that :meth:`Targets.foretelling` names.
        targets: the counted tokens.
        head: from (m, width) to logits (m, V).
    """
    import torch

    token = torch.tensor(targets.token, dtype=torch.long, device=states.device)
    return _in_rows(_losses(states, token, head), targets)


def forward_losses(
    model: Any, inputs: Mapping[str, Any], mask: torch.Tensor, targets: Targets
) -> TokenLosses:
    """The losses of the counted tokens, by the model's own forward.

    Args:
        model: as transformers loads it.
        inputs: what its forward takes but for masks and positions.
        mask: (n, L) bool, the real columns; prompts are padded on the left, and
            answers, which follow in one column, on the right.
        targets: the counted tokens, whose columns are those of ``mask``.
    """
    length = int(mask.shape[1])
    first = min(targets.column) - 1
    few = "logits_to_keep" in inspect.signature(model.forward).parameters
    logits = model(
        **inputs,
        attention_mask=mask.long(),
        position_ids=positions_of(mask),
        use_cache=False,
        **({"logits_to_keep": length - first} if few else {}),
    ).logits
    kept = int(logits.shape[1])
    row, column = targets.foretelling(logits.device)
    return token_losses(logits[row, column - (length - kept)], targets, _as_they_are)


def side_by_side(parts: Sequence[TokenLosses]) -> TokenLosses:
    """The losses of several batches as those of one."""
    import torch

    longest = max(int(part.nll.shape[1]) for part in parts)

    def widened(values: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.pad(values, (0, longest - values.shape[1]))

    return TokenLosses(
        torch.cat([widened(part.nll) for part in parts]),
        torch.cat([widened(part.mask) for part in parts]),
    )


def _as_they_are(logits: torch.Tensor) -> torch.Tensor:
    return logits


def _in_rows(losses: torch.Tensor, targets: Targets) -> TokenLosses:
    """(m,) losses of the counted tokens as a row a lesson."""
    import torch

    lesson = torch.tensor(targets.lesson, dtype=torch.long, device=losses.device)
    counts = torch.bincount(lesson, minlength=targets.count)
    begin = counts.cumsum(0) - counts
    slot = torch.arange(len(lesson), device=losses.device) - begin[lesson]
    width = int(counts.max()) if len(counts) else 0
    mask = torch.arange(width, device=losses.device) < counts[:, None]
    nll = losses.new_zeros(mask.shape).index_put((lesson, slot), losses)
    return TokenLosses(nll, mask)


def _losses(
    states: torch.Tensor, token: torch.Tensor, head: Callable[[torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """(m,) float32; in parts that are computed again where the logits would not fit."""
    import torch
    from torch.utils.checkpoint import checkpoint

    def losses(part: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(head(part).float(), wanted, reduction="none")

    size = int(getattr(head, "out_features", 0)) or 2**18
    several = max(1, _KEPT_LOGITS // size)
    if len(states) <= several:
        return losses(states, token)
    parts = [
        checkpoint(
            losses, states[low : low + several], token[low : low + several], use_reentrant=False
        )
        for low in range(0, len(states), several)
    ]
    return torch.cat(parts)
