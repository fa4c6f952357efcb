"""Pages by themselves: what is shown, in which order, with which labels for machines that read."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from equivoice.rating.app.ballot_box import Ballot
from equivoice.rating.app.open_study import OpenStudy
from equivoice.rating.app.pages import ItemPage, Pages
from equivoice.rating.assignment import Place
from tiny.study import make_study

MARK = "0" * 64
_VOID = {"meta", "link", "input", "br", "img"}


class Tree(HTMLParser):
    """Checks that what is opened is closed, and gathers ids, labels and what they point at."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.pointed: set[str] = set()
        self.headings: list[int] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in _VOID:
            self.open.append(tag)
        if given.get("id"):
            self.ids.append(str(given["id"]))
        for name in ("for", "aria-labelledby", "aria-describedby"):
            self.pointed |= set(str(given.get(name) or "").split())
        if given.get("href", "") and str(given["href"]).startswith("#"):
            self.pointed.add(str(given["href"])[1:])
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> OpenStudy:
    """A study with each kind of question."""
    study, _ = make_study(
        tmp_path_factory.mktemp("pages"),
        questions=[
            {"use": "preference", "ties": True},
            {"use": "msp-podcast"},
            {"use": "likert", "optional": True},
        ],
        comments=True,
        attention=1,
    )
    return study


def drawn(study: OpenStudy, **changes: object) -> str:
    page = ItemPage("r001", Place("clip-0"), 2, 5, 1, MARK)
    return Pages(study).item(page._replace(**changes))


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("problems", [{}, {"preference": "Choose.", "sound": "Listen."}])
def test_an_item_is_whole_and_its_links_lead_somewhere(
    everything: OpenStudy, swapped: bool, problems: dict[str, str]
) -> None:
    page = drawn(everything, place=Place("clip-0", swapped=swapped), problems=problems)
    tree = Tree(page)
    assert len(tree.ids) == len(set(tree.ids))
    assert tree.pointed <= set(tree.ids), "every label and link has its goal"
    assert tree.headings[0] == 1
    assert tree.headings.count(1) == 1
    assert all(
        after <= before + 1 for before, after in zip(tree.headings, tree.headings[1:], strict=False)
    )


def test_all_other_pages_are_whole(everything: OpenStudy) -> None:
    pages = Pages(everything)
    made = [
        pages.consent(MARK),
        pages.consent(MARK, problem=True),
        pages.notice("pause", links=[("/", "go_on")], leave=True, done=1, places=2),
        pages.notice("finished", links=[("/item/1", "look_again")], further=["Code"], leave=True),
        pages.notice("withdraw", form=("/withdraw", "withdraw_sure"), mark=MARK),
        *(pages.notice(name) for name in ("withdrawn", "no_entry", "not_found", "stale", "broken")),
    ]
    for page in made:
        tree = Tree(page)
        assert tree.pointed <= set(tree.ids)
        assert tree.headings[0] == 1
        assert page.startswith("<!doctype html>\n<html lang")


def test_each_question_is_a_group_with_its_words(everything: OpenStudy) -> None:
    page = drawn(everything)
    groups = re.findall(r"<fieldset.*?</fieldset>", page, re.DOTALL)
    assert len(groups) == len(everything.definition.questions) == 7
    for group, question in zip(groups, everything.definition.questions, strict=True):
        assert f"<legend>{question.ask}" in group
        kinds = set(re.findall(r'<input type="(\w+)"', group))
        assert kinds == {"checkbox" if question.kind == "multiple" else "radio"}
        assert re.findall(r'value="([^"]*)"', group) == list(question.values)
        required = question.kind != "multiple" and not question.optional
        assert (" required" in group) == required
        assert ("may be left open" in group) == question.optional


def test_the_ends_of_a_scale_are_said_to_all(everything: OpenStudy) -> None:
    group = re.search(r'id="q-valence".*?</fieldset>', drawn(everything), re.DOTALL)
    assert group is not None
    assert '1<span class="unseen"> very negative</span>' in group[0]
    assert '7<span class="unseen"> very positive</span>' in group[0]
    assert '<p class="ends" aria-hidden="true">' in group[0]


def test_what_was_answered_is_filled_in(everything: OpenStudy) -> None:
    said = Ballot({"preference": "b", "emotions": ("sad", "fear"), "valence": 3}, "odd")
    page = drawn(everything, ballot=said)
    assert re.findall(r'value="([^"]*)" checked', page) == ["b", "sad", "fear", "3"]
    assert "odd</textarea>" in page
    swapped = drawn(everything, ballot=said, place=Place("clip-0", swapped=True))
    assert re.findall(r'value="([^"]*)" checked', swapped) == ["a", "sad", "fear", "3"]


def test_sides_change_their_places_with_their_texts(everything: OpenStudy) -> None:
    orders = []
    for swapped in (False, True):
        page = drawn(everything, place=Place("clip-0", swapped=swapped))
        orders.append(re.findall(r"The (voice|words)", page))
        assert re.findall(r'<h2 id="side-\d">([^<]*)', page) == ["Explanation A", "Explanation B"]
    assert orders == [["voice", "words"], ["words", "voice"]]


def test_a_check_shows_its_question_and_nothing_to_hear(everything: OpenStudy) -> None:
    check = everything.checks["check-1"]
    page = drawn(everything, place=Place("check-1"))
    assert re.findall(r'<fieldset id="q-(\w+)"', page) == [check.question]
    assert check.value in page
    assert "<audio" not in page
    assert "<textarea" not in page
    Tree(page)


def test_the_address_of_a_sound_is_another_for_each_rater_and_item(everything: OpenStudy) -> None:
    addresses = {
        re.findall(r'src="(/sound/[^"]+)"', drawn(everything, rater=rater, place=Place(item)))[0]
        for rater in ("r001", "r002")
        for item in ("clip-0", "clip-1")
    }
    assert len(addresses) == 4
    assert all(re.fullmatch(r"/sound/2/0\?of=[0-9a-f]{12}", each) for each in addresses)


@pytest.mark.parametrize(
    ("show", "seen", "unseen"),
    [
        (["sound"], ["<audio"], ["this is sentence", "The voice", "Emotion:"]),
        (["transcript"], ["this is sentence 0"], ["<audio", "The voice", "Emotion:"]),
        (["answer"], ["Emotion:", "<strong>angry"], ["<audio", "The voice", "this is sentence"]),
        (["reason", "sound"], ["The voice", "<audio"], ["Emotion:", "this is sentence"]),
    ],
)
def test_what_a_study_shows_is_all_that_is_seen(
    tmp_path: Path, show: list[str], seen: list[str], unseen: list[str]
) -> None:
    study, _ = make_study(tmp_path, show=show)
    page = drawn(study)
    assert [text for text in seen if text not in page] == []
    assert [text for text in unseen if text in page] == []


def test_the_order_of_what_is_shown_is_the_studys(tmp_path: Path) -> None:
    study, _ = make_study(tmp_path, show=["transcript", "sound", "answer"])
    page = drawn(study)
    assert page.index("this is sentence") < page.index("<audio") < page.index("Emotion:")


def test_texts_that_are_not_unicode_do_not_break_a_page(everything: OpenStudy) -> None:
    pages = Pages(everything)
    assert "a?b" in pages.notice("finished", further=["a\udc80b"])
