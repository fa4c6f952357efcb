"""The plan of what to run: cells, and the batches of each.

A plan is a value. Batches follow from the plan and never from what remains to
be done, so that a resumed run of the same plan forms the same batches and gives
the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isinf
from urllib.parse import quote

from equivoice.errors import ConfigError
from equivoice.inference.seeds import seed_for

__all__ = ["Batch", "Cell", "Plan", "Shard"]

DEFAULT_BATCH_SIZE = 32
_MOST_TOGETHER = 16
_MOST_SECONDS = 120.0


@dataclass(frozen=True)
class Cell:
    """One system on one fold of one corpus; of a language system, asked in one way.

    Args:
        system: the name of the system.
        corpus: the name of the corpus.
        fold: the name of the fold.
        prompt: the name of the prompt; ``None`` for a system that is not asked in words.
        order: the label order, such as ``given`` or ``shuffled-3``.
        modality: what the system is given; ``None`` where it does not say, which is speech.

    Example:
        >>> Cell("acoustic", "ravdess", "1").name
        'acoustic@ravdess@1'
        >>> Cell("llm", "ravdess", "1", "direct", "given", "speech").name
        'llm@ravdess@1@direct@given@speech'
    """

    system: str
    corpus: str
    fold: str
    prompt: str | None = None
    order: str | None = None
    modality: str | None = None

    @property
    def name(self) -> str:
        """The cell's name in the run folder; different cells have different names."""
        parts = [self.system, self.corpus, self.fold]
        if self.prompt is not None:
            parts += [self.prompt, str(self.order), str(self.modality)]
        return "@".join(quote(part, safe=" ") for part in parts)


@dataclass(frozen=True)
class Batch:
    """Utterances that a system is given together.

    Args:
        number: the position in the cell, from 0.
        utterance_ids: in the order in which they are given.
    """

    number: int
    utterance_ids: tuple[str, ...]


@dataclass(frozen=True)
class Shard:
    """One part of the work of a plan.

    Args:
        number: which part, from 1.
        of: how many parts there are.

    Raises:
        ConfigError: there is no such part.

    Example:
        >>> Shard.read("2/8")
        Shard(number=2, of=8)
    """

    number: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            raise ConfigError("no such shard", value=str(self), hint="from 1/n to n/n")

    @classmethod
    def read(cls, text: str) -> Shard:
        """A shard as it is written: ``k/n``."""
        number, _, of = text.partition("/")
        if not (number.strip().isdecimal() and of.strip().isdecimal()):
            raise ConfigError("a shard is written k/n", value=text, hint="such as 1/4")
        return cls(int(number), int(of))

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return f"{self.number}-of-{self.of}"

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


@dataclass(frozen=True)
class Plan:
    """What to run.

    Args:
        cells: in the order of the work.
        seed: the root seed.
        batch_size: how many utterances a system is given at once; ``None`` for what
            suits the kind of system.
        shard: the part of the plan that is this process's; ``None`` for all of it.

    Raises:
        ConfigError: the batch size is below 1, or a cell stands twice.
    """

    cells: tuple[Cell, ...]
    seed: int = 0
    batch_size: int | None = DEFAULT_BATCH_SIZE
    shard: Shard | None = None

    def __post_init__(self) -> None:
        if self.batch_size is not None and self.batch_size < 1:
            raise ConfigError("a batch holds at least 1 utterance", value=self.batch_size)
        names = [cell.name for cell in self.cells]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError(
                "a system, corpus and fold stand twice in the plan",
                value=twice[0],
                hint="give two systems or corpora of one name different names",
            )

    def batches(self, utterance_ids: Sequence[str]) -> tuple[Batch, ...]:
        """The batches of a cell, whatever of it is done already.

        Args:
            utterance_ids: all utterances of the cell, in any order.

        Example:
            >>> plan = Plan((), batch_size=2)
            >>> [batch.utterance_ids for batch in plan.batches(["a/3", "a/1", "a/2"])]
            [('a/1', 'a/2'), ('a/3',)]
        """
        ordered = sorted(utterance_ids)
        size = self.batch_size or DEFAULT_BATCH_SIZE
        starts = range(0, len(ordered), size)
        return tuple(
            Batch(number, tuple(ordered[start : start + size]))
            for number, start in enumerate(starts)
        )

    def batches_by_length(self, lengths: Mapping[str, float]) -> tuple[Batch, ...]:
        """The batches of a cell in which utterances of like length stand together.

        The longest go first, so that what does not fit into memory shows at once;
        those of unknown length (``inf``) go last. Without a batch size a batch is
        at most 16 utterances and 120 seconds, padding included.

        Args:
            lengths: from each utterance of the cell to its seconds.

        Example:
            >>> batches = Plan((), batch_size=2).batches_by_length({"a": 1.0, "b": 3.0, "c": 2.0})
            >>> [batch.utterance_ids for batch in batches]
            [('b', 'c'), ('a',)]
        """
        ordered = sorted(lengths, key=lambda name: (isinf(lengths[name]), -lengths[name], name))
        groups: list[list[str]] = []
        for name in ordered:
            if not groups or len(groups[-1]) >= self._room(lengths[groups[-1][0]]):
                groups.append([])
            groups[-1].append(name)
        return tuple(Batch(number, tuple(group)) for number, group in enumerate(groups))

    def _room(self, longest: float) -> int:
        if self.batch_size is not None:
            return self.batch_size
        return max(1, min(_MOST_TOGETHER, int(_MOST_SECONDS / max(longest, 1.0))))

    def owns(self, cell: Cell) -> bool:
        """Whether a cell that is run in one piece is this shard's."""
        if self.shard is None:
            return True
        return self.cells.index(cell) % self.shard.of == self.shard.number - 1

    def own(self, cell: Cell, batches: Sequence[Batch]) -> tuple[Batch, ...]:
        """The batches of a cell that are this shard's; each is some shard's, and only one's."""
        if self.shard is None:
            return tuple(batches)
        shift = self.cells.index(cell)  # so that the first shard does not get every first batch
        return tuple(
            batch
            for batch in batches
            if (batch.number + shift) % self.shard.of == self.shard.number - 1
        )

    def fit_seed(self, cell: Cell) -> int:
        """The seed for fitting the system of a cell."""
        return seed_for(self.seed, "fit", cell.system, cell.corpus, cell.fold)
