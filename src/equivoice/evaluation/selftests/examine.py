"""All self-tests of a system, one after the other; one that breaks does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from equivoice.errors import EquivoiceError
from equivoice.evaluation.selftests.asking import Asked
from equivoice.evaluation.selftests.gate import Gate
from equivoice.evaluation.selftests.hearing import batch, hears, long_clips, padding
from equivoice.evaluation.selftests.probes import Probes
from equivoice.evaluation.selftests.recognizers import fitted_on, recognizer_gates
from equivoice.evaluation.selftests.sampling import (
    hidden_settings,
    independent_runs,
    option_tree,
    seeds,
    tree,
    trimming,
)
from equivoice.models import LanguageBackend
from equivoice.models.registry import System

__all__ = ["examine"]

_LANGUAGE = (
    hears,
    batch,
    padding,
    trimming,
    tree,
    option_tree,
    seeds,
    independent_runs,
    hidden_settings,
    long_clips,
)
# What a system may run into on speech that nobody recorded; mistakes in a program are not among
# them and must be seen.
_FAULTS = (EquivoiceError, ArithmeticError, OSError, RuntimeError, ValueError, LookupError)


def examine(system: System, probes: Probes) -> Iterator[Gate]:
    """The self-tests of a system, each as soon as it is done.

    Args:
        system: as it was loaded; a system that has to be fitted is fitted on the probes.
        probes: the speech.

    Raises:
        ConfigError: the system is of no kind that can be tested.
    """
    if isinstance(system, LanguageBackend):
        asked = Asked(system)
        for test in _LANGUAGE:
            name = test.__name__.replace("_", " ")
            checks = (test.__doc__ or "").partition("\n")[0]
            yield _run(name, checks, lambda test=test: test(asked, probes))  # type: ignore[misc]
        return
    recognizer = fitted_on(system, probes)
    for name, checks, run in recognizer_gates(recognizer, probes):
        yield _run(name, checks, run)


def _run(name: str, checks: str, test: Callable[[], Gate]) -> Gate:
    try:
        return test()
    except _FAULTS as error:
        said = " ".join(str(error).split()) or type(error).__name__
        return Gate(name, checks, "undefined", f"the test itself broke off: {said}")
