"""Tables I to IV and the data of Figure 2: what was run, beside what was printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from equivoice.studies.published import PublishedStudy
from equivoice.studies.zero_shot.scoring import CONVENTIONS, OURS, PARSERS, AuditSettings, Scored

__all__ = [
    "MEASURES",
    "AuditTables",
    "Chosen",
    "at_chosen",
    "choose_temperatures",
    "make_tables",
    "model_of",
    "with_labels",
]

MEASURES = ("statistical_parity", "equal_opportunity", "overall_accuracy_equality")
_FAMILY = ("corpus", "system", "prompt", "modality")
_KEPT = (
    *("value", "low", "high", "level", "method", "unit", "n", "clusters", "noise_floor"),
    *("p_value", "p_floor", "sd_folds", "sd_runs", "sd_orders", "left_out", "undefined"),
)
_MOST = 0.5
_READ_BY_ALL = ("/options", "/expected")
_OUTSIDE = "outside our interval"
_OTHER_SCALE = "another scale: sum of recalls, 0 to 100 K"

Row = dict[str, Any]


@dataclass(frozen=True)
class Chosen:
    """The temperature at which a system stands in the tables.

    Args:
        system: the system, without the way of reading.
        corpus: the corpus.
        prompt: the prompt.
        modality: what the system was given.
        temperature: the chosen one; ``None`` for a system without temperatures.
        candidates: macro-F1 by temperature, where the test data chose.
    """

    system: str | None
    corpus: str
    prompt: str | None
    modality: str | None
    temperature: float | None
    candidates: Mapping[str, float]

    def as_selection(self) -> Row:
        """The choice as the record of a run holds it."""
        return {
            "what": "temperature",
            "system": self.system,
            "corpus": self.corpus,
            "split": "test",
            "chosen": self.temperature,
            "candidates": dict(self.candidates),
        }


@dataclass(frozen=True)
class AuditTables:
    """The tables of the study, as frames in fractions of 1; printed numbers in per cent.

    Args:
        table_1: the corpora.
        table_2: macro-F1.
        table_3: macro-F1 by the way in which answers are read.
        table_4: gaps between groups.
        figure_2: macro-F1 and gaps at every temperature.
        chosen: at which temperatures Tables II to IV stand.
    """

    table_1: pl.DataFrame
    table_2: pl.DataFrame
    table_3: pl.DataFrame
    table_4: pl.DataFrame
    figure_2: pl.DataFrame
    chosen: tuple[Chosen, ...]

    @property
    def named(self) -> Mapping[str, pl.DataFrame]:
        """The tables by the name of their file."""
        return {
            "table-1-corpora": self.table_1,
            "table-2-macro-f1": self.table_2,
            "table-3-parsers": self.table_3,
            "table-4-gaps": self.table_4,
            "figure-2-temperature": self.figure_2,
        }


def make_tables(scored: Scored, study: PublishedStudy, settings: AuditSettings) -> AuditTables:
    """All tables out of what was scored."""
    pooled = with_labels(_pooled(scored.estimates))
    chosen = choose_temperatures(pooled, settings)
    f1 = pooled.filter(
        (pl.col("metric") == "macro_f1") & (pl.col("quantity") == "score") & _whole()
    )
    gaps = pooled.filter(
        pl.col("metric").is_in(MEASURES)
        & (pl.col("quantity") == "gap")
        & (pl.col("group_aggregator") == "mean")
        & (pl.col("class_aggregator").is_null() | (pl.col("class_aggregator") == "mean"))
    )
    return AuditTables(
        _frame(_corpora(scored, study)),
        _frame(_f1(at_chosen(f1, chosen), scored, study)),
        _frame(_parsers(at_chosen(_pooled(scored.parsers), chosen), scored, study)),
        _frame(_gaps(at_chosen(gaps, chosen), scored, study)),
        _frame(_curves(f1, gaps)),
        chosen,
    )


def model_of(system: str | None) -> str | None:
    """A system without the way in which its answers are read.

    Example:
        >>> model_of("qwen2-audio/options")
        'qwen2-audio'
    """
    for suffix in _READ_BY_ALL:
        if system is not None and system.endswith(suffix):
            return system.removesuffix(suffix)
    return system


def choose_temperatures(pooled: pl.DataFrame, settings: AuditSettings) -> tuple[Chosen, ...]:
    """The temperature of each system, corpus, prompt and modality.

    The lowest by default, or the one that was asked for; the best on the test data only
    where the settings say so, and the choice then bears its candidates.
    """
    own = pooled.filter(
        (pl.col("convention") == OURS)
        & (pl.col("metric") == "macro_f1")
        & (pl.col("quantity") == "score")
        & _whole()
    )
    found = []
    for key, rows in own.group_by(_FAMILY, maintain_order=True):
        corpus, system, prompt, modality = key
        if system is not None and system != model_of(system):
            continue
        scores = {
            row["temperature"]: row["value"]
            for row in rows.sort("temperature").iter_rows(named=True)
        }
        temperature, candidates = _choose(scores, settings)
        found.append(Chosen(system, str(corpus), prompt, modality, temperature, candidates))
    return tuple(found)


def _choose(
    scores: Mapping[float | None, float | None], settings: AuditSettings
) -> tuple[float | None, Mapping[str, float]]:
    known = [temperature for temperature in scores if temperature is not None]
    if not known:
        return None, {}
    if settings.select_on_test and len(known) > 1:
        defined = {t: v for t in known if (v := scores[t]) is not None}
        best = max(defined, key=lambda t: (defined[t], -t)) if defined else known[0]
        return best, {f"{t:g}": value for t, value in defined.items()}
    if settings.temperature is not None:
        return min(known, key=lambda t: abs(t - (settings.temperature or 0.0))), {}
    return min(known), {}


def at_chosen(rows: pl.DataFrame, chosen: Sequence[Chosen]) -> pl.DataFrame:
    """The rows at the chosen temperatures; option scores at the next one that has any."""
    if rows.is_empty():
        return rows
    places = pl.DataFrame(
        [
            {
                "corpus": each.corpus,
                "model": each.system,
                "prompt": each.prompt,
                "modality": each.modality,
                "temperature": each.temperature,
            }
            for each in chosen
        ],
        schema={
            "corpus": pl.String,
            "model": pl.String,
            "prompt": pl.String,
            "modality": pl.String,
            "temperature": pl.Float64,
        },
    )
    model = pl.col("system").str.replace(r"/(options|expected)$", "")
    keyed = rows.with_columns(model=model).join(
        places,
        on=["corpus", "model", "prompt", "modality"],
        how="inner",
        nulls_equal=True,
        maintain_order="left",
        suffix="_chosen",
    )
    wanted = pl.col("temperature_chosen")
    later = pl.when(pl.col("temperature") >= wanted).then(pl.col("temperature"))
    nearest = later.min().over("corpus", "system", "prompt", "modality")
    here = pl.col("temperature").eq_missing(pl.coalesce(nearest, wanted))
    return keyed.filter(here).drop("model", "temperature_chosen")


def with_labels(rows: pl.DataFrame) -> pl.DataFrame:
    """Without conditions of option scores in which hardly an option has any probability.

    That happens at temperature 0, where all probability goes to one answer.
    """
    read = pl.col("system").str.contains(r"/(options|expected)$").fill_null(value=False)
    none = (
        (pl.col("metric") == "coverage")
        & (pl.col("quantity") == "score")
        & (pl.col("value") < _MOST)
        & _whole()
    )
    keys = (*_FAMILY, "temperature", "convention")
    return rows.filter(~(read & none.any().over(keys)))


def _pooled(rows: pl.DataFrame) -> pl.DataFrame:
    """Over all folds; a condition with one fold only has none that are pooled."""
    if rows.is_empty():
        return rows
    several = pl.col("fold").is_null() | (pl.col("fold") == "all")
    keys = [
        name for name in (*_FAMILY, "temperature", "convention", "parser") if name in rows.columns
    ]
    return rows.filter(several | ~several.any().over(keys))


def _whole() -> pl.Expr:
    return pl.col("class").is_null() & pl.col("group_by").is_null()


def _frame(rows: Iterator[Row]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), infer_schema_length=None)


def _corpora(scored: Scored, study: PublishedStudy) -> Iterator[Row]:
    printed = {each.corpus: each for each in study.datasets}
    for name, speech in scored.speech.items():
        people = (
            speech.unique("speaker").get_column("gender") if "gender" in speech.columns else None
        )
        known = printed.get(name)
        slips = " ".join(slip.what for slip in study.slips_of("I", name) if slip.corpus == name)
        yield {
            "corpus": name,
            "utterances": speech.height,
            "speakers": speech.get_column("speaker").drop_nulls().n_unique(),
            "women": None if people is None else int((people == "female").sum()),
            "men": None if people is None else int((people == "male").sum()),
            "emotions": len(scored.descriptions[name].labels),
            "printed_speakers": None if known is None else known.speakers,
            "printed_women": None if known is None else known.women,
            "printed_men": None if known is None else known.men,
            "printed_emotions": None if known is None else known.emotions,
            "slip": slips,
        }


def _head(row: Mapping[str, Any], scored: Scored) -> Row:
    system = model_of(row["system"])
    return {
        "corpus": row["corpus"],
        "system": row["system"],
        "model": scored.models.get(system or "", ""),
        "prompt": row["prompt"],
        "modality": row["modality"],
        "temperature": row["temperature"],
        "convention": row["convention"],
    }


def _numbers(row: Mapping[str, Any]) -> Row:
    return {name: row.get(name) for name in _KEPT}


def _printed(number: Any, key: str | None, study: PublishedStudy) -> Row:
    """A printed number, and of which model; it applies only where the same model was run."""
    shown = key or study.figure.model
    return {
        "printed": None if number is None else number.value,
        "printed_sd": None if number is None else number.sd,
        "printed_for": None if number is None else study.models[shown].name,
        "same_model": number is not None and key is not None,
    }


def _key(row: Mapping[str, Any], scored: Scored, study: PublishedStudy) -> str | None:
    """The paper's model that a row is of; the printed numbers are of answers in words."""
    if row["system"] != model_of(row["system"]):
        return None
    return study.model_run_by(scored.models.get(row["system"] or ""))


def _f1(rows: pl.DataFrame, scored: Scored, study: PublishedStudy) -> Iterator[Row]:
    ours = _ours(rows, ("corpus", "system", "prompt", "modality"))
    for row in _in_order(rows):
        key = _key(row, scored, study)
        number = study.score("II", key or study.figure.model, row["corpus"])
        place = tuple(row[name] for name in ("corpus", "system", "prompt", "modality"))
        yield (
            _head(row, scored)
            | _numbers(row)
            | _printed(number, key, study)
            | {"mark": _mark(row, ours.get(place))}
        )


def _parsers(rows: pl.DataFrame, scored: Scored, study: PublishedStudy) -> Iterator[Row]:
    if rows.is_empty():
        return
    coverage = {
        (row["corpus"], row["system"], row["prompt"], row["modality"], row["parser"]): row["value"]
        for row in rows.filter(pl.col("metric") == "coverage").iter_rows(named=True)
    }
    f1 = rows.filter(pl.col("metric") == "macro_f1")
    for parser in PARSERS:
        for row in f1.filter(pl.col("parser") == parser).iter_rows(named=True):
            key = _key(row, scored, study)
            repaired = None if parser not in ("exact", "fairalm_code") else parser != "exact"
            number = None
            if repaired is not None:
                model = key or study.figure.model
                number = study.score("III", model, row["corpus"], post_processing=repaired)
            place = (row["corpus"], row["system"], row["prompt"], row["modality"], parser)
            yield (
                _head(row, scored)
                | {"parser": parser, "coverage": coverage.get(place)}
                | _numbers(row)
                | _printed(number, key, study)
            )


def _gaps(rows: pl.DataFrame, scored: Scored, study: PublishedStudy) -> Iterator[Row]:
    names = ("corpus", "system", "prompt", "modality", "group_by", "metric")
    ours = _ours(rows, names)
    for row in _in_order(rows):
        key = _key(row, scored, study)
        attribute = str(row["group_by"]).partition("[")[0]
        printed = study.gap(key or study.figure.model, attribute, row["corpus"])
        value = None if printed is None else printed.value(row["metric"])
        number = None if value is None else _Plain(value)
        place = tuple(row[name] for name in names)
        yield (
            _head(row, scored)
            | {"attribute": attribute, "groups": row["group_by"], "measure": row["metric"]}
            | _numbers(row)
            | _printed(number, key, study)
            | {"mark": _mark(row, ours.get(place))}
        )


@dataclass(frozen=True)
class _Plain:
    value: float
    sd: float | None = None


def _ours(rows: pl.DataFrame, names: Sequence[str]) -> dict[tuple[Any, ...], Row]:
    if rows.is_empty():
        return {}
    own = rows.filter(pl.col("convention") == OURS)
    return {tuple(row[name] for name in names): row for row in own.iter_rows(named=True)}


def _mark(row: Mapping[str, Any], ours: Mapping[str, Any] | None) -> str:
    """Whether a number by another convention would be read differently from ours."""
    if row["convention"] == OURS or ours is None or row["value"] is None:
        return ""
    if row["metric"] == "overall_accuracy_equality" and row["convention"] == "fairalm_code":
        return _OTHER_SCALE
    if ours["value"] is None:
        return f"not defined by our rules: {ours['undefined']}"
    if ours["low"] is None or ours["high"] is None:
        return ""
    return "" if ours["low"] <= row["value"] <= ours["high"] else _OUTSIDE


def _in_order(rows: pl.DataFrame) -> Iterator[Row]:
    """By corpus, system, attribute and measure as they came; our convention first."""
    if rows.is_empty():
        return
    order = {name: at for at, name in enumerate(CONVENTIONS)}
    names = ("corpus", "system", "prompt", "modality", "group_by", "metric")
    first: dict[tuple[Any, ...], int] = {}
    ranked = []
    for row in rows.iter_rows(named=True):
        place = first.setdefault(tuple(row[name] for name in names), len(first))
        ranked.append((place, order.get(row["convention"], len(order)), row))
    yield from (row for *_, row in sorted(ranked, key=lambda each: each[:2]))


def _curves(f1: pl.DataFrame, gaps: pl.DataFrame) -> Iterator[Row]:
    for frame in (f1, gaps):
        if frame.is_empty():
            continue
        for row in frame.sort("temperature", maintain_order=True).iter_rows(named=True):
            if row["temperature"] is not None:
                names = ("corpus", "system", "prompt", "modality", "convention", "group_by")
                kept = {name: row[name] for name in (*names, "metric", "temperature")}
                yield kept | _numbers(row)
