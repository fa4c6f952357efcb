"""How probable each option is as the whole answer: one pass over the tree of options.

The options, each followed by the tokens that end an answer, form a tree. Reading
its inner nodes once gives, at every temperature, the probability of each option,
normalised over the vocabulary at each token, and the mass of all other answers.

An option is the sequence of tokens that it is given as; the same word spelt in
other tokens counts as outside. Where an answer is cut after ``max_new_tokens``
tokens, so is the option: one that fills the limit needs no end token, and one that
exceeds it stands for all answers that begin with as much of it as fits, which is
what ``generate`` returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from equivoice.errors import ConfigError, RunError
from equivoice.models.decoding.batching import Budget
from equivoice.models.decoding.continuation import IntArray, Nodes, RowsState, TreeState, start
from equivoice.models.decoding.effective import Effective
from equivoice.models.decoding.prefix import Prefix
from equivoice.models.decoding.tree_sampling import TokenPicker
from equivoice.models.decoding.warping import log_probabilities, warped
from equivoice.models.language import OptionScores
from equivoice.models.protocols import FloatArray

if TYPE_CHECKING:
    import torch

__all__ = ["score_options"]


def score_options(
    prefix: Prefix,
    options: Sequence[Sequence[int]],
    temperatures: Sequence[float],
    effective: Effective,
    *,
    budget: Budget | None = None,
) -> OptionScores:
    """The probability of each option as the whole answer, for each prompt and temperature.

    Args:
        prefix: n prompts that have been run; unchanged afterwards.
        options: K options as token ids, without end tokens.
        temperatures: T values; at 0 the answer that is most probable token by token
            has probability 1.
        effective: the settings that shape answers.
        budget: memory limits; ``None`` for those of the device.

    Raises:
        ConfigError: an option has no tokens, or two have the same ones.
        RunError: the model's logits are no numbers.
    """
    import torch

    _check(options, prefix.eos_ids)
    tree = _Tree.of(options, effective.max_new_tokens)
    reader = _Reader(prefix, tree, temperatures, TokenPicker(prefix, effective, budget))
    with torch.inference_mode():
        steps, ends = reader.read()
    logprobs = np.stack(
        [
            steps[:, :, each.steps].sum(axis=2)
            + (0.0 if each.end is None else ends[:, :, each.end])
            for each in tree.options
        ],
        axis=2,
    )
    if np.isnan(logprobs).any():
        raise RunError("the model's logits are not numbers; try another dtype")
    outside = np.clip(1 - np.exp(logprobs).sum(axis=2), 0.0, 1.0)
    return OptionScores(logprobs, outside)


@dataclass(frozen=True)
class _Walk:
    """How an option goes through the tree.

    Args:
        steps: the edges it takes.
        end: the node after which it must end; ``None`` where it is cut there.
    """

    steps: list[int]
    end: int | None


@dataclass
class _Tree:
    """Inner nodes, in the order in which a parent comes before its children.

    ``paths`` holds the tokens from the root to each node; ``edges`` the (node, token)
    pairs that options take.
    """

    paths: list[tuple[int, ...]] = field(default_factory=list)
    edges: list[tuple[int, int]] = field(default_factory=list)
    options: list[_Walk] = field(default_factory=list)

    @classmethod
    def of(cls, options: Sequence[Sequence[int]], limit: int) -> _Tree:
        cut = [tuple(int(token) for token in option[:limit]) for option in options]
        _check_cut(options, cut)
        ended = [len(option) < limit for option in options]
        inner = {path[:length] for path in cut for length in range(len(path))}
        inner |= {path for path, whole in zip(cut, ended, strict=True) if whole}
        tree = cls(paths=sorted(inner, key=lambda path: (len(path), path)))
        number = {path: place for place, path in enumerate(tree.paths)}
        steps = {path[: length + 1] for path in cut for length in range(len(path))}
        edge = {path: place for place, path in enumerate(sorted(steps))}
        tree.edges = [(number[path[:-1]], path[-1]) for path in edge]
        for path, whole in zip(cut, ended, strict=True):
            taken = [edge[path[: length + 1]] for length in range(len(path))]
            tree.options.append(_Walk(taken, number[path] if whole else None))
        return tree

    def nodes(self, count: int, which: range) -> Nodes:
        """Some nodes of the tree for each of ``count`` prompts; the root is not among them."""
        longest = max(len(self.paths[place]) for place in which)
        paths = np.full((len(which), longest), -1, dtype=np.int64)
        above = np.full((len(which), max(longest - 1, 0)), -1, dtype=np.int64)
        number = {path: place for place, path in enumerate(self.paths)}
        for row, place in enumerate(which):
            path = self.paths[place]
            paths[row, : len(path)] = path
            # the root has no column: the first node after it has column 0
            columns = [number[path[:length]] - 1 for length in range(1, len(path))]
            above[row, : len(columns)] = columns
        utterance = np.repeat(np.arange(count), len(which))
        return Nodes(
            utterance,
            np.zeros_like(utterance),
            np.tile(paths, (count, 1)),
            np.tile(above, (count, 1)),
        )


class _Reader:
    """Reads a tree of options after each prompt, and keeps the few numbers that are needed."""

    def __init__(
        self, prefix: Prefix, tree: _Tree, temperatures: Sequence[float], picker: TokenPicker
    ) -> None:
        import torch

        device = prefix.logits.device
        self.prefix, self.tree, self.picker = prefix, tree, picker
        self.temperatures = torch.tensor(list(temperatures), dtype=torch.float64, device=device)
        shape = (len(prefix), len(temperatures))
        self.steps = self.temperatures.new_zeros((*shape, len(tree.edges)))
        self.ends = self.temperatures.new_zeros((*shape, len(tree.paths)))
        self._parents = np.array([parent for parent, _ in tree.edges], dtype=np.int64)
        self._tokens = np.array([token for _, token in tree.edges], dtype=np.int64)

    def read(self) -> tuple[FloatArray, FloatArray]:
        """(n, T, edges) and (n, T, nodes): logarithms of probabilities of tokens and of ends."""
        count = len(self.prefix)
        self._keep(self.prefix.logits, Nodes.roots(count), np.zeros(count, dtype=np.int64))
        state = start(self.prefix)
        if isinstance(state, TreeState):
            self._read_tree(state)
        else:
            self._read_rows(state)
        return self.steps.cpu().numpy(), self.ends.cpu().numpy()

    def _read_tree(self, state: TreeState) -> None:
        count, size = len(self.prefix), len(self.tree.paths)
        limit = max(1, self.picker.budget.positions // count)
        for low in range(1, size, limit):
            which = range(low, min(low + limit, size))
            nodes = self.tree.nodes(count, which)
            state, _, logits = state.read(nodes, spend=True)
            self._keep(logits, nodes, np.tile(np.array(which), count))

    def _read_rows(self, whole: RowsState) -> None:
        """Depth by depth, for as many prompts at once as the memory allows."""
        lengths = np.array([len(path) for path in self.tree.paths])
        most = int(np.bincount(lengths).max())
        budget = self.picker.budget
        limit = max(1, min(budget.rows, budget.positions) // most)
        for low in range(0, len(self.prefix), limit):
            prompts = np.arange(low, min(low + limit, len(self.prefix)))
            state, place = whole, prompts[:, None]
            parents: dict[tuple[int, ...], int] = {(): 0}
            for depth in range(1, int(lengths.max()) + 1):
                which = range(*np.searchsorted(lengths, [depth, depth + 1]).tolist())
                nodes = self.tree.nodes(len(prompts), which)
                column = np.array([parents[self.tree.paths[each][:-1]] for each in which])
                nodes = Nodes(
                    prompts[nodes.utterance],
                    place[:, column].reshape(-1),
                    nodes.path,
                    nodes.ancestors,
                )
                state, rows, logits = state.read(nodes)
                place = rows.reshape(len(prompts), len(which))
                parents = {self.tree.paths[each]: at for at, each in enumerate(which)}
                self._keep(logits, nodes, np.tile(np.array(which), len(prompts)))

    def _keep(self, logits: torch.Tensor, nodes: Nodes, which: IntArray) -> None:
        """Take from the distributions at m nodes what the options need.

        Args:
            logits: (m, V).
            nodes: m nodes.
            which: (m,) their numbers in the tree.
        """
        import torch

        device = logits.device
        several = self.picker.budget.distributions
        depths = nodes.depth
        for depth in np.unique(depths):
            there = np.nonzero(depths == depth)[0]
            level = Nodes(nodes.utterance, nodes.place, nodes.path[:, : depth + 1], nodes.ancestors)
            for low in range(0, len(there), several):
                part = there[low : low + several]
                scores = self.picker.scores(logits, level, part)
                rows = torch.from_numpy(nodes.utterance[part]).to(device)
                self._take(scores, rows, which[part])

    def _take(self, scores: torch.Tensor, rows: torch.Tensor, which: IntArray) -> None:
        import torch

        device = scores.device
        nodes = torch.from_numpy(which).to(device)
        place, edge = np.nonzero(which[:, None] == self._parents[None, :])
        token = torch.from_numpy(self._tokens[edge]).to(device)
        at, to = torch.from_numpy(place).to(device), torch.from_numpy(edge).to(device)
        ends = torch.tensor(self.prefix.eos_ids, device=device, dtype=torch.long)
        everywhere = torch.arange(len(which), device=device).repeat_interleave(len(ends))
        read = torch.cat([at, everywhere]), torch.cat([token, ends.repeat(len(which))])
        for heat in range(len(self.temperatures)):
            hot = self.temperatures[heat].expand(len(which))
            logs = log_probabilities(warped(scores, hot, self.picker.effective), *read)
            self.steps[rows[at], heat, to] = logs[: len(at)]
            ended = logs[len(at) :].view(len(which), len(ends)).logsumexp(dim=1)
            self.ends[rows, heat, nodes] = ended


def _check(options: Sequence[Sequence[int]], ends: Sequence[int]) -> None:
    for place, option in enumerate(options):
        if not len(option):
            raise ConfigError("an option has no tokens", row=place + 1)
        if set(option) & set(ends):
            raise ConfigError("an option holds an end token", row=place + 1, value=list(option))


def _check_cut(options: Sequence[Sequence[int]], cut: Sequence[tuple[int, ...]]) -> None:
    for place, path in enumerate(cut):
        if path not in cut[:place]:
            continue
        first = cut.index(path)
        if tuple(options[first]) == tuple(options[place]):
            raise ConfigError(
                f"options {first + 1} and {place + 1} are the same tokens", value=list(path)
            )
        raise ConfigError(
            f"options {first + 1} and {place + 1} cannot be told apart: "
            f"answers are cut after {len(path)} tokens",
            value=list(path),
            hint=f"max_new_tokens={max(len(options[first]), len(options[place])) + 1}",
        )
