"""Who else is told: TensorBoard's files are read again, the others by stand-ins."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from equivoice.errors import ConfigError
from equivoice.training.settings import TrackingSettings
from equivoice.training.tracking import check_trackers, open_trackers


def opened(folder: Path, step: int = 0, **asked: Any) -> list[Any]:
    settings = TrackingSettings(**{"tensorboard": False, **asked})
    return list(
        open_trackers(settings, folder=folder, name="run", config={"a": {"b": 1}}, step=step)
    )


def test_tensorboard_shows_what_was_logged_and_drops_what_was_cut_off(tmp_path: Path) -> None:
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for first, steps in ((0, (1, 2, 3)), (1, (2, 3, 4))):  # cut off after 3, on from 1
        (tracker,) = opened(tmp_path, first, tensorboard=True)
        for step in steps:
            tracker.log(step, {"train/loss": 10.0 * first + step})
        tracker.close()
    found = events.EventAccumulator(str(tmp_path)).Reload().Scalars("train/loss")
    assert [(each.step, each.value) for each in found] == [
        (1, 1.0),
        (2, 12.0),
        (3, 13.0),
        (4, 14.0),
    ]


def test_without_the_package_there_is_no_tensorboard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("equivoice.training.tracking.find_spec", lambda _: None)
    assert opened(tmp_path, tensorboard=True) == []
    check_trackers(TrackingSettings())


@pytest.mark.parametrize("package", ["wandb", "mlflow"])
def test_what_is_asked_for_by_name_must_be_installed(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("equivoice.training.tracking.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=f"tracking.{package} is asked for") as caught:
        check_trackers(TrackingSettings(**{package: "mine"}))
    assert f"pip install {package}" in (caught.value.hint or "")
    assert importlib.util.find_spec("polars") is not None


class Calls:
    """Remembers what it was called with."""

    def __init__(self) -> None:
        self.made: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **named: Any) -> Calls:
            self.made.append((name, arguments, named))
            return self

        return call


def stand_in(name: str, calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType(name)
    module.__getattr__ = lambda key: getattr(calls, key)  # type: ignore[method-assign]
    monkeypatch.setitem(sys.modules, name, module)


def test_weights_and_biases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Calls()
    stand_in("wandb", calls, monkeypatch)
    (tracker,) = opened(tmp_path, wandb="mine")
    tracker.log(3, {"train/loss": 1.0})
    tracker.close()
    assert [made[0] for made in calls.made] == ["init", "log", "finish"]
    assert calls.made[0][2]["project"] == "mine"
    assert calls.made[0][2]["resume"] == "allow"
    assert calls.made[1][1:] == (({"train/loss": 1.0},), {"step": 3})


def test_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Calls()
    stand_in("mlflow", calls, monkeypatch)
    (tracker,) = opened(tmp_path, mlflow="mine")
    tracker.log(3, {"train/loss": 1.0})
    tracker.close()
    assert calls.made == [
        ("set_experiment", ("mine",), {}),
        ("start_run", (), {"run_name": "run"}),
        ("log_params", ({"a.b": "1"},), {}),
        ("log_metrics", ({"train/loss": 1.0},), {"step": 3}),
        ("end_run", (), {}),
    ]
