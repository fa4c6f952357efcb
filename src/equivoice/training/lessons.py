"""How an example is asked and answered: a prompt, the options in an order, the right answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from equivoice.inference.seeds import seed_for
from equivoice.models import Question
from equivoice.models.learning import Lesson
from equivoice.prompting import Options, Prompt
from equivoice.prompting.explained import TargetForm, emotion_word, write_target
from equivoice.records import LabelSpace
from equivoice.training.data import Example
from equivoice.training.explanations import Explanation

__all__ = ["Lessons", "option_texts"]


@dataclass(frozen=True)
class Lessons:
    """The wording of all lessons of a training.

    Args:
        prompt: the question.
        family: of the model, which chooses among the prompt's wordings.
        spaces: from each corpus to the labels that it is asked with.
        orders: label orders; validation has the first of them.
        order_seed: of shuffled orders.
        seed: the root seed, by which an order is drawn where there are several.
        form: the parts of an answer in their order; ``None`` where it is a label alone.
    """

    prompt: Prompt
    family: str
    spaces: Mapping[str, LabelSpace]
    orders: tuple[str, ...] = ("given",)
    order_seed: int = 0
    seed: int = 0
    form: TargetForm | None = None
    _options: dict[tuple[str, str], Options] = field(
        init=False, default_factory=dict, repr=False, compare=False
    )

    def options(self, corpus: str, order: str | None = None) -> Options:
        """The options of a corpus as displayed; in the first order where none is given."""
        key = (corpus, order or self.orders[0])
        if key not in self._options:
            space = self.spaces[corpus]
            made = self.prompt.options(space, order=key[1], seed=self.order_seed)
            self._options[key] = made
        return self._options[key]

    def order(self, example: Example, epoch: int | None) -> str:
        """The label order that an example has in an epoch; the first one outside of epochs."""
        if len(self.orders) == 1 or epoch is None:
            return self.orders[0]
        return self.orders[seed_for(self.seed, "order", example.name, epoch) % len(self.orders)]

    def question(self, example: Example, order: str | None = None) -> Question:
        """An example as it is put to the model.

        Raises:
            ConfigError: the prompt has no wording for the family and the modality.
        """
        turns = self.prompt.render(
            self.options(example.corpus, order),
            family=self.family,
            modality=example.modality,
            transcript=example.transcript,
        )
        return Question(example.item.utterance_id, turns, example.clip)

    def lesson(self, example: Example, epoch: int | None) -> Lesson:
        """An example with its right answer, in the label order of an epoch."""
        order = self.order(example, epoch)
        options = self.options(example.corpus, order)
        place = options.labels.index(example.item.label)
        if self.form is None:
            return Lesson(self.question(example, order), option_texts(options)[place])
        return Lesson(self.question(example, order), self._explained(example, options.shown[place]))

    def _explained(self, example: Example, shown: str) -> str:
        """The label with what is heard and why; without a reason where none is known."""
        known = example.explanation or Explanation(None, None)
        form = "label_only" if self.form is None or known.reason is None else self.form
        return write_target(known.transcript, emotion_word(shown), known.reason, form)


def option_texts(options: Options) -> tuple[str, ...]:
    """The options as a model would write them: their letters, where they have some.

    Example:
        >>> from equivoice.prompting import make_options
        >>> from equivoice.records import Label, LabelSpace
        >>> space = LabelSpace("demo", (Label("sad"), Label("angry")))
        >>> option_texts(make_options(space)), option_texts(make_options(space, lettered=True))
        (('Sad', 'Angry'), ('A', 'B'))
    """
    if not options.lettered:
        return options.shown
    return tuple(chr(65 + place) for place in range(len(options.shown)))
