"""All answers of all runs and temperatures from one prefix, exactly.

Every draw has a stream of numbers of its own. At each step each draw takes its
token by the inverse of the cumulative distribution of its node and temperature;
the distinct continuations are read once, whatever number of draws took them, and
so on. Draws are independent, and each is distributed as ``generate`` distributes
it; the model reads a token once where 60 runs say the same word.

The last token of an answer, its end or the last that is allowed, is never read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from equivoice.errors import RunError
from equivoice.models.decoding.batching import Budget, split_counts
from equivoice.models.decoding.continuation import (
    IntArray,
    Nodes,
    State,
    TreeState,
    row_bytes,
    start,
)
from equivoice.models.decoding.effective import Effective
from equivoice.models.decoding.prefix import Prefix
from equivoice.models.decoding.random_streams import uniforms
from equivoice.models.decoding.warping import draw_tokens, penalised, warped
from equivoice.models.language import Draw, Said
from equivoice.models.protocols import FloatArray

if TYPE_CHECKING:
    import torch

__all__ = ["sample_tree"]


def sample_tree(
    prefix: Prefix,
    draws: Sequence[Sequence[Draw]],
    effective: Effective,
    *,
    budget: Budget | None = None,
) -> list[list[Said]]:
    """One answer a draw, for each prompt of a prefix.

    Equal seeds give equal answers, in whatever batch and order they are asked for,
    as far as the model's own logits do not depend on the batch.

    Args:
        prefix: n prompts that have been run; unchanged afterwards.
        draws: for each prompt its draws.
        effective: the settings that shape the answers.
        budget: memory limits; ``None`` for those of the device.

    Raises:
        RunError: the model's logits are no numbers.
    """
    import torch

    sampler = _Sampler(prefix, draws, effective, budget)
    with torch.inference_mode():
        sampler.run()
    flat = iter(sampler.said)
    return [[next(flat) for _ in each] for each in draws]


@dataclass(frozen=True)
class _Piece:
    """Nodes that are read together, and the draws that stand at them.

    Args:
        state: of the parents; for the roots, the state at which they stand.
        nodes: to be read, or the roots.
        draws: (k,) indices of draws.
        node: (k,) the node of each draw.
        alone: whether nothing else will be read from the state.
    """

    state: State
    nodes: Nodes
    draws: IntArray
    node: IntArray
    alone: bool = False


class _Sampler:
    def __init__(
        self,
        prefix: Prefix,
        draws: Sequence[Sequence[Draw]],
        effective: Effective,
        budget: Budget | None,
    ) -> None:
        if len(draws) != len(prefix):
            raise ValueError(f"{len(draws)} lists of draws for {len(prefix)} prompts")
        flat = [draw for each in draws for draw in each]
        self.prefix = prefix
        self.effective = effective
        self.utterance = np.repeat(np.arange(len(draws)), [len(each) for each in draws])
        temperatures = [draw.temperature for draw in flat]
        self.temperatures, self.heat = np.unique(temperatures, return_inverse=True)
        self.shares: FloatArray = uniforms([draw.seed for draw in flat], effective.max_new_tokens)
        self.said: list[Said] = [Said(None, reason="not drawn")] * len(flat)
        self.picker = TokenPicker(prefix, effective, budget)

    def run(self) -> None:
        if not len(self.utterance):
            return
        everything = np.arange(len(self.utterance))
        state, roots = start(self.prefix), Nodes.roots(len(self.prefix))
        first = _Piece(state, roots, everything, self.utterance)
        pending = self._follow(first, self.prefix.logits)
        while pending:
            piece = pending.pop()
            state, place, logits = piece.state.read(piece.nodes, spend=piece.alone)
            ancestors = piece.nodes.ancestors
            if isinstance(state, TreeState):
                ancestors = np.concatenate([ancestors, place[:, None]], axis=1)
            nodes = Nodes(piece.nodes.utterance, place, piece.nodes.path, ancestors)
            pending += self._follow(_Piece(state, nodes, piece.draws, piece.node), logits)

    def _follow(self, piece: _Piece, logits: torch.Tensor) -> list[_Piece]:
        """Draw the tokens after some nodes, note the answers that end, and cut the rest up."""
        step = piece.nodes.path.shape[1]
        tokens = self.picker.pick(
            logits,
            piece.nodes,
            node=piece.node,
            heat=self.heat[piece.draws],
            temperatures=self.temperatures,
            shares=self.shares[piece.draws, step],
        )
        size = int(logits.shape[1])
        keys, child = np.unique(piece.node * size + tokens, return_inverse=True)
        parent, token = keys // size, keys % size
        ends = np.isin(token, self.prefix.eos_ids)
        last = ends | (step + 1 == self.effective.max_new_tokens)
        self._note(piece, parent, token, ends, np.nonzero(last)[0], child)
        going = np.nonzero(~last)[0]
        if not len(going):
            return []
        number = np.cumsum(~last) - 1
        staying = ~last[child]
        nodes = _children(piece.nodes, parent[going], token[going])
        return self._cut(_Piece(piece.state, nodes, piece.draws[staying], number[child[staying]]))

    def _note(
        self,
        piece: _Piece,
        parent: IntArray,
        token: IntArray,
        ends: np.typing.NDArray[np.bool_],
        last: IntArray,
        child: IntArray,
    ) -> None:
        """The answers that are whole: each distinct one is decoded once."""
        if not len(last):
            return
        order = np.argsort(child, kind="stable")
        bounds = np.searchsorted(child[order], np.arange(len(parent) + 1))
        for which in last:
            ids = piece.nodes.path[parent[which]].tolist()
            if not ends[which]:
                ids.append(int(token[which]))
            said = Said(self.prefix.decode(ids), finished=bool(ends[which]))
            for draw in piece.draws[order[bounds[which] : bounds[which + 1]]]:
                self.said[draw] = said

    def _cut(self, piece: _Piece) -> list[_Piece]:
        """A piece in as many as cost least and as the memory allows."""
        count, budget = len(piece.nodes), self.picker.budget
        if isinstance(piece.state, TreeState):
            _, counts = np.unique(piece.nodes.utterance, return_counts=True)
            firsts = (np.cumsum(counts) - counts).tolist()
            groups = split_counts(counts.tolist(), budget.positions, call_cost=budget.call_cost)
            parts = [
                [firsts[each] + node for each, low, high in group for node in range(low, high)]
                for group in groups
            ]
        else:
            limit = min(budget.rows, budget.positions)
            parts = [list(range(at, min(at + limit, count))) for at in range(0, count, limit)]
        if len(parts) == 1:
            return [replace(piece, alone=True)]
        return [_part(piece, np.array(part)) for part in reversed(parts)]


class TokenPicker:
    """Draws tokens at nodes: penalty, temperature, top-k, top-p, then the draw's number.

    Args:
        prefix: whose nodes they are.
        effective: the settings.
        budget: memory limits.
    """

    def __init__(self, prefix: Prefix, effective: Effective, budget: Budget | None) -> None:
        self.prefix = prefix
        self.effective = effective
        self.budget = budget or Budget(
            prefix.logits.device,
            vocabulary=int(prefix.logits.shape[1]),
            row_bytes=row_bytes(prefix),
        )
        self._prompts: torch.Tensor | None = None

    def pick(
        self,
        logits: torch.Tensor,
        nodes: Nodes,
        *,
        node: IntArray,
        heat: IntArray,
        temperatures: FloatArray,
        shares: FloatArray,
    ) -> IntArray:
        """The tokens of k draws.

        Args:
            logits: (m, V) at the nodes.
            nodes: m nodes of one depth.
            node: (k,) the node of each draw.
            heat: (k,) the index of its temperature.
            temperatures: the distinct ones.
            shares: (k,) its number, from 0 to 1.

        Raises:
            RunError: the logits are no numbers.
        """
        import torch

        device = logits.device
        pairs, pair = np.unique(node * len(temperatures) + heat, return_inverse=True)
        order = np.argsort(pair, kind="stable")
        firsts = np.searchsorted(pair[order], np.arange(len(pairs) + 1))
        numbers = torch.from_numpy(shares[order]).to(device)
        hot = torch.from_numpy(temperatures[pairs % len(temperatures)]).to(device)
        found = []
        for low in range(0, len(pairs), self.budget.distributions):
            high = min(low + self.budget.distributions, len(pairs))
            which = pairs[low:high] // len(temperatures)
            weights = warped(self.scores(logits, nodes, which), hot[low:high], self.effective)
            begin, end = int(firsts[low]), int(firsts[high])
            rows = torch.from_numpy(pair[order[begin:end]] - low).to(device)
            found.append(draw_tokens(weights, rows, numbers[begin:end]))
        tokens = np.empty(len(pair), dtype=np.int64)
        tokens[order] = torch.cat(found).cpu().numpy()
        if (tokens < 0).any():
            raise RunError("the model's logits are not numbers; try another dtype")
        return tokens

    def scores(self, logits: torch.Tensor, nodes: Nodes, which: IntArray) -> torch.Tensor:
        """(p, V) float32: logits of some nodes after penalty and minimal length.

        Args:
            logits: (m, V) at ``nodes``.
            nodes: of one depth.
            which: (p,) indices of nodes; a node may come several times.
        """
        import torch

        device = logits.device
        chosen = torch.from_numpy(which).to(device)
        step = nodes.path.shape[1]
        banned = None
        if step < self.effective.min_new_tokens and self.prefix.eos_ids:
            banned = torch.tensor(self.prefix.eos_ids, device=device)
        seen = None
        if self.effective.repetition_penalty != 1:
            if self._prompts is None:
                self._prompts = self.prefix.seen()
            seen = self._prompts[torch.from_numpy(nodes.utterance[which]).to(device)]
            if step:
                path = torch.from_numpy(nodes.path[which]).to(device)
                seen = seen.scatter(1, path, value=True)
        return penalised(
            logits[chosen], seen=seen, penalty=self.effective.repetition_penalty, banned=banned
        )


def _children(nodes: Nodes, parent: IntArray, token: IntArray) -> Nodes:
    path = np.concatenate([nodes.path[parent], token[:, None]], axis=1)
    return Nodes(nodes.utterance[parent], nodes.place[parent], path, nodes.ancestors[parent])


def _part(piece: _Piece, which: IntArray) -> _Piece:
    """A piece with some of the nodes, and the draws that stand at them."""
    number = np.full(len(piece.nodes), -1)
    number[which] = np.arange(len(which))
    node = number[piece.node]
    held = node >= 0
    return _Piece(piece.state, piece.nodes.take(which), piece.draws[held], node[held])
