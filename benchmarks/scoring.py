"""How long scoring takes, against fairlearn, after checking that both agree.

Run it with ``make bench`` or::

    python benchmarks/scoring.py            # the full size: 1,000,000 rows
    python benchmarks/scoring.py --rows 100000 --replicates 1000

Prints one JSON line a measurement. Claims made of it stand in
``benchmarks/results/``.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

CLASSES = ("angry", "calm", "disgust", "fear", "happy", "neutral", "sad", "surprise")
AGE_CUTS = "age[25,33,46]"


def corpus(rows: int, speakers: int, seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Predictions and references of speakers who differ in how well they are understood."""
    rng = np.random.default_rng(seed)
    speaker = rng.integers(0, speakers, rows)
    skill = rng.beta(6, 4, speakers)
    age = rng.integers(18, 75, speakers).astype(float)
    female = rng.random(speakers) < 0.5
    reference = rng.integers(0, len(CLASSES), rows)
    right = rng.random(rows) < skill[speaker]
    predicted = np.where(right, reference, rng.integers(0, len(CLASSES), rows))
    names = np.array(CLASSES)
    ids = pl.select(pl.concat_str(pl.lit("bench/"), pl.int_range(rows).cast(pl.String))).to_series()
    utterances = pl.DataFrame(
        {
            "utterance_id": ids,
            "corpus": pl.repeat("bench", rows, eager=True),
            "speaker": pl.Series(speaker).cast(pl.String),
            "gender": np.where(female[speaker], "female", "male"),
            "age": age[speaker],
            "emotion": names[reference],
        }
    )
    predictions = pl.DataFrame(
        {"utterance_id": ids, "system": "bench", "emotion": names[predicted]}
    )
    return predictions, utterances


def time_scoring(folder: Path, *, replicates: int, speakers_known: bool) -> dict[str, Any]:
    """From two Parquet files to estimates of every metric and gap."""
    from equivoice.evaluation.score import score
    from equivoice.records import PREDICTIONS, UTTERANCES, read_table

    start, start_cpu = time.perf_counter(), time.process_time()
    predictions = read_table(folder / "predictions.parquet", PREDICTIONS)
    reference = read_table(folder / "utterances.parquet", UTTERANCES)
    if not speakers_known:
        reference = reference.with_columns(pl.lit(None, pl.String).alias("speaker"))
    result = score(
        predictions,
        reference,
        group_by=["gender", AGE_CUTS, f"gender x {AGE_CUTS}"],
        replicates=replicates,
    )
    return {
        "benchmark": "scoring",
        "unit": result.estimates.get_column("unit")[0],
        "rows": reference.height,
        "replicates": replicates,
        "estimates": result.estimates.height,
        "seconds": round(time.perf_counter() - start, 2),
        "cpu_seconds": round(time.process_time() - start_cpu, 2),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2, 2),
    }


def compare_with_fairlearn(rows: int, replicates: int) -> dict[str, Any]:
    """Accuracy and macro-F1 by gender: seconds a replicate here and in fairlearn's bootstrap."""
    from fairlearn.metrics import MetricFrame
    from sklearn.metrics import accuracy_score, f1_score

    from equivoice.evaluation.matching import match, to_items
    from equivoice.evaluation.score import label_space_of
    from equivoice.metrics import classification_metrics, classification_statistics
    from equivoice.uncertainty import bootstrap_sums, clustered_sums

    predictions, reference = corpus(rows, 2000)
    labels = label_space_of(reference)
    items = to_items(match(predictions, reference, labels).frame, labels, ("gender",))

    def macro_f1(y: Any, yhat: Any) -> float:
        return float(f1_score(y, yhat, average="macro"))

    start = time.perf_counter()
    theirs = MetricFrame(
        metrics={"accuracy": accuracy_score, "macro_f1": macro_f1},
        y_true=items.reference,
        y_pred=items.predicted,
        sensitive_features=items.groupings[0].codes,
        n_boot=10,
        ci_quantiles=[0.025, 0.975],
        random_state=0,
    )
    their_seconds = (time.perf_counter() - start) / 10
    metrics = classification_metrics()
    start = time.perf_counter()
    statistics = classification_statistics(items.reference, items.predicted, items.n_classes)
    sample = clustered_sums(statistics, items.groupings[0].codes, 2, None)
    ours = {name: metrics[name].finish(sample.totals()) for name in ("accuracy", "macro_f1")}
    drawn = bootstrap_sums(sample, replicates, seed=0)
    for name in ours:
        np.quantile(metrics[name].finish(drawn), [0.025, 0.975], axis=0)
    our_seconds = (time.perf_counter() - start) / replicates
    for name, values in ours.items():
        np.testing.assert_allclose(values, theirs.by_group[name].to_numpy(), atol=1e-12)
    return {
        "benchmark": "against fairlearn MetricFrame, same row-wise bootstrap",
        "rows": rows,
        "equal_point_estimates": True,
        "fairlearn_seconds_a_replicate": round(their_seconds, 4),
        "equivoice_seconds_a_replicate": round(our_seconds, 7),
        "ratio": round(their_seconds / our_seconds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--speakers", type=int, default=2_000)
    parser.add_argument("--replicates", type=int, default=10_000)
    parser.add_argument("--only", choices=["speaker", "utterance", "fairlearn"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        predictions, utterances = corpus(options.rows, options.speakers)
        predictions.write_parquet(folder / "predictions.parquet")
        utterances.write_parquet(folder / "utterances.parquet")
        del predictions, utterances
        for unit in ("speaker", "utterance"):
            if options.only in (None, unit):
                known = unit == "speaker"
                found = time_scoring(folder, replicates=options.replicates, speakers_known=known)
                print(json.dumps(found), flush=True)
    if options.only in (None, "fairlearn"):
        print(json.dumps(compare_with_fairlearn(100_000, options.replicates)), flush=True)


if __name__ == "__main__":
    main()
