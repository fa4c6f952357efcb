"""Checkpoints: whole or not there, of this model or refused, as many as are kept."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections import namedtuple
from pathlib import Path

import pytest
import torch

from equivoice.errors import ConfigError, StorageError
from equivoice.objectives.adaptive_weight import AdaptiveWeight
from equivoice.training.checkpoints import (
    Standing,
    latest_checkpoint,
    load_checkpoint,
    need_space,
    read_standing,
    save_checkpoint,
)

Parameters = dict[str, torch.nn.Parameter]


def made(seed: int = 0, shape: tuple[int, ...] = (2, 3)) -> tuple[Parameters, torch.optim.AdamW]:
    torch.manual_seed(seed)
    parameters = {name: torch.nn.Parameter(torch.randn(shape)) for name in ("a", "b")}
    return parameters, torch.optim.AdamW(parameters.values(), lr=0.1)


def learn(parameters: Parameters, optimizer: torch.optim.Optimizer, *names: str) -> None:
    optimizer.zero_grad(set_to_none=True)
    torch.stack([(parameters[name] ** 2).sum() for name in names]).sum().backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def standing(step: int) -> Standing:
    return Standing(step, AdaptiveWeight(0.25, rate=0.3), best=0.5, best_step=1, worse=2)


def test_what_goes_on_is_what_was_cut_off(tmp_path: Path) -> None:
    parameters, optimizer = made()
    for names in (("a", "b"), ("a",)):
        learn(parameters, optimizer, *names)
    save_checkpoint(tmp_path, parameters, optimizer, standing(2), keep=2)
    other, fresh = made(seed=1)
    found = load_checkpoint(tmp_path / "step-000002", other, fresh)
    assert found == standing(2)
    for _ in range(3):
        for own, of in ((parameters, optimizer), (other, fresh)):
            learn(own, of, "a", "b")
    assert all(torch.equal(parameters[name], other[name]) for name in parameters)


def test_a_weight_that_never_had_a_gradient_has_no_moments(tmp_path: Path) -> None:
    parameters, optimizer = made()
    learn(parameters, optimizer, "a")
    save_checkpoint(tmp_path, parameters, optimizer, standing(1), keep=2)
    other, fresh = made(seed=1)
    load_checkpoint(tmp_path / "step-000001", other, fresh)
    assert set(fresh.state) == {other["a"]}
    assert torch.equal(other["b"], parameters["b"])


def test_the_last_ones_are_kept_by_number_and_not_by_name(tmp_path: Path) -> None:
    parameters, optimizer = made()
    assert latest_checkpoint(tmp_path / "none") is None
    for step in (2, 999_999, 1_000_000):
        save_checkpoint(tmp_path, parameters, optimizer, standing(step), keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-1000000", "step-999999"]
    assert latest_checkpoint(tmp_path) == tmp_path / "step-1000000"


def test_a_checkpoint_of_another_model_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    parameters, optimizer = made()
    place = save_checkpoint(tmp_path, parameters, optimizer, standing(1), keep=1)
    other, fresh = made(seed=1, shape=(3, 2))
    before = {name: each.detach().clone() for name, each in other.items()}
    with pytest.raises(ConfigError, match=r"of another model \(2 weights differ\)") as caught:
        load_checkpoint(place, other, fresh)
    assert "a is (2, 3), and (3, 2) here" in str(caught.value)
    assert all(torch.equal(before[name], other[name]) for name in other)
    renamed = {"a": other["a"], "c": other["b"]}
    with pytest.raises(ConfigError, match="3 weights differ") as caught:
        load_checkpoint(place, renamed, fresh)
    assert "b is not trained here" in str(caught.value)


@pytest.mark.parametrize("name", ["state.json", "weights.safetensors", "optimizer.safetensors"])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, name: str) -> None:
    parameters, optimizer = made()
    place = save_checkpoint(tmp_path, parameters, optimizer, standing(1), keep=1)
    (place / name).write_bytes((place / name).read_bytes()[:10])
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        load_checkpoint(place, parameters, optimizer)
    assert caught.value.file == str(place / name)


def test_a_state_of_another_version_is_refused(tmp_path: Path) -> None:
    parameters, optimizer = made()
    place = save_checkpoint(tmp_path, parameters, optimizer, standing(1), keep=1)
    state = json.loads((place / "state.json").read_text())
    (place / "state.json").write_text(json.dumps({**state, "version": 9}))
    with pytest.raises(ConfigError, match="version 9"):
        read_standing(place)


def test_nothing_half_written_is_taken_for_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters, optimizer = made()
    save_checkpoint(tmp_path, parameters, optimizer, standing(1), keep=2)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(StorageError, match="No space left"):
        save_checkpoint(tmp_path, parameters, optimizer, standing(2), keep=2)
    monkeypatch.undo()
    assert latest_checkpoint(tmp_path) == tmp_path / "step-000001"
    assert read_standing(tmp_path / "step-000001") == standing(1)


def test_room_for_the_checkpoints_is_needed_before_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    # weights and two moments, for two kept and one being written, and twice the best
    needed = 4 * 1000 * (3 * 3 + 2)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 0, needed))
    need_space(tmp_path, 1000, keep=2)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 0, needed - 1))
    with pytest.raises(StorageError, match=r"has room for 0\.0 MB") as caught:
        need_space(tmp_path, 1000, keep=2)
    assert "checkpoints.keep=1" in str(caught.value)


def test_evaluations_count_until_there_is_a_better_one() -> None:
    now = Standing(4, AdaptiveWeight())
    now = now.evaluated(0.5, better=True)
    assert (now.best, now.best_step, now.worse) == (0.5, 4, 0)
    now = dataclasses.replace(now, step=8).evaluated(0.4, better=False)
    assert (now.best, now.best_step, now.worse) == (0.5, 4, 1)
    now = dataclasses.replace(now, step=12).evaluated(0.6, better=True)
    assert (now.best, now.best_step, now.worse) == (0.6, 12, 0)
