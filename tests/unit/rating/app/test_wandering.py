"""Raters who wander: whatever they click, each item has the last answer that was taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from equivoice.rating.app.export import raters_frame, votes_frame
from tiny.study import Browser, make_study

_ITEMS = 5
_STEPS = 25
_CHOICES = ("accept", "reject")


@pytest.mark.parametrize("seed", [0, 1])
def test_votes_are_the_last_answers_that_were_taken(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    study, made = make_study(tmp_path, items=_ITEMS, raters=2, break_every=2, must_listen=True)
    browsers = {rater: Browser(study, link) for rater, link in made.links.items()}
    meant: dict[tuple[str, int], str] = {}
    heard: set[tuple[str, int]] = set()
    for browser in browsers.values():
        browser.agree()
    for _ in range(_STEPS):
        rater = str(random.choice(list(browsers)))
        browser, number = browsers[rater], int(random.integers(0, _ITEMS + 2))
        browser.get(f"/item/{number}")
        at = int(browser.path.rpartition("/")[2]) if browser.path.startswith("/item/") else 0
        done = sum(name == rater for name, _ in meant)
        if not 1 <= number <= _ITEMS:
            assert browser.status == 404 or at != number
            continue
        if number > done + 1:
            assert at == done + 1, "nobody gets ahead of their list"
        if random.random() < 0.6:
            browser.listen()
            heard.add((rater, at))
        choice = str(random.choice(_CHOICES))
        browser.post(f"/item/{at}", {"acceptance": choice})
        taken = (rater, at) in heard
        assert (browser.status == 422) == (not taken)
        if taken:
            meant[rater, at] = choice
    votes = {(row["rater"], row["item"]): row["value"] for row in votes_frame(study).to_dicts()}
    wanted = {
        (rater, study.box.seats(rater)[number - 1][0].item): choice
        for (rater, number), choice in meant.items()
    }
    assert votes == wanted
    assert raters_frame(study)["answered"].to_list() == [
        sum(name == rater for name, _ in meant) for rater in browsers
    ]


def test_two_windows_of_one_rater_are_one_rater(tmp_path: Path) -> None:
    study, made = make_study(tmp_path)
    one, two = Browser(study, made.links["r001"]), Browser(study, made.links["r001"])
    one.agree()
    two.get("/")
    assert one.path == two.path == "/item/1"
    one.answer(acceptance="accept")
    two.answer(acceptance="reject")
    assert one.path == two.path == "/item/2"
    assert votes_frame(study)["value"].to_list() == ["reject"]


def test_raters_on_one_machine_keep_their_lists_apart(tmp_path: Path) -> None:
    study, made = make_study(tmp_path)
    shared = Browser(study, made.links["r001"])
    shared.agree()
    shared.answer(acceptance="accept")
    shared.get(made.links["r002"])
    shared.agree()
    assert shared.path == "/item/1"
    shared.answer(acceptance="reject")
    shared.get(made.links["r001"])
    assert shared.path == "/item/2"
    assert dict(votes_frame(study).select("rater", "value").rows()) == {
        "r001": "accept",
        "r002": "reject",
    }
