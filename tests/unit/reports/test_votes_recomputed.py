"""A run with votes, scored for real: what the report shows is counted again in plain Python."""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from equivoice.evaluation import score
from equivoice.records import PREDICTIONS, RunRecord
from equivoice.reports import ReportInputs, main_table, render_report, verdict
from equivoice.reports.document import Block, Folded, Section, Table
from equivoice.reports.listeners import listeners_section
from equivoice.reports.rows import pooled, read_estimates
from equivoice.reports.sections import chapters, scores_section

LABELS = ("neutral", "happy", "angry")
SPEAKERS, EACH = 14, 10


class Heard:
    """Votes on utterances, an answer to each, and everything that follows from them by hand."""

    def __init__(self, seed: int = 5) -> None:
        generator = np.random.default_rng(seed)
        self.votes: dict[str, Counter[str]] = {}
        self.gender: dict[str, str] = {}
        self.said: dict[str, str] = {}
        self.speaker: dict[str, str] = {}
        for at in range(SPEAKERS * EACH):
            name, speaker = f"c/{at:03d}", at % SPEAKERS
            chances = generator.dirichlet([0.7, 0.7, 0.7])
            number = int(generator.integers(3, 8))
            self.votes[name] = Counter(generator.choice(LABELS, number, p=chances).tolist())
            self.said[name] = str(generator.choice(LABELS, p=chances))
            self.speaker[name] = f"s{speaker:02d}"
            self.gender[name] = "female" if speaker % 2 else "male"

    def majority(self, name: str) -> str | None:
        """The label above half, by counting."""
        label, most = self.votes[name].most_common(1)[0]
        return label if 2 * most > self.votes[name].total() else None

    def plurality(self, name: str) -> str | None:
        """The only label with most votes, by counting."""
        found = self.votes[name].most_common(2)
        return None if len(found) == 2 and found[0][1] == found[1][1] else found[0][0]

    def utterances(self) -> pl.DataFrame:
        """The table of utterances; without labels of its own."""
        return pl.DataFrame(
            {
                "utterance_id": list(self.votes),
                "corpus": "c",
                "speaker": list(self.speaker.values()),
                "gender": list(self.gender.values()),
                "emotion": [self.plurality(name) or "neutral" for name in self.votes],
            }
        )

    def predictions(self) -> pl.DataFrame:
        """One system's answers."""
        return pl.DataFrame(
            {
                "utterance_id": list(self.said),
                "system": "model",
                "emotion": list(self.said.values()),
                "status": "parsed",
            }
        )

    def table(self) -> pl.DataFrame:
        """The table of votes, as counts."""
        rows = [
            {"item": name, "channel": "voice", "question": "emotion", "value": label, "count": n}
            for name, votes in self.votes.items()
            for label, n in votes.items()
        ]
        return pl.DataFrame(rows)


@pytest.fixture(scope="module")
def heard() -> Heard:
    """What was heard."""
    return Heard()


@pytest.fixture(scope="module")
def run(heard: Heard) -> ReportInputs:
    """The run, scored."""
    scores = score(
        heard.predictions(),
        heard.utterances(),
        votes=heard.table(),
        rule="majority",
        group_by="gender",
        replicates=100,
        permutations=50,
    )
    labels = [(name, heard.majority(name)) for name in heard.votes]
    kept = [(name, label) for name, label in labels if label is not None]
    return ReportInputs(
        title="Counted again",
        record=RunRecord(verb="score", config={}),
        estimates=scores.estimates,
        predictions=PREDICTIONS.validate(heard.predictions()),
        utterances=heard.utterances(),
        labels=pl.DataFrame(kept, schema=["utterance_id", "emotion"], orient="row"),
        notes=scores.notes,
    )


def flat(blocks: Sequence[Block]) -> Iterator[Block]:
    """All blocks, those that are folded away among them."""
    for block in blocks:
        yield block
        if isinstance(block, Folded):
            yield from flat(block.blocks)


def tables(section: Section) -> list[Table]:
    """All tables of a section and of those below it."""
    own = [block for block in flat(section.blocks) if isinstance(block, Table)]
    return own + [table for below in section.sections for table in tables(below)]


def lines(table: Table) -> dict[str, list[str]]:
    """The texts of each line, by that of its first cell."""
    return {row[0].text: [cell.text for cell in row] for body in table.bodies for row in body.rows}


@pytest.fixture(scope="module")
def listeners(run: ReportInputs) -> dict[str, Table]:
    """The tables about listeners by their caption."""
    section = listeners_section(run, read_estimates(run.estimates), players="none")
    return {table.caption: table for table in tables(section)}


def percent(share: float) -> str:
    """A share as the report writes it."""
    return f"{share * 100:.1f}"


def test_what_rules_keep(heard: Heard, listeners: dict[str, Table]) -> None:
    found = lines(listeners["What each rule keeps on c"])
    for rule, by in (("Majority", heard.majority), ("Plurality", heard.plurality)):
        kept = sum(by(name) is not None for name in heard.votes)
        assert found[rule][1] == percent(kept / len(heard.votes))
        assert found[rule][3:5] == [str(kept), str(len(heard.votes))]
    assert found["All-inclusive"][1] == "100.0"


def test_what_rules_keep_of_women_and_men(heard: Heard, listeners: dict[str, Table]) -> None:
    found = lines(listeners["Kept by gender on c"])
    for gender in ("female", "male"):
        own = [name for name in heard.votes if heard.gender[name] == gender]
        for column, by in enumerate((heard.majority, heard.plurality), start=1):
            share = sum(by(name) is not None for name in own) / len(own)
            assert found[gender][column] == percent(share)
        assert found[gender][4] == str(len(own))


def test_top_share_entropy_and_shares_of_votes(heard: Heard, listeners: dict[str, Table]) -> None:
    found = lines(listeners["Agreement of listeners on c"])
    shares = [[votes[label] / votes.total() for label in LABELS] for votes in heard.votes.values()]
    top = sum(max(row) for row in shares) / len(shares)
    entropy = -sum(p * math.log(p) for row in shares for p in row if p) / len(shares)
    assert found["Top share"][1] == percent(top)
    assert found["Entropy of the votes"][1] == f"{entropy:.3f}"
    by_emotion = lines(listeners["Agreement and votes by emotion on c"])
    for at, label in enumerate(LABELS):
        share = sum(row[at] for row in shares) / len(shares)
        assert by_emotion[label][2] == percent(share)


def test_alpha_by_pairs_of_votes(heard: Heard, listeners: dict[str, Table]) -> None:
    pairs: Counter[tuple[str, str]] = Counter()
    for votes in heard.votes.values():
        said = list(votes.elements())
        for one in range(len(said)):
            for two in range(len(said)):
                if one != two:
                    pairs[said[one], said[two]] += 1 / (len(said) - 1)
    margins = {label: sum(pairs[label, other] for other in LABELS) for label in LABELS}
    total = sum(margins.values())
    observed = sum(n for (one, two), n in pairs.items() if one != two)
    expected = sum(
        margins[one] * margins[two] for one in LABELS for two in LABELS if one != two
    ) / (total - 1)
    alpha = 1 - observed / expected
    assert lines(listeners["Agreement of listeners on c"])["Krippendorff's alpha"][1] == (
        f"{alpha:.3f}"
    )


def test_scores_against_the_majority(heard: Heard, run: ReportInputs) -> None:
    table = tables(scores_section(chapters([(run, read_estimates(run.estimates))])))[0]
    (body,) = [
        body
        for body in table.bodies
        if body.title == "model, held against the majority of the votes"
    ]
    found = {row[0].text: [cell.text for cell in row] for row in body.rows}
    kept = [name for name in heard.votes if heard.majority(name) is not None]
    right = sum(heard.said[name] == heard.majority(name) for name in kept)
    assert found["accuracy"][1] == percent(right / len(kept))
    assert str(len(kept)) in found["accuracy"]
    f1 = []
    for label in LABELS:
        hits = sum(heard.said[name] == heard.majority(name) == label for name in kept)
        either = sum(heard.said[name] == label for name in kept)
        either += sum(heard.majority(name) == label for name in kept)
        f1.append(2 * hits / either)
    assert found["macro-F1"][1] == percent(sum(f1) / len(f1))


def test_scores_where_all_agree(heard: Heard, listeners: dict[str, Table]) -> None:
    (table,) = [t for caption, t in listeners.items() if caption.startswith("Scores by agreement")]
    (body,) = [
        b for b in table.bodies if b.title == "model, held against the majority of the votes"
    ]
    (line,) = [row for row in body.rows if row[0].text == "all agree"]
    column = table.columns.index("Accuracy, %")
    unanimous = [name for name, votes in heard.votes.items() if len(votes) == 1]
    right = sum(heard.said[name] == heard.majority(name) for name in unanimous)
    assert line[column].text == percent(right / len(unanimous))
    assert str(len(unanimous)) in [cell.text for cell in line]


def test_one_listener_left_out_by_every_vote(heard: Heard, run: ReportInputs) -> None:
    """Each vote is taken out in turn and held against the majority of the others."""
    right = weight = 0.0
    for votes in heard.votes.values():
        for label, number in votes.items():
            others = votes - Counter([label])
            best, most = others.most_common(1)[0]
            if 2 * most > others.total():
                weight += number / votes.total()
                right += number / votes.total() * (best == label)
    (row,) = [
        row
        for row in pooled(read_estimates(run.estimates))
        if (row.quantity, row.metric, row.group_by) == ("score", "accuracy", None)
        and row.system == "one listener, left out (voice)"
    ]
    assert row.value == pytest.approx(right / weight)
    table = tables(scores_section(chapters([(run, read_estimates(run.estimates))])))[0]
    title = "people: one listener, left out (voice), held against the other listeners"
    (body,) = [body for body in table.bodies if body.title == title]
    (line,) = [line for line in body.rows if line[0].text == "accuracy"]
    assert body.people
    assert line[1].text == percent(right / weight)


def test_report_terminal_and_verdict_tell_the_same(run: ReportInputs) -> None:
    (row,) = [
        row
        for row in pooled(read_estimates(run.estimates))
        if (row.quantity, row.metric, row.group_by) == ("score", "macro_f1", None)
        and (row.system, row.reference) == ("model", "majority")
    ]
    assert row.value is not None
    console = Console(width=160, file=io.StringIO())
    console.print(main_table(run.estimates))
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    shown = percent(row.value)
    assert "macro-F1" in printed
    assert shown in printed
    assert shown in render_report(run)
    assert any(f"Macro-F1 is {shown}%" in line for line in verdict(run.estimates))


def test_no_table_of_the_whole_run_has_a_blank_or_a_ragged_line(run: ReportInputs) -> None:
    rows = read_estimates(run.estimates)
    sections = [
        listeners_section(run, rows, players="none"),
        scores_section(chapters([(run, rows)])),
    ]
    found = [table for section in sections for table in tables(section)]
    assert len(found) > 10
    for table in found:
        for body in table.bodies:
            for row in body.rows:
                assert len(row) == len(table.columns), table.caption
                assert all(cell.text for cell in row), table.caption
