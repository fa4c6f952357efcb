"""Answers that say what was heard, which emotion it is, and why: written and read.

The form is that of Explainable SpeechLM (Eq. 1)::

    <asr>what is said</asr> <answer>I think the emotion is sad</answer> <reason>why</reason>

As published the label comes first, so that the reason follows from it and cannot lead to
it; with ``reason_first`` it can, and with ``label_only`` there is none, for ablations.

Reading is tolerant, as the paper's is (a closing tag is missing, all tags are missing,
"Label — rationale"), and total: any text is read, and what was wrong with it is said. A
chain of thought that ends in a line "Answer: label" is a reason too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

from equivoice.errors import InputError

__all__ = [
    "TARGET_FORMS",
    "Explained",
    "TargetForm",
    "answer_ending",
    "before_answer",
    "emotion_word",
    "has_target_tags",
    "read_target",
    "write_target",
]

TargetForm = Literal["label_first", "reason_first", "label_only"]
TARGET_FORMS: tuple[TargetForm, ...] = get_args(TargetForm)
"""In which order an answer has its parts."""

_PHRASE = "I think the emotion is"
_KINDS = {
    "asr": "asr",
    "transcript": "asr",
    "transcription": "asr",
    "answer": "answer",
    "reason": "reason",
    "reasoning": "reason",
    "rationale": "reason",
}
_TAG = re.compile(rf"<\s{{0,3}}(/?)\s{{0,3}}({'|'.join(_KINDS)})\s{{0,3}}>", re.IGNORECASE)
_SAID = re.compile(r"\AI\s+think\s+(?:that\s+)?the\s+emotion\s+is\b[\s:]*", re.IGNORECASE)
_DASH = re.compile(r"—|–|(?<=\s)-(?=\s)")
_MARKED = re.compile(r"[\s*_#]{0,9}(?:final\s)?answer[\s*_]{0,9}:(.*)\Z", re.IGNORECASE | re.DOTALL)
_LONGEST_LABEL = 4  # words before a dash; more are running text
_SHORTEST_REASON = 3  # words behind it; fewer are another label


class Explained(NamedTuple):
    """An answer, taken apart.

    Args:
        transcript: what was heard; ``None`` where the answer does not say.
        answer: the emotion in the answer's words, without "I think the emotion is".
        reason: why; ``None`` where the answer does not say.
        problems: what was not as it should be, in words; empty where nothing.
    """

    transcript: str | None
    answer: str | None
    reason: str | None
    problems: tuple[str, ...]


def write_target(
    transcript: str | None, emotion: str, reason: str | None, form: TargetForm = "label_first"
) -> str:
    """What a student is to write.

    Args:
        transcript: what is said; ``None`` leaves that part out.
        emotion: the word for the label.
        reason: why; needed but for ``label_only``, which leaves it out.
        form: the order of the parts.

    Raises:
        InputError: a part is empty, or holds one of the tags; there is no reason.

    Example:
        >>> write_target("Oh no.", "sad", "The voice falls.")
        '<asr>Oh no.</asr> <answer>I think the emotion is sad</answer> <reason>The voice falls.</reason>'
        >>> write_target(None, "sad", None, "label_only")
        '<answer>I think the emotion is sad</answer>'
    """
    answer = f"<answer>{_PHRASE} {_part('answer', emotion)}</answer>"
    heard = [] if transcript is None else [f"<asr>{_part('transcript', transcript)}</asr>"]
    if form == "label_only":
        return " ".join([*heard, answer])
    if reason is None:
        raise InputError("there is no reason to write down", column="reason", value=form)
    why = f"<reason>{_part('reason', reason)}</reason>"
    rest = [answer, why] if form == "label_first" else [why, answer]
    return " ".join([*heard, *rest])


def _part(name: str, text: str) -> str:
    stripped = text.strip()
    if not stripped:
        raise InputError(f"an empty {name} cannot be learnt", column=name)
    if _TAG.search(stripped):
        raise InputError(
            f"the {name} holds a tag of the target itself", column=name, value=stripped[:80]
        )
    return stripped


def emotion_word(shown: str) -> str:
    """An option as it is displayed, as it stands in a sentence.

    Example:
        >>> emotion_word("Sad"), emotion_word("ängstlich")
        ('sad', 'ängstlich')
    """
    return shown[:1].lower() + shown[1:]


def has_target_tags(text: str) -> bool:
    """Whether one of the tags stands in a text.

    Example:
        >>> has_target_tags("<Reason>why"), has_target_tags("a <b> c")
        (True, False)
    """
    return _TAG.search(text) is not None


def answer_ending(emotion: str) -> str:
    """What follows :func:`before_answer` where the label is this word.

    Example:
        >>> answer_ending("sad")
        ' sad</answer>'
    """
    return f" {emotion}</answer>"


def before_answer(response: str) -> str | None:
    """All that an answer says before its label; ``None`` where it opens no answer.

    Example:
        >>> before_answer("<asr>Oh no.</asr> <answer>I think the emotion is sad</answer>")
        '<asr>Oh no.</asr> <answer>I think the emotion is'
    """
    for tag in _TAG.finditer(response):
        if not tag[1] and _KINDS[tag[2].lower()] == "answer":
            return f"{response[: tag.start()]}<answer>{_PHRASE}"
    return None


# --------------------------------------------------------------------------- reading


def read_target(text: str | None) -> Explained:
    """Take an answer apart, however it is written.

    Example:
        >>> read_target("<asr>Oh no.</asr><answer>I think the emotion is sad</answer><reason>It falls.")
        Explained(transcript='Oh no.', answer='sad', reason='It falls.', problems=('reason is not closed',))
        >>> read_target("Surprise — The pitch rises.")[1:3]
        ('Surprise', 'The pitch rises.')
        >>> read_target("")
        Explained(transcript=None, answer=None, reason=None, problems=('the answer is empty',))
    """
    given = text or ""
    if not given.strip():
        return Explained(None, None, None, ("the answer is empty",))
    if not has_target_tags(given):
        return _untagged(given)
    parts = _Parts()
    for kind, content in _sections(given, parts.problems):
        parts.add(kind, content)
    return parts.explained()


def _untagged(text: str) -> Explained:
    """What stands in "Label — rationale", or in a rationale with "Answer: label" as last line."""
    before, _, last = text.rstrip().rpartition("\n")
    marked = _MARKED.match(last)
    if marked is not None and len(before.split()) >= _SHORTEST_REASON:
        return Explained(None, _bare(marked[1]), before.strip(), ("there are no tags",))
    label, reason = _dashed(text)
    return Explained(None, _bare(label), reason, ("there are no tags",))


def _dashed(text: str) -> tuple[str, str | None]:
    """The label and the reason of "Label — rationale"; all of it as label where it is not that."""
    dash = _DASH.search(text)
    if dash is None:
        return text, None
    label, reason = text[: dash.start()], text[dash.end() :].strip()
    words = len(_SAID.sub("", label.strip()).split())
    if not 1 <= words <= _LONGEST_LABEL or len(reason.split()) < _SHORTEST_REASON:
        return text, None
    return label, reason


def _bare(answer: str) -> str | None:
    """The emotion's own words."""
    return _SAID.sub("", answer.strip(" \t\r\n\"'*")).strip(" \t\r\n\"'*.") or None


@dataclass
class _Parts:
    """The parts as they are found, the first of each kind."""

    found: dict[str, str] = field(default_factory=dict)
    loose: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(self, kind: str | None, content: str) -> None:
        if not content:
            if kind is not None:
                self.problems.append(f"{kind} is empty")
        elif kind is None:
            self.loose.append(content)
        elif kind in self.found:
            self.problems.append(f"{kind} stands twice")
        else:
            self.found[kind] = content

    def explained(self) -> Explained:
        answer, reason = self.found.get("answer"), self.found.get("reason")
        if answer is None:
            answer, beside = _dashed(" ".join(self.loose))
            reason = reason or beside
            self.problems.append("there is no answer in tags")
        elif self.loose:
            self.problems.append("text stands outside of the tags")
        return Explained(
            self.found.get("asr"), _bare(answer), reason, tuple(dict.fromkeys(self.problems))
        )


def _sections(text: str, problems: list[str]) -> Iterator[tuple[str | None, str]]:
    """The kind and the content of each section in turn; of no kind what stands between them."""
    kind, start = None, 0
    for tag in _TAG.finditer(text):
        content = text[start : tag.start()].strip()
        named = _KINDS[tag[2].lower()]
        start = tag.end()
        if not tag[1]:  # a tag that opens
            if kind is not None:
                problems.append(f"{kind} is not closed")
            if kind is not None or content:
                yield kind, content
            kind = named
        elif kind == named:
            yield kind, content
            kind = None
        elif kind is None:
            problems.append(f"{named} is not opened")
            yield named, content
        else:
            problems.append(f"{kind} is closed as {named}")
            yield kind, content
            kind = None
    rest = text[start:].strip()
    if kind is not None:
        problems.append(f"{kind} is not closed")
    if kind is not None or rest:
        yield kind, rest
