"""Prompts as data: the wording that each model family is given, with places to fill.

A :class:`Prompt` is read from YAML: one of Equivoice's own by name, or a user's
file by path. It may word the same question differently for each model family and
for each modality. What FairALM and ABHINAYA published stands there letter by
letter; a wording that is ours is marked so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path

from equivoice.errors import ConfigError, InputError
from equivoice.prompting.options import Options, make_options
from equivoice.prompting.prompt_files import MODALITIES, Wording, family_name, read_prompt
from equivoice.prompting.slots import render_parts
from equivoice.prompting.turns import Turn
from equivoice.records import LabelSpace
from equivoice.written_files import OwnFiles, is_written_file, read_text

__all__ = [
    "MODALITIES",
    "Prompt",
    "load_prompt",
    "prompt_names",
]

_OWN = OwnFiles("prompt", "equivoice.prompting", "prompts")
_TRANSCRIPT_LINE = "Transcript of the audio: {}\n"


@dataclass(frozen=True)
class Prompt:
    """A question with its wordings.

    Args:
        name: what predictions tables call it.
        wordings: one or more; see :meth:`wording` for which is chosen.
        source: where the wording was published, or who wrote it.
        language: the language that it is written in (BCP 47).
        words: from a label to the word displayed for it; may be empty.
        lettered: whether each option is displayed with a letter.
        beside: words displayed behind the options that stand for no label, such as ``Other``.
    """

    name: str
    wordings: tuple[Wording, ...]
    source: str = ""
    language: str = "en"
    words: Mapping[str, str] = field(default_factory=dict)
    lettered: bool = False
    beside: tuple[str, ...] = ()

    @cached_property
    def modalities(self) -> frozenset[str]:
        """The modalities that it can be rendered for, for some family at least."""
        own = {wording.modality for wording in self.wordings}
        return frozenset(own | ({"speech+transcript"} if "speech" in own else set()))

    def wording(self, family: str, modality: str) -> tuple[Wording, bool]:
        """The wording for a family and a modality, and whether the transcript must be added.

        The family's own wordings go before those for everybody. Among them, one
        with places for just this modality goes first; for ``speech+transcript``,
        one for ``speech`` will do, to which a line with the transcript is added.

        Raises:
            ConfigError: there is no such wording.
        """
        if modality not in MODALITIES:
            raise ConfigError("unknown modality", value=modality, choices=MODALITIES)
        wanted = {modality: False} | ({"speech": True} if modality == "speech+transcript" else {})
        own = [w for w in self.wordings if family_name(family) in w.families]
        for candidates in (own, [w for w in self.wordings if not w.families]):
            by_modality = {wording.modality: wording for wording in candidates}
            for kind, add in wanted.items():
                if kind in by_modality:
                    return by_modality[kind], add
        have = sorted(
            {w.modality for w in self.wordings if not w.families} | {w.modality for w in own}
        )
        raise ConfigError(
            f"prompt {self.name!r} has no wording for the family {family!r} with the modality "
            f"{modality!r}; it has wordings for that family with {', '.join(have) or 'none'}",
            hint="write a prompt file with such a wording (docs/prompts.md)",
        )

    def render(
        self,
        options: Options,
        *,
        family: str,
        modality: str,
        transcript: str | None = None,
        emotion: str | None = None,
    ) -> tuple[Turn, ...]:
        """The conversation for one utterance.

        Args:
            options: what may be answered, in the order displayed.
            family: the model family, such as ``qwen2_audio``.
            modality: ``speech``, ``speech+transcript`` or ``transcript``.
            transcript: the words that were said; needed unless the modality is ``speech``.
            emotion: the label, for a teacher that is told it.

        Raises:
            ConfigError: no wording for this family and modality; a teacher's prompt, and
                no label.
            InputError: there is no transcript and the modality needs one.

        Example:
            >>> from equivoice.records import Label, LabelSpace
            >>> space = LabelSpace("demo", (Label("sad"), Label("angry")))
            >>> prompt = load_prompt("direct")
            >>> for turn in prompt.render(
            ...     prompt.options(space), family="qwen2_audio", modality="speech"
            ... ):
            ...     print(turn.role, turn.text)
            user Listen to the audio and identify the speaker's emotion. Choose from: Sad, Angry. Answer:
        """
        wording, add_transcript = self.wording(family, modality)
        if modality != "speech" and transcript is None:
            raise InputError(
                f"the modality {modality!r} needs a transcript, and this utterance has none",
                column="transcript",
                hint="add transcripts to the corpus, or leave such utterances out",
            )
        if "emotion" in wording.places and emotion is None:
            raise ConfigError(
                f"prompt {self.name!r} tells the label, which is for teachers only",
                hint="rationales generate --prompt, or another prompt",
            )
        values = {
            "emotion": emotion or "",
            "labels": options.text,
            "labels_or": _with_or(options.displayed),
            "number": str(len(options.displayed)),
            "transcript": transcript or "",
        }
        turns = tuple(
            Turn(role, tuple(part for each in templates for part in render_parts(each, values)))
            for role, templates in wording.turns
        )
        return _with_transcript(turns, transcript or "") if add_transcript else turns

    def options(self, space: LabelSpace, *, order: str = "given", seed: int = 0) -> Options:
        """The labels of a space as this prompt displays them.

        A label is displayed in the prompt's word for it, else capitalised. The
        prompt's words for labels that the space lacks are left aside.

        Args:
            space: the labels.
            order: ``given``, ``alphabetical`` or ``shuffled-K``.
            seed: of the permutations.

        Example:
            >>> from equivoice.records import Label, LabelSpace
            >>> space = LabelSpace("demo", (Label("fearful", ("fear",)), Label("angry")))
            >>> load_prompt("direct_de").options(space).text
            'ängstlich, wütend'
        """
        words: dict[str, str] = {}
        for label, word in self.words.items():
            own = space.resolve(label)
            if own is not None:
                words.setdefault(own, word)
        return make_options(
            space,
            order=order,
            seed=seed,
            words=words,
            lettered=self.lettered,
            beside=self.beside,
        )


def _with_or(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])}, or {words[-1]}"


def _with_transcript(turns: tuple[Turn, ...], transcript: str) -> tuple[Turn, ...]:
    """The transcript, on a line of its own before the last text of the last turn.

    There, whatever the order of sound and text, the question still stands last.
    """
    last = turns[-1]
    line = _TRANSCRIPT_LINE.format(transcript)
    texts = [place for place, part in enumerate(last.parts) if isinstance(part, str)]
    if not texts:
        return (*turns[:-1], replace(last, parts=(*last.parts, line)))
    parts = list(last.parts)
    parts[texts[-1]] = f"{line}{parts[texts[-1]]}"
    return (*turns[:-1], replace(last, parts=tuple(parts)))


@cache
def prompt_names() -> tuple[str, ...]:
    """The names of Equivoice's own prompts.

    Example:
        >>> "user_labels" in prompt_names()
        True
    """
    return _OWN.names()


def load_prompt(name_or_path: str | Path) -> Prompt:
    """One of Equivoice's own prompts by name, or a prompt from a YAML file.

    Args:
        name_or_path: a name of :func:`prompt_names`; what has the suffix ``.yaml``
            or ``.yml``, or a folder in it, is a path.

    Raises:
        ConfigError: no such prompt, or mistakes in the file, all reported together.
        InputError: the file cannot be read.

    Example:
        >>> load_prompt("user_labels").modalities == {"speech", "speech+transcript", "transcript"}
        True
    """
    if is_written_file(name_or_path):
        return _from_file(Path(name_or_path))
    return _own_prompt(str(name_or_path))


@cache
def _own_prompt(name: str) -> Prompt:
    return Prompt(**read_prompt(_OWN.text(name), file=f"{name}.yaml", name=name))


def _from_file(path: Path) -> Prompt:
    fields = read_prompt(
        read_text(path, what="the prompt file"), file=path, name=path.stem, taken=prompt_names()
    )
    return Prompt(**fields)
