"""Classifiers through the loop, against plain torch: the same weights from one autograd a batch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from equivoice.corpora import Corpus
from equivoice.errors import ConfigError, InputError, RunError
from equivoice.models import Classifiable, ClassifyingBackend, Sample
from equivoice.store import TrainingFolder
from equivoice.training import plan_training, run_training, train
from equivoice.training.progress import Quiet
from equivoice.training.task import TrainingTask
from tiny.classifier import TinyClassifiable, load_tiny
from tiny.corpus import make_corpus, recipe

Sections = dict[str, dict[str, Any]]
WEIGHT = 1.5


def quick(**sections: Mapping[str, object]) -> Sections:
    base = recipe(optimiser={"lr": 5e-2, "schedule": "linear", "weight_decay": 0.01, "clip": 1.0})
    del base["model"]
    base["groups"] = {"cell": "language"}
    base["objective"] = {"loss": "cross_entropy", "smoothing": 0.0}
    for name, section in sections.items():
        base[name] = base.get(name, {}) | dict(section)
    return base


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Of the eight angry utterances to train on, three are left: 3 against 8."""
    made = make_corpus(tmp_path_factory.mktemp("demo"))
    trained = made.folds.filter(split="train").select("utterance_id")
    angry = made.utterances.join(trained, on="utterance_id", how="semi").filter(emotion="angry")
    kept = ["demo/en-female-0-0", "demo/en-male-1-0", "demo/de-female-1-0"]
    gone = [name for name in angry["utterance_id"] if name not in kept]
    folds = made.folds.filter(~pl.col("utterance_id").is_in(gone))
    return Corpus(made.name, made.label_space, made.utterances, folds)


def trained(
    out: Path, corpus: Corpus, system: Any = None, progress: Any = None, **sections: Any
) -> TrainingFolder:
    given = {"recipe": "compact", **quick(**sections)}
    return train(system or TinyClassifiable(), corpus, out=out, progress=progress, **given)


def weights(run: TrainingFolder) -> dict[str, torch.Tensor]:
    return load_file(sorted(run.checkpoints_path.iterdir())[-1] / "weights.safetensors")


def distance(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> float:
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max()) for name in one)


def test_the_tiny_system_keeps_the_protocol() -> None:
    system = TinyClassifiable()
    assert isinstance(system, Classifiable)
    space = make_space()
    assert isinstance(system.classifier(space, seed=0), ClassifyingBackend)


def make_space() -> Any:
    from equivoice.corpora import label_space

    return label_space(["angry", "sad"], id="demo")


# --------------------------------------------------------------------- plain torch


def focal(logits: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """(1 − p)² (−log p) N / (N_c C), for 3 angry and 8 sad ones."""
    p = logits.softmax(1)[torch.arange(len(right)), right]
    return torch.tensor([11 / (3 * 2), 11 / (8 * 2)])[right] * (1 - p) ** 2 * -p.log()


def entropy(logits: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(logits, right, reduction="none")


def frameworks_own(logits: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Torch's weighted cross-entropy, spread over the items so that their mean is it."""
    own = torch.tensor([11 / 6, 11 / 16])
    whole = torch.nn.functional.cross_entropy(logits, right, weight=own)
    each = entropy(logits, right) * own[right]
    return each * (whole / each.mean()).detach()


def by_hand(task: TrainingTask, loss: Any, *, power: int | None) -> dict[str, torch.Tensor]:
    """AdamW on J = mean loss + λ Δ^p, whole batches, without the package's own loop."""
    system = TinyClassifiable()
    backend = system.classifier(task.data.labels, seed=0)
    task.learner.calibrate(task.data.train)
    parameters = dict(backend.model.named_parameters())
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(task.learner.parameters[name])
    matrices = [each for each in parameters.values() if each.dim() > 1]
    rest = [each for each in parameters.values() if each.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.01}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=5e-2)
    steps = [batch for epoch in (1, 2) for batch in task.epoch(epoch)]
    for number, batch in enumerate(steps):
        examples = [task.data.train[row] for row in sorted(batch.rows)]
        samples = [Sample(each.item.utterance_id, each.clip) for each in examples]
        right = torch.tensor([["angry", "sad"].index(str(e.item.label)) for e in examples])
        losses = loss(backend.class_logits(samples), right)
        objective = losses.mean()
        if power is not None:
            objective = objective + WEIGHT * worst(losses, examples) ** power
        optimizer.zero_grad()
        objective.backward()
        torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
        for group in optimizer.param_groups:  # linear, without a warm-up
            group["lr"] = 5e-2 * (1 - number / len(steps))
        optimizer.step()
    return {name: parameter.detach() for name, parameter in parameters.items()}


def worst(losses: torch.Tensor, examples: list[Any]) -> torch.Tensor:
    gaps = []
    for language in ("en", "de"):
        means = [
            torch.stack(
                [
                    loss
                    for loss, each in zip(losses, examples, strict=True)
                    if (each.item.cell, each.item.group) == (language, gender)
                ]
            ).mean()
            for gender in ("female", "male")
        ]
        gaps.append((means[0] - means[1]).abs())
    return torch.stack(gaps).max()


GAP: Sections = {
    "objective": {"penalty": "gap"},
    "weight": {"kind": "fixed", "start": WEIGHT},
}
FOCAL = {"loss": "weighted_focal", "options": {"gamma": 2.0}}


@pytest.mark.parametrize(
    ("sections", "loss", "power"),
    [
        ({}, entropy, None),
        ({"objective": FOCAL}, focal, None),
        (
            {"objective": {"loss": "weighted_cross_entropy", "reduction": "weights"}},
            frameworks_own,
            None,
        ),
        (GAP, entropy, 2),
        ({**GAP, "objective": {**GAP["objective"], **FOCAL}}, focal, 2),
        (
            {**GAP, "objective": {"penalty": "gap", "power": 1, "road": "two_pass"}},
            entropy,
            1,
        ),
    ],
    ids=["erm", "weighted focal", "sum of weights", "p=2", "focal, p=2", "p=1, two passes"],
)
def test_the_weights_are_those_of_plain_torch_on_whole_batches(
    tmp_path: Path, corpus: Corpus, sections: Sections, loss: Any, power: int | None
) -> None:
    given = {"recipe": "compact", **quick(**sections)}
    task = plan_training(TinyClassifiable(), corpus, **given)
    first = {name: each.detach().clone() for name, each in task.learner.parameters.items()}
    run = run_training(task, tmp_path / "run")
    expected = by_hand(plan_training(TinyClassifiable(), corpus, **given), loss, power=power)
    assert distance(weights(run), expected) < 1e-5
    assert distance(expected, first) > 1e-2


def test_a_weight_of_0_is_plain_training_to_the_bit(tmp_path: Path, corpus: Corpus) -> None:
    nothing = {"objective": {"penalty": "gap"}, "weight": {"kind": "fixed", "start": 0.0}}
    dropping = TinyClassifiable(dropout=0.3)
    erm = trained(tmp_path / "erm", corpus, dropping)
    fair = trained(tmp_path / "fair", corpus, dropping, **nothing)
    assert distance(weights(erm), weights(fair)) == 0.0
    weighted = {**nothing, "weight": {"kind": "fixed", "start": 2.0}}
    other = trained(tmp_path / "other", corpus, dropping, **weighted)
    assert distance(weights(erm), weights(other)) > 1e-4


@pytest.mark.parametrize("micro", [1, 3, 8])
def test_what_goes_through_at_once_changes_nothing(
    tmp_path: Path, corpus: Corpus, micro: int
) -> None:
    one = trained(tmp_path / "one", corpus, optimiser={"micro": 2}, **GAP)
    other = trained(tmp_path / "other", corpus, optimiser={"micro": micro}, **GAP)
    assert distance(weights(one), weights(other)) < 1e-6


def test_what_is_frozen_stays_as_it_was(tmp_path: Path, corpus: Corpus) -> None:
    run = trained(tmp_path / "run", corpus, TinyClassifiable(frozen=True))
    assert set(weights(run)) == {"head.weight", "head.bias"}
    best = load_file(run.best_path / "weights.safetensors")
    task = plan_training(TinyClassifiable(frozen=True), corpus, recipe="compact", **quick())
    task.learner.calibrate(task.data.train)
    start = task.learner.model.state_dict()
    assert torch.equal(best["body.weight"], start["body.weight"])
    assert not torch.equal(best["head.weight"], start["head.weight"])


# ------------------------------------------------------------------------------- go on


class Stop(Quiet):
    """Ends the work as a power cut would."""

    def __init__(self, step: int) -> None:
        self.step = step

    def stepped(self, step: int, **_: Any) -> None:
        if step == self.step:
            raise KeyboardInterrupt


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_training_that_was_cut_off_ends_with_the_same_bits(
    tmp_path: Path, corpus: Corpus, step: int
) -> None:
    system = TinyClassifiable(dropout=0.4)
    adaptive = {"objective": {"penalty": "gap"}, "weight": {"rate": 2.0, "tolerance": 0.0}}
    whole = trained(tmp_path / "whole", corpus, system, **adaptive)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "cut", corpus, system, progress=Stop(step), **adaptive)
    cut = trained(tmp_path / "cut", corpus, system, **adaptive)
    assert distance(weights(whole), weights(cut)) == 0.0
    for table in ("steps", "losses", "evaluations"):
        assert whole.table(table).equals(cut.table(table))
    assert whole.predictions().equals(cut.predictions())


# -------------------------------------------------------------------- what comes out


def test_the_best_folder_holds_the_weights_of_the_best_step(tmp_path: Path, corpus: Corpus) -> None:
    run = trained(tmp_path / "run", corpus, selection={"metric": "loss", "every": 1})
    found = run.table("evaluations").filter(
        (pl.col("metric") == "loss") & pl.col("cell").is_null() & (pl.col("step") > 0)
    )
    best = found.sort("value").row(0, named=True)
    assert run.record.selection[0]["chosen"] == f"step {best['step']}"
    used = run.utterances().filter(split="validation").sort("utterance_id")
    backend = load_tiny(run.best_path)
    samples = [Sample(row["utterance_id"], clip_of(row)) for row in used.iter_rows(named=True)]
    right = torch.tensor([["angry", "sad"].index(label) for label in used["emotion"]])
    with torch.no_grad():
        logits = backend.class_logits(samples)
    assert float(entropy(logits, right).mean()) == pytest.approx(best["value"], abs=1e-6)
    said = run.predictions().sort("utterance_id")
    assert np.allclose(said["probabilities"].to_list(), logits.softmax(1).numpy(), atol=1e-6)
    assert said["modality"].unique().to_list() == ["speech"]
    assert set(said["status"]) == {"parsed"}


def clip_of(row: Mapping[str, Any]) -> Any:
    from equivoice.models import Clip

    return Clip(row["audio"], row["start"], row["end"])


def test_the_validation_loss_has_the_reduction_of_the_training(
    tmp_path: Path, corpus: Corpus
) -> None:
    objective = {"loss": "weighted_cross_entropy", "reduction": "weights"}
    run = trained(tmp_path / "run", corpus, objective=objective, selection={"every": 1})
    last = run.table("evaluations").filter(
        (pl.col("metric") == "loss") & pl.col("cell").is_null() & (pl.col("step") == 0)
    )["value"][0]
    task = plan_training(TinyClassifiable(), corpus, recipe="compact", **quick(objective=objective))
    task.learner.calibrate(task.data.train)
    examples = task.data.validation
    samples = [Sample(each.item.utterance_id, each.clip) for each in examples]
    right = torch.tensor([["angry", "sad"].index(str(each.item.label)) for each in examples])
    network: Any = task.learner
    with torch.no_grad():
        logits = network.backend.class_logits(samples)
    own = torch.nn.functional.cross_entropy(logits, right, weight=torch.tensor([11 / 6, 11 / 16]))
    assert last == pytest.approx(float(own), abs=1e-6)


def test_the_folder_says_what_was_trained(tmp_path: Path, corpus: Corpus) -> None:
    run = trained(tmp_path / "run", corpus, objective=FOCAL)
    facts = json.loads(run.read_text("training.json") or "")
    assert (facts["loss"], facts["targets"], facts["prompt"]) == ("weighted_focal", "label", None)
    assert (facts["trainable"], facts["parameters"]) == (22, 22)
    record = run.record
    assert record.config["data"]["modalities"] == ["speech"]
    assert record.generation["tiny-classifier"]["architecture"] == "tiny"
    chosen = record.selection[0]
    assert (chosen["split"], chosen["metric"]) == ("validation", "macro_f1")
    assert set(chosen["speakers"]).isdisjoint(chosen["train_speakers"])
    assert all(name.endswith("-3") for name in chosen["test_speakers"]["demo"])
    first_epoch = pl.col("step").is_in([1, 2]) & (pl.col("split") == "train")
    assert run.table("losses").filter(first_epoch)["n"].sum() == 11


def test_frozen_parts_hear_once_where_that_is_wished(tmp_path: Path, corpus: Corpus) -> None:
    class Watched(TinyClassifiable):
        def classifier(self, label_space: Any, *, seed: int) -> Any:
            made.append(super().classifier(label_space, seed=seed))
            return made[-1]

    made: list[Any] = []
    trained(tmp_path / "kept", corpus, Watched())
    trained(tmp_path / "not", corpus, Watched(), model={"keep_sounds": False})
    assert made[0].cache is not None
    assert made[1].cache is None
    assert not (tmp_path / "kept" / "sounds").exists()


def test_a_network_is_calibrated_once_and_on_training_speech_alone(
    tmp_path: Path, corpus: Corpus
) -> None:
    given = {"recipe": "compact", **quick()}
    whole, again = (plan_training(TinyClassifiable(), corpus, **given) for _ in range(2))
    run_training(whole, tmp_path / "run")
    learner: Any = whole.learner
    heard = learner.backend.calibrated_on
    assert sorted(heard) == sorted(each.item.utterance_id for each in whole.data.train)
    with TrainingFolder.open(tmp_path / "run") as run:  # as if it had been cut off at its end
        run.save_record(run.record.model_copy(update={"finished": None}))
    run_training(again, tmp_path / "run")
    learner = again.learner
    assert learner.backend.calibrated_on == []


# --------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"objective": {"loss": "focal"}}, "no such loss for a classifier"),
        ({"objective": {"loss": "weighted_focal", "options": {"gama": 1}}}, "no such option"),
        ({"objective": {"loss": "weighted_focal", "options": {"gamma": -1}}}, "gamma"),
        ({"objective": {"loss": "weighted_focal", "options": {"gamma": "2"}}}, "cannot use"),
        ({"model": {"rank": 8}}, "option of the system"),
        ({"data": {"modalities": ["transcript"]}}, "cannot be given this modality"),
        ({"data": {"targets": "votes"}}, "no votes to learn from"),
        ({"selection": {"metric": "f2"}}, "no such metric"),
    ],
)
def test_what_cannot_be_is_named_before_the_first_step(
    tmp_path: Path, corpus: Corpus, sections: Sections, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        trained(tmp_path / "run", corpus, **sections)
    assert not (tmp_path / "run").exists()


def test_something_must_be_trained(tmp_path: Path, corpus: Corpus) -> None:
    with pytest.raises(ConfigError, match="nothing of the system 'tiny-classifier' is trained"):
        trained(tmp_path / "run", corpus, TinyClassifiable(nothing=True))


def test_a_network_whose_logits_are_no_numbers_stops(tmp_path: Path, corpus: Corpus) -> None:
    class Broken(TinyClassifiable):
        def classifier(self, label_space: Any, *, seed: int) -> Any:
            made = super().classifier(label_space, seed=seed)
            with torch.no_grad():
                made.model.head.bias.fill_(float("nan"))
            return made

    with pytest.raises(RunError, match="training has diverged"):
        trained(tmp_path / "run", corpus, Broken())


# --------------------------------------------------------------------- transcripts


def test_transcripts_alone_need_no_sound(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "demo", transcripts=True)
    silent = corpus.utterances.with_columns(audio=pl.lit(None, pl.String))
    written = Corpus(corpus.name, corpus.label_space, silent, corpus.folds)
    system = TinyClassifiable(modalities=frozenset({"transcript"}))
    run = trained(tmp_path / "run", written, system)
    assert run.record.config["data"]["modalities"] == ["transcript"]
    assert run.predictions()["modality"].unique().to_list() == ["transcript"]
