"""Recipes: the paper's numbers, layers of changes, and mistakes that are named together."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from equivoice.errors import ConfigError
from equivoice.models.encoders.compact import CompactEncoder
from equivoice.training import load_recipe, recipe_names, resolve_settings
from equivoice.training.settings import TrainingSettings, fold_of
from equivoice.training.task import plan_settings

FOR = {"system": "qwen2-audio", "corpora": ["/c/a"]}


def test_the_papers_hyperparameters() -> None:
    found = resolve_settings("minmaxgap", **FOR)
    assert (found.model.rank, found.model.alpha, found.model.dropout) == (16, 32, 0.05)
    optimiser = found.optimiser
    assert (optimiser.epochs, optimiser.batch, optimiser.lr) == (20, 64, 5e-5)
    assert (optimiser.weight_decay, found.selection.patience, found.seed) == (0.01, 5, 42)
    weight = found.weight
    assert (weight.kind, weight.start, weight.tolerance) == ("adaptive", 0.0, 0.02)
    assert (weight.rate, weight.maximum) == (0.5, 10.0)
    assert (found.objective.penalty, found.objective.power) == ("gap", 2)


def test_the_numbers_of_abhinayas_speech_subsystem() -> None:
    found = resolve_settings("encoder", **FOR)
    assert (found.objective.loss, found.objective.options) == ("weighted_focal", {"gamma": 2.0})
    optimiser = found.optimiser
    assert (optimiser.batch, optimiser.micro, optimiser.lr, optimiser.epochs) == (32, 8, 1e-5, 20)
    assert (found.selection.metric, found.selection.patience) == ("macro_f1", None)


def test_options_belong_to_the_loss_that_they_were_named_with() -> None:
    other = resolve_settings("encoder", {"objective": {"loss": "vector_scaling"}}, **FOR)
    assert other.objective.options == {}
    again = {"loss": "weighted_focal", "options": {"convention": "abhinaya_code"}}
    same = resolve_settings("encoder", {"objective": again}, **FOR)
    assert same.objective.options == {"gamma": 2.0, "convention": "abhinaya_code"}


def test_each_kind_of_system_has_a_recipe() -> None:
    recipes = {
        name: plan_settings(name, None, {}, corpora=("a",)).recipe
        for name in ("qwen2-audio", "compact-encoder", "small=compact-encoder", "speech-encoder")
    }
    assert list(recipes.values()) == ["erm", "compact", "compact", "encoder"]
    own = CompactEncoder(name="mine")
    assert plan_settings(own, None, {}, corpora=("a",)).recipe == "compact"
    assert plan_settings(own, "encoder", {}, corpora=("a",)).recipe == "encoder"


def test_the_two_recipes_differ_in_their_objective_alone() -> None:
    erm, fair = (resolve_settings(name, **FOR).as_config() for name in ("erm", "minmaxgap"))
    different = {key for key in erm if erm[key] != fair[key]}
    assert different == {"recipe", "objective"}
    inner = {key for key in erm["objective"] if erm["objective"][key] != fair["objective"][key]}
    assert inner == {"penalty"}


OF_CLASSIFIERS = {"objective": {"options", "reduction", "smoothing"}}
OF_LANGUAGE_MODELS = {
    "objective": {"tokens"},
    "model": {
        "tuning",
        "rank",
        "alpha",
        "dropout",
        "targets",
        "unfreeze",
        "gradient_checkpointing",
    },
    "data": {"prompt", "orders", "order_seed", "rationales", "order"},
}


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_names_every_setting_and_documents_every_line(name: str) -> None:
    import equivoice.training

    file = Path(equivoice.training.__file__).parent / "recipes" / f"{name}.yaml"
    settings = TrainingSettings.model_fields
    given = load_recipe(name)
    assert set(given) == set(settings) - {"system", "options", "corpora", "fold", "recipe"}
    for section, values in given.items():
        inner = settings[section].annotation
        if isinstance(values, dict):
            foreign = OF_LANGUAGE_MODELS if name in ("compact", "encoder") else OF_CLASSIFIERS
            known = set(inner.model_fields) - foreign.get(section, set())  # type: ignore[union-attr]
            assert set(values) == known, section
    lines = file.read_text("utf-8").splitlines()
    bare = [line for line in lines if line.startswith("  ") and "#" not in line]
    assert bare == []


def test_a_users_recipe_need_name_only_what_differs(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump({"objective": {"penalty": "gap"}, "seed": 7}))
    found = resolve_settings(file, {"objective": {"power": 1}}, **FOR)
    assert (found.objective.penalty, found.objective.power, found.seed) == ("gap", 1, 7)
    # a penalty without a word on λ is the paper's, not one of weight 0
    assert (found.weight.kind, found.weight.rate) == ("adaptive", 0.5)
    assert found.recipe == str(file)


def test_all_mistakes_are_named_together() -> None:
    changes = {
        "optimiser": {"eopchs": 1, "lr": -1},
        "objectives": {},
        "weight": {"start": 11.0},
        "model": {"tuning": "partial"},
    }
    with pytest.raises(ConfigError) as caught:
        resolve_settings("erm", changes, **FOR)
    said = str(caught.value)
    assert "5 problems" in said
    assert "optimiser.eopchs: unknown key; did you mean 'epochs'?" in said
    assert "objectives: unknown key; did you mean 'objective'?" in said
    assert "optimiser.lr: input should be greater than 0, not -1" in said
    assert "weight: start lies above maximum" in said
    assert "model: tuning is partial, and unfreeze names no parameters" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("system: qwen2-audio", "says how to train, not what"),
        ("- a\n- b", "key: value"),
        ("a: [", "not YAML"),
    ],
)
def test_files_that_are_no_recipes(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        load_recipe(file)
    assert caught.value.file == str(file)


def test_recipes_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown recipe") as caught:
        load_recipe("minmax")
    assert caught.value.choices == (
        "compact",
        "encoder",
        "erm",
        "minmaxgap",
        "rationales",
        "small",
    )
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_recipe(tmp_path / "mine.yaml")


def test_lists_may_be_written_in_one_word() -> None:
    changes = {"groups": {"cell": "corpus,modality"}, "data": {"modalities": "speech"}}
    found = resolve_settings("erm", changes, **FOR)
    assert found.groups.cell == ("corpus", "modality")
    assert found.cell_by == ("corpus",)


def test_a_single_modality_makes_no_cells_but_several_do() -> None:
    both = {"data": {"modalities": ["speech", "speech+transcript"]}}
    assert resolve_settings("erm", both, **FOR).cell_by == ("language", "modality")
    alone = {"groups": {"cell": ["modality"]}}
    assert resolve_settings("erm", alone, **FOR).cell_by == ("modality",)


def test_the_fold_of_each_corpus() -> None:
    one = resolve_settings("erm", fold="2", **FOR)
    each = resolve_settings("erm", fold={"a": "3"}, **FOR)
    assert fold_of(one, "a", ["1", "2"]) == "2"
    assert fold_of(each, "a", ["1", "2", "3"]) == "3"
    assert fold_of(each, "b", ["1"]) == "1"
    assert fold_of(each, "b", ["1", "2"]) is None
