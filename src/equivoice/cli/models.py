"""``equivoice models``: what can be run; and the conversion of published checkpoints."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.markup import escape
from rich.table import Table

from equivoice.cli.config import VerbConfig, configured, option, verb_app
from equivoice.cli.console import finish, progress, say
from equivoice.models.registry import model_description, model_names

app = verb_app()


@app.callback(invoke_without_command=True)
def models(context: typer.Context) -> None:
    """List the models that can be run, built in or brought by other packages.

    Another package adds one by an entry point of the group "equivoice.models".

    Example:
      equivoice models
      equivoice benchmark --system acoustic --corpus corpora/ravdess --out runs/ravdess
    """
    if context.invoked_subcommand is not None:
        return
    table = Table("name", "what it is", box=None, pad_edge=False)
    for name in model_names():
        table.add_row(escape(name), escape(model_description(name)))
    say(table)


class ConvertSalmonnConfig(VerbConfig):
    """Options of ``models convert-salmonn``."""

    salmonn: Path = option("SALMONN's own checkpoint, such as salmonn_7b_v0.pth")
    beats: Path = option("the checkpoint of BEATs, fine-tuned iter3+ AS2M")
    whisper: Path = option("the folder of Whisper large-v2")
    language: Path = option("the folder of Vicuna or LLaMA")
    out: Path = option("the folder to write; it must not exist", short="-o")
    lora_alpha: int | None = option(
        "alpha of SALMONN's adapter; as its checkpoint says, or 32, where not given",
        default=None,
        ge=1,
    )


@app.command("convert-salmonn")
@configured(ConvertSalmonnConfig)
def convert_salmonn(config: ConvertSalmonnConfig) -> None:
    """Make one folder of safetensors out of SALMONN's published parts.

    No code in a checkpoint is run; every name and shape is checked before anything is
    written. The weights take as much room again as the parts.

    Example:
      equivoice models convert-salmonn --salmonn salmonn_7b_v0.pth --beats beats.pt
      --whisper whisper-large-v2 --language vicuna-7b-v1.5 -o models/salmonn-7b
    """
    from equivoice.models.salmonn.convert import Parts, convert

    parts = Parts(config.salmonn, config.beats, config.whisper, config.language)
    with progress("SALMONN") as report:
        folder = convert(parts, config.out, lora_alpha=config.lora_alpha, watch=report)
    say("'equivoice doctor --system salmonn options.salmonn.model=FOLDER' tests it.")
    finish(folder)
