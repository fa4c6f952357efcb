"""From the fields of a posted form to a ballot, or to what is missing in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from equivoice.rating.app.ballot_box import Answer, Ballot
from equivoice.rating.study_files import SIDES, Question

__all__ = [
    "LONGEST_COMMENT",
    "MOST_FIELDS",
    "FormError",
    "ReadForm",
    "read_ballot",
    "read_form",
    "shown_answer",
]

LONGEST_COMMENT = 2_000
"""Characters of a comment."""

MOST_FIELDS = 500
"""Fields of a form."""

_OTHER_SIDE = dict(zip(SIDES, reversed(SIDES), strict=True))


class FormError(ValueError):
    """The body is no form of ours."""


@dataclass(frozen=True)
class ReadForm:
    """What a form says.

    Args:
        ballot: the answers; those that are missing are left out.
        problems: what is wrong, by the name of the field; each a name of
            :func:`~equivoice.rating.study_files.page_words`.
    """

    ballot: Ballot
    problems: Mapping[str, str]


def read_form(body: bytes) -> dict[str, list[str]]:
    """The fields of a form that a browser sent, URL-encoded.

    Raises:
        FormError: not UTF-8, not a form, or too many fields.

    Example:
        >>> read_form(b"q=a&q=b&r=%C3%A4")
        {'q': ['a', 'b'], 'r': ['ä']}
    """
    fields: dict[str, list[str]] = {}
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except (UnicodeError, ValueError) as error:
        raise FormError("the form cannot be read") from error
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields


def read_ballot(
    fields: Mapping[str, Sequence[str]],
    questions: Sequence[Question],
    *,
    swapped: bool = False,
    comments: bool = False,
) -> ReadForm:
    """The answers of a form.

    Args:
        fields: the form's; a question's field has the question's name.
        questions: what was asked.
        swapped: whether the item's second side stood first: A and B change their places.
        comments: whether a comment was asked for; none is kept otherwise.

    Example:
        >>> question = Question(name="better", kind="comparison", ask="Which?")
        >>> read_ballot({"better": ["a"]}, [question], swapped=True).ballot.answers
        {'better': 'b'}
    """
    answers: dict[str, Answer] = {}
    problems: dict[str, str] = {}
    for question in questions:
        given = [value for value in fields.get(question.name, ()) if value]
        wrong = [value for value in given if value not in question.values]
        if wrong:
            problems[question.name] = "not_a_choice"
        elif len(given) > 1 and question.kind != "multiple":
            problems[question.name] = "choose_only_one"
        elif not given and not question.optional:
            problems[question.name] = _missing(question)
        else:
            answers[question.name] = _read(given, question, swapped=swapped)
    comment = next(iter(fields.get("comment", ())), "").replace("\x00", "").strip()
    if len(comment) > LONGEST_COMMENT:
        problems["comment"] = "long_comment"
    return ReadForm(Ballot(answers, (comment or None) if comments else None), problems)


def _missing(question: Question) -> str:
    if question.kind == "multiple":
        return "choose_some"
    return "choose_number" if question.kind == "scale" else "choose_one"


def _read(given: Sequence[str], question: Question, *, swapped: bool) -> Answer:
    if question.kind == "multiple":
        return tuple(value for value in question.values if value in given)
    if not given:
        return None
    if question.kind == "scale":
        return int(given[0])
    if question.kind == "comparison" and swapped:
        return _OTHER_SIDE.get(given[0], given[0])
    return given[0]


def shown_answer(answer: Answer, question: Question, *, swapped: bool) -> tuple[str, ...]:
    """The values of the fields that show an answer again.

    Example:
        >>> question = Question(name="better", kind="comparison", ask="Which?")
        >>> shown_answer("b", question, swapped=True)
        ('a',)
    """
    if answer is None:
        return ()
    if isinstance(answer, tuple):
        return answer
    text = str(answer)
    swap = question.kind == "comparison" and swapped
    return (_OTHER_SIDE.get(text, text) if swap else text,)
