"""``equivoice models``: what can be run."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from equivoice.cli.config import VerbConfig, configured, verb_app
from equivoice.cli.console import say
from equivoice.models.registry import model_description, model_names

app = verb_app()


class ModelsConfig(VerbConfig):
    """Options of ``models``: none."""


@app.command()
@configured(ModelsConfig)
def models(_: ModelsConfig) -> None:
    """List the models that can be run, built in or brought by other packages.

    Another package adds one by an entry point of the group "equivoice.models".

    Example:
      equivoice models
      equivoice benchmark --system acoustic --corpus corpora/ravdess --out runs/ravdess
    """
    table = Table("name", "what it is", box=None, pad_edge=False)
    for name in model_names():
        table.add_row(escape(name), escape(model_description(name)))
    say(table)
