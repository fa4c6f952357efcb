"""Which votes to learn from: a text classifier on MELD's lines with EmotionLines' votes.

Run by hand (``make evidence``)::

    python benchmarks/meld_targets.py --data ../shared/data

For each rule (majority, plurality, all-inclusive): a small LLaMA is made from scratch, its
tokenizer trained on the training lines alone, and is trained whole as ``text-classifier`` on
the targets that the rule makes of the five votes. All networks begin with the same weights;
the best epoch is chosen on MELD's validation lines under the same rule. Each is then tested
under each rule on MELD's official test lines: the utterances that the rule keeps, the labels
that it makes. The divergence is always from the votes themselves.

Intervals are over dialogues, since the lines of one depend on each other. Writes the upper
part of ``benchmarks/results/meld_targets.md``; what stands there from the line
"## What was found" on is written by hand, and kept.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from acoustic_baseline import cpu_seconds
from pages import origin, write_page

from equivoice.corpora import Corpus, prepare
from equivoice.evaluation import score
from equivoice.models.classifiers.recognizer import TrainedClassifier
from equivoice.models.text_llms.small import make_small_llama
from equivoice.training import train
from equivoice.training.settings import DataSettings
from equivoice.training.voted_targets import VotedTargets, voted_targets

RESULTS = Path(__file__).parent / "results" / "meld_targets.md"
RULES = ("majority", "plurality", "all_inclusive")
PARTS = ("train", "validation", "test")
SETTINGS: dict[str, Any] = {
    "recipe": "compact",
    "objective": {"loss": "soft_cross_entropy", "smoothing": 0.0},
    "groups": {"keep": False},
    "tracking": {"tensorboard": False},
}
OPTIONS: dict[str, Any] = {
    "trained": "all",
    "max_tokens": 128,
    "head_width": 128,
    "device": "cpu",
}
# what is shown of a cell: title, metric, what it is held against
SHOWN = (
    ("weighted F1", "weighted_f1", "rule"),
    ("macro-F1", "macro_f1", "rule"),
    ("KLD", "kld", "votes"),
    ("macro-F1 of sets (> 1/C)", "multilabel_macro_f1", "votes > 1/C"),
)

_HOW = (
    "A LLaMA from scratch (`make_small_llama`), trained whole as `text-classifier`, seed "
    "{0.seed}, {0.epochs} epochs, best by {0.metric} on the validation lines under the rule "
    "that it learns by. Intervals: 95 %, bootstrap over dialogues; they contain neither the "
    "sampling of raters nor that of first weights. The row *no text* gives every line the mean "
    "of the training votes. F1 of single labels under all_inclusive is against the most "
    "frequent label, without the lines on which it is not the only one; KLD is from the votes, "
    "on the lines that the rule keeps; sets are the labels above 1/C."
)


@dataclass(frozen=True)
class Lines:
    """MELD's lines with their votes, and what each rule makes of them."""

    corpus: Corpus
    targets: Mapping[str, VotedTargets]

    def part(self, name: str) -> pl.DataFrame:
        """The utterances of a part of the official split."""
        rows = self.corpus.folds.filter(pl.col("split") == name).select("utterance_id")
        return self.corpus.utterances.join(rows, on="utterance_id", how="semi")

    def kept(self, part: str, rule: str) -> list[str]:
        """The utterances of a part that have a target by a rule."""
        names = self.part(part).get_column("utterance_id")
        return [name for name in names if name in self.targets[rule].shares]


def meld_lines(data: Path, folder: Path) -> Lines:
    """EmotionLines' votes on the lines that MELD has too, in MELD's official split."""
    whole = prepare(
        "emotionlines",
        out=folder,
        metadata=data / "votes" / "emotionlines_friends",
        extra=data / "meld",
        with_audio=False,
    )
    rows = whole.utterances.filter(pl.col("meld_id").is_not_null())
    names = rows.get_column("utterance_id").to_list()
    votes = whole.votes
    assert votes is not None
    corpus = replace(
        whole,
        utterances=rows,
        folds=whole.folds.filter(pl.col("utterance_id").is_in(names)),
        votes=votes.filter(pl.col("item").is_in(names)),
    )
    made = {
        rule: voted_targets(corpus, corpus.label_space, DataSettings(targets="votes", rule=rule))
        for rule in RULES
    }
    return Lines(corpus, made)


def trained_on(lines: Lines, rule: str, folder: Path, args: argparse.Namespace) -> Any:
    """A classifier trained on what a rule makes of the votes; the model and its record."""
    model = folder / "llama"
    if not model.is_dir():
        texts = lines.part("train").get_column("transcript").to_list()
        make_small_llama(model, texts=texts, seed=args.seed)
    run = train(
        "text-classifier",
        lines.corpus,
        out=folder / rule,
        options={**OPTIONS, "model": str(model)},
        fold="1",
        data={"targets": "votes", "rule": rule, "limit": args.limit},
        optimiser={"epochs": args.epochs, "lr": args.rate},
        selection={"metric": args.metric, "patience": None},
        seed=args.seed,
        **SETTINGS,
    )
    return TrainedClassifier(str(run.best_path), device="cpu", name=rule), run.record


def predictions(system: str, lines: Lines, shares: np.ndarray) -> pl.DataFrame:
    """The test lines with probabilities as a predictions table."""
    space = lines.corpus.label_space
    return pl.DataFrame(
        {
            "utterance_id": lines.part("test").get_column("utterance_id"),
            "system": system,
            "label_space": space.id,
            "status": "parsed",
            "emotion": [space.names[place] for place in shares.argmax(axis=1)],
            "probabilities": shares.tolist(),
        }
    )


def always_the_same(lines: Lines) -> np.ndarray:
    """The mean of the votes on the training lines, for each test line: no word is read."""
    votes = lines.targets["all_inclusive"].shares
    mean = np.mean([votes[name] for name in lines.kept("train", "all_inclusive")], axis=0)
    return np.tile(mean, (lines.part("test").height, 1))


def matrix(lines: Lines, said: Sequence[pl.DataFrame], replicates: int) -> pl.DataFrame:
    """Every system under every rule: one row a system, rule and metric."""
    test = lines.part("test").with_columns(speaker=pl.col("dialogue"))
    votes, parts = lines.corpus.votes, []
    assert votes is not None
    for rule in RULES:
        names = lines.kept("test", rule)
        found = score(
            pl.concat(said).filter(pl.col("utterance_id").is_in(names)),
            test.filter(pl.col("utterance_id").is_in(names)),
            votes=votes.filter(pl.col("item").is_in(names)),
            label_space=lines.corpus.label_space,
            rule=rule,
            listeners=False,
            labels_from_votes=True,
            replicates=replicates,
            permutations=1,
        ).estimates.filter((pl.col("quantity") == "score") & pl.col("class").is_null())
        for title, metric, against in SHOWN:
            held = rule if against == "rule" else against
            rows = found.filter((pl.col("metric") == metric) & (pl.col("reference") == held))
            columns = rows.select("system", "value", "low", "high", "n", "clusters")
            parts.append(columns.with_columns(rule=pl.lit(rule), shown=pl.lit(title)))
    return pl.concat(parts)


def page(lines: Lines, table: pl.DataFrame, notes: Sequence[str], args: argparse.Namespace) -> str:
    """The upper part of the results, in Markdown."""
    counts = [
        f"| {rule} | {' | '.join(str(len(lines.kept(part, rule))) for part in PARTS)} |"
        for rule in RULES
    ]
    text = [
        "# Which votes to learn from: MELD's lines with EmotionLines' votes",
        "",
        origin(),
        "",
        _HOW.format(args),
        "",
        "| lines that the rule keeps | train | validation | test |",
        "| --- | --- | --- | --- |",
        *counts,
        "",
        *notes,
    ]
    for title, _, _ in SHOWN:
        text += ["", f"## {title}", "", f"| learnt from | {' | '.join(map(_tested, RULES))} |"]
        text += ["| --- |" + " --- |" * len(RULES)]
        for system in table.get_column("system").unique(maintain_order=True):
            cells = [_cell(table, system, rule, title) for rule in RULES]
            text.append(f"| {system} | {' | '.join(cells)} |")
    return "\n".join(text) + "\n"


def _tested(rule: str) -> str:
    return f"tested under {rule}"


def _cell(table: pl.DataFrame, system: str, rule: str, title: str) -> str:
    row = table.row(
        by_predicate=(pl.col("system") == system)
        & (pl.col("rule") == rule)
        & (pl.col("shown") == title),
        named=True,
    )
    if row["value"] is None:
        return "undefined"
    interval = "" if row["low"] is None else f" [{row['low']:.3f}, {row['high']:.3f}]"
    return f"{row['value']:.3f}{interval}"


def main() -> None:
    """Train, test, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder with real data")
    parser.add_argument("--keep", type=Path, help="keep models here, and go on from them")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--metric", default="macro_f1")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, help="at most so many lines of each part, for a trial")
    parser.add_argument("--replicates", type=int, default=10_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = args.keep or Path(place)
        lines = meld_lines(args.data, folder / "corpus")
        test, said, notes = lines.part("test"), [], []
        for rule in RULES:
            began, wall = cpu_seconds(), time.perf_counter()
            model, record = trained_on(lines, rule, folder, args)
            said.append(predictions(rule, lines, model.predict(test)))
            chosen = record.selection[0]
            notes.append(
                f"- {rule}: best {chosen['chosen']}, {chosen['metric']} {chosen['value']:.3f} on "
                f"validation; {cpu_seconds() - began:.0f} CPU s, "
                f"{time.perf_counter() - wall:.0f} s in all"
            )
            print(notes[-1], flush=True)
        said.append(predictions("no text", lines, always_the_same(lines)))
        text = page(lines, matrix(lines, said, args.replicates), notes, args)
    write_page(args.out, text)
    print(text)


if __name__ == "__main__":
    main()
