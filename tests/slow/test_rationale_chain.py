"""The whole chain of reasons on a corpus of buzzes, with the smallest model: every step by its door.

The long version is ``benchmarks/rationale_chain.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import jiwer
import polars as pl
import pytest
from sklearn.metrics import f1_score

from equivoice.corpora import Corpus, load_corpus, save_corpus
from equivoice.errors import ConfigError, CorpusError
from equivoice.models.speech_llms.small import SmallSize
from equivoice.rationales.measurements import measure_utterances
from equivoice.rationales.precision import PRECISION
from equivoice.store.cache import ArrayCache
from equivoice.studies.chain.measuring import TEACHER
from equivoice.studies.chain.settings import ARMS, ChainSettings
from equivoice.studies.rationale_chain import (
    Chain,
    Watching,
    rationale_chain,
    write_rationale_chain,
)
from equivoice.training.progress import Quiet
from tiny.corpus import make_corpus

pytestmark = pytest.mark.slow
pytest.importorskip("parselmouth")

SETTINGS = ChainSettings(
    seeds=(0, 3),
    faults=0.3,
    slips=0.2,
    size=SmallSize(
        bands=20, step=750, width=32, heads=2, inner=32, dropout=0.0, text_width=48, text_heads=2
    ),
    recipe={"optimiser": {"epochs": 30, "batch": 8, "micro": 8, "lr": 1e-2}},
    max_new_tokens=100,
    replicates=100,
    permutations=50,
    shuffles=20,
)


@dataclass
class Counting(Quiet):
    """Counts the steps that are made."""

    steps: list[int] = field(default_factory=list)

    def stepped(self, step: int, *, loss: float, weight: float, gap: float | None) -> None:
        del loss, weight, gap
        self.steps.append(step)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("corpus")
    made = make_corpus(folder / "sounds", languages=["en"], takes=5, transcripts=True)
    # the name must not close a tag or an attribute of the page
    told = pl.col("transcript").str.replace("this", "this <b>&")
    return load_corpus(
        save_corpus(replace(made, utterances=made.utterances.with_columns(told)), folder / "demo")
    )


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def chain(corpus: Corpus, out: Path) -> Chain:
    (found,) = rationale_chain([corpus], out, SETTINGS, watching=Watching(workers=1))
    return found


def test_the_teacher_explains_training_utterances_alone(chain: Chain, corpus: Corpus) -> None:
    train = set(corpus.folds.filter(split="train")["utterance_id"])
    made = chain.rationales.rationales()
    assert set(made["utterance_id"]) == train
    kept = made.filter(status="kept")
    assert 0 < kept.height < made.height
    assert chain.dropped.filter(filter="kept")["dropped"].item() == kept.height


def test_both_halves_learn_from_the_same_and_differ_in_the_reasons(chain: Chain) -> None:
    assert [each.student.key for each in chain.answered] == [
        "with-reasons-seed-0",
        "without-reasons-seed-0",
        "with-reasons-seed-3",
        "without-reasons-seed-3",
    ]
    one, two = (each.student for each in chain.answered[:2])
    assert one.base == two.base != chain.answered[2].student.base
    for name in ("utterance_id", "split"):
        assert one.folder.utterances()[name].equals(two.folder.utterances()[name])
    settings = [each.folder.record.config["data"] for each in (one, two)]
    assert [each.pop("order") for each in settings] == list(ARMS.values())
    assert settings[0] == settings[1]


def test_the_test_part_was_heard_by_nobody_before(chain: Chain, corpus: Corpus) -> None:
    tested = set(corpus.folds.filter(split="test")["utterance_id"])
    for each in chain.answered:
        assert set(each.student.folder.utterances()["utterance_id"]).isdisjoint(tested)
        for run in each.runs.values():
            assert set(run.predictions()["utterance_id"]) == tested


def test_scores_are_those_of_the_answers(chain: Chain, corpus: Corpus) -> None:
    """The score of an arm is the mean over seeds of macro-F1; the difference is theirs."""
    labels = corpus.label_space.names
    truth = corpus.utterances.select("utterance_id", "emotion")
    means = {}
    for arm in ARMS:
        scores = []
        for each in chain.answered:
            if each.student.arm == arm:
                seed = each.student.seed
                read = chain.forms[seed].readings[arm, "open"].predictions
                both = truth.join(read.select("utterance_id", said="emotion"), on="utterance_id")
                said = both["said"].fill_null("nothing")
                score = f1_score(
                    both["emotion"], said, labels=labels, average="macro", zero_division=0
                )
                scores.append(float(score))
                table = chain.forms[seed].scores.table
                own = table.filter(quantity="score", form="open", system=arm, metric="macro_f1")
                assert own.filter(subset="all", labels="majority")["value"].item() == pytest.approx(
                    score
                )
        means[arm] = sum(scores) / len(scores)
    rows = chain.ablation["open"].filter(pl.col("run").is_null())
    for arm, mean in means.items():
        found = rows.filter(quantity="score", system=arm)["value"].item()
        assert found == pytest.approx(mean)
    difference = rows.filter(quantity="comparison")["value"].item()
    assert difference == pytest.approx(means["with reasons"] - means["without reasons"])


def test_transcripts_are_watched(chain: Chain, corpus: Corpus) -> None:
    truth = corpus.utterances.select("utterance_id", said="transcript")
    for each in chain.answered:
        found = chain.forms[each.student.seed].transcripts.filter(
            quantity="score",
            metric="word_error_rate",
            system=each.student.arm,
            prompt="open",
        )
        both = truth.join(each.runs["open"].predictions(), on="utterance_id")
        told = both.drop_nulls("transcript")
        assert 0 < told.height
        if told.height == both.height:
            words = [
                [text.lower().replace("<b>&", "b") for text in told[name]]
                for name in ("said", "transcript")
            ]
            assert found["value"].item() == pytest.approx(jiwer.wer(*words))


def test_what_the_teacher_claims_holds_but_for_what_is_wrong_on_purpose(chain: Chain) -> None:
    kept = chain.rationales.rationales().filter(status="kept").select("utterance_id")
    wrong = chain.written.join(kept, on="utterance_id", how="semi")["slips"].sum()
    claims = chain.grounded.claims.filter(system=TEACHER, kind="acoustic")
    assert claims.filter(outcome="contradicted").height == wrong > 0
    assert claims.filter(outcome="not testable").is_empty()
    rows = chain.grounded.estimates.filter(
        pl.col("groups").is_null(), system=TEACHER, metric=PRECISION
    )
    found = rows.filter(pl.col("class") == "acoustic")["value"].item()
    assert found == pytest.approx(1 - wrong / claims.height)


def test_the_student_explains_and_is_judged(chain: Chain) -> None:
    """Against one who says what is measured the student wins at most half of the pairs."""
    systems = chain.grounded.reasons["system"].unique().to_list()
    assert {"the student, seed 0", "the student, seed 3"} < set(systems)
    assert [each.against for each in chain.judged] == [
        "its reasons for other utterances",
        "the scripted listener",
    ]
    rows = chain.judged[1].estimates.filter(pl.col("class").is_null(), metric="win_rate")
    assert rows["value"].max() <= 0.5
    first = chain.judged[0].estimates.filter(metric="same_in_both_orders")
    assert set(first["value"].drop_nulls()) <= {1.0}


def test_what_is_done_is_not_done_again_and_says_the_same(
    chain: Chain, corpus: Corpus, out: Path
) -> None:
    files = [path for path in out.rglob("*") if path.suffix in (".safetensors", ".jsonl")]
    before = {path: path.stat().st_mtime_ns for path in files}
    counting = Counting()
    (again,) = rationale_chain([corpus], out, SETTINGS, watching=Watching(counting, workers=1))
    assert counting.steps == []
    assert {path: path.stat().st_mtime_ns for path in files} == before
    for form, rows in chain.ablation.items():
        assert again.ablation[form].equals(rows)
    assert again.grounded.estimates.equals(chain.grounded.estimates)
    assert [
        each.estimates.equals(old.estimates)
        for each, old in zip(again.judged, chain.judged, strict=True)
    ] == [True, True]


def test_a_chain_that_was_cut_off_goes_on(chain: Chain, corpus: Corpus, tmp_path: Path) -> None:
    def stop(what: str) -> None:
        if what.endswith("training without-reasons-seed-0"):
            raise KeyboardInterrupt

    one = replace(SETTINGS, seeds=(0,))
    with pytest.raises(KeyboardInterrupt):
        rationale_chain([corpus], tmp_path, one, watching=Watching(step=stop, workers=1))
    (whole,) = rationale_chain([corpus], tmp_path, one, watching=Watching(workers=1))
    for at in (0, 1):
        for form, run in chain.answered[at].runs.items():
            other = whole.answered[at].runs[form].predictions()
            assert other.drop("seed").equals(run.predictions().drop("seed"))


def test_the_page_shows_all_steps_and_escapes_what_is_said(chain: Chain, out: Path) -> None:
    page = write_rationale_chain([chain], out, command="equivoice study rationale-chain")
    text = page.read_text(encoding="utf-8")
    for part in (
        "What the filters dropped",
        "With and without reasons",
        "Open and closed form, seed by seed",
        "Word error rate",
        "What the recordings support",
        "against its reasons for other utterances",
        "How little this proves",
        "Teacher and judge are scripted",
    ):
        assert part in text
    assert "<b>&amp;" not in text.replace("&lt;b&gt;&amp;", "")
    assert "this <b>" not in text
    assert "<script" not in text
    for name in ("ablation.csv", "claims.csv", "forms-seed-0.csv", "forms-seed-3.csv"):
        assert pl.read_csv(out / "demo" / name).height > 0


def test_what_cannot_be_is_named(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="different names"):
        rationale_chain([], tmp_path)
    with pytest.raises(ConfigError, match="different names"):
        rationale_chain([corpus, corpus], tmp_path)
    with pytest.raises(CorpusError, match="no such fold"):
        rationale_chain([corpus], tmp_path, replace(SETTINGS, fold="7"))
    assert list(tmp_path.iterdir()) == []


def test_the_measurements_are_kept(chain: Chain, out: Path, corpus: Corpus) -> None:
    cache = ArrayCache(out / "demo" / "measured")
    again = measure_utterances(corpus.utterances, cache=cache, workers=1)
    assert again.equals(chain.grounded.measured)
