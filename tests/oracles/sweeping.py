"""A run of a language model at several temperatures: a scripted model's answers, really scored."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl

from equivoice.evaluation.answers import answer_shares
from equivoice.evaluation.calibration import calibration
from equivoice.evaluation.score import score
from equivoice.models import Decoding, Draw, Question
from equivoice.models.scripted_language import ScriptedLanguageModel
from equivoice.prompting import AUDIO, Turn, make_options, parse_responses
from equivoice.records import Label, LabelSpace, RunRecord
from equivoice.reports import ReportInputs

TEMPERATURES = (0.0, 0.7, 1.5)
RUNS = 3
EMOTIONS = ("neutral", "happy", "sad", "angry")
SPACE = LabelSpace("four", tuple(Label(name) for name in EMOTIONS))


def speech(speakers: int = 12, each: int = 8) -> pl.DataFrame:
    rows = [
        {
            "utterance_id": f"demo/{speaker:02d}-{take:02d}",
            "corpus": "demo",
            "speaker": f"s{speaker:02d}",
            "gender": "female" if speaker % 2 else "male",
            "emotion": EMOTIONS[take % len(EMOTIONS)],
        }
        for speaker in range(speakers)
        for take in range(each)
    ]
    return pl.DataFrame(rows)


def asked(utterances: pl.DataFrame, wordings: dict[str, float], orders: int = 2) -> pl.DataFrame:
    """The answers and option scores of a scripted model, as the predictions table holds them."""
    women = utterances.filter(pl.col("gender") == "female")["utterance_id"].to_list()
    model = ScriptedLanguageModel(
        dict(utterances.select("utterance_id", "emotion").iter_rows()),
        accuracy=0.85,
        hard_on=women,
        hard_accuracy=0.6,
        wordings=wordings,
        first_bias=0.5,
    )
    names = utterances["utterance_id"].to_list()
    rows = []
    for order in range(orders):
        options = make_options(SPACE, order=f"shuffled-{order + 1}")
        turns = (Turn("user", (AUDIO, f"Options: {options.text}")),)
        prefix = model.prepare([Question(name, turns) for name in names])
        scores = model.option_logprobs(prefix, options.shown, TEMPERATURES, Decoding())
        fixed = {"prompt": "user_labels", "options": list(options.shown), "modality": "speech"}
        fixed["fold"] = "1"
        for at, temperature in enumerate(TEMPERATURES):
            draws = [
                [
                    Draw(temperature, seed=hash((name, order, run, temperature)) % 2**31)
                    for run in range(RUNS)
                ]
                for name in range(len(names))
            ]
            said = model.sample(prefix, draws, Decoding())
            texts = [each.text for answers in said for each in answers]
            read = parse_responses(texts, SPACE)
            for place, (status, emotion) in enumerate(read.select("status", "emotion").iter_rows()):
                rows.append(
                    {
                        "utterance_id": names[place // RUNS],
                        "system": "llm",
                        "temperature": temperature,
                        "run": place % RUNS,
                        "response": texts[place],
                        "status": status,
                        "emotion": emotion,
                    }
                    | fixed
                )
            shares = np.exp(scores.logprobs[:, at])
            for name, row, outside in zip(names, shares, scores.outside[:, at], strict=True):
                by_label = dict(zip(options.labels, row.tolist(), strict=True))
                best = max(by_label, key=by_label.__getitem__)
                rows.append(
                    {
                        "utterance_id": name,
                        "system": "llm/options",
                        "temperature": temperature,
                        "status": "parsed",
                        "emotion": best,
                        "probabilities": [by_label[each] for each in EMOTIONS],
                        "outside": float(outside),
                    }
                    | fixed
                )
    return pl.DataFrame(rows, infer_schema_length=None)


READABLE = {"exact": 0.7, "sentence": 0.2, "refusal": 0.1}
UNREADABLE = {"gibberish": 0.97, "exact": 0.03}


@cache
def swept_inputs(*, readable: bool = True, orders: int = 2, replicates: int = 100) -> ReportInputs:
    """A whole run of a model at three temperatures."""
    utterances = speech()
    predictions = asked(utterances, READABLE if readable else UNREADABLE, orders)
    scores = score(
        predictions,
        utterances,
        label_space=SPACE,
        group_by=("gender",),
        replicates=replicates,
        permutations=100,
    )
    record = RunRecord(
        verb="benchmark",
        config={"systems": ["llm"], "corpora": ["demo"]},
        versions={"equivoice": "0.1.0"},
        generation={"llm": {"repetition_penalty": 1.1}},
    )
    return ReportInputs(
        title="A model at three temperatures",
        record=record,
        estimates=scores.estimates,
        predictions=predictions,
        utterances=utterances,
        answers=answer_shares(predictions, utterances, group_by=("gender",), replicates=100),
        calibration=calibration(predictions, utterances, label_space=SPACE, replicates=100),
    )


def chosen_on_test(inputs: ReportInputs) -> ReportInputs:
    """The same run, whose temperature was chosen on the test data."""
    choice = {
        "what": "temperature",
        "system": "llm",
        "split": "test",
        "chosen": 0.7,
        "candidates": {"0.0": 0.5, "0.7": 0.6, "1.5": 0.4},
    }
    record = inputs.record.model_copy(update={"selection": [choice]})
    return replace(inputs, record=record)
