"""``equivoice quickstart``: from nothing to a fairness report."""

from __future__ import annotations

from pathlib import Path

from equivoice.cli.benchmark import tell
from equivoice.cli.config import VerbConfig, command_line, configured, option, verb_app
from equivoice.cli.console import note, progress, say
from equivoice.cli.reporting import render_runs
from equivoice.cli.watching import run_bar
from equivoice.corpora import Corpus
from equivoice.studies.quickstart import audit, data_at_hand, real_corpus, synthetic_corpus

app = verb_app()


class QuickstartConfig(VerbConfig):
    """Options of ``quickstart``."""

    out: Path = option(
        "the folder for corpus, run and report", default=Path("quickstart"), short="-o"
    )
    data: Path | None = option(
        "real data (audio/ravdess, emobox/ravdess); the variable EQUIVOICE_DATA names it too",
        default=None,
    )
    speakers: int = option("speakers of the synthetic corpus", default=24, ge=2)
    per_speaker: int = option("utterances of each of them", default=18, ge=1)
    replicates: int = option("bootstrap replicates", default=10_000, ge=1)
    seed: int = option("decides everything that is drawn", default=0, ge=0)
    dry_run: bool = option("say what would be done", default=False)


@app.command(name="quickstart")
@configured(QuickstartConfig)
def quickstart_verb(config: QuickstartConfig) -> None:
    """Make speech with known biases, benchmark a baseline, audit it, write a report.

    With EQUIVOICE_DATA set, the same is done on RAVDESS. What is done already is
    not done again.

    Example:
      equivoice quickstart
      EQUIVOICE_DATA=../shared/data equivoice quickstart --out quickstart
    """
    data = config.data or data_at_hand()
    what = "a synthetic corpus" if data is None else f"RAVDESS from {data}"
    if config.dry_run:
        say(f"would benchmark the baselines on {what}, in {config.out}")
        return
    note(f"Benchmarking the baselines on {what}")
    corpus = _speech(config, data)
    with run_bar() as bar:
        run = audit(
            corpus,
            config.out,
            seed=config.seed,
            replicates=config.replicates,
            render=render_runs,
            progress=bar,
            command=command_line(),
        )
    tell(run, run.path / "report.html")


def _speech(config: QuickstartConfig, data: Path | None) -> Corpus:
    if data is not None:
        return real_corpus(data, config.out)
    with progress("making speech") as report:
        return synthetic_corpus(
            config.out,
            seed=config.seed,
            speakers=config.speakers,
            per_speaker=config.per_speaker,
            progress=lambda done, total: report("speakers", done, total),
        )
