"""The loop against plain torch: the same weights from one autograd over each whole batch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from equivoice.errors import ConfigError, RunError
from equivoice.models.decoding.adapters import LoraSettings, attach_lora, trainable_parameters
from equivoice.models.learning import Lesson
from equivoice.models.registry import load_model
from equivoice.store import TrainingFolder
from equivoice.training import plan_training, run_training, train
from equivoice.training.learner import reseed
from equivoice.training.progress import Quiet
from equivoice.training.task import TrainingTask
from tiny.corpus import make_corpus, recipe
from tiny.speech import TinyModels

Sections = dict[str, dict[str, Any]]
NO_DROPOUT = {"rank": 4, "dropout": 0.0}


@pytest.fixture(scope="module")
def model(tiny_models: TinyModels) -> str:
    return str(tiny_models("qwen2_audio"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return make_corpus(tmp_path_factory.mktemp("demo"))


def trained(
    out: Path, place: str, corpus: Any, name: str = "erm", **changes: Any
) -> TrainingFolder:
    return train(
        "qwen2-audio",
        corpus,
        out=out,
        recipe=name,
        options={"model": place},
        **{**recipe(), **changes},
    )


# Trainings that several tests read and none changes.


@pytest.fixture(scope="module")
def erm(tmp_path_factory: pytest.TempPathFactory, model: str, corpus: Any) -> TrainingFolder:
    return trained(tmp_path_factory.mktemp("erm") / "run", model, corpus)


@pytest.fixture(scope="module")
def fair(tmp_path_factory: pytest.TempPathFactory, model: str, corpus: Any) -> TrainingFolder:
    return trained(tmp_path_factory.mktemp("fair") / "run", model, corpus, "minmaxgap")


@pytest.fixture(scope="module")
def without_dropout(
    tmp_path_factory: pytest.TempPathFactory, model: str, corpus: Any
) -> TrainingFolder:
    place = tmp_path_factory.mktemp("still") / "run"
    return trained(place, model, corpus, "minmaxgap", model=NO_DROPOUT)


def weights(run: TrainingFolder) -> dict[str, torch.Tensor]:
    return load_file(sorted(run.checkpoints_path.iterdir())[-1] / "weights.safetensors")


def distance(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> float:
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max()) for name in one)


# --------------------------------------------------------------------- plain torch

# with 1e-8, AdamW would blow up the rounding of gradients that are all but 0
EPS = 1e-5


def by_hand(
    task: TrainingTask, model: str, *, power: int | None, weight: float
) -> dict[str, torch.Tensor]:
    """AdamW on J = mean loss + λ Δ^p, whole batches, without the training package's own loop."""
    reseed(0)
    backend: Any = load_model("qwen2-audio", model=model)
    attach_lora(backend, LoraSettings(rank=4, dropout=0.0))
    parameters = dict(trainable_parameters(backend))
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(task.learner.parameters[name])
    optimizer = torch.optim.AdamW(parameters.values(), lr=5e-3, weight_decay=0.01, eps=EPS)
    steps = [batch for epoch in (1, 2) for batch in task.epoch(epoch)]
    for number, batch in enumerate(steps):
        rows = sorted(batch.rows)
        examples = [task.data.train[row] for row in rows]
        lessons = [
            Lesson(task.learner.lessons.question(each), each.item.label.capitalize())
            for each in examples
        ]
        found = backend.answer_losses(lessons)
        losses = (found.nll * found.mask).sum(1) / found.mask.sum(1)
        objective = losses.mean()
        if power is not None:
            gaps = []
            for language in ("en", "de"):
                means = [
                    torch.stack(
                        [
                            loss
                            for loss, each in zip(losses, examples, strict=True)
                            if each.item.cell == language and each.item.group == gender
                        ]
                    ).mean()
                    for gender in ("female", "male")
                ]
                gaps.append((means[0] - means[1]).abs())
            objective = objective + weight * torch.stack(gaps).max() ** power
        optimizer.zero_grad()
        objective.backward()
        torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
        for group in optimizer.param_groups:  # linear, without a warm-up, 4 steps
            group["lr"] = 5e-3 * (1 - number / 4)
        optimizer.step()
    return {name: parameter.detach() for name, parameter in parameters.items()}


PLAIN: Sections = recipe(
    model={"dropout": 0.0},
    optimiser={"schedule": "linear", "eps": EPS},
    selection={"metric": "loss"},
)


@pytest.mark.parametrize(
    ("changes", "power", "weight"),
    [
        ({}, None, 0.0),
        ({"objective": {"penalty": "gap"}, "weight": {"kind": "fixed", "start": 2.0}}, 2, 2.0),
        (
            {
                "objective": {"penalty": "gap", "power": 1, "road": "two_pass"},
                "weight": {"kind": "fixed", "start": 0.5},
            },
            1,
            0.5,
        ),
    ],
    ids=["erm", "p=2", "p=1, two passes"],
)
def test_the_weights_are_those_of_plain_torch_on_whole_batches(
    tmp_path: Path, model: str, corpus: Any, changes: Sections, power: int | None, weight: float
) -> None:
    settings = {**PLAIN, **changes}
    task = plan_training("qwen2-audio", corpus, options={"model": model}, **settings)
    expected = by_hand(task, model, power=power, weight=weight)
    run = run_training(task, tmp_path / "run")
    assert distance(weights(run), expected) < 1e-5
    start = plan_training("qwen2-audio", corpus, options={"model": model}, **settings)
    first = {name: each.detach() for name, each in start.learner.parameters.items()}
    assert distance(expected, first) > 1e-3


# ------------------------------------------------------------------------- objective


def test_without_a_weight_the_penalty_changes_nothing(
    tmp_path: Path, model: str, corpus: Any, erm: TrainingFolder
) -> None:
    fixed = {"kind": "fixed", "start": 0.0}
    idle = trained(tmp_path / "idle", model, corpus, "minmaxgap", weight=fixed)
    assert distance(weights(erm), weights(idle)) < 1e-6
    losses = [run.table("steps")["loss"].to_list() for run in (erm, idle)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    assert idle.table("steps")["penalty"].null_count() == 0
    assert erm.table("steps")["penalty"].null_count() == 4


def test_a_micro_batch_that_is_the_whole_batch_has_its_gap(
    tmp_path: Path, model: str, corpus: Any
) -> None:
    fixed = {"kind": "fixed", "start": 2.0}
    # eps: AdamW would blow up the rounding of gradients that are all but 0
    size = recipe(optimiser={"micro": 8, "eps": 1e-3}, model={"dropout": 0.0})
    runs = [
        trained(
            tmp_path / scope,
            model,
            corpus,
            "minmaxgap",
            **{**size, "weight": fixed, "objective": {"scope": scope}},
        )
        for scope in ("batch", "microbatch")
    ]
    assert distance(weights(runs[0]), weights(runs[1])) < 1e-5
    small = {**size, "optimiser": {**size["optimiser"], "micro": 4}}
    other = trained(
        tmp_path / "other",
        model,
        corpus,
        "minmaxgap",
        **{**small, "weight": fixed, "objective": {"scope": "microbatch"}},
    )
    assert distance(weights(other), weights(runs[0])) > 1e-4  # another objective


def test_the_weight_follows_the_gaps_that_the_tables_show(
    tmp_path: Path, model: str, corpus: Any
) -> None:
    weight = {"rate": 3.0, "tolerance": 0.001, "maximum": 0.5, "update": 1}
    run = trained(tmp_path / "run", model, corpus, "minmaxgap", weight=weight)
    held_out = run.table("losses").filter(split="validation", step=1)
    by_place = {(r["cell"], r["group"]): r["loss"] for r in held_out.iter_rows(named=True)}
    gap = max(abs(by_place[c, "female"] - by_place[c, "male"]) for c in ("en", "de"))
    steps = run.table("steps")
    assert steps["weight"][0] == 0.0
    assert steps["weight"][1] == pytest.approx(min(0.5, 3.0 * (gap - 0.001)))
    gaps = run.table("evaluations").filter(metric="worst_gap", step=1)["value"]
    assert gaps.to_list() == pytest.approx([gap])
    assert steps["penalty"].to_list() == pytest.approx([g**2 for g in steps["gap"]])


def test_the_weights_of_classes_enter_the_loss(tmp_path: Path, model: str, corpus: Any) -> None:
    train_rows = corpus.folds.filter(split="train").select("utterance_id")
    angry = corpus.utterances.join(train_rows, on="utterance_id", how="semi").filter(
        emotion="angry"
    )
    fewer = corpus.folds.filter(~pl.col("utterance_id").is_in(angry["utterance_id"][:4].to_list()))
    import dataclasses

    skewed = dataclasses.replace(corpus, folds=fewer)
    objective = {"loss": "class_weighted"}
    task = plan_training(
        "qwen2-audio", skewed, options={"model": model}, **recipe(objective=objective)
    )
    assert task.data.counts("train") == {"angry": 4, "sad": 8}
    assert task.learner.weights == {"angry": 12 / (4 * 2), "sad": 12 / (8 * 2)}
    plain = plan_training("qwen2-audio", skewed, options={"model": model}, **recipe())
    examples = list(task.data.train)
    with torch.no_grad():
        found, expected = (each.learner.loss(examples, epoch=1) for each in (task, plain))
    factor = [1.5 if each.item.label == "angry" else 0.75 for each in examples]
    assert found.tolist() == pytest.approx((expected * torch.tensor(factor)).tolist(), rel=1e-5)


# --------------------------------------------------------------- what is stored, when


def test_a_training_folder_says_what_happened(fair: TrainingFolder) -> None:
    run = fair
    steps, evaluations = run.table("steps"), run.table("evaluations")
    assert steps["step"].to_list() == [1, 2, 3, 4]
    assert steps["epoch"].to_list() == [1, 1, 2, 2]
    assert steps["items"].to_list() == [8, 8, 8, 8]
    assert evaluations["step"].unique().sort().to_list() == [0, 2, 4]
    held = run.table("losses").filter(split="train", step=1)
    assert held["n"].to_list() == [2, 2, 2, 2]
    mean = (held["loss"] * held["n"]).sum() / held["n"].sum()
    assert steps["loss"][0] == pytest.approx(mean)
    facts = json.loads(run.read_text("training.json") or "")
    assert facts["labels"] == ["angry", "sad"]
    assert facts["cell"] == "language"
    assert facts["stopped"] == "All 2 epochs are done."
    record = run.record
    assert (record.verb, record.finished is not None) == ("train", True)
    assert record.config["optimiser"]["batch"] == 8
    assert record.generation[facts["system"]]["trained"]["parameters"] > 0
    assert not run.sounds_path.exists()


def test_the_record_proves_that_the_test_part_chose_nothing(
    tmp_path: Path, model: str, corpus: Any
) -> None:
    tests = corpus.folds.filter(split="test").select("utterance_id")
    held_back = corpus.utterances.join(tests, on="utterance_id", how="semi")
    for path in held_back["audio"]:
        Path(path).rename(f"{path}.away")
    try:
        run = trained(tmp_path / "run", model, corpus)
    finally:
        for path in held_back["audio"]:
            Path(f"{path}.away").rename(path)
    used = set(run.utterances()["utterance_id"])
    assert used.isdisjoint(tests["utterance_id"])
    assert set(run.predictions()["utterance_id"]) <= used
    chosen = run.record.selection[0]
    assert chosen["split"] == "validation"
    assert set(chosen["speakers"]) == {
        f"{x}-{g}-2" for x in ("en", "de") for g in ("female", "male")
    }
    assert set(chosen["test_speakers"]["demo"]) == {
        f"{x}-{g}-3" for x in ("en", "de") for g in ("female", "male")
    }
    assert set(chosen["speakers"]).isdisjoint(chosen["train_speakers"])


def test_the_best_checkpoint_is_that_of_the_best_evaluation(
    tmp_path: Path, model: str, corpus: Any
) -> None:
    run = trained(tmp_path / "run", model, corpus, selection={"metric": "loss", "every": 1})
    found = run.table("evaluations").filter(
        (pl.col("metric") == "loss") & pl.col("cell").is_null() & (pl.col("step") > 0)
    )
    best = found.sort("value")["step"][0]
    assert run.record.selection[0]["chosen"] == f"step {best}"
    assert max(found.filter(pl.col("best"))["step"]) == best
    again: Any = load_model("qwen2-audio", model=model, adapter=str(run.best_path))
    task = plan_training("qwen2-audio", corpus, options={"model": model}, **recipe())
    examples = list(task.data.validation)
    lessons = [task.learner.lessons.lesson(each, 1) for each in examples]
    with torch.no_grad():
        losses = again.answer_losses(lessons)
    mean = (losses.nll.sum(1) / losses.mask.sum(1)).mean()
    assert float(mean) == pytest.approx(found.sort("value")["value"][0], abs=1e-4)


def test_patience_ends_a_training(tmp_path: Path, model: str, corpus: Any) -> None:
    optimiser = {**recipe()["optimiser"], "epochs": 9, "lr": 1e-12}
    selection = {"metric": "macro_f1", "patience": 2}
    run = trained(tmp_path / "run", model, corpus, optimiser=optimiser, selection=selection)
    assert run.table("steps").height == 6  # the first evaluation is the best, two are no better
    facts = json.loads(run.read_text("training.json") or "")
    assert facts["stopped"] == "No better macro_f1 on the validation part in 2 evaluations."
    assert run.record.selection[0]["chosen"] == "step 2"


def test_only_the_last_checkpoints_are_kept(tmp_path: Path, model: str, corpus: Any) -> None:
    run = trained(tmp_path / "run", model, corpus, checkpoints={"every": 1, "keep": 3})
    names = sorted(path.name for path in run.checkpoints_path.iterdir())
    assert names == ["step-000002", "step-000003", "step-000004"]


# -------------------------------------------------------------------------- go on


class Stop(Quiet):
    """Ends the process's work as a power cut would, at a step or in an evaluation."""

    def __init__(self, *, step: int | None = None, evaluation: int | None = None) -> None:
        self.step, self.evaluation, self.seen = step, evaluation, 0

    def stepped(self, step: int, **_: Any) -> None:
        if step == self.step:
            raise KeyboardInterrupt

    def validating(self, done: int, total: int) -> None:
        self.seen += done == total
        if self.seen == self.evaluation:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    "stop",
    [Stop(step=1), Stop(step=3), Stop(evaluation=1), Stop(evaluation=3)],
    ids=["step 1", "step 3", "evaluation 1", "evaluation 3"],
)
def test_what_was_cut_off_ends_with_the_same_bits(
    tmp_path: Path, model: str, corpus: Any, fair: TrainingFolder, stop: Stop
) -> None:
    task = plan_training(
        "qwen2-audio", corpus, recipe="minmaxgap", options={"model": model}, **recipe()
    )
    with pytest.raises(KeyboardInterrupt):
        run_training(task, tmp_path / "cut", progress=stop)
    cut = TrainingFolder.read(tmp_path / "cut")
    assert cut.record.finished is None
    again = trained(tmp_path / "cut", model, corpus, "minmaxgap")
    for name in ("steps", "losses", "evaluations"):
        assert again.table(name).equals(fair.table(name))
    assert distance(weights(again), weights(fair)) == 0.0
    names = ("adapter_model.safetensors",)
    assert all(
        (again.best_path / n).read_bytes() == (fair.best_path / n).read_bytes() for n in names
    )
    assert again.predictions().equals(fair.predictions())


def test_a_finished_training_is_not_done_again(
    model: str, corpus: Any, erm: TrainingFolder
) -> None:
    before = {path: path.stat().st_mtime_ns for path in erm.checkpoints_path.rglob("*")}
    again = trained(erm.path, model, corpus)
    assert again.record == erm.record
    assert {path: path.stat().st_mtime_ns for path in erm.checkpoints_path.rglob("*")} == before


def test_another_training_in_the_folder_is_refused_by_what_differs(
    tmp_path: Path, model: str, corpus: Any
) -> None:
    trained(tmp_path / "run", model, corpus)
    with pytest.raises(ConfigError, match="differs in 4 settings") as caught:
        trained(tmp_path / "run", model, corpus, seed=5)
    assert "seed: 42 in the run, 5 now" in str(caught.value)
    again = train(
        "qwen2-audio",
        corpus,
        out=tmp_path / "run",
        options={"model": model},
        overwrite=True,
        **{**recipe(), "seed": 5},
    )
    assert again.record.config["seed"] == 5


def test_a_training_that_diverges_says_so(tmp_path: Path, model: str, corpus: Any) -> None:
    optimiser = {**recipe()["optimiser"], "lr": 1e30, "clip": None}
    with pytest.raises(RunError, match="diverged"):
        trained(tmp_path / "run", model, corpus, optimiser=optimiser)


# ------------------------------------------------------------------ how it is computed


@pytest.mark.parametrize(
    "changes",
    [
        {"optimiser": {**recipe()["optimiser"], "micro": 1}},
        {"model": {**NO_DROPOUT, "gradient_checkpointing": True}},
        {"model": {**NO_DROPOUT, "keep_sounds": False}},
    ],
    ids=["micro-batches of one", "gradient checkpointing", "sounds not kept"],
)
def test_memory_and_speed_change_no_result(
    tmp_path: Path, model: str, corpus: Any, without_dropout: TrainingFolder, changes: Sections
) -> None:
    settings = {"model": NO_DROPOUT, **changes}
    other = trained(tmp_path / "other", model, corpus, "minmaxgap", **settings)
    assert distance(weights(without_dropout), weights(other)) < 1e-5


def test_parts_of_the_model_can_be_trained_as_they_are(
    tmp_path: Path, model: str, corpus: Any
) -> None:
    partial = {"tuning": "partial", "unfreeze": ["projector"]}
    run = trained(tmp_path / "run", model, corpus, model=partial)
    assert all("projector" in name for name in weights(run))
    fresh: Any = load_model("qwen2-audio", model=model)
    tuned: Any = load_model("qwen2-audio", model=model, adapter=str(run.best_path))
    before = dict(fresh.model.named_parameters())
    moved = [n for n, p in tuned.model.named_parameters() if not torch.equal(p, before[n])]
    assert moved
    assert all("projector" in name for name in moved)


def test_bfloat16_trains_in_float32_weights(tmp_path: Path, model: str, corpus: Any) -> None:
    run = train(
        "qwen2-audio",
        corpus,
        out=tmp_path / "run",
        recipe="minmaxgap",
        options={"model": model, "dtype": "bfloat16"},
        **recipe(model={"unfreeze": ["projector"]}),
    )
    assert {str(each.dtype) for each in weights(run).values()} == {"torch.float32"}
    plain = trained(
        tmp_path / "plain", model, corpus, "minmaxgap", **recipe(model={"unfreeze": ["projector"]})
    )
    losses = [each.table("steps")["loss"].to_list() for each in (run, plain)]
    assert losses[0] == pytest.approx(losses[1], rel=0.03)
    assert losses[0] != losses[1]


def test_both_modalities_and_drawn_label_orders_train_together(tmp_path: Path, model: str) -> None:
    said = make_corpus(tmp_path / "said", transcripts=True)
    data = {
        "modalities": ["speech", "speech+transcript"],
        "orders": ["given", "shuffled-1", "alphabetical"],
    }
    run = trained(tmp_path / "run", model, said, "minmaxgap", data=data)
    assert run.table("steps")["items"].sum() == 2 * 32
    cells = {f"{x} x {m}" for x in ("en", "de") for m in data["modalities"]}
    assert set(run.table("losses")["cell"]) == cells
    assert set(run.table("steps")["worst_cell"]) <= cells
    facts = json.loads(run.read_text("training.json") or "")
    assert facts["cell"] == "language x modality"
    answers = run.predictions()
    assert answers.group_by("modality").len()["len"].to_list() == [8, 8]
    # the best checkpoint's answers give the score that chose it
    right = answers.join(run.utterances(), on="utterance_id", suffix="_right")
    share = (right["emotion"] == right["emotion_right"]).mean()
    step = run.record.selection[0]["chosen"].removeprefix("step ")
    shown = run.table("evaluations").filter(
        (pl.col("metric") == "accuracy") & pl.col("cell").is_null(), step=int(step)
    )
    assert shown["value"].to_list() == pytest.approx([share])
