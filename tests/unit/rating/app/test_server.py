"""The pages of a study, asked as a browser asks them; no script runs here."""

from __future__ import annotations

import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import pytest
from starlette.testclient import TestClient

from equivoice.errors import StorageError
from equivoice.rating.app.ballot_box import Rater
from equivoice.rating.app.creating import invite
from equivoice.rating.app.export import votes_frame
from equivoice.rating.app.open_study import open_study
from equivoice.rating.app.server import make_app
from tiny.study import Browser, make_study

MSP = {
    "emotion": "angry",
    "emotions": ["angry", "sad"],
    "valence": "2",
    "arousal": "6",
    "dominance": "4",
}


def test_a_rater_goes_from_the_link_to_the_end(tmp_path: Path) -> None:
    study, made = make_study(tmp_path, break_every=2, thanks="Code 42", comments=True)
    browser = Browser(study, made.links["r001"])
    assert browser.path == "/consent"
    assert "You will hear voices." in browser.text
    browser.agree()
    seen = []
    for number in (1, 2, 3, 4):
        assert browser.path == f"/item/{number}"
        assert f"Item {number} of 4" in browser.text
        seen += re.findall(r"this is sentence \d", browser.text)
        browser.answer(acceptance="reject", comment=f"hm {number}")
        if number == 2:
            assert browser.path == "/pause/2"
            assert "You have answered 2 of 4." in browser.text
            browser.get("/")
    assert browser.path == "/finished"
    assert "Code 42" in browser.text
    assert sorted(seen) == [f"this is sentence {n}" for n in range(4)]
    assert votes_frame(study)["value"].to_list() == ["reject"] * 4


def test_consent_comes_first_and_needs_the_box(tmp_path: Path) -> None:
    study, made = make_study(tmp_path)
    browser = Browser(study, made.links["r001"])
    for address in ("/", "/item/1", "/sound/1/0", "/finished", "/withdraw"):
        browser.get(address)
        assert browser.path == "/consent"
    browser.post("/consent", {})
    assert browser.status == 422
    assert "Tick the box" in browser.text
    assert not study.box.states()[0].rater.consented
    browser.agree()
    browser.get("/consent")
    assert browser.path == "/item/1", "who agreed is not asked again"


def test_all_kinds_of_questions_are_answered(tmp_path: Path) -> None:
    questions = [{"use": "msp-podcast"}, {"use": "preference", "ties": True}]
    study, made = make_study(tmp_path, questions=questions, items=1)
    browser = Browser(study, made.links["r001"])
    browser.agree()
    browser.answer(**MSP, preference="tie")
    assert browser.path == "/finished"
    votes = votes_frame(study)
    assert Counter(votes["question"]) == {
        "emotion": 1,
        "emotions": 2,
        "valence": 1,
        "arousal": 1,
        "dominance": 1,
        "preference": 1,
    }
    numbers = votes.drop_nulls("number").select("question", "number").rows()
    assert numbers == [("valence", 2.0), ("arousal", 6.0), ("dominance", 4.0)] or sorted(
        numbers
    ) == [("arousal", 6.0), ("dominance", 4.0), ("valence", 2.0)]


def test_what_is_missing_is_said_and_what_was_filled_in_stays(tmp_path: Path) -> None:
    study, made = make_study(tmp_path, questions=[{"use": "msp-podcast"}])
    browser = Browser(study, made.links["r001"])
    browser.agree()
    browser.answer(emotion="sad", valence="3")
    assert browser.status == 422
    assert "Something is missing" in browser.text
    for name in ("emotions", "arousal", "dominance"):
        assert f'href="#q-{name}"' in browser.text
        assert f'id="e-{name}"' in browser.text
    assert 'href="#q-valence"' not in browser.text
    assert re.findall(r'value="(\w+)" checked', browser.text) == ["sad", "3"]
    assert study.box.states()[0].done == 0


def test_an_answer_can_be_seen_again_and_changed(tmp_path: Path) -> None:
    study, made = make_study(tmp_path, comments=True)
    browser = Browser(study, made.links["r001"])
    browser.agree()
    browser.answer(acceptance="reject", comment="odd <b>words</b>")
    browser.answer(acceptance="accept")
    browser.get("/item/1")
    assert 'value="reject" checked' in browser.text
    assert "odd &lt;b&gt;words&lt;/b&gt;</textarea>" in browser.text
    browser.answer(acceptance="accept")
    assert browser.path == "/item/2"
    browser.get("/")
    assert browser.path == "/item/3", "a rater goes on where the list is open"
    assert Counter(votes_frame(study)["value"]) == {"accept": 2}


def test_a_vote_that_is_sent_twice_counts_once(tmp_path: Path) -> None:
    study, made = make_study(tmp_path)
    browser = Browser(study, made.links["r001"])
    browser.agree()
    for _ in range(3):
        browser.post("/item/1", {"acceptance": "accept"})
        browser.get("/item/1")
    assert votes_frame(study).height == 1


def test_no_item_can_be_passed_over(tmp_path: Path) -> None:
    study, made = make_study(tmp_path)
    browser = Browser(study, made.links["r001"])
    browser.agree()
    browser.get("/item/3")
    assert browser.path == "/item/1"
    browser.post("/item/2", {"acceptance": "accept"})
    assert browser.path == "/item/1"
    assert study.box.states()[0].done == 0
    browser.get("/finished")
    assert browser.path == "/item/1"
    browser.get("/item/0")
    assert browser.status == 404


def test_a_sound_must_be_asked_for_where_the_study_wants_it(tmp_path: Path) -> None:
    study, made = make_study(tmp_path, must_listen=True)
    browser = Browser(study, made.links["r001"])
    browser.agree()
    browser.post("/item/1", {"acceptance": "accept"})
    assert browser.status == 422
    assert "Listen to the recording first" in browser.text
    assert browser.listen() == 200
    browser.post("/item/1", {"acceptance": "accept"})
    assert browser.path == "/item/2"


def test_sounds_come_whole_and_in_parts(tmp_path: Path) -> None:
    study, made = make_study(tmp_path)
    browser = Browser(study, made.links["r001"])
    browser.agree()
    whole = browser.client.get("/sound/1/0")
    assert whole.headers["content-type"] == "audio/wav"
    assert whole.content[:4] == b"RIFF"
    part = browser.client.get("/sound/1/0", headers={"range": "bytes=4-11"})
    assert (part.status_code, part.content) == (206, whole.content[4:12])
    assert browser.client.get("/sound/1/1").status_code == 404
    assert browser.client.get("/sound/1/7").status_code == 404


def test_sides_are_swapped_for_the_eye_and_not_for_the_vote(tmp_path: Path) -> None:
    study, made = make_study(tmp_path, questions=[{"use": "preference"}], items=6)
    browser = Browser(study, made.links["r001"])
    browser.agree()
    firsts = []
    for _ in range(6):
        first = re.search(r'id="side-1".*?<p>The (\w+)', browser.text, re.DOTALL)
        assert first is not None
        firsts.append("student" if first[1] == "voice" else "teacher")
        browser.answer(preference="a")
    assert Counter(firsts) == {"student": 3, "teacher": 3}
    chosen = {item: ballot.answers["preference"] for _, item, ballot in study.box.ballots()}
    assert Counter(chosen.values()) == {"a": 3, "b": 3}, "the side that was shown first was chosen"
    browser.get("/item/1")
    assert 'value="a" checked' in browser.text


def test_checks_of_attention_ask_for_one_answer(tmp_path: Path) -> None:
    study, made = make_study(tmp_path, questions=[{"use": "msp-podcast"}], attention=2, items=4)
    browser = Browser(study, made.links["r001"])
    browser.agree()
    checks = 0
    while browser.path != "/finished":
        if "This is a check of attention" not in browser.text:
            browser.answer(**MSP)
            continue
        checks += 1
        assert browser.text.count("<fieldset") == 1
        assert "<audio" not in browser.text
        name = re.search(r'<fieldset id="q-(\w+)"', browser.text)
        value = re.search(r"choose “(\w+)”", browser.text)
        assert name is not None
        assert value is not None
        browser.answer(**{name[1]: value[1]})
    assert checks == 2
    assert set(votes_frame(study)["item"]) == {f"clip-{n}" for n in range(4)}


def test_choices_stand_in_an_order_of_the_raters_own(tmp_path: Path) -> None:
    question = {
        "name": "emotion",
        "kind": "single",
        "ask": "?",
        "choices": list("abcdefgh"),
        "order": "random",
    }
    study, made = make_study(tmp_path, questions=[question], raters=3)
    orders = set()
    for link in made.links.values():
        browser = Browser(study, link)
        browser.agree()
        shown = [re.findall(r'name="emotion" value="(\w)"', browser.text)]
        browser.answer(emotion="a")
        shown.append(re.findall(r'name="emotion" value="(\w)"', browser.text))
        assert shown[0] == shown[1], "the order stays throughout"
        assert sorted(shown[0]) == list("abcdefgh")
        orders.add(tuple(shown[0]))
    assert len(orders) == 3


def test_a_rater_goes_on_after_the_server_was_started_again(tmp_path: Path) -> None:
    study, made = make_study(tmp_path)
    browser = Browser(study, made.links["r001"])
    browser.agree()
    browser.answer(acceptance="accept")
    page, mark = browser.text, browser.mark
    study.box.close()
    again = Browser(open_study(made.folder))
    again.client.cookies = browser.client.cookies
    again.text = page
    again.post("/item/2", {"acceptance": "reject"}, mark=mark)
    assert again.path == "/item/3"
    assert votes_frame(study).height == 2


def test_who_withdraws_leaves_nothing(tmp_path: Path) -> None:
    study, made = make_study(tmp_path, comments=True)
    browser = Browser(study, made.links["r001"])
    browser.agree()
    browser.answer(acceptance="accept", comment="mine")
    browser.get("/withdraw")
    assert "cannot be brought back" in browser.text
    assert votes_frame(study).height == 1, "a question is not yet a deed"
    browser.post("/withdraw", {})
    assert "Your answers are deleted" in browser.text
    assert votes_frame(study).is_empty()
    assert [state.done for state in study.box.states()] == [0, 0]
    browser.get("/item/1")
    assert browser.status == 403


def test_invited_raters_come_in(tmp_path: Path) -> None:
    study, made = make_study(tmp_path, items=4, per_rater=2, raters=1)
    links = invite(study, 1)
    assert list(links) == ["r002"]
    browser = Browser(study, links["r002"])
    browser.agree()
    assert browser.path == "/item/1"
    assert study.box.handed_out()[1].uses == {f"clip-{n}": 1 for n in range(4)}
    lines = (made.folder / "links.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in lines] == ["rater", "r001", "r002"]


def test_words_can_be_of_another_language(tmp_path: Path) -> None:
    study, made = make_study(
        tmp_path, language="de", words={"save": "Weiter", "item": "Nummer {place} von {places}"}
    )
    browser = Browser(study, made.links["r001"])
    browser.agree()
    assert '<html lang="de">' in browser.text
    assert ">Weiter</button>" in browser.text
    assert "Nummer 1 von 4" in browser.text


def test_a_database_that_refuses_is_said_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, made = make_study(tmp_path)
    browser = Browser(study, made.links["r001"])
    browser.agree()

    def fail(*_: object) -> None:
        raise StorageError("the database postgresql://me@secret-host/x refused: no space")

    monkeypatch.setattr(study.box, "save", fail)
    browser.answer(acceptance="accept")
    assert browser.status == 503
    assert "secret-host" not in browser.text
    monkeypatch.undo()
    assert votes_frame(study).is_empty()


def test_so_many_requests_as_it_is_told_are_worked_on_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, made = make_study(tmp_path)
    asked, at_work, most = study.box.rater, [0], [0]
    lock = Lock()

    def slowly(token_hash: str) -> Rater | None:
        with lock:
            at_work[0] += 1
            most[0] = max(most[0], at_work[0])
        time.sleep(0.05)
        with lock:
            at_work[0] -= 1
        return asked(token_hash)

    monkeypatch.setattr(study.box, "rater", slowly)
    app = make_app(study, threads=3)
    with TestClient(app, base_url="http://127.0.0.1:8000") as client, ThreadPoolExecutor(9) as pool:
        found = list(pool.map(client.get, [made.links["r001"]] * 9))
    assert {each.status_code for each in found} == {200}
    assert most == [3]
