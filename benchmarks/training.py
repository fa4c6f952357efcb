"""What the gap penalty costs: a step of ERM-MinMaxGAP over a step of ERM.

One Qwen2-Audio architecture with random weights (the encoder and the language model
about 1:1 in compute, as in ``sweep.py``), a LoRA adapter, real clips (RAVDESS), six
groups in three cells. The ways take turns, round after round, so that whatever else the
machine does falls on all of them, and each round gives a ratio of its own. Seconds are
those of the processor, in one thread.

Two kinds of micro-batches are compared, since the one pass needs micro-batches of one
group and plain training does not:

- ``erm``: plain training on the same micro-batches as the penalty's,
- ``erm, mixed``: plain training on micro-batches across groups.

::

    python benchmarks/training.py                     # about 8 minutes on an idle machine
    python benchmarks/training.py --clips 12 --rounds 3
    python benchmarks/training.py --train all         # every weight of the language model

Writes ``benchmarks/results/training_overhead.md`` (with ``--train all``, its own table beside)
with the command, the commit and the machine.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import torch
from sweep import LABELS, SHAPES, SYSTEM, USER, real_clips

from equivoice.models import Clip, Question
from equivoice.models.decoding.adapters import (
    LoraSettings,
    attach_lora,
    trainable_parameters,
    unfreeze,
)
from equivoice.models.learning import Lesson
from equivoice.models.registry import load_model
from equivoice.objectives.answer_nll import mean_answer_nll
from equivoice.objectives.minmax_gap import GapPenalty
from equivoice.prompting.turns import AUDIO, Turn
from equivoice.store.provenance import git_revision, machine
from equivoice.training.effective_batches import EffectiveBatch, Item, MicroBatch, plan_epoch
from equivoice.training.gradients import accumulate, buffer_bytes
from tiny.speech import Shape, save_tiny_qwen2_audio

RESULTS = Path(__file__).parent / "results"
STRATA = tuple(product(("de", "en", "ja"), ("female", "male")))
PENALTY: dict[str, Any] = {"penalty": GapPenalty(2), "weight": 2.0}
WAYS: dict[str, tuple[bool, dict[str, Any]]] = {
    # whether micro-batches go across groups, and how the gradient is found
    "erm": (False, {}),
    "one pass": (False, {**PENALTY, "road": "one_pass"}),
    "two passes": (False, {**PENALTY, "road": "two_pass"}),
    "erm, mixed": (True, {}),
    "microbatch": (True, {**PENALTY, "scope": "microbatch"}),
}
RATIOS = (
    ("one pass", "erm", 1.1),
    ("two passes", "erm", 1.6),
    ("microbatch", "erm, mixed", 1.02),
    ("one pass", "erm, mixed", None),
)
"""What is divided by what, and the most that it may be."""

STEPS = "| a step of | processor seconds, median | least |\n| --- | ---: | ---: |"
COMPARED = (
    "| ratio | median of the rounds | smallest to largest | of the least seconds | allowed |\n"
    "| --- | ---: | ---: | ---: | ---: |"
)


@dataclass
class School:
    """A model, what it is to learn, and the parameters that change.

    Args:
        backend: the model.
        lessons: one a row.
        parameters: those that are trained.
    """

    backend: Any
    lessons: list[Lesson]
    parameters: list[torch.Tensor]

    def losses(self, micro: MicroBatch) -> torch.Tensor:
        """One a row."""
        found = self.backend.answer_losses([self.lessons[row] for row in micro.rows])
        return mean_answer_nll(found.nll, found.mask)

    def step(self, batch: EffectiveBatch, how: dict[str, Any]) -> None:
        """The gradient of a batch."""
        accumulate(self.losses, batch, self.parameters, **how)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shape", choices=SHAPES, default="one-to-one")
    parser.add_argument("--train", choices=("lora", "all"), default="lora")
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--micro", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        school = make_school(Path(folder), asked.shape, asked.train, real_clips(asked.clips))
    batches = {mixed: cut(school, asked.micro, mixed) for mixed in (False, True)}
    works = {
        name: (lambda mixed=mixed, how=how: school.step(batches[mixed], how))
        for name, (mixed, how) in WAYS.items()
    }
    seconds = in_turns(works, asked.rounds)
    suffix = "" if asked.train == "lora" else f"_{asked.train}"
    out = RESULTS / f"training_overhead{suffix}.md"
    text = table(seconds, school, batches[False], asked)
    sys.stdout.write(text)
    out.write_text(text)


def make_school(folder: Path, shape: str, train: str, clips: tuple[Path, ...]) -> School:
    """A Qwen2-Audio of a shape, what of it is trained, and a lesson for each clip."""
    save_tiny_qwen2_audio(folder, replace(Shape(), **SHAPES[shape]))
    backend: Any = load_model("qwen2-audio", model=str(folder))
    if train == "lora":
        attach_lora(backend, LoraSettings())
    else:
        unfreeze(backend, ["language"])
    backend.training_mode(True)
    turns = (Turn("system", (SYSTEM,)), Turn("user", (AUDIO, USER)))
    lessons = [
        Lesson(Question(clip.stem, turns, Clip(str(clip.resolve()))), LABELS[row % len(LABELS)])
        for row, clip in enumerate(clips)
    ]
    return School(backend, lessons, [each for _, each in trainable_parameters(backend)])


def cut(school: School, micro: int, mixed: bool) -> EffectiveBatch:
    """All clips as one effective batch; groups are dealt to them in turn."""
    items = [
        Item(
            lesson.question.utterance_id, *STRATA[row % len(STRATA)], lesson.answer, length(lesson)
        )
        for row, lesson in enumerate(school.lessons)
    ]
    [batch] = plan_epoch(items, batch=len(items), micro=micro, seed=0, epoch=0, mixed=mixed)
    return batch


def length(lesson: Lesson) -> float:
    import soundfile

    assert lesson.question.clip is not None
    return float(soundfile.info(lesson.question.clip.path).duration)


def in_turns(works: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Processor seconds of each way, round by round; the first way warms up before."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    next(iter(works.values()))()
    for number in range(rounds):
        # every other round backwards: what warms a cache for the next does so for each
        for name in list(works)[:: -1 if number % 2 else 1]:
            before = time.process_time()
            works[name]()
            seconds[name].append(time.process_time() - before)
    return seconds


def table(
    seconds: dict[str, list[float]], school: School, batch: EffectiveBatch, asked: Any
) -> str:
    """The result as Markdown."""
    trained = sum(each.numel() for each in school.parameters)
    whole = sum(each.numel() for each in school.backend.model.parameters())
    kept = buffer_bytes(batch, school.parameters)
    command = " ".join(["python", *sys.argv])
    where = f"{', '.join(machine().values())}, torch {torch.__version__}, one thread"
    about = (
        f"`{command}`, commit {git_revision()}, {where}\n\n"
        f"Qwen2-Audio's architecture, shape {asked.shape}, random weights; {trained:,} of "
        f"{whole:,} weights are trained. An effective batch of {asked.clips} RAVDESS clips, "
        f"six groups in three cells, micro-batches of at most {asked.micro}, "
        f"{asked.rounds} rounds. The gradients that one pass keeps take {kept / 1e6:.1f} MB."
    )
    rows = [
        f"| {name} | {statistics.median(values):.3f} | {min(values):.3f} |"
        for name, values in seconds.items()
    ]
    ratios = [ratio_row(seconds, *ratio) for ratio in RATIOS]
    title = "# What the gap penalty costs"
    return "\n".join([title, "", about, "", STEPS, *rows, "", COMPARED, *ratios, ""])


def ratio_row(seconds: dict[str, list[float]], name: str, base: str, most: float | None) -> str:
    """One way over another."""
    ratios = [a / b for a, b in zip(seconds[name], seconds[base], strict=True)]
    least = min(seconds[name]) / min(seconds[base])
    allowed = "" if most is None else f"{most}"
    return (
        f"| {name} / {base} | {statistics.median(ratios):.3f} "
        f"| {min(ratios):.3f} to {max(ratios):.3f} | {least:.3f} | {allowed} |"
    )


if __name__ == "__main__":
    main()
