"""Engines: who does the parts of a run.

Ray runs each part as a task and starts it again where its worker dies; the part
then goes on from its own journal. We write no scheduler.
"""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from equivoice.errors import ConfigError, EquivoiceError, MissingDependencyError, RunError

__all__ = ["RayEngine"]

_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class RayEngine:
    """Runs parts of a run on Ray.

    Args:
        workers: how many parts there are, each done by a worker of its own.
        address: of a Ray cluster, such as ``auto``; ``None`` starts one on this machine
            and stops it again, whatever other clusters run here.
        cpus: processors that each worker reserves.
        gpus: accelerators that each worker reserves; a fraction shares one.
        retries: how often a part is begun again whose worker died.

    Raises:
        ConfigError: no workers, or a negative number.
    """

    workers: int = 2
    address: str | None = None
    cpus: float = 1.0
    gpus: float = 0.0
    retries: int = 3

    def __post_init__(self) -> None:
        wrong = {
            f"workers: {self.workers} is below 1": self.workers < 1,
            f"cpus: {self.cpus} is negative": self.cpus < 0,
            f"gpus: {self.gpus} is negative": self.gpus < 0,
            f"retries: {self.retries} is negative": self.retries < 0,
        }
        problems = [problem for problem, found in wrong.items() if found]
        if problems:
            raise ConfigError.from_problems(problems)

    def run(self, work: Callable[[int], None], *, watch: Callable[[], None]) -> None:
        """Do all parts and come back when they are done.

        Args:
            work: does the part of a number from 1 to ``workers``; it is sent to the
                workers, and doing a part again must go on where it stopped.
            watch: called now and then while the parts are at work.

        Raises:
            MissingDependencyError: Ray is not installed.
            RunError: no cluster, or a part died more often than ``retries``.
            EquivoiceError: whatever a part raised.
        """
        ray = _imported()
        handler = signal.getsignal(signal.SIGTERM)
        begun = self._connect(ray)
        try:
            self._finish(ray, work, watch)
        finally:
            if begun:
                ray.shutdown()
                _give_back(handler)

    def _connect(self, ray: Any) -> bool:
        """Join or start a cluster; whether it was begun here."""
        if ray.is_initialized():
            return False
        # without an address, Ray would join a cluster that it finds or RAY_ADDRESS names
        address = "local" if self.address is None else self.address
        local: dict[str, Any] = {}
        if self.address is None:
            local = {
                "num_cpus": max(1, round(self.workers * self.cpus)),
                "include_dashboard": False,
            }
            if self.gpus:
                local["num_gpus"] = max(1, round(self.workers * self.gpus))
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR", **local)
        except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            raise self._without_a_cluster(error) from error
        return True

    def _without_a_cluster(self, error: Exception) -> RunError:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        if self.address is None:
            return RunError(f"no Ray cluster on this machine: {reason}")
        return RunError(
            f"no Ray cluster at {self.address}: {reason}\n"
            "  next: name a cluster that runs, or leave the address out to start one here"
        )

    def _finish(self, ray: Any, work: Callable[[int], None], watch: Callable[[], None]) -> None:
        remote = ray.remote(work_of).options(
            num_cpus=self.cpus, num_gpus=self.gpus, max_retries=self.retries
        )
        waiting = [remote.remote(work, part) for part in range(1, self.workers + 1)]
        try:
            while waiting:
                done, waiting = ray.wait(waiting, timeout=_POLL_SECONDS)
                watch()
                for each in done:
                    _result(ray, each)
        finally:
            for each in waiting:
                ray.cancel(each, force=True)


def _give_back(handler: Any) -> None:
    """Undo that Ray takes SIGTERM for itself, which it does in the main thread."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler if handler is not None else signal.SIG_DFL)


def work_of(work: Callable[[int], None], part: int) -> None:
    """What a Ray worker calls."""
    work(part)


def _result(ray: Any, task: Any) -> None:
    try:
        ray.get(task)
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
        if isinstance(cause, EquivoiceError):
            raise cause from None
        raise RunError(f"a Ray worker failed: {type(cause).__name__}: {cause}") from error
    except ray.exceptions.RayError as error:
        reason = str(error).splitlines()[0]
        raise RunError(f"a Ray worker died and could not be replaced: {reason}") from error


def _imported() -> Any:
    # read when Ray starts: nothing of a run is told to anybody
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        with warnings.catch_warnings():
            # Ray says so at import where no accelerator is hidden from its workers
            warnings.filterwarnings("ignore", category=FutureWarning, module=r"ray\..*")
            import ray
    except ImportError as error:
        raise MissingDependencyError("ray", extra="ray", purpose="running on Ray") from error
    return ray
