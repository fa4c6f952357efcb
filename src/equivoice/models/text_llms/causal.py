"""Language models that read what was said: any causal model of transformers with a chat template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from equivoice.errors import ConfigError
from equivoice.models.decoding.backend import enough_memory
from equivoice.models.decoding.learning_model import LearningModel
from equivoice.models.decoding.loading import (
    Loading,
    LoadOptions,
    load_pretrained,
    load_processing,
)
from equivoice.models.decoding.marks import as_text, control_marks
from equivoice.models.decoding.prefix import Prefix, run_prompt
from equivoice.models.decoding.teacher_forcing import forward_losses, targets_of
from equivoice.models.hearing.chat import rendering
from equivoice.models.language import Question
from equivoice.models.learning import LessonTokens, LossOn, TokenLosses
from equivoice.prompting.turns import Turn

__all__ = ["CausalTextModel"]


class CausalTextModel(LearningModel):
    """A text language model, given transcripts: ``text-llm``.

    Args:
        model: a local folder, or an id of the hub.
        name: the name of the system; ``None`` for the last part of ``model``.
        loading: where it comes from and how it is held, as :class:`LoadOptions` names it.

    Raises:
        ConfigError: the checkpoint cannot be loaded, or has no chat template.
        MissingDependencyError: torch or transformers is not installed.
    """

    def __init__(
        self,
        model: str,
        *,
        name: str | None = None,
        **loading: Unpack[Loading],
    ) -> None:
        options = LoadOptions(model, **loading)
        tokenizer = load_processing("AutoTokenizer", options, padding_side="left")
        if not tokenizer.chat_template:
            raise ConfigError(
                "the checkpoint has no chat template, so it is no instructed model",
                value=model,
                hint="take the model's instruct or chat variant",
            )
        super().__init__(load_pretrained("AutoModelForCausalLM", options), options)
        self.tokenizer = tokenizer
        self._marks = control_marks(tokenizer)
        self.name = name or options.name
        self.family = "text"
        self.modalities = frozenset({"transcript"})
        ends = self._settings["eos_token_id"] or [tokenizer.eos_token_id]
        self.eos_ids = tuple(int(end) for end in ends if end is not None)

    def prepare(self, questions: Sequence[Question]) -> Prefix:
        """Render the chat template, tokenise, pad on the left, run once.

        Raises:
            ConfigError: a question has sound in it.
        """
        texts = [self.prompt(question) for question in questions]
        padded = self._padded([self._tokens(text) for text in texts])
        inputs = {key: value.to(self.model.device) for key, value in padded.items()}
        with enough_memory():
            return run_prompt(
                self.model,
                {"input_ids": inputs["input_ids"]},
                mask=inputs["attention_mask"].bool(),
                input_ids=inputs["input_ids"],
                eos_ids=self.eos_ids,
                decode=self._decode,
            )

    def prompt(self, question: Question) -> str:
        """The text that the model is given for a question.

        Raises:
            ConfigError: the chat template refuses the turns, or a question has sound in it.
        """
        said = [_message(turn, self._marks) for turn in question.turns]
        with rendering():
            return str(
                self.tokenizer.apply_chat_template(said, add_generation_prompt=True, tokenize=False)
            )

    def option_tokens(self, option: str) -> list[int]:
        """An option as token ids."""
        return [int(token) for token in self._tokens(option)]

    def text_tokens(self, question: Question) -> list[int]:
        """The token ids of a question."""
        return self.option_tokens(self.prompt(question))

    def lesson_prompts(self, questions: Sequence[Question]) -> list[list[int]]:
        """The token ids of questions."""
        return [self.text_tokens(question) for question in questions]

    def losses(
        self, questions: Sequence[Question], answers: Sequence[list[int]], on: LossOn
    ) -> TokenLosses:
        """The losses of answers to questions."""
        lessons = [
            LessonTokens(self.text_tokens(question), answer)
            for question, answer in zip(questions, answers, strict=True)
        ]
        padded = self._padded([each.prompt + each.answer for each in lessons])
        ids = padded["input_ids"].to(self.model.device)
        mask = padded["attention_mask"].bool().to(self.model.device)
        targets = targets_of(lessons, on=on).shifted((~mask).sum(1).tolist())
        with enough_memory():
            return forward_losses(self.model, {"input_ids": ids}, mask, targets)

    def _tokens(self, text: str) -> Any:
        # a chat template writes its own special tokens
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def _padded(self, rows: Sequence[Sequence[int]]) -> dict[str, Any]:
        import torch

        longest = max(len(row) for row in rows)
        pad = self.tokenizer.pad_token_id
        filler = self.eos_ids[0] if pad is None and self.eos_ids else pad or 0
        ids = torch.full((len(rows), longest), filler, dtype=torch.long)
        mask = torch.zeros((len(rows), longest), dtype=torch.long)
        for number, row in enumerate(rows):
            ids[number, longest - len(row) :] = torch.tensor(row)
            mask[number, longest - len(row) :] = 1
        return {"input_ids": ids, "attention_mask": mask}

    def _decode(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=True))


def _message(turn: Turn, marks: Sequence[str]) -> dict[str, str]:
    if turn.has_audio:
        raise ConfigError(
            "a text model cannot hear; its prompt has a place for sound",
            value=turn.text,
            hint="modality=transcript",
        )
    return {"role": turn.role, "content": as_text(turn.text, marks)}
