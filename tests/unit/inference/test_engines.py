"""The Ray engine against a stand-in for Ray: what it asks for, and what becomes of errors.

The real Ray is run in tests/slow/test_grid_ray.py; here each of its faults is made to order.
"""

from __future__ import annotations

import builtins
import os
import signal
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from equivoice.errors import ConfigError, CorpusError, MissingDependencyError, RunError
from equivoice.inference.engines import RayEngine


class RayError(Exception):
    """What Ray raises where a worker is gone."""


class RayTaskError(RayError):
    """What Ray raises where a task raised."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(f"task failed\n{cause}")
        self.cause = cause


class StandIn:
    """Does tasks in this process, when they are asked for."""

    def __init__(self, *, running: bool = False) -> None:
        self.running = running
        self.begun: dict[str, Any] | None = None
        self.stopped = 0
        self.options: dict[str, Any] = {}
        self.cancelled: list[Any] = []
        self.dies: dict[int, Exception] = {}
        self.refuses: Exception | None = None
        self.exceptions = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError)

    def is_initialized(self) -> bool:
        return self.running

    def init(self, **given: Any) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.begun, self.running = given, True
        # as Ray does it
        signal.signal(signal.SIGTERM, lambda *_: None)

    def shutdown(self) -> None:
        self.stopped += 1
        self.running = False

    def remote(self, function: Callable[..., None]) -> Any:
        def options(**given: Any) -> Any:
            self.options = given
            return SimpleNamespace(remote=lambda *args: (function, args))

        return SimpleNamespace(options=options)

    def wait(self, tasks: list[Any], *, timeout: float) -> tuple[list[Any], list[Any]]:
        assert 0 < timeout < 5
        return tasks[:1], tasks[1:]

    def get(self, task: Any) -> None:
        function, (work, part) = task
        if part in self.dies:
            raise self.dies[part]
        try:
            function(work, part)
        except (ValueError, CorpusError) as error:
            raise RayTaskError(error) from error

    def cancel(self, task: Any, *, force: bool) -> None:
        assert force
        self.cancelled.append(task[1][1])


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    stand_in = StandIn()
    monkeypatch.setitem(sys.modules, "ray", stand_in)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    return stand_in


def run(engine: RayEngine, work: Callable[[int], None] | None = None) -> list[int]:
    done: list[int] = []
    engine.run(work or done.append, watch=lambda: None)
    return done


def test_every_part_is_done_once_and_the_watcher_is_called_while_they_are(ray: StandIn) -> None:
    done: list[int] = []
    seen: list[int] = []
    RayEngine(workers=4).run(done.append, watch=lambda: seen.append(len(done)))
    assert sorted(done) == [1, 2, 3, 4]
    assert len(seen) == 4
    assert seen[0] < 4
    assert ray.stopped == 1


def test_a_worker_gets_what_it_reserves(ray: StandIn) -> None:
    run(RayEngine(workers=3, cpus=2.0, gpus=0.5, retries=7))
    assert ray.options == {"num_cpus": 2.0, "num_gpus": 0.5, "max_retries": 7}
    assert ray.begun is not None
    assert (ray.begun["num_cpus"], ray.begun["num_gpus"]) == (6, 2)
    assert ray.begun["include_dashboard"] is False
    assert ray.begun["address"] == "local"  # its own, though another may run on the machine


def test_without_accelerators_none_is_claimed(ray: StandIn) -> None:
    run(RayEngine(workers=1, cpus=0.25))
    assert ray.begun is not None
    assert "num_gpus" not in ray.begun
    assert ray.begun["num_cpus"] == 1


def test_a_cluster_that_is_named_is_joined_as_it_is(ray: StandIn) -> None:
    run(RayEngine(address="auto"))
    assert ray.begun is not None
    assert ray.begun["address"] == "auto"
    assert not {"num_cpus", "num_gpus", "include_dashboard"} & set(ray.begun)


def test_a_cluster_of_somebody_elses_is_left_running(ray: StandIn) -> None:
    ray.running = True
    assert run(RayEngine()) == [1, 2]
    assert ray.begun is None
    assert ray.stopped == 0


def test_our_own_handler_of_sigterm_is_given_back(ray: StandIn) -> None:
    def ours(*_: Any) -> None: ...

    before = signal.signal(signal.SIGTERM, ours)
    try:
        run(RayEngine())
        assert signal.getsignal(signal.SIGTERM) is ours
        assert ray.begun is not None
    finally:
        signal.signal(signal.SIGTERM, before)


def test_nobody_is_told_of_a_run(ray: StandIn) -> None:
    run(RayEngine())
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert ray.stopped == 1


def test_an_error_of_ours_comes_back_as_it_was(ray: StandIn) -> None:
    fault = CorpusError("no such corpus", value="x", hint="prepare it")

    def work(part: int) -> None:
        if part == 2:
            raise fault

    with pytest.raises(CorpusError) as caught:
        run(RayEngine(workers=4), work)
    assert caught.value is fault
    assert sorted(ray.cancelled) == [3, 4]
    assert ray.stopped == 1


def test_an_error_of_others_is_named_with_its_class(ray: StandIn) -> None:
    def work(part: int) -> None:
        raise ValueError(f"part {part} is odd")

    with pytest.raises(RunError, match=r"a Ray worker failed: ValueError: part 1 is odd"):
        run(RayEngine(), work)
    assert ray.cancelled == [2]


def test_a_worker_that_died_too_often_is_told_in_one_line(ray: StandIn) -> None:
    ray.dies[1] = RayError("worker killed\nmany further lines")
    with pytest.raises(RunError) as caught:
        run(RayEngine())
    assert str(caught.value) == "a Ray worker died and could not be replaced: worker killed"


def test_what_the_watcher_raises_stops_the_others(ray: StandIn) -> None:
    def watch() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        RayEngine(workers=3).run(lambda _: None, watch=watch)
    assert sorted(ray.cancelled) == [2, 3]
    assert ray.stopped == 1


@pytest.mark.parametrize("kind", [ConnectionError, OSError, RuntimeError, ValueError, RayError])
@pytest.mark.parametrize(
    ("address", "where"), [(None, "on this machine"), ("10.0.0.1:6379", "at 10.0.0.1:6379")]
)
def test_a_cluster_that_cannot_be_had_is_named(
    ray: StandIn, kind: type[Exception], address: str | None, where: str
) -> None:
    ray.refuses = kind("nobody there\nmany further lines")
    with pytest.raises(RunError) as caught:
        run(RayEngine(address=address))
    first, *further = str(caught.value).splitlines()
    assert first == f"no Ray cluster {where}: nobody there"
    assert [line[:8] for line in further] == ([] if address is None else ["  next: "])
    assert ray.stopped == 0


def test_a_refusal_without_words_is_named_by_its_class(ray: StandIn) -> None:
    ray.refuses = ConnectionError()
    with pytest.raises(RunError, match=r"no Ray cluster on this machine: ConnectionError$"):
        run(RayEngine())


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def no_ray(name: str, *rest: Any, **named: Any) -> Any:
        if name == "ray":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.delitem(sys.modules, "ray", raising=False)
    monkeypatch.setattr(builtins, "__import__", no_ray)
    with pytest.raises(MissingDependencyError, match="ray is needed for running on Ray") as caught:
        run(RayEngine())
    assert "equivoice[ray]" in str(caught.value)


def test_all_wrong_numbers_are_told_together() -> None:
    with pytest.raises(ConfigError) as caught:
        RayEngine(workers=0, cpus=-1, gpus=-0.5, retries=-2)
    message = str(caught.value)
    assert message.startswith("4 problems")
    for problem in (
        "workers: 0 is below 1",
        "cpus: -1 is negative",
        "gpus: -0.5 is negative",
        "retries: -2 is negative",
    ):
        assert problem in message
