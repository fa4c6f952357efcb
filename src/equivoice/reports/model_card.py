"""The model card of a trained model: a README.md in the format of the Hugging Face hub.

YAML in front says what machines look for; below it stands what people must
know: on whom it was trained, which groups were compared, the gaps with their
intervals and counts, and what cannot be concluded. A card is made to be
published, so it holds no folder names of the machine that made it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

import yaml

from equivoice.reports.document import Block, Bullets, Code, Facts, Section, Statements, Table, Text
from equivoice.reports.formatting import capital
from equivoice.reports.markdown import escaped, markdown, one_line
from equivoice.reports.provenance import SOFTWARE_CITATION
from equivoice.reports.rows import Estimate, pick
from equivoice.reports.trade_off import gaps_within_table, methods_table, worst_gaps_table
from equivoice.reports.training import (
    chosen_rows,
    data_table,
    training_facts,
    training_statements,
)
from equivoice.reports.training_inputs import TrainingInputs, over_cells
from equivoice.reports.wording import attribute, metric

__all__ = ["model_card"]

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_LANGUAGE = re.compile(r"([a-z]{2,3})(-[A-Za-z0-9]+)*")
_TAGS = ("speech-emotion-recognition", "emotion-recognition", "fairness", "equivoice")
_TASK = {"type": "audio-classification", "name": "Speech emotion recognition"}
_METRIC_TYPES = {"macro_f1": "f1", "weighted_f1": "f1", "micro_f1": "f1", "accuracy": "accuracy"}
_CLASSIFIER = "classifier"
_LIBRARIES = {"lora": "peft", _CLASSIFIER: "equivoice"}
_OF_COMMAND = ("system", "options", "corpora", "fold", "recipe")
_LIMITS = (
    (
        "The model answers how an utterance was labelled. It does not know what anybody feels, and "
        "must not be used to judge, select, monitor or diagnose people."
    ),
    (
        "The gaps above are those of the groups and the data named here. Other groups, languages, "
        "recordings and ways of speaking were not examined, and gaps that were not detected may exist."
    ),
    (
        "Groups carry the names that the corpora record. Speakers for whom nothing is recorded are in "
        "no gap."
    ),
    "Scores on the data that chose the checkpoint tend to be better than those of new speakers.",
)
_LICENCE = (
    "This card states no licence for the weights: it is for whoever publishes them to choose one that "
    "the base model and the corpora allow."
)


def model_card(inputs: TrainingInputs) -> str:
    """The README.md of the model that a training run made.

    Args:
        inputs: the run; its estimates are those of the chosen checkpoint.

    Returns:
        the card: YAML front matter and Markdown, with every text escaped.

    Raises:
        SchemaError: the estimates break their schema.

    Example:
        >>> import polars as pl
        >>> from equivoice.records import RunRecord
        >>> from equivoice.reports.training_inputs import Point
        >>> points = pl.DataFrame([{name: None for name in Point.__slots__}]).clear()
        >>> card = model_card(TrainingInputs("Demo", RunRecord(verb="train", config={}), points,
        ...                                  base_model="Qwen/Qwen2-Audio-7B-Instruct"))
        >>> card.splitlines()[:3]
        ['---', 'library_name: peft', 'base_model: Qwen/Qwen2-Audio-7B-Instruct']
    """
    rows = chosen_rows(inputs)
    front = yaml.safe_dump(
        _front_matter(inputs, rows), sort_keys=False, allow_unicode=True, width=1000
    )
    body = markdown(list(_sections(inputs, rows)))
    card = f"---\n{front}---\n\n# {escaped(inputs.title)}\n\n{body}"
    return card.encode("utf-8", "replace").decode("utf-8")


def _front_matter(inputs: TrainingInputs, rows: Sequence[Estimate]) -> dict[str, Any]:
    """What the hub's search and its widgets read; unknown things are left out."""
    adapter = inputs.tuning == "lora"
    front: dict[str, Any] = {"library_name": _LIBRARIES.get(inputs.tuning, "transformers")}
    if _HUB_NAME.fullmatch(inputs.base_model):
        front["base_model"] = inputs.base_model
        front["base_model_relation"] = "adapter" if adapter else "finetune"
    languages = _languages(inputs)
    if languages:
        front["language"] = languages
    if any("speech" in modality for modality in inputs.modalities):
        own = inputs.tuning == _CLASSIFIER
        front["pipeline_tag"] = _TASK["type"] if own else "audio-text-to-text"
    front["tags"] = [*_TAGS, *(["lora"] if adapter else [])]
    results = _results(inputs, rows)
    if results:
        front["metrics"] = sorted({each["type"] for each in results[0]["metrics"]} - {"gap"})
        front["model-index"] = [{"name": one_line(inputs.title), "results": results}]
    return front


def _languages(inputs: TrainingInputs) -> list[str]:
    """The languages among the cells, where cells are languages."""
    parts = inputs.place.split(" x ")
    if inputs.data is None or "language" not in parts:
        return []
    at = parts.index("language")
    cells = [str(cell).split(" x ") for cell in inputs.data.get_column("cell").unique() if cell]
    tags = (names[at] for names in cells if len(names) > at)
    found = (_LANGUAGE.fullmatch(tag) for tag in tags)
    return sorted({match[1] for match in found if match})


def _results(inputs: TrainingInputs, rows: Sequence[Estimate]) -> list[dict[str, Any]]:
    """Score and worst gap in the hub's format, each with its interval in its name."""
    scores = pick(rows, quantity="score")
    gaps = pick(rows, quantity="gap", class_aggregator="max")
    cells, by = over_cells(inputs.cell), attribute(inputs.attribute)
    metrics = [
        *(_result(row, f"{capital(metric(row.metric))}, mean over {cells}") for row in scores),
        *(
            _result(
                row,
                f"Largest gap in {metric(row.metric)} by {by} over {cells}, in points",
                gap=True,
            )
            for row in gaps
        ),
    ]
    shown = [each for each in metrics if each is not None]
    corpora = _corpora(inputs)
    if not shown:
        return []
    name = f"{', '.join(corpora) or 'not named'} (validation part, which chose the checkpoint)"
    data = {"name": name, "type": corpora[0] if corpora else "unknown", "split": "validation"}
    return [{"task": dict(_TASK), "dataset": data, "metrics": shown}]


def _result(row: Estimate, name: str, *, gap: bool = False) -> dict[str, Any] | None:
    if row.value is None:
        return None
    told = "no interval"
    if row.low is not None and row.high is not None:
        told = f"{(row.level or 0) * 100:g}% interval {row.low * 100:.1f} to {row.high * 100:.1f}"
    kind = "gap" if gap else _METRIC_TYPES.get(row.metric, row.metric)
    return {"type": kind, "value": round(row.value * 100, 1), "name": f"{name}; {told}; n {row.n}"}


def _corpora(inputs: TrainingInputs) -> list[str]:
    named = [one_line(name) for name in inputs.cards]
    given = inputs.record.config.get("corpora") or inputs.record.config.get("corpus") or []
    listed = [given] if isinstance(given, str) else list(given)
    return named or [one_line(_without_folder(str(each))) for each in listed]


def _sections(inputs: TrainingInputs, rows: Sequence[Estimate]) -> Iterator[Section]:
    can, cannot = training_statements(inputs, curves=False)
    yield Section("What this is", "what", (Text(_summary(inputs)), Facts(tuple(_facts(inputs)))))
    yield Section("What can be concluded", "verdict", (Statements("", can, cannot),))
    yield Section("Scores and gaps on the validation data", "gaps", tuple(_gaps(rows)))
    yield Section("Data", "data", tuple(_data(inputs)))
    limits = tuple((None, limit) for limit in _LIMITS)
    yield Section("Limits", "limits", (Bullets(limits), Text(_LICENCE)))
    yield Section("How to use it", "use", (Code("Score it on a prepared corpus", _use(inputs)),))
    yield Section("How it was trained, and how to do it again", "rerun", tuple(_rerun(inputs)))
    yield Section("How to cite", "cite", tuple(_citations(inputs)))


def _summary(inputs: TrainingInputs) -> str:
    base = _without_folder(inputs.base_model) or "a model that the record does not name"
    kind = "LoRA adapter for" if inputs.tuning == "lora" else "model trained further from"
    if inputs.tuning == _CLASSIFIER:
        kind = (
            "classifier on" if inputs.base_model else "classifier, with new weights, of the system"
        )
        base = base if inputs.base_model else inputs.system
    labels = ", ".join(inputs.labels)
    answers = f" It answers with one of these labels: {labels}." if labels else ""
    return (
        f"A {kind} {base}, trained by Equivoice to recognise emotions in speech. During training "
        f"groups by {attribute(inputs.attribute)} were compared within each "
        f"{attribute(inputs.cell)}.{answers}"
    )


def _facts(inputs: TrainingInputs) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, values in training_facts(inputs):
        yield name, tuple(_without_folder(value) for value in values)


def _gaps(rows: Sequence[Estimate]) -> Iterator[Block]:
    """The tables with intervals and counts; else why there are none."""
    if not pick(rows, quantity="score"):
        yield Text(
            "No scores with intervals can be given: the training run holds no answers of the chosen "
            "checkpoint on the validation data."
        )
        return
    tables: tuple[Table, ...] = (
        methods_table(rows),
        worst_gaps_table(rows),
        gaps_within_table(rows),
    )
    yield from tables


def _data(inputs: TrainingInputs) -> Iterator[Block]:
    if inputs.data is None or inputs.data.is_empty():
        yield Text("The record does not hold which utterances were trained on.")
    else:
        yield data_table(inputs, list(inputs.data.iter_rows(named=True)))
    for name, card in inputs.cards.items():
        facts = card.facts()
        known = tuple(
            (each.replace("_", " "), (str(facts[each]),))
            for each in ("title", "languages", "licence", "speakers", "recording", "obtain")
        )
        yield Facts((("corpus", (name,)), *known))
    findings = [(finding.severity, _finding(finding)) for finding in inputs.findings]
    if findings:
        yield Text("What the checks of the data found:")
        yield Bullets(tuple(findings))


def _finding(finding: Any) -> str:
    corpus = getattr(finding, "corpus", None)
    return f"{corpus}: {finding.message}" if corpus else str(finding.message)


def _use(inputs: TrainingInputs) -> str:
    system = inputs.system or "SYSTEM"
    if inputs.tuning == _CLASSIFIER:
        system, loaded = _CLASSIFIER, f"options.{_CLASSIFIER}.model=THIS_FOLDER"
    elif inputs.tuning != "lora":
        loaded = f"options.{system}.model=THIS_FOLDER"
    elif _HUB_NAME.fullmatch(inputs.base_model):
        loaded = f"options.{system}.model={inputs.base_model} options.{system}.adapter=THIS_FOLDER"
    else:
        loaded = f"options.{system}.model=BASE_MODEL options.{system}.adapter=THIS_FOLDER"
    return f"equivoice benchmark --system {system} --corpus CORPUS --out RUN {loaded}"


def _rerun(inputs: TrainingInputs) -> Iterator[Block]:
    record = inputs.record
    yield Facts(
        (
            ("versions", tuple(f"{name} {value}" for name, value in record.versions.items())),
            ("git revision", (record.git_revision or "not recorded",)),
            ("seeds", tuple(f"{name} {value}" for name, value in record.seeds.items())),
        )
    )
    recipe = {name: value for name, value in record.config.items() if name not in _OF_COMMAND}
    if recipe:
        text = yaml.safe_dump(_shown(recipe), sort_keys=False, allow_unicode=True)
        yield Code("All settings as resolved; save them as recipe.yaml", text)
    yield Code("Then, with the corpora named above", _command(inputs))
    hashes = {_without_folder(name): value for name, value in record.inputs.items()}
    if hashes:
        text = "\n".join(f"{value}  {name}" for name, value in hashes.items())
        yield Code("The inputs and their SHA-256", text)


def _command(inputs: TrainingInputs) -> str:
    """How the training is started again; what only its owner can know stands in capitals."""
    config = inputs.record.config
    system = inputs.system or "SYSTEM"
    base = inputs.base_model if _HUB_NAME.fullmatch(inputs.base_model) else "BASE_MODEL"
    folds = config.get("fold")
    named = folds.items() if isinstance(folds, Mapping) else ()
    fold = [f"fold.{corpus}={name}" for corpus, name in named]
    fold += [f"--fold {folds}"] if isinstance(folds, (str, int)) else []
    corpora = [f"--corpus {name}" for name in _corpora(inputs)] or ["--corpus CORPUS"]
    parts = [f"--system {system}", f"options.{system}.model={base}", *corpora, *fold]
    return one_line(" ".join(["equivoice train", *parts, "--recipe recipe.yaml --out RUN"]))


def _citations(inputs: TrainingInputs) -> Iterator[Block]:
    version = inputs.record.versions.get("equivoice", "not recorded")
    yield Code("Equivoice", SOFTWARE_CITATION % version)
    for name, card in inputs.cards.items():
        if card.citation.known:
            yield Code(f"The corpus {name}", str(card.citation))


def _shown(value: object) -> Any:
    """Settings for others to read: of a path only its last part."""
    if isinstance(value, Mapping):
        return {str(name): _shown(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shown(each) for each in value]
    return _without_folder(value) if isinstance(value, str) else value


def _without_folder(text: str) -> str:
    """The last part of a path; a name of the hub and any other text stay as they are.

    Paths are told by their beginning: a root, a home, a drive, or dots.
    """
    if re.match(r"(/|~|\.{1,2}[/\\]|[A-Za-z]:[/\\])", text) is None:
        return text
    return PurePath(text.replace("\\", "/")).name or text
