"""The plan of what to run: cells, and the batches of each.

A plan is a value. Batches follow from the plan and never from what remains to
be done, so that a resumed run of the same plan forms the same batches and gives
the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from equivoice.errors import ConfigError
from equivoice.inference.seeds import seed_for

__all__ = ["Batch", "Cell", "Plan"]

DEFAULT_BATCH_SIZE = 32


@dataclass(frozen=True)
class Cell:
    """One system on one fold of one corpus.

    Args:
        system: the name of the system.
        corpus: the name of the corpus.
        fold: the name of the fold.

    Example:
        >>> Cell("acoustic", "ravdess", "1").name
        'acoustic@ravdess@1'
    """

    system: str
    corpus: str
    fold: str

    @property
    def name(self) -> str:
        """The cell's name in the run folder; different cells have different names."""
        return "@".join(quote(part, safe=" ") for part in (self.system, self.corpus, self.fold))


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
class Plan:
    """What to run.

    Args:
        cells: in the order of the work.
        seed: the root seed.
        batch_size: how many utterances a system is given at once.

    Raises:
        ConfigError: the batch size is below 1, or a cell stands twice.
    """

    cells: tuple[Cell, ...]
    seed: int = 0
    batch_size: int = DEFAULT_BATCH_SIZE

    def __post_init__(self) -> None:
        if self.batch_size < 1:
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
        starts = range(0, len(ordered), self.batch_size)
        return tuple(
            Batch(number, tuple(ordered[start : start + self.batch_size]))
            for number, start in enumerate(starts)
        )

    def fit_seed(self, cell: Cell) -> int:
        """The seed for fitting the system of a cell."""
        return seed_for(self.seed, "fit", cell.system, cell.corpus, cell.fold)
