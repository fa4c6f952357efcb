"""Targets from votes: what each rule makes of votes counted by hand, and how a network learns them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from pydantic import ValidationError

from equivoice.corpora import Corpus, label_space
from equivoice.errors import ConfigError, CorpusError, VotesError
from equivoice.training import plan_training, train
from equivoice.training.data import TrainingData, gather_data
from equivoice.training.settings import DataSettings, TrainingSettings
from equivoice.training.voted_targets import voted_targets
from tiny.classifier import TinyClassifiable
from tiny.corpus import make_corpus, recipe

LABELS = ("angry", "sad", "calm")
SPACE = label_space(list(LABELS), id="votes")
# of angry, sad, calm, and of none of them
VOTES = {
    "v/half": (2, 1, 1, 0),
    "v/tie": (2, 2, 0, 0),
    "v/most": (3, 1, 0, 0),
    "v/other": (0, 0, 0, 4),
    "v/none": (0, 0, 0, 0),
    "v/calm": (1, 0, 3, 2),
}


def rows_of(counts: tuple[int, ...], item: str) -> list[dict[str, Any]]:
    values = (*LABELS, "other")
    return [
        {"item": item, "question": "emotion", "channel": "voice", "kind": "person"}
        | {"value": value, "count": count, "rater": None}
        for value, count in zip(values, counts, strict=True)
        if count
    ]


def voted(votes: dict[str, tuple[int, ...]]) -> pl.DataFrame:
    rows = [row for item, counts in votes.items() for row in rows_of(counts, item)]
    return pl.DataFrame(rows, schema_overrides={"rater": pl.String})


CORPUS = Corpus("v", SPACE, pl.DataFrame({"utterance_id": list(VOTES)}), votes=voted(VOTES))


def settings(**given: Any) -> DataSettings:
    return DataSettings(targets="votes", **given)


# --------------------------------------------------------------------------- the rules


def test_all_inclusive_gives_shares_to_whatever_was_voted_on() -> None:
    found = voted_targets(CORPUS, SPACE, settings())
    assert found.shares == {
        "v/half": (0.5, 0.25, 0.25),
        "v/tie": (0.5, 0.5, 0.0),
        "v/most": (0.75, 0.25, 0.0),
        "v/calm": (0.25, 0.0, 0.75),
    }
    assert found.labels == {
        "v/half": "angry",
        "v/tie": None,
        "v/most": "angry",
        "v/calm": "calm",
    }
    assert found.why == {
        "v/other": "only votes for none of the labels",
        "v/none": "no vote",
    }


def test_plurality_drops_ties_and_majority_what_has_no_more_than_half() -> None:
    plurality = voted_targets(CORPUS, SPACE, settings(rule="plurality"))
    assert plurality.labels == {"v/half": "angry", "v/most": "angry", "v/calm": "calm"}
    assert plurality.shares["v/half"] == (1.0, 0.0, 0.0)
    assert plurality.why["v/tie"] == "tie"
    majority = voted_targets(CORPUS, SPACE, settings(rule="majority"))
    assert majority.labels == {"v/most": "angry", "v/calm": "calm"}
    assert majority.why["v/half"] == "no label above half"


def test_fewer_labels_are_asked_with() -> None:
    fewer = SPACE.restrict(["sad", "calm"])
    soft = voted_targets(CORPUS, fewer, settings())
    assert soft.shares == {
        "v/half": (0.5, 0.5),
        "v/tie": (1.0, 0.0),
        "v/most": (1.0, 0.0),
        "v/calm": (0.0, 1.0),
    }
    assert soft.labels["v/half"] is None
    hard = voted_targets(CORPUS, fewer, settings(rule="plurality"))
    # the winner was elected among all labels: angry is not calm's second
    assert hard.labels == {"v/calm": "calm"}
    assert hard.why["v/most"] == "the votes are for a label that is not asked with"


def test_models_do_not_vote_and_questions_are_told_apart() -> None:
    more = pl.concat(
        [
            CORPUS.votes,
            CORPUS.votes.with_columns(kind=pl.lit("model"), value=pl.lit("sad")),
        ]
    )
    assert voted_targets(replace(CORPUS, votes=more), SPACE, settings()).shares == (
        voted_targets(CORPUS, SPACE, settings()).shares
    )
    with pytest.raises(VotesError):
        voted_targets(CORPUS, SPACE, settings(question="intensity"))
    with pytest.raises(VotesError):
        voted_targets(CORPUS, SPACE, settings(channel="face"))


def test_a_corpus_without_votes_is_named() -> None:
    with pytest.raises(CorpusError, match="v has no votes to learn from"):
        voted_targets(replace(CORPUS, votes=None), SPACE, settings())


def test_what_is_learnt_from_is_filtered() -> None:
    with pytest.raises(ValidationError, match="must name train"):
        settings(filter_splits=["validation"])
    assert settings(filter_splits="train").filter_splits == ("train",)


# ------------------------------------------------------------------------------ the data


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Everyone's angry is heard as 3 : 1, sad as 1 : 3; of the second speakers' sad as 2 : 2."""
    made = make_corpus(tmp_path_factory.mktemp("demo"), languages=("en",))
    votes: dict[str, tuple[int, ...]] = {}
    for name, label, speaker in made.utterances.select(
        "utterance_id", "emotion", "speaker"
    ).iter_rows():
        tied = label == "sad" and speaker.endswith(("-1", "-2"))
        votes[name] = (2, 2, 0, 0) if tied else (3, 1, 0, 0) if label == "angry" else (1, 3, 0, 0)
    return replace(made, votes=voted(votes))


def gathered(corpus: Corpus, **data: Any) -> TrainingData:
    asked = TrainingSettings(
        system="tiny",
        corpora=("demo",),
        data={"targets": "votes", **data},
        groups={"cell": "corpus"},
    )
    return gather_data(asked, {"demo": corpus})


def test_ties_are_learnt_from_as_distributions_and_have_no_label(corpus: Corpus) -> None:
    data = gathered(corpus)
    targets = {each.item.utterance_id: (each.item.label, each.target) for each in data.train}
    assert targets["demo/en-female-0-0"] == ("angry", (0.75, 0.25))
    assert targets["demo/en-female-0-1"] == ("sad", (0.25, 0.75))
    assert targets["demo/en-female-1-1"] == (None, (0.5, 0.5))
    assert data.counts("train") == {"angry": 4, "sad": 2}
    assert len(data.train) == 8
    assert not data.left_out


def test_a_rule_leaves_out_what_it_cannot_label_and_says_so(corpus: Corpus) -> None:
    data = gathered(corpus, rule="plurality")
    assert len(data.train) == 6
    assert [each.item.label for each in data.validation] == ["angry", "angry"]
    assert data.left_out == {
        "demo: train utterance without target by plurality: tie": 2,
        "demo: validation utterance without target by plurality: tie": 2,
    }
    whole = gathered(corpus, rule="plurality", filter_splits=["train"])
    assert sorted(str(each.item.label) for each in whole.validation) == [
        "angry",
        "angry",
        "sad",  # the corpus's own label, as the votes give none
        "sad",
    ]
    assert [each.target for each in whole.validation if each.item.label == "sad"] == [None, None]


def test_votes_are_laid_over_the_labels_of_all_corpora(corpus: Corpus, tmp_path: Path) -> None:
    more = make_corpus(tmp_path / "b", name="other", labels=("calm", "angry"), languages=("en",))
    counts = {"calm": (0, 0, 3, 0), "angry": (2, 0, 1, 0)}
    rows = more.utterances.select("utterance_id", "emotion").iter_rows()
    both = replace(more, votes=voted({name: counts[label] for name, label in rows}))
    asked = TrainingSettings(
        system="tiny", corpora=("a", "b"), data={"targets": "votes"}, groups={"cell": "corpus"}
    )
    data = gather_data(asked, {"demo": corpus, "other": both})
    assert data.labels.names == ("angry", "sad", "calm")
    targets = {each.item.utterance_id: each.target for each in data.train}
    assert targets["demo/en-male-0-0"] == (0.75, 0.25, 0.0)
    assert targets["other/en-male-0-1"] == pytest.approx((2 / 3, 0.0, 1 / 3))


# -------------------------------------------------------------------------- the learning


def sections(**data: Any) -> dict[str, Any]:
    given = recipe(optimiser={"lr": 5e-2}, data={"targets": "votes", **data})
    del given["model"]
    given["objective"] = {"loss": "soft_cross_entropy", "smoothing": 0.0}
    return given


def test_a_network_learns_the_shares(corpus: Corpus, tmp_path: Path) -> None:
    """With a large rate and no feature that helps, it ends near the mean share."""
    given = sections()
    given["optimiser"] |= {"epochs": 30, "schedule": "cosine", "weight_decay": 0.0}
    run = train(TinyClassifiable(), corpus, out=tmp_path / "run", recipe="compact", **given)
    last = run.table("evaluations").filter((pl.col("metric") == "loss") & pl.col("cell").is_null())[
        "value"
    ]
    assert last[-1] < last[0]
    assert run.table("evaluations").filter(metric="macro_f1", step=0)["n"].max() == 2
    assert run.table("evaluations").filter(metric="loss", step=0)["n"].max() == 4
    used = run.utterances().filter(split="train")
    assert used["emotion"].null_count() == 2  # ties have no reference label


def test_the_loss_is_that_of_the_shares(corpus: Corpus) -> None:
    task = plan_training(TinyClassifiable(), corpus, recipe="compact", **sections())
    learner: Any = task.learner
    examples = list(task.data.train)
    with torch.no_grad():
        found = learner.loss(examples, epoch=None)
        logits = learner.logits(examples)
    shares = torch.tensor([each.target for each in examples])
    expected = -(shares * logits.log_softmax(1)).sum(1)
    assert found.tolist() == pytest.approx(expected.tolist(), abs=1e-6)


def test_weights_of_classes_come_from_the_shares(corpus: Corpus) -> None:
    given = sections() | {"objective": {"loss": "weighted_cross_entropy"}}
    task = plan_training(TinyClassifiable(), corpus, recipe="compact", **given)
    learner: Any = task.learner
    # four angry ones at 3/4, two sad ones at 1/4, two ties
    assert learner.objective.loss.counts == (4.5, 3.5)


def test_a_language_model_learns_labels_alone(corpus: Corpus) -> None:
    with pytest.raises(ConfigError, match="not a distribution"):
        plan_training(
            "qwen2-audio",
            corpus,
            options={"model": "x"},
            data={"targets": "votes", "rule": "all_inclusive"},
        )
    with pytest.raises(ConfigError, match="for classifiers"):
        plan_training("qwen2-audio", corpus, options={"model": "x"}, objective={"smoothing": 0.1})
    with pytest.raises(ConfigError, match="no such loss for a language model"):
        plan_training(
            "qwen2-audio", corpus, options={"model": "x"}, objective={"loss": "kl_divergence"}
        )
