"""The explainable SpeechLM's Table 1 for whatever was run: open and closed form, four readings.

1. Read the answers of every run in its form: any words by a lexicon or by language models,
   options by the parser.
2. Score them on all utterances and where raters agree, against the majority's labels and
   against all labels, and compare systems, paired over speakers.
3. Watch what was heard: word error rates.
4. Lay out the table with intervals, the printed numbers beside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from equivoice.corpora import Corpus
from equivoice.evaluation.open_answers import Form, Readers
from equivoice.records import replace_file
from equivoice.reports import render_page
from equivoice.studies.explainable.measuring import FormSettings, Measured, measure_forms
from equivoice.studies.explainable.page import study_sections
from equivoice.studies.published.open_closed import PublishedForms, load_published_forms

__all__ = ["ExplainableStudy", "explainable_forms", "write_explainable"]


@dataclass(frozen=True)
class ExplainableStudy:
    """What the study found.

    Args:
        measured: readings, scores, differences, word error rates.
        paper: what was printed.
    """

    measured: Measured
    paper: PublishedForms


def explainable_forms(
    runs: Mapping[Form, Sequence[str]],
    reference: str | Path | Corpus,
    *,
    votes: str | Path | None = None,
    readers: Readers | None = None,
    settings: FormSettings | None = None,
    watch: Callable[[str], None] = lambda _: None,
) -> ExplainableStudy:
    """The paper's Table 1 for predictions that are there.

    Args:
        runs: by form, entries as ``NAME=RUN#SYSTEM``; under the paper's names they stand
            beside the printed rows.
        reference: a prepared corpus, or a table.
        votes: a table of votes; those of the corpus by default.
        readers: language models that read answers; a lexicon and the parser by default.
        settings: how it is scored.
        watch: told what is at work.

    Raises:
        ConfigError: nothing to score, or an entry that names several systems.
        InputError: no predictions, or no labels.
    """
    found = measure_forms(
        runs, reference, settings or FormSettings(), votes=votes, readers=readers, watch=watch
    )
    return ExplainableStudy(found, load_published_forms())


def write_explainable(found: ExplainableStudy, out: Path, *, command: str = "") -> Path:
    """Write the page and the tables; returns the page's path."""
    out.mkdir(parents=True, exist_ok=True)
    measured = found.measured
    replace_file(out / "table_1.csv", measured.scores.table.write_csv)
    if not measured.transcripts.is_empty():
        replace_file(out / "transcripts.csv", measured.transcripts.write_csv)
    sections = study_sections(measured, found.paper, command=command)
    page = render_page("Open and closed form for these systems", sections)
    return replace_file(out / "explainable.html", lambda place: _write(place, page))


def _write(place: Path, text: str) -> None:
    place.write_text(text, encoding="utf-8")
