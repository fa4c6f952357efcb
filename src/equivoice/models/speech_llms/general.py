"""Any other audio chat model of transformers, by its own processor and its own forward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from equivoice.errors import ConfigError
from equivoice.models.decoding.backend import enough_memory
from equivoice.models.decoding.learning_model import is_trained
from equivoice.models.decoding.loading import (
    Loading,
    LoadOptions,
    load_pretrained,
    load_processing,
)
from equivoice.models.decoding.prefix import Prefix, run_prompt
from equivoice.models.decoding.teacher_forcing import (
    forward_losses,
    padded_right,
    side_by_side,
    targets_of,
)
from equivoice.models.hearing.backend import HearingModel
from equivoice.models.hearing.chat import messages, rendering
from equivoice.models.hearing.clips import RATE, ClipReader, Wave
from equivoice.models.hearing.stacking import can_be_stacked, stacked
from equivoice.models.language import Question
from equivoice.models.learning import LessonTokens, LossOn, TokenLosses

__all__ = ["GeneralSpeechModel", "classes_of"]

# of checkpoints that bring their own code, in this order
_AUTO_CLASSES = (
    "AutoModelForMultimodalLM",
    "AutoModelForImageTextToText",
    "AutoModelForSpeechSeq2Seq",
    "AutoModelForCausalLM",
)
_LONGEST_S = 600.0


class GeneralSpeechModel(HearingModel):
    """An audio chat model of transformers that has no family of its own here.

    Nothing about its encoder is taken for granted: no padding is left out, and each
    prompt is run alone, since many encoders attend to the padding that a longer clip
    in the batch brings. What follows the prompt is shared as for all models.

    Args:
        model: a local folder, or an id of the hub.
        name: the name of the system; ``None`` for the last part of ``model``.
        family: which wording of a prompt it is given; ``None`` for its architecture's name.
        tree: ``auto`` evaluates distinct answers once, where that is exact; or ``off``.
        together: run the prompts of a batch together: faster, and right only for encoders
            that do not attend to padding.
        max_seconds: the longest clip; ``None`` for ten minutes. Whether the model hears
            so much is for its makers to say.
        longer: ``refuse`` longer clips, or ``cut`` them there (and count them).
        loading: where it comes from and how it is held, as :class:`LoadOptions` names it.

    Raises:
        ConfigError: the checkpoint cannot be loaded, is no chat model that hears, or an
            unknown choice.
        MissingDependencyError: torch or transformers is not installed.
    """

    def __init__(
        self,
        model: str,
        *,
        name: str | None = None,
        family: str | None = None,
        tree: str = "auto",
        together: bool = False,
        max_seconds: float | None = None,
        longer: str = "refuse",
        **loading: Unpack[Loading],
    ) -> None:
        options = LoadOptions(model, **loading)
        loaded = load_pretrained(_Chat, options)
        self.processor = load_processing("AutoProcessor", options)
        tokenizer = getattr(self.processor, "tokenizer", None)
        if tokenizer is None or not _hears(self.processor):
            raise ConfigError(
                "the checkpoint's processor takes no sound together with text",
                value=type(self.processor).__name__,
                hint="take an audio chat model; for transcripts alone, the system text-llm",
            )
        tokenizer.padding_side = "left"
        super().__init__(
            loaded,
            options,
            tokenizer=tokenizer,
            clips=ClipReader(_LONGEST_S, max_seconds=max_seconds, longer=longer),
            name=name,
            family=family or str(loaded.config.model_type),
            tree=tree,
        )
        self.together = together
        self._placeholder: str | None = getattr(self.processor, "audio_token", None)
        self._plain = False
        self._plain = self._takes_plain_strings()

    def prepare(self, questions: Sequence[Question]) -> Prefix:
        """Run the prompts: each alone, unless told to run them together.

        Raises:
            AudioError: a clip cannot be used.
            ConfigError: a question's clip and places do not match.
        """
        waves = self.waves(questions)
        if self.together or len(questions) == 1:
            return self._run(questions, waves)
        alone = [
            self._run([question], [wave]) for question, wave in zip(questions, waves, strict=True)
        ]
        if all(can_be_stacked(prefix) for prefix in alone):
            return stacked(alone)
        # a cache of another kind cannot be put together afterwards
        return self._run(questions, waves)

    def prompt(self, question: Question) -> str:
        """The text that the model is given for a question, with a placeholder for sound.

        Raises:
            ConfigError: the chat template leaves no place for the sound, or the text
                holds a placeholder of its own.
        """
        text = self._rendered(messages(question, self.marks))
        if question.clip is None or self._placeholder is None:
            return text
        if text.count(self._placeholder) != 1:
            raise ConfigError(
                f"the rendered prompt has {text.count(self._placeholder)} places for sound",
                value=question.utterance_id,
                hint=f"does its text or transcript hold {self._placeholder!r}?",
            )
        return text

    def describe(self) -> dict[str, Any]:
        """Weights, settings, optimisations, and how prompts are run."""
        return {**super().describe(), "prompts_run": "together" if self.together else "alone"}

    def _rendered(self, said: list[dict[str, Any]]) -> str:
        if self._plain:
            said = [_as_string(message, self._placeholder or "") for message in said]
        with rendering():
            return str(
                self.processor.apply_chat_template(said, add_generation_prompt=True, tokenize=False)
            )

    def _takes_plain_strings(self) -> bool:
        """Whether the chat template takes contents as strings only, the placeholder among them.

        Such a template writes a list of parts out as Python would, or fails.
        """
        if self._placeholder is None:
            return False
        parts = [{"type": "audio"}, {"type": "text", "text": "spoken"}]
        try:
            text = self._rendered([{"role": "user", "content": parts}])
        except ConfigError:
            return True
        return "'type'" in text or "spoken" not in text or self._placeholder not in text

    def text_tokens(self, question: Question) -> list[int]:
        """The token ids of a question without sound."""
        return self._prompt_ids(question, None)

    def lesson_prompts(self, questions: Sequence[Question]) -> list[list[int]]:
        """The token ids of questions, with as many places as their sounds need."""
        waves = self.waves(questions)
        return [
            self._prompt_ids(question, wave)
            for question, wave in zip(questions, waves, strict=True)
        ]

    def losses(
        self, questions: Sequence[Question], answers: Sequence[list[int]], on: LossOn
    ) -> TokenLosses:
        """The losses of answers to questions: each alone, unless told to run them together."""
        waves = self.waves(questions)
        several = len(questions) if self.together else 1
        with enough_memory():
            return side_by_side(
                [
                    self._losses(
                        questions[at : at + several],
                        waves[at : at + several],
                        answers[at : at + several],
                        on,
                    )
                    for at in range(0, len(questions), several)
                ]
            )

    def frozen_parts(self) -> list[Any]:
        """What stands beside the language model and is not trained: the encoder."""
        whole = getattr(self.model, "model", self.model)
        words = {
            id(part)
            for part in (self.model.get_input_embeddings(), self.model.get_output_embeddings())
        }
        return [
            part
            for part in whole.children()
            if not is_trained(part) and not any(id(each) in words for each in part.modules())
        ]

    def _prompt_ids(self, question: Question, wave: Wave | None) -> list[int]:
        inputs = self._inputs([self.prompt(question)], [] if wave is None else [wave])
        return [int(token) for token in inputs["input_ids"][0]]

    def _losses(
        self,
        questions: Sequence[Question],
        waves: Sequence[Wave | None],
        answers: Sequence[list[int]],
        on: LossOn,
    ) -> TokenLosses:
        import torch

        given, mask = self._given(questions, waves)
        prompts = given.pop("input_ids")
        ids, real = padded_right(answers, self.filler)
        ids, real = ids.to(prompts), real.to(mask)
        lessons = [
            LessonTokens(row[seen].tolist(), answer)
            for row, seen, answer in zip(prompts, mask, answers, strict=True)
        ]
        never = [self.tokenizer.convert_tokens_to_ids(self._placeholder)] * bool(self._placeholder)
        targets = targets_of(lessons, on=on, never=never).shifted((~mask).sum(1).tolist())
        inputs = {
            # such as kinds of tokens, a column a token: those of the answer go on as the prompt ends
            name: torch.cat([value, value[:, -1:].expand(-1, ids.shape[1])], dim=1)
            if value.shape == prompts.shape
            else value
            for name, value in given.items()
        }
        inputs["input_ids"] = torch.cat([prompts, ids], dim=1)
        return forward_losses(self.model, inputs, torch.cat([mask, real], dim=1), targets)

    def _given(
        self, questions: Sequence[Question], waves: Sequence[Wave | None]
    ) -> tuple[dict[str, Any], Any]:
        """What the processor makes of questions, on the device, and which columns are real."""
        import torch

        inputs = self._inputs(
            [self.prompt(question) for question in questions],
            [wave for wave in waves if wave is not None],
        )
        device, dtype = self.model.device, self.model.dtype
        given = {
            name: value.to(device, dtype) if value.is_floating_point() else value.to(device)
            for name, value in inputs.items()
            if isinstance(value, torch.Tensor)
        }
        mask = given.pop("attention_mask").bool()
        if not bool(mask[:, -1].all()):
            raise ConfigError(
                "the processor pads prompts on the right, so that answers cannot be continued",
                value=type(self.processor).__name__,
            )
        self.encoder_passes += sum(wave is not None for wave in waves)
        return given, mask

    def _run(self, questions: Sequence[Question], waves: Sequence[Wave | None]) -> Prefix:
        given, mask = self._given(questions, waves)
        return run_prompt(
            self.model,
            given,
            mask=mask,
            input_ids=given["input_ids"],
            eos_ids=self.eos_ids,
            decode=self.decode,
            strategy="rows" if self.tree == "off" else "tree",
        )

    def _inputs(self, texts: list[str], waves: list[Wave]) -> dict[str, Any]:
        import torch

        sound: dict[str, Any] = {}
        if waves:
            sound = {"audio": waves, "audio_kwargs": {"sampling_rate": RATE}}
        bos = self.tokenizer.bos_token
        written = bos is not None and texts[0].startswith(bos)
        how = {
            "padding": True,
            "padding_side": "left",
            # the template wrote it already
            **({"add_special_tokens": False} if written else {}),
        }
        # half precision, in which a model may be trained, is too coarse for energies
        with torch.autocast("cpu", enabled=False):
            return dict(self.processor(text=texts, text_kwargs=how, return_tensors="pt", **sound))


class _Chat:
    """Picks the class that the checkpoint names."""

    @staticmethod
    def from_pretrained(place: str, *, config: Any, **settings: Any) -> Any:
        if getattr(config, "is_encoder_decoder", False):
            raise ConfigError(
                "the checkpoint is an encoder-decoder, which does not chat",
                file=place,
                value=config.model_type,
                hint="take an audio chat model",
            )
        for kind in classes_of(config, remote=bool(settings.get("trust_remote_code"))):
            if hasattr(kind, "generate") or kind.__name__.startswith("Auto"):
                return kind.from_pretrained(place, config=config, **settings)
        raise ConfigError(
            "this release of transformers has no chat model of this architecture",
            file=place,
            value=config.model_type,
            hint="pip install --upgrade transformers, or serve the model: openai-server",
        )


def classes_of(config: Any, *, remote: bool) -> list[Any]:
    """Classes that may hold the checkpoint: the one that it names, then automatic ones."""
    import transformers

    wanted = [name for name in config.architectures or () if hasattr(transformers, name)]
    brought = getattr(config, "auto_map", None) or {} if remote else {}
    wanted += [name for name in _AUTO_CLASSES if name in brought]
    return [getattr(transformers, name) for name in wanted]


def _hears(processor: Any) -> bool:
    return any(
        getattr(processor, part, None) is not None
        for part in ("feature_extractor", "audio_processor")
    )


def _as_string(message: dict[str, Any], placeholder: str) -> dict[str, Any]:
    parts = [
        placeholder if part["type"] == "audio" else part["text"] for part in message["content"]
    ]
    return {"role": message["role"], "content": "".join(parts)}
