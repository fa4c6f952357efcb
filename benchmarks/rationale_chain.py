"""The whole chain of reasons offline: a scripted teacher, filters, students with and without reasons.

Run by hand (``make evidence``), meant for less than 15 minutes of processor time::

    python benchmarks/rationale_chain.py --data ../shared/data

Two parts, each ``equivoice study rationale-chain`` with two seeds:

- ``synthetic``: 36 made speakers of three languages, 12 utterances each, nothing planted; two
  speakers of each gender and language are tested.
- ``ravdess``: RAVDESS in three folds of our own, of which the first is taken: eight actors are
  tested, with at most 400 utterances of each part.

Writes ``benchmarks/results/rationale_chain.md``. With ``--keep`` what is done is not done again,
and the page of the study stays there; ``--quick`` shows that it works, and proves nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
from acoustic_baseline import cpu_seconds, prepared
from pages import origin, write_page

from equivoice.corpora import Corpus, make_folds
from equivoice.corpora.folds import split
from equivoice.corpora.synthetic import Biases
from equivoice.evaluation.open_answers import FORMS
from equivoice.rationales.precision import PRECISION, SHUFFLED
from equivoice.reports.formatting import interval, percent, signed
from equivoice.reports.rows import Estimate, pick, read_estimates
from equivoice.studies.chain.limits import limits
from equivoice.studies.chain.planted import planted_faults
from equivoice.studies.chain.settings import ARMS, ChainSettings
from equivoice.studies.chain.verdict import chain_statements
from equivoice.studies.fair.speech import made_speech
from equivoice.studies.rationale_chain import (
    Chain,
    Watching,
    rationale_chain,
    write_rationale_chain,
)

RESULTS = Path(__file__).parent / "results" / "rationale_chain.md"
FOLDS = 3
# of RAVDESS, so that the part lasts some minutes on one core
LIMIT = 400
QUICK = {"optimiser": {"epochs": 1}}


@dataclass(frozen=True)
class Part:
    """A part of the evidence: its corpus, and how the chain is run on it."""

    corpus: Corpus
    settings: ChainSettings


def synthetic(options: argparse.Namespace, place: Path) -> Part:
    """Made speech, without planted biases."""
    speakers, each, tested = (18, 2, 1) if options.quick else (36, 12, 2)
    made = made_speech(
        place / "speech",
        speakers=speakers,
        per_speaker=each,
        tested=tested,
        biases=Biases.none(),
    )
    return Part(made, ChainSettings())


def ravdess(options: argparse.Namespace, place: Path) -> Part:
    """RAVDESS, the first of three folds."""
    corpus = prepared("ravdess", options.data, place / "prepared" / "ravdess")
    folds = make_folds(corpus.utterances, n_folds=FOLDS, seed=0)
    settings = ChainSettings(
        fold="1", limit=LIMIT, recipe={"optimiser": {"epochs": 20}}, max_new_tokens=120
    )
    return Part(replace(corpus, folds=folds), settings)


PARTS = {"synthetic": synthetic, "ravdess": ravdess}


def main() -> None:
    """Run the chain on each part, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: both")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--keep", type=Path, help="where what is done is kept and found")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.quick and options.out == RESULTS:
        parser.error("--quick proves nothing: give another --out than the results")
    texts = []
    with tempfile.TemporaryDirectory() as place:
        out = options.keep or Path(place)
        for name in options.parts or PARTS:
            began, cpu = time.perf_counter(), cpu_seconds()
            part = PARTS[name](options, out / name)
            if options.quick:
                quick = replace(part.settings, seeds=(0,), limit=24, recipe=QUICK, replicates=100)
                part = replace(part, settings=quick)
            watching = Watching(step=tell, command=" ".join(sys.argv), workers=1)
            found = rationale_chain([part.corpus], out / name, part.settings, watching=watching)
            write_rationale_chain(found, out / name, command=" ".join(sys.argv))
            took = spent(out / name, time.perf_counter() - began, cpu_seconds() - cpu)
            texts += [text for chain in found for text in section(chain, *took, options.quick)]
            write_page(options.out, page(texts))


def spent(place: Path, wall: float, cpu: float) -> tuple[float, float]:
    """Seconds of the clock and of processors, those of earlier calls on the part included."""
    file = place / "spent.json"
    before = json.loads(file.read_text()) if file.exists() else [0.0, 0.0]
    both = [before[0] + wall, before[1] + cpu]
    file.write_text(json.dumps(both))
    return both[0], both[1]


def tell(what: str) -> None:
    """Say what is at work."""
    sys.stderr.write(f"{what}\n")


def page(texts: list[str]) -> str:
    """The results as Markdown."""
    return f"# The whole chain of reasons, offline\n\n{origin()}\n" + "".join(texts)


def section(chain: Chain, wall: float, cpu: float, quick: bool) -> Iterator[str]:
    """A part of the evidence, step by step."""
    parts = split(chain.corpus, chain.fold)
    yield f"\n## {chain.corpus.name}\n\n"
    if quick:
        yield "A quick run, to show that it works: **its numbers mean nothing.**\n\n"
    yield (
        f"Fold {chain.fold}: {parts.train.height} training and {parts.test.height} test utterances "
        f"(at most {chain.settings.limit or 'all'} of a part are taken), seeds "
        f"{', '.join(map(str, chain.settings.seeds))}. {wall / 60:.1f} minutes, {cpu / 60:.1f} of "
        "them processor time, over all calls.\n\n"
    )
    yield from filters(chain)
    yield from scores(chain)
    yield from heard(chain)
    yield from support(chain)
    yield from judged(chain)
    can, cannot = chain_statements(chain)
    for title, told in (("What is shown", can), ("What is not shown", cannot)):
        yield f"\n**{title}**\n\n" + "".join(f"- {text}\n" for text in told)
    yield "\n**How little this proves**\n\n" + "".join(f"- {text}\n" for text in limits(chain))


def filters(chain: Chain) -> Iterator[str]:
    """What each filter dropped, and what became of what was planted."""
    yield "| filter | dropped | broken, whatever else is | share, % |\n| --- | --- | --- | --- |\n"
    for row in chain.dropped.iter_rows(named=True):
        alone = "" if row["alone"] is None else row["alone"]
        yield f"| {row['filter']} | {row['dropped']} | {alone} | {percent(row['share'])} |\n"
    yield "\n| planted fault | planted | must be | was |\n| --- | --- | --- | --- |\n"
    for row in planted_faults(chain.written, chain.rationales.rationales()).iter_rows(named=True):
        yield f"| {row['fault']} | {row['planted']} | {row['expected']} | {row['met']} |\n"


def scores(chain: Chain) -> Iterator[str]:
    """With and without reasons, in both forms."""
    yield "\n| form | learnt | macro-F1, % | sd over seeds | utterances |\n| --- | --- | --- | --- | --- |\n"
    for form in FORMS:
        rows = read_estimates(chain.ablation[form].filter(pl.col("run").is_null()))
        for arm in ARMS:
            for row in pick(rows, quantity="score", system=arm):
                yield f"| {form} | {arm} | {value(row)} | {spread(row)} | {row.n} |\n"
        for row in pick(rows, quantity="comparison"):
            yield f"| {form} | {row.system} | {value(row, sign=True)} | {spread(row)} | {row.n} |\n"


def heard(chain: Chain) -> Iterator[str]:
    """Word error rates."""
    yield "\n| learnt | seed | form | word error rate, % | utterances |\n| --- | --- | --- | --- | --- |\n"
    for seed, measured in chain.forms.items():
        if measured.transcripts.is_empty():
            continue
        rows = measured.transcripts.filter(quantity="score", metric="word_error_rate")
        for row in read_estimates(rows):
            yield f"| {row.system} | {seed} | {row.prompt} | {value(row)} | {row.n} |\n"


def support(chain: Chain) -> Iterator[str]:
    """Which claims the recordings support, beside shuffled sound."""
    yield "\n| claims of | about | supported, % | tested | shuffled sound, % | p |\n| --- | --- | --- | --- | --- | --- |\n"
    rows = read_estimates(chain.grounded.estimates)
    shuffled = {(row.system, row.label): row.value for row in pick(rows, metric=SHUFFLED)}
    for row in pick(rows, metric=PRECISION, groups=None):
        base = shuffled.get((row.system, row.label))
        p = "–" if row.p_value is None else f"{row.p_value:.3f}"
        drawn = "–" if base is None else percent(base)
        yield f"| {row.system} | {row.label or 'all'} | {value(row)} | {row.n} | {drawn} | {p} |\n"


def judged(chain: Chain) -> Iterator[str]:
    """Whom the scripted judge prefers."""
    yield "\n| the student against | preferred, % | pairs | left out |\n| --- | --- | --- | --- |\n"
    for each in chain.judged:
        lost = "; ".join(f"{why}: {number}" for why, number in each.left_out.items()) or "nothing"
        if each.estimates.is_empty():
            yield f"| {each.against} | not judged | 0 | {lost} |\n"
            continue
        rows = read_estimates(each.estimates.filter(pl.col("class").is_null()))
        row = pick(rows, metric="win_rate", unit="item")[0]
        yield f"| {each.against} | {value(row)} | {row.clusters} | {lost} |\n"


def value(row: Estimate, *, sign: bool = False) -> str:
    """A value with its interval."""
    if row.value is None:
        return f"not defined ({row.undefined})"
    ends = "(no interval)"
    if row.low is not None and row.high is not None:
        ends = interval(row.low, row.high, sign=sign)
    return f"{(signed if sign else percent)(row.value)} {ends}"


def spread(row: Estimate) -> str:
    """How far seeds lie apart."""
    return "–" if row.sd_runs is None else percent(row.sd_runs)


if __name__ == "__main__":
    main()
