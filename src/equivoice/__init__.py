"""Speech emotion recognition in which every voice counts.

The verbs of the command line stand here too: :func:`score`, :func:`benchmark`,
:func:`compare`, :func:`train`, :func:`load_corpus`, :func:`load_model`. A name is loaded when
it is first used, so that ``import equivoice`` is quick and loads nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from equivoice.corpora import Corpus, load_corpus
    from equivoice.errors import EquivoiceError, InputError, RunError
    from equivoice.evaluation import benchmark, compare, ensemble, predict, score
    from equivoice.models.registry import load_model
    from equivoice.prompting import parse
    from equivoice.records import Label, LabelSpace
    from equivoice.reports import render_report, verdict
    from equivoice.store import RunFolder, TrainingFolder
    from equivoice.training import train

__all__ = [
    "Corpus",
    "EquivoiceError",
    "InputError",
    "Label",
    "LabelSpace",
    "RunError",
    "RunFolder",
    "TrainingFolder",
    "__version__",
    "benchmark",
    "compare",
    "ensemble",
    "load_corpus",
    "load_model",
    "parse",
    "predict",
    "render_report",
    "score",
    "train",
    "verdict",
]

_WHERE = {
    "Corpus": "equivoice.corpora",
    "EquivoiceError": "equivoice.errors",
    "InputError": "equivoice.errors",
    "Label": "equivoice.records",
    "LabelSpace": "equivoice.records",
    "RunError": "equivoice.errors",
    "RunFolder": "equivoice.store",
    "TrainingFolder": "equivoice.store",
    "benchmark": "equivoice.evaluation",
    "compare": "equivoice.evaluation",
    "ensemble": "equivoice.evaluation",
    "load_corpus": "equivoice.corpora",
    "load_model": "equivoice.models.registry",
    "parse": "equivoice.prompting",
    "predict": "equivoice.evaluation",
    "render_report": "equivoice.reports",
    "score": "equivoice.evaluation",
    "train": "equivoice.training",
    "verdict": "equivoice.reports",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("equivoice")
    if name not in _WHERE:
        raise AttributeError(f"module 'equivoice' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
