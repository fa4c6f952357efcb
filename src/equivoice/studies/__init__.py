"""Studies: readable scripts that call stages and say what was done."""

from equivoice.studies.quickstart import quickstart

__all__ = ["quickstart"]
