"""From a study and what a rater said to the pages that are shown.

Raters never see whose an answer is, which file a sound came from, whether a label is right,
or whether an item is gold.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from equivoice.inference.seeds import seed_for
from equivoice.rating.app.ballot_box import Ballot
from equivoice.rating.app.forms import shown_answer
from equivoice.rating.app.open_study import OpenStudy
from equivoice.rating.assignment import Place
from equivoice.rating.rubrics import TIE
from equivoice.rating.study_files import SIDES, Choice, Question, page_words
from equivoice.rating.study_items import Side, StudyItem

__all__ = ["ItemPage", "Pages", "paragraphs", "sound_of"]

_PARAGRAPH = re.compile(r"\n\s*\n")
_LETTERS = ("A", "B")


class ItemPage(NamedTuple):
    """What is to be shown at a place of a rater's list.

    Args:
        rater: who looks.
        place: what stands there.
        number: of the place, from 1.
        places: how long the list is.
        done: how many places are answered.
        mark: the form's.
        ballot: what is filled in.
        problems: what is wrong with that, by field.
    """

    rater: str
    place: Place
    number: int
    places: int
    done: int
    mark: str
    ballot: Ballot | None = None
    problems: Mapping[str, str] | None = None


class Pages:
    """Draws the pages of a study.

    Args:
        study: whose pages.
    """

    def __init__(self, study: OpenStudy) -> None:
        self.study = study
        self.words: Mapping[str, str] = page_words() | study.definition.words
        self._environment = Environment(
            loader=PackageLoader("equivoice.rating.app", "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals |= {
            "words": self.words,
            "title": study.definition.title,
            "language": study.definition.language,
            "contact": study.definition.contact,
        }

    def consent(self, mark: str, *, problem: bool = False) -> str:
        """The first page: what the study is about, and the consent."""
        study = self.study.definition
        return self._render(
            "consent.html.j2",
            heading=self.words["welcome"],
            about=paragraphs(study.about),
            consent=paragraphs(study.consent.text),
            agree=study.consent.agree,
            mark=mark,
            problem=problem,
        )

    def item(self, page: ItemPage) -> str:
        """An item with its questions."""
        name = page.place.item
        check = self.study.checks.get(name)
        item = None if check else self.study.items[name]
        return self._render(
            "item.html.j2",
            leave=True,
            heading=self.words["item"].format(place=page.number, places=page.places),
            place=page.number,
            places=page.places,
            done=page.done,
            mark=page.mark,
            problems=page.problems or {},
            check=check and self._check_text(check.question, check.value),
            parts=[] if item is None else self._parts(item, page),
            questions=[
                self._question(question, page) for question in self.study.questions_of(name)
            ],
            comments=self.study.definition.comments and item is not None,
            comment=(page.ballot.comment if page.ballot else None) or "",
        )

    def notice(
        self,
        name: str,
        *,
        links: Sequence[tuple[str, str]] = (),
        further: Sequence[str] = (),
        form: tuple[str, str] | None = None,
        mark: str = "",
        leave: bool = False,
        **values: object,
    ) -> str:
        """A page with a heading, a text, and where to go from there.

        Args:
            name: of its words; the text is ``NAME_about``.
            links: where to, and the name of the words.
            further: further paragraphs.
            form: where a form is sent, and the name of its button's words.
            mark: the form's.
            leave: whether the way out of the study is shown.
            values: what the text says of numbers.
        """
        about = self.words.get(f"{name}_about", "").format(**values)
        return self._render(
            "notice.html.j2",
            leave=leave,
            heading=self.words[name],
            paragraphs=[*paragraphs(about), *further],
            links=[{"to": to, "text": self.words[text]} for to, text in links],
            form=form and {"action": form[0], "button": self.words[form[1]], "grave": True},
            mark=mark,
        )

    def _render(self, template: str, **values: Any) -> str:
        values.setdefault("leave", False)
        page = self._environment.get_template(template).render(values)
        return page.encode("utf-8", "replace").decode("utf-8")

    def _check_text(self, question: str, value: str) -> str:
        asked = self.study.by_name[question]
        shown = {choice.value: choice.shown for choice in asked.choices}.get(value, value)
        return self.words["check_do"].format(value=shown)

    def _parts(self, item: StudyItem, page: ItemPage) -> list[dict[str, Any]]:
        """What is shown of an item, in the study's order."""
        parts: list[dict[str, Any]] = []
        for kind in self.study.definition.show:
            if kind == "sound" and item.sound:
                parts.append({"kind": "sound", "sound": self._address(page, item, 0)})
            elif kind in ("transcript", "text") and getattr(item, kind):
                texts = paragraphs(getattr(item, kind))
                parts.append({"kind": "words", "title": self.words[kind], "paragraphs": texts})
        sides = self._sides(item, page)
        return [*parts, {"kind": "sides", "sides": sides}] if sides else parts

    def _sides(self, item: StudyItem, page: ItemPage) -> list[dict[str, Any]]:
        shown = self.study.definition.show
        ordered = item.sides[::-1] if page.place.swapped else item.sides
        made = []
        for at, (side, letter) in enumerate(zip(ordered, _LETTERS, strict=False), start=1):
            made.append(
                {
                    "title": self.words[_title(side)].format(side=letter),
                    "recording": self.words["recording_of"].format(side=letter),
                    "answer": side.answer if "answer" in shown else None,
                    "reason": paragraphs(side.reason or "") if "reason" in shown else [],
                    "sound": self._address(page, item, at) if side.sound else None,
                }
            )
        empty = not any(side["answer"] or side["reason"] or side["sound"] for side in made)
        return [] if empty else made

    def _address(self, page: ItemPage, item: StudyItem, part: int) -> str:
        """Where a sound is had; its end keeps one rater's sound from another's cache."""
        key = f"{page.rater} {item.item}".encode("utf-8", "surrogatepass")
        own = hmac.new(self.study.secret.encode(), key, hashlib.sha256).hexdigest()[:12]
        return f"/sound/{page.number}/{part}?of={own}"

    def _question(self, question: Question, page: ItemPage) -> dict[str, Any]:
        answer = page.ballot.answers.get(question.name) if page.ballot else None
        chosen = shown_answer(answer, question, swapped=page.place.swapped)
        return {
            "name": question.name,
            "kind": question.kind,
            "ask": question.ask,
            "help": question.help,
            "optional": question.optional,
            "low": question.low if question.kind == "scale" else "",
            "problem": (page.problems or {}).get(question.name),
            "input": "checkbox" if question.kind == "multiple" else "radio",
            "required": not question.optional and question.kind != "multiple",
            "ends": question.ends if any(question.ends) and question.kind == "scale" else None,
            "choices": [
                {
                    "value": choice.value,
                    "text": choice.shown,
                    "meaning": _meaning(question, choice.value),
                    "chosen": choice.value in chosen,
                }
                for choice in self._choices(question, page.rater)
            ],
        }

    def _choices(self, question: Question, rater: str) -> tuple[Choice, ...]:
        """The choices in the rater's order."""
        if question.kind == "comparison":
            texts = dict(zip(SIDES, _LETTERS, strict=True))
            texts[TIE] = self.words["neither"]
            return tuple(Choice(value=value, text=texts[value]) for value in question.values)
        if question.kind == "scale":
            return tuple(Choice(value=value) for value in question.values)
        if question.order == "random":
            random = np.random.default_rng(
                seed_for(self.study.definition.seed, "choices", question.name, rater)
            )
            return tuple(question.choices[at] for at in random.permutation(len(question.choices)))
        return question.choices


def sound_of(item: StudyItem, part: int, *, swapped: bool) -> str | None:
    """The sound behind an address: 0 is the item's own, 1 and 2 those of the sides as shown.

    Example:
        >>> item = StudyItem("x", sound="1.wav", sides=(Side(sound="2.wav"), Side(sound="3.wav")))
        >>> [sound_of(item, part, swapped=True) for part in (0, 1, 2, 3)]
        ['1.wav', '3.wav', '2.wav', None]
    """
    if part == 0:
        return item.sound
    ordered = item.sides[::-1] if swapped else item.sides
    return ordered[part - 1].sound if 1 <= part <= len(ordered) else None


def paragraphs(text: str) -> list[str]:
    r"""The paragraphs of a text, empty lines between them.

    Example:
        >>> paragraphs("one\nline\n\nanother")
        ['one\nline', 'another']
    """
    return [part.strip() for part in _PARAGRAPH.split(text) if part.strip()]


def _title(side: Side) -> str:
    if side.reason:
        return "side"
    return "recording_of" if side.sound else "side_short"


def _meaning(question: Question, value: str) -> str:
    """What an end of a scale means, for those who do not see the line below it."""
    if question.kind != "scale":
        return ""
    return {str(question.low): question.ends[0], str(question.high): question.ends[1]}.get(
        value, ""
    )
