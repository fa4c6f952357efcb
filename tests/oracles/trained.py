"""Training runs to report on: journals as a training writes them, and answers of what it trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from equivoice.evaluation.trade_off import TrainedRun, trade_off
from equivoice.evaluation.training_progress import chosen_step, training_data, training_progress
from equivoice.records import Label, LabelSpace, RunRecord
from equivoice.reports.training_inputs import TrainingInputs

EMOTIONS = ("angry", "happy", "neutral", "sad")
LABELS = LabelSpace("four", tuple(Label(name) for name in EMOTIONS))
CELLS = ("de", "en", "ja")
GROUPS = ("female", "male")


def journals(
    *, epochs: int = 8, steps_each: int = 6, adaptive: bool = True, seed: int = 3
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Steps, losses and evaluations of a training whose gap in ``ja`` shrinks as λ rises."""
    generator = np.random.default_rng(seed)
    steps, losses, evaluations = [], [], []
    weight, best = 0.0, 0.0
    for epoch in range(1, epochs + 1):
        for step in range((epoch - 1) * steps_each + 1, epoch * steps_each + 1):
            level = 0.5 + 0.9 * np.exp(-step / 14)
            own = _losses(generator, level, weight, step, "train", 8, noise=0.12)
            losses += own
            gaps = {cell: _gap(own, cell) for cell in CELLS}
            worst = max(gaps, key=lambda cell: gaps[cell])
            steps.append(
                {
                    "step": step, "epoch": epoch, "items": 48, "lr": 5e-5, "weight": weight,
                    "loss": float(np.mean([row["loss"] for row in own])),
                    "gap": gaps[worst], "penalty": gaps[worst] ** 2, "worst_cell": worst,
                    "grad_norm": 1.0,
                }
            )  # fmt: skip
        level = 0.55 + 0.8 * np.exp(-step / 14) + 0.004 * max(0, epoch - 5) ** 2
        held_out = _losses(generator, level, weight, step, "validation", 40, noise=0.02)
        losses += held_out
        score = 0.75 - 0.4 * float(np.exp(-step / 12)) - 0.01 * max(0, epoch - 6)
        evaluations += _evaluated(generator, step, epoch, score, best)
        best = max(best, score)
        if adaptive:
            worst_gap = max(_gap(held_out, cell) for cell in CELLS)
            weight = float(np.clip(weight + 0.5 * (worst_gap - 0.02) * 8, 0.0, 10.0))
    return tuple(pl.DataFrame(rows) for rows in (steps, losses, evaluations))  # type: ignore[return-value]


def _losses(
    generator: np.random.Generator, level: float, weight: float, step: int, split: str, n: int,
    *, noise: float,
) -> list[dict[str, Any]]:  # fmt: skip
    """Mean losses by cell and group: women's are higher in ``ja``, the less so the larger λ is."""
    gaps = {"de": 0.03, "en": -0.02, "ja": 0.28 / (1 + weight)}
    return [
        {
            "step": step, "split": split, "cell": cell, "group": group, "n": n,
            "loss": float(level + sign * gaps[cell] / 2 + generator.normal(0, noise)),
        }
        for cell in CELLS
        for group, sign in zip(GROUPS, (1, -1), strict=True)
    ]  # fmt: skip


def _gap(rows: Sequence[Mapping[str, Any]], cell: str) -> float:
    one, other = (row["loss"] for row in rows if row["cell"] == cell)
    return abs(float(one) - float(other))


def _evaluated(
    generator: np.random.Generator, step: int, epoch: int, score: float, best: float
) -> list[dict[str, Any]]:
    common = {"step": step, "epoch": epoch, "metric": "macro_f1", "best": score > best}
    rows = [common | {"cell": None, "group": None, "value": score, "n": 240}]
    for cell in CELLS:
        for group, sign in zip(GROUPS, (1, -1), strict=True):
            gap = 0.12 if cell == "ja" else 0.02
            value = score - sign * gap / 2 + float(generator.normal(0, 0.01))
            rows.append(common | {"cell": cell, "group": group, "value": value, "n": 40})
    return rows


def utterances(*, speakers: int = 8, each: int = 16) -> pl.DataFrame:
    """Speakers of two groups in three languages; every emotion equally often."""
    rows = [
        {
            "utterance_id": f"tri/{cell}-{group}-{speaker}-{take}", "corpus": "tri",
            "language": cell, "gender": group, "speaker": f"{cell}-{group}-{speaker}",
            "emotion": EMOTIONS[take % len(EMOTIONS)], "transcript": "It is raining.",
        }
        for cell in CELLS
        for group in GROUPS
        for speaker in range(speakers)
        for take in range(each)
    ]  # fmt: skip
    return pl.DataFrame(rows)


def answers(
    reference: pl.DataFrame, *, right: float, gap: float, seed: int = 0, cell: str = "ja"
) -> pl.DataFrame:
    """Answers that are right more often for men by ``gap`` in one language."""
    generator = np.random.default_rng(seed)
    given = []
    for row in reference.iter_rows(named=True):
        shift = gap if row["language"] == cell else 0.0
        chance = right + (shift / 2 if row["gender"] == "male" else -shift / 2)
        wrong = [name for name in EMOTIONS if name != row["emotion"]]
        said = row["emotion"] if generator.random() < chance else generator.choice(wrong)
        given.append(str(said))
    return reference.select("utterance_id").with_columns(emotion=pl.Series(given))


def trained_runs(*, seeds: int = 3) -> tuple[list[TrainedRun], pl.DataFrame]:
    """Three methods, each with several seeds, and the utterances that all of them answered."""
    reference = utterances()
    planted = {
        "ERM": (0.62, 0.34), "MinMaxGAP, adaptive": (0.60, 0.12), "MinMaxGAP, λ = 1": (0.53, 0.2)
    }  # fmt: skip
    runs = [
        TrainedRun(name, answers(reference, right=right, gap=gap, seed=10 * at + seed), seed=seed)
        for at, (name, (right, gap)) in enumerate(planted.items())
        for seed in range(seeds)
    ]
    return runs, reference


def compared(*, seeds: int = 3, replicates: int = 200) -> pl.DataFrame:
    """Score against worst gap of :func:`trained_runs`."""
    runs, reference = trained_runs(seeds=seeds)
    return trade_off(runs, reference, label_space=LABELS, replicates=replicates)


def training_inputs(
    *, title: str = "MinMaxGAP, adaptive", adaptive: bool = True, **changed: Any
) -> TrainingInputs:
    """A whole training run, as the command line hands it to a report."""
    steps, losses, evaluations = journals(adaptive=adaptive)
    reference = utterances(speakers=6)
    held_out = trade_off(
        [TrainedRun(title, answers(reference, right=0.62, gap=0.2, seed=5))],
        reference, label_space=LABELS, replicates=200,
    )  # fmt: skip
    items = utterances(speakers=20).with_columns(split=pl.lit("train"))
    items = pl.concat([items, reference.with_columns(split=pl.lit("validation"))])
    chosen = chosen_step(evaluations)
    given: dict[str, Any] = {
        "title": title,
        "record": record(chosen),
        "progress": training_progress(steps, losses, evaluations),
        "data": training_data(items.rename({"language": "cell", "gender": "group"})),
        "chosen": chosen,
        "estimates": held_out,
        "objective": "minmaxgap" if adaptive else "erm",
        "base_model": "Qwen/Qwen2-Audio-7B-Instruct",
        "system": "qwen2-audio",
        "labels": EMOTIONS,
        "prompt": "direct",
        "tolerance": 0.02,
        "maximum": 10.0,
        "trainable": 5_898_240,
        "parameters": 8_397_000_000,
        "stopped": "No better macro-F1 on validation data for 2 epochs.",
    }
    return TrainingInputs(**(given | changed))


def record(chosen: int | None) -> RunRecord:
    """The record of a training that chose its checkpoint on validation data."""
    return RunRecord(
        verb="train",
        config={"system": "qwen2-audio", "recipe": "minmaxgap", "corpora": ["tri"], "seed": 42},
        command="equivoice train qwen2-audio --corpus tri --recipe minmaxgap --out runs/minmaxgap",
        versions={"equivoice": "0.1.0.dev0", "python": "3.11.9", "torch": "2.13.0"},
        git_revision="3fb23fc",
        inputs={"tri/utterances.parquet": "9f" * 32},
        seeds={"root": 42},
        host={"machine": "x86_64", "cores": "2"},
        started="2026-11-21T08:00:00Z",
        finished="2026-11-21T09:05:12Z",
        selection=[
            {
                "what": "checkpoint",
                "chosen": f"step {chosen}",
                "metric": "macro_f1",
                "candidates": 8,
                "split": "validation",
                "speakers": 36,
                "utterances": 576,
            }
        ],
    )
