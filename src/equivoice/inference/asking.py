"""Asking a language system: all temperatures and runs of a batch from one prefix.

Every answer has a seed of its own, by hash of the utterance, the prompt, the
options as displayed, the temperature and the run, so it is the same whatever
else is asked, in whatever order, on however many machines. At temperature 0
all runs are one answer by definition: it is asked for once and stored for each
run, so that the table has a row a run at every temperature.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
import polars as pl

from equivoice.errors import AudioError, RunError
from equivoice.inference.faults import FAULTS, raise_if_hopeless, reason_of
from equivoice.inference.label_scores import Spelling, label_scores
from equivoice.inference.lengths import lengths_of
from equivoice.inference.plan import Batch, Cell, Plan
from equivoice.inference.progress import Progress
from equivoice.inference.replies import OptionScore, Reply, reply_rows
from equivoice.inference.seeds import seed_for
from equivoice.models import (
    Clip,
    Decoding,
    Draw,
    FloatArray,
    LanguageBackend,
    PrefixBackend,
    Question,
    Said,
)
from equivoice.prompting import Options, Prompt
from equivoice.prompting.explained import TargetForm, before_answer, emotion_word
from equivoice.store.run_folder import RunFolder

__all__ = ["Asking", "ask_cell", "cell_batches"]

_ROW = ("utterance_id", "system", "temperature", "run")
_NEARLY_GREEDY = 1e-4  # what FairALM runs as temperature 0; probabilities are still ordered there


@dataclass(frozen=True)
class Asking:
    """How the utterances of a cell are asked about.

    Args:
        prompt: the wording.
        options: what may be answered, as displayed.
        temperatures: at which answers are sampled.
        runs: how many answers at each temperature.
        decoding: how answers are sampled, apart from the temperature.
        parser: by which convention answers are read.
        option_scores: score the options too, where the system can.
        form: of a model that was taught to say what it heard and why: the parts of its
            answers in their order. Its labels are then scored given what it says before
            them at temperature 0; an answer that names no emotion has no scores.
    """

    prompt: Prompt
    options: Options
    temperatures: tuple[float, ...] = (0.0,)
    runs: int = 1
    decoding: Decoding = field(default_factory=Decoding)
    parser: str = "equivoice"
    option_scores: bool = True
    form: TargetForm | None = None

    @property
    def answers(self) -> int:
        """How many answers an utterance is asked for, greedy ones counted run by run."""
        return len(self.temperatures) * self.runs

    @property
    def option_texts(self) -> tuple[str, ...]:
        """The options as a model would write them: their letters, where they have some."""
        if self.options.lettered:
            return tuple(chr(65 + place) for place in range(len(self.options.shown)))
        return self.options.shown

    def seed(self, root: int, utterance: str, temperature: float, run: int) -> int:
        """The seed of one answer."""
        shown = "|".join(self.options.shown)
        return seed_for(root, "sample", utterance, self.prompt.name, shown, temperature, run)

    def scored(self, backend: LanguageBackend) -> bool:
        """Whether options are scored."""
        able = PrefixBackend if self.form is None else Spelling
        return self.option_scores and isinstance(backend, able)


def cell_batches(utterances: pl.DataFrame, cell: Cell, plan: Plan) -> tuple[Batch, ...]:
    """The batches of a language system's cell, whoever's they are."""
    return plan.batches_by_length(lengths_of(utterances, str(cell.modality)))


def ask_cell(
    backend: LanguageBackend,
    utterances: pl.DataFrame,
    cell: Cell,
    asking: Asking,
    *,
    plan: Plan,
    run: RunFolder,
    progress: Progress,
) -> int:
    """Ask about all utterances of a cell and store the answers; go on where it stopped.

    See :func:`equivoice.inference.run_cell`, which is the way in.
    """
    batches = plan.own(cell, cell_batches(utterances, cell, plan))
    work = _Work(backend, cell, asking, plan.seed)
    stored = run.cell_predictions(cell.name).select(_ROW)
    done = work.done(stored)
    open_batches = [batch for batch in batches if not done.issuperset(batch.utterance_ids)]
    total, waiting = _size(batches), _size(open_batches)
    progress.predicting(cell, total * asking.answers)
    progress.found(cell, (total - waiting) * asking.answers)
    for position, batch in enumerate(open_batches):
        begun = time.perf_counter()
        replies = work.replies(utterances, batch)
        seconds = time.perf_counter() - begun
        if position == 0 and stored.is_empty() and _all_failed(replies):
            # the longest come first: too long for the model, perhaps, and the others are not
            others = open_batches[1:]
            typical = others[len(others) // 2 : len(others) // 2 + 1]
            if all(_all_failed(work.replies(utterances, one)) for one in typical):
                _refuse(replies, cell)
        rows = work.rows(replies)
        missing = rows.join(stored, on=list(_ROW), how="anti", nulls_equal=True)
        # money that was spent was spent, also where the answers are then lost
        run.append_timings(_timing(cell, replies, seconds))
        run.append_predictions(cell.name, missing)
        progress.advanced(cell, len(replies) * asking.answers)
    return waiting


@dataclass(frozen=True)
class _Work:
    """What asks for the answers of one cell."""

    backend: LanguageBackend
    cell: Cell
    asking: Asking
    seed: int

    def done(self, stored: pl.DataFrame) -> set[str]:
        """The utterances of which every row is stored."""
        asking = self.asking
        rows = asking.answers + len(asking.temperatures) * asking.scored(self.backend)
        counts = stored.group_by("utterance_id").len()
        return set(counts.filter(pl.col("len") >= rows).get_column("utterance_id"))

    def replies(self, utterances: pl.DataFrame, batch: Batch) -> list[Reply]:
        """A reply an utterance, in the order of the batch."""
        rows = utterances.filter(pl.col("utterance_id").is_in(batch.utterance_ids))
        by_name = {row["utterance_id"]: row for row in rows.iter_rows(named=True)}
        questions: list[Question] = []
        failed: dict[str, Reply] = {}
        for name in batch.utterance_ids:
            try:
                questions.append(self._question(by_name[name]))
            except AudioError as error:
                failed[name] = Reply(name, reason=reason_of(error))
        asked = {reply.utterance_id: reply for reply in self._asked(questions)} if questions else {}
        return [failed.get(name) or asked[name] for name in batch.utterance_ids]

    def rows(self, replies: Sequence[Reply]) -> pl.DataFrame:
        """Replies as rows of a predictions table."""
        asking = self.asking
        seeds = {
            reply.utterance_id: [
                [asking.seed(self.seed, reply.utterance_id, t, run) for run in range(asking.runs)]
                for t in asking.temperatures
            ]
            for reply in replies
        }
        return reply_rows(
            replies,
            self.cell,
            asking.options,
            temperatures=asking.temperatures,
            seeds=seeds,
            parser=asking.parser,
            scored=asking.scored(self.backend),
        )

    def _question(self, row: dict[str, Any]) -> Question:
        name, modality = row["utterance_id"], str(self.cell.modality)
        transcript = None if modality == "speech" else row.get("transcript")
        turns = self.asking.prompt.render(
            self.asking.options,
            family=self.backend.family,
            modality=modality,
            transcript=transcript,
        )
        if modality == "transcript":
            return Question(name, turns)
        if row.get("audio") is None:
            raise AudioError("the utterance has no sound", value=name, column="audio")
        return Question(name, turns, Clip(row["audio"], row.get("start"), row.get("end")))

    def _asked(self, questions: Sequence[Question]) -> list[Reply]:
        """One reply a question; after a fault each question is asked alone."""
        try:
            return self._together(questions)
        except FAULTS as error:
            raise_if_hopeless(error)
            if len(questions) == 1:
                return [Reply(questions[0].utterance_id, reason=reason_of(error))]
        alone = [self._asked([question]) for question in questions]
        return [reply for replies in alone for reply in replies]

    def _together(self, questions: Sequence[Question]) -> list[Reply]:
        asking, backend = self.asking, self.backend
        draws = [self._draws(question.utterance_id) for question in questions]
        scores: Sequence[OptionScore | None] | None = None
        if isinstance(backend, PrefixBackend):
            prefix = backend.prepare(questions)
            said = backend.sample(prefix, draws, asking.decoding)
            if asking.form is not None and isinstance(backend, Spelling) and asking.option_scores:
                greedy = backend.sample(prefix, [[Draw(0.0, 0)]] * len(questions), asking.decoding)
                scores = [
                    self._label_scores(backend, question, each.text)
                    for question, (each,) in zip(questions, greedy, strict=True)
                ]
            elif asking.form is None and asking.option_scores:
                scores = self._scores(backend, prefix, len(questions))
        else:
            said = backend.answer(questions, draws, asking.decoding)
        self._check_answers(said, draws)
        return [
            Reply(
                question.utterance_id,
                self._by_temperature(said[row]),
                None if scores is None else scores[row],
            )
            for row, question in enumerate(questions)
        ]

    def _scores(self, backend: PrefixBackend, prefix: Any, questions: int) -> list[OptionScore]:
        """The scores of the options, ordered also where the settings allow none of them."""
        asking = self.asking
        texts, given = asking.option_texts, asking.temperatures
        found = backend.option_logprobs(prefix, texts, given, asking.decoding)
        self._check_scores(found.logprobs, found.outside, questions)
        order = found.logprobs
        impossible = np.isneginf(order).all(axis=2, keepdims=True)
        if impossible.any():
            decoding = asking.decoding
            free = Decoding.neutral(
                max_new_tokens=decoding.max_new_tokens, min_new_tokens=decoding.min_new_tokens
            )
            warm = [temperature or _NEARLY_GREEDY for temperature in given]
            order = np.where(
                impossible, backend.option_logprobs(prefix, texts, warm, free).logprobs, order
            )
        return [
            OptionScore(*each) for each in zip(found.logprobs, found.outside, order, strict=True)
        ]

    def _label_scores(
        self, backend: Spelling, question: Question, said: str | None
    ) -> OptionScore | None:
        """The scores of the labels, given what the model said before its own."""
        asking = self.asking
        before = before_answer(said or "")
        if before is None:
            return None
        words = tuple(map(emotion_word, asking.options.shown))
        found = label_scores(backend, question, before, words, asking.temperatures, asking.decoding)
        return OptionScore(found.logprobs[0], found.outside[0], found.logprobs[0])

    def _draws(self, utterance: str) -> list[Draw]:
        return [
            Draw(temperature, self.asking.seed(self.seed, utterance, temperature, run))
            for temperature in self.asking.temperatures
            for run in range(self._drawn(temperature))
        ]

    def _drawn(self, temperature: float) -> int:
        return self.asking.runs if temperature > 0 else 1

    def _by_temperature(self, said: Sequence[Said]) -> list[list[Said]]:
        """Answers in a list a temperature, the greedy one repeated for each run."""
        rest = list(said)
        found: list[list[Said]] = []
        for temperature in self.asking.temperatures:
            size = self._drawn(temperature)
            own, rest = rest[:size], rest[size:]
            found.append(own if temperature > 0 else own * self.asking.runs)
        return found

    def _check_answers(
        self, said: Sequence[Sequence[Said]], draws: Sequence[Sequence[Draw]]
    ) -> None:
        given, due = [len(each) for each in said], [len(each) for each in draws]
        if given != due:
            self._refuse(f"gave {given} answers where {due} were due")

    def _check_scores(self, logprobs: FloatArray, outside: FloatArray, questions: int) -> None:
        size = (questions, len(self.asking.temperatures))
        due = (*size, len(self.asking.option_texts))
        if logprobs.shape != due or outside.shape != size:
            self._refuse(f"gave option scores of shape {logprobs.shape} where {due} was due")

    def _refuse(self, what: str) -> None:
        raise RunError(f"the system {self.cell.system!r} broke its protocol: it {what}")


def _all_failed(replies: Sequence[Reply]) -> bool:
    return len(replies) > 1 and all(reply.failure for reply in replies)


def _refuse(replies: Sequence[Reply], cell: Cell) -> NoReturn:
    raise RunError(
        f"{cell.system} failed on each of the first {len(replies)} utterances of "
        f"{cell.corpus}, fold {cell.fold}; the first failure: {replies[0].failure}"
    )


def _timing(cell: Cell, replies: Sequence[Reply], seconds: float) -> pl.DataFrame:
    costs = [cost for reply in replies if (cost := reply.cost) is not None]
    row = {
        "system": cell.system,
        "corpus": cell.corpus,
        "fold": cell.fold,
        "stage": "ask",
        "utterances": len(replies),
        "seconds": seconds,
        "cost": sum(costs) if costs else None,
    }
    return pl.DataFrame([row], schema_overrides={"cost": pl.Float64})


def _size(batches: Sequence[Batch]) -> int:
    return sum(len(batch.utterance_ids) for batch in batches)
