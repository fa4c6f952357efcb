"""A training of a tiny model as a process of its own, which kills itself where it is told to.

::

    python train_tiny.py OUT MODEL CORPUS [WHEN NUMBER]

``WHEN`` is ``step``: with SIGKILL once so many steps are made; ``validating``: in the middle
of the evaluation of that number; ``checkpoint``: while the checkpoint of that number is half
written; ``best``: between the two renames that put the best adapter in its place;
``gather``: once all steps are made, before the tables are gathered.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from equivoice.store import training_folder
from equivoice.training import checkpoints, train
from equivoice.training.progress import Quiet
from tiny.corpus import recipe


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Killer(Quiet):
    """Kills the process from within a step or an evaluation."""

    def __init__(self, when: str, number: int) -> None:
        self.when, self.number, self.evaluations = when, number, 0

    def stepped(self, step: int, **_: Any) -> None:
        if self.when == "step" and step == self.number:
            kill()

    def validating(self, done: int, total: int) -> None:
        if self.when == "validating" and self.evaluations + 1 == self.number and done * 2 >= total:
            kill()

    def evaluated(self, step: int, **_: Any) -> None:  # noqa: ARG002 - the protocol has it
        self.evaluations += 1


def kill_in_checkpoint(number: int) -> None:
    whole, calls = checkpoints._moments, []

    def dying(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == number:
            kill()
        return whole(*arguments)

    checkpoints._moments = dying


def kill_in_replacing(number: int) -> None:
    rename, calls = Path.rename, []

    def dying(self: Path, target: Path) -> Path:
        done = rename(self, target)
        if self.name == "best":
            calls.append(1)
            if len(calls) == number:
                kill()
        return done

    Path.rename = dying  # type: ignore[method-assign,assignment]


def kill_in_gathering() -> None:
    def dying(_: training_folder.TrainingFolder) -> None:
        kill()

    training_folder.TrainingFolder.gather = dying  # type: ignore[method-assign]


def main(out: str, model: str, corpus: str, when: str = "never", number: str = "0") -> None:
    if when == "checkpoint":
        kill_in_checkpoint(int(number))
    if when == "gather":
        kill_in_gathering()
    if when == "best":
        kill_in_replacing(int(number))
    train(
        "qwen2-audio",
        corpus,
        out=out,
        recipe="minmaxgap",
        options={"model": model},
        progress=Killer(when, int(number)),
        **recipe(
            selection={"metric": "loss"},
            checkpoints={"every": 1},
            weight={"tolerance": 0.0, "rate": 5.0},
            optimiser={"epochs": 3},
        ),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
