"""Whether an optimisation is exact for a model: found out, not assumed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from equivoice.models.decoding.caches import attends_to_all, fork
from equivoice.models.decoding.continuation import Nodes, RowsState, TreeState
from equivoice.models.decoding.prefix import Prefix

if TYPE_CHECKING:
    import torch

__all__ = ["Gate", "honours_tree_masks"]

_EXACT = 1e-4
# half precision: this many times what the size of the batch alone changes, at least this
_TIMES_NOISE = 4.0
_HALF_PRECISION = 2.0**-6


@dataclass(frozen=True)
class Gate:
    """The verdict on an optimisation.

    Args:
        passed: whether it is exact for this model.
        why: in one sentence, with the numbers.
    """

    passed: bool
    why: str


def honours_tree_masks(prefix: Prefix) -> Gate:
    """Whether a model, given a mask of a token tree, computes what plain sequences give.

    Two answers of two tokens are read side by side in one row under a mask, and one
    by one. In float32 both must agree to 1e-4 of the logits' range; in half
    precision to four times what the batch alone changes. They must also agree far
    better than the same tokens read as one sequence, which is what a model computes
    that ignores the mask.

    Args:
        prefix: of one prompt or more; the first is used, and left unchanged.
    """
    import torch

    if not attends_to_all(prefix.cache):
        return Gate(False, "the cache does not keep every token's keys in order")
    several = _first(prefix, 1)
    with torch.inference_mode():
        tokens = _tokens(several)
        try:
            tree = _by_tree(several, tokens)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            said = str(error).partition("\n")[0]
            return Gate(False, f"the model takes no mask of a token tree: {said}")
        plain = _by_rows(several, tokens)
        ignored = _difference(_as_one_sequence(several, tokens), plain)
        noise = _difference(_by_rows(_first(prefix, 2), tokens)[:4], plain)
    apart = _difference(tree, plain)
    scale = float((plain.max() - plain.min()).item())
    exact = prefix.model.dtype == torch.float32
    allowed = _EXACT * scale
    if not exact:
        allowed = max(_TIMES_NOISE * noise, _HALF_PRECISION * scale)
    passed = apart <= allowed and (ignored <= allowed or apart < ignored / 2)
    why = (
        f"tree and sequence differ by {apart:.1e} of a range of {scale:.1e} "
        f"({allowed:.1e} allowed; {ignored:.1e} where the mask is ignored)"
    )
    return Gate(passed, why)


def _first(prefix: Prefix, times: int) -> Prefix:
    """The first prompt alone, or several times over."""
    import torch

    from equivoice.models.decoding.caches import select_rows

    rows = torch.zeros(times, dtype=torch.long, device=prefix.logits.device)
    return replace(
        prefix,
        cache=select_rows(prefix.cache, rows),
        mask=prefix.mask[rows],
        next_position=prefix.next_position[rows],
        logits=prefix.logits[rows],
        input_ids=prefix.input_ids[rows],
        input_mask=None if prefix.input_mask is None else prefix.input_mask[rows],
    )


def _tokens(prefix: Prefix) -> np.typing.NDArray[np.int64]:
    """(2, 2): two answers of two tokens, none of which ends an answer."""
    ranked = prefix.logits[0].argsort(descending=True).cpu().numpy()
    likely = ranked[~np.isin(ranked, prefix.eos_ids)][:4]
    return np.resize(likely, (2, 2)).astype(np.int64)


def _by_tree(prefix: Prefix, tokens: np.typing.NDArray[np.int64]) -> torch.Tensor:
    """(4, V): after the first tokens of both answers, then after the second ones."""
    nothing = -np.ones(2, dtype=np.int64)
    zero = np.zeros(4, dtype=np.int64)
    path = np.concatenate([np.stack([tokens[:, 0], nothing], axis=1), tokens])
    above = np.array([[-1], [-1], [0], [1]])
    _, _, logits = TreeState(prefix, prefix.cache, zero[:1]).read(Nodes(zero, zero, path, above))
    return logits.float()


def _by_rows(prefix: Prefix, tokens: np.typing.NDArray[np.int64]) -> torch.Tensor:
    """The same by plain sequences, the answers once for each row of the prefix."""
    import torch

    times = len(prefix)
    rows = np.repeat(np.arange(times), 2)
    state: Any = RowsState(prefix, prefix.cache)
    found = []
    place = rows
    for depth in (1, 2):
        path = np.tile(tokens[:, :depth], (times, 1))
        state, place, logits = state.read(Nodes(rows, place, path, path[:, :0]))
        found.append(logits[:2].float())
    return torch.cat(found)


def _as_one_sequence(prefix: Prefix, tokens: np.typing.NDArray[np.int64]) -> torch.Tensor:
    import torch

    device = prefix.logits.device
    line = torch.from_numpy(tokens.T.reshape(1, 4)).to(device)
    mask = torch.cat([prefix.mask, prefix.mask.new_ones((1, 4))], dim=1)
    depth = torch.tensor([[0, 0, 1, 1]], device=device)
    positions = prefix.next_position[:, None] + depth
    return prefix.advance(fork(prefix.cache), line, mask, positions)[0].float()


def _difference(first: torch.Tensor, second: torch.Tensor) -> float:
    return float((first - second).abs().max().item())
