"""Continuing prompts in many ways at once: what a model has read, and reading on.

Two ways to the same logits:

- :class:`TreeState`: all continuations of a prompt stand side by side in one row of
  the cache; a mask lets each token see its prompt and its own ancestors only. The
  prompt's keys are not copied, and any number of tokens is one query.
- :class:`RowsState`: each continuation has a row of the cache of its own, in a plain
  sequence. For models that keep no column for each token (sliding window,
  recurrent states) or do not honour such masks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from equivoice.models.decoding.caches import attends_to_all, bytes_per_row, fork, select_rows
from equivoice.models.decoding.prefix import Prefix

if TYPE_CHECKING:
    import torch

__all__ = ["IntArray", "Nodes", "RowsState", "State", "TreeState", "row_bytes", "start"]

IntArray: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Nodes:
    """Tokens to be read, or that have been read: m nodes of the trees of answers.

    Args:
        utterance: (m,) which prompt they continue, in ascending order.
        place: (m,) where the parent stands in the state: its row, for :class:`RowsState`.
        path: (m, d) the tokens from the first of the answer to the node's own, padded
            with -1 where nodes of several depths stand together.
        ancestors: (m, a) columns, counted from the prompt's end, that the node may
            see apart from its own; padded with -1.
    """

    utterance: IntArray
    place: IntArray
    path: IntArray
    ancestors: IntArray

    def __len__(self) -> int:
        return len(self.utterance)

    @property
    def depth(self) -> IntArray:
        """(m,) how many tokens of the answer stand before the node."""
        count: IntArray = (self.path >= 0).sum(axis=1) - 1
        return count

    @property
    def token(self) -> IntArray:
        """(m,) the nodes' own tokens."""
        last: IntArray = self.path[np.arange(len(self)), self.depth]
        return last

    def take(self, which: IntArray) -> Nodes:
        """Some of the nodes."""
        return Nodes(
            self.utterance[which], self.place[which], self.path[which], self.ancestors[which]
        )

    @classmethod
    def roots(cls, count: int) -> Nodes:
        """The ends of the prompts, from which the first tokens are drawn."""
        rows = np.arange(count)
        nothing = np.empty((count, 0), dtype=np.int64)
        return cls(rows, rows, nothing, nothing)


@dataclass(frozen=True)
class TreeState:
    """Prompts of some utterances, and columns after them that masks tell apart.

    Args:
        prefix: of all utterances.
        cache: a row for each of ``utterances``.
        utterances: (R,) in ascending order.
        width: how many columns follow the prompt's.
    """

    prefix: Prefix
    cache: Any
    utterances: IntArray
    width: int = 0

    def read(
        self, nodes: Nodes, *, spend: bool = False
    ) -> tuple[TreeState, IntArray, torch.Tensor]:
        """Read nodes; those of an utterance may be each other's ancestors, in order.

        Args:
            nodes: to be read.
            spend: nothing else will be read from this state, whose cache may grow in
                its place, so that no second copy of it is held.

        Returns:
            The state after them; (m,) the columns they got; (m, V) the logits.
        """
        import torch

        prefix, device = self.prefix, self.prefix.logits.device
        utterances, row, counts = np.unique(
            nodes.utterance, return_inverse=True, return_counts=True
        )
        slot = np.arange(len(nodes)) - np.repeat(np.cumsum(counts) - counts, counts)
        shape = (len(utterances), int(counts.max()))
        tokens = np.zeros(shape, dtype=np.int64)
        tokens[row, slot] = nodes.token
        depth = np.zeros(shape, dtype=np.int64)
        depth[row, slot] = nodes.depth
        chosen = torch.from_numpy(utterances).to(device)
        seen = torch.from_numpy(self._seen(nodes, row, slot, shape)).to(device)
        prompt = prefix.mask[chosen][:, None, :].expand(-1, shape[1], -1)
        cache = self._rows(utterances, spend=spend)
        logits = prefix.advance(
            cache,
            torch.from_numpy(tokens).to(device),
            torch.cat([prompt, seen], dim=2)[:, None],
            prefix.next_position[chosen][:, None] + torch.from_numpy(depth).to(device),
        )
        state = TreeState(prefix, cache, utterances, self.width + shape[1])
        return state, self.width + slot, logits[row, slot]

    def _rows(self, utterances: IntArray, *, spend: bool) -> Any:
        import torch

        if np.array_equal(utterances, self.utterances):
            return self.cache if spend and self.width else fork(self.cache)
        rows = np.searchsorted(self.utterances, utterances)
        return select_rows(self.cache, torch.from_numpy(rows).to(self.prefix.logits.device))

    def _seen(
        self, nodes: Nodes, row: IntArray, slot: IntArray, shape: tuple[int, int]
    ) -> NDArray[np.bool_]:
        """(R, m, width + m): which columns after the prompt each token sees."""
        seen = np.zeros((*shape, self.width + shape[1]), dtype=bool)
        seen[row, slot, self.width + slot] = True
        which, entry = np.nonzero(nodes.ancestors >= 0)
        seen[row[which], slot[which], nodes.ancestors[which, entry]] = True
        return seen


@dataclass(frozen=True)
class RowsState:
    """A row of the cache for each node that has been read.

    Args:
        prefix: of all utterances.
        cache: a row for each node; never changed.
        width: how many tokens of the answer each row has read.
    """

    prefix: Prefix
    cache: Any
    width: int = 0

    def read(
        self,
        nodes: Nodes,
        *,
        spend: bool = False,  # noqa: ARG002 - rows are copied anyhow
    ) -> tuple[RowsState, IntArray, torch.Tensor]:
        """Read nodes of one depth; as :meth:`TreeState.read`, with rows for columns."""
        import torch

        prefix, device = self.prefix, self.prefix.logits.device
        chosen = torch.from_numpy(nodes.utterance).to(device)
        cache = select_rows(self.cache, torch.from_numpy(nodes.place).to(device))
        prompt = prefix.mask[chosen]
        answer = prompt.new_ones((len(nodes), self.width + 1))
        logits = prefix.advance(
            cache,
            torch.from_numpy(nodes.token[:, None]).to(device),
            torch.cat([prompt, answer], dim=1),
            (prefix.next_position[chosen] + self.width)[:, None],
        )
        return RowsState(prefix, cache, self.width + 1), np.arange(len(nodes)), logits[:, 0]


State: TypeAlias = TreeState | RowsState


def start(prefix: Prefix) -> State:
    """The state before any answer, by the prefix's strategy."""
    if prefix.strategy == "tree" and attends_to_all(prefix.cache):
        return TreeState(prefix, prefix.cache, np.arange(len(prefix)))
    return RowsState(prefix, prefix.cache)


def row_bytes(prefix: Prefix) -> int:
    """The memory that one row of the prefix's cache takes, in bytes."""
    return bytes_per_row(prefix.cache)
