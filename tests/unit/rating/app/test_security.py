"""What somebody might try: each is tried here, and none works."""

from __future__ import annotations

import asyncio
import math
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from equivoice.rating.app.creating import Made
from equivoice.rating.app.export import votes_frame
from equivoice.rating.app.open_study import OpenStudy
from equivoice.rating.app.security import (
    HEADERS,
    LARGEST_BODY,
    Guarded,
    form_mark,
    hash_of,
    is_token,
    new_token,
    same,
)
from equivoice.rating.app.server import COOKIE, make_app
from tiny.study import Browser, make_study

SCRIPT = "<script>alert(1)</script>"
ATTRIBUTE = '" onload="alert(1)'


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple[OpenStudy, Made]]:
    study, made = make_study(tmp_path, comments=True, per_rater=2)
    yield study, made
    study.box.close()


def begun(study: OpenStudy, made: Made, rater: str = "r001") -> Browser:
    browser = Browser(study, made.links[rater])
    browser.agree()
    return browser


# ---------------------------------------------------------------- tokens


def test_tokens_cannot_be_guessed() -> None:
    tokens = {new_token() for _ in range(200)}
    assert len(tokens) == 200
    assert all(is_token(token) for token in tokens)
    assert len(next(iter(tokens))) * math.log2(64) >= 256


def test_the_database_holds_no_token(demo: tuple[OpenStudy, Made]) -> None:
    study, made = demo
    study.box.close()
    stored = b"".join(path.read_bytes() for path in made.folder.glob("study.sqlite*"))
    tokens = [link.rpartition("/")[2] for link in made.links.values()]
    assert not any(token.encode() in stored for token in [*tokens, made.admin_token])
    assert all(hash_of(token).encode() in stored for token in tokens)


def test_files_with_tokens_are_their_owners_alone(demo: tuple[OpenStudy, Made]) -> None:
    _, made = demo
    for name in ("links.csv", "admin-token.txt"):
        assert stat.S_IMODE((made.folder / name).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "token", ["", "r001", "A" * 43, "A" * 42, "A" * 10_000, "%00", "' OR 1=1 --", "../r001"]
)
def test_no_other_token_lets_anybody_in(demo: tuple[OpenStudy, Made], token: str) -> None:
    study, _ = demo
    browser = Browser(study)
    browser.get(f"/r/{token}")
    assert browser.status in (403, 404)
    assert COOKIE not in browser.client.cookies
    if token.isascii() and "\x00" not in token and ";" not in token:
        browser.client.cookies.set(COOKIE, token)
        browser.get("/item/1")
        assert browser.status == 403


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(tmp_path: Path) -> None:
    study, made = make_study(tmp_path, address="https://listen.example.org")
    token = made.links["r001"].rpartition("/")[2]
    answer = Browser(study).client.get(f"/r/{token}", follow_redirects=False)
    said = answer.headers["set-cookie"].lower()
    assert "httponly" in said
    assert "samesite=lax" in said
    assert "secure" in said
    assert token not in answer.headers["location"]
    assert answer.headers["referrer-policy"] == "no-referrer"


# ---------------------------------------------------------------- forged forms


@pytest.mark.parametrize("mark", ["", "0" * 64, "é", "other"])
def test_a_form_without_its_mark_changes_nothing(demo: tuple[OpenStudy, Made], mark: str) -> None:
    study, made = demo
    browser = begun(study, made)
    forged = begun(study, made, "r002").mark if mark == "other" else mark
    for address, fields in (
        ("/item/1", {"acceptance": "accept"}),
        ("/withdraw", {}),
        ("/consent", {"agree": "yes"}),
    ):
        browser.post(address, fields, mark=forged)
        assert browser.status == 403
    assert votes_frame(study).is_empty()
    assert not study.box.states()[0].rater.withdrawn


def test_nothing_is_changed_by_looking(demo: tuple[OpenStudy, Made]) -> None:
    study, made = demo
    browser = begun(study, made)
    for address in ("/item/1?acceptance=accept", "/withdraw?yes=1", "/consent?agree=yes"):
        browser.get(address)
    assert votes_frame(study).is_empty()
    assert not study.box.states()[0].rater.withdrawn


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "multipart/form-data"])
def test_forms_of_other_kinds_are_refused(demo: tuple[OpenStudy, Made], kind: str) -> None:
    study, made = demo
    browser = begun(study, made)
    body = f"mark={browser.mark}&acceptance=accept"
    answer = browser.client.post("/item/1", content=body, headers={"content-type": kind})
    assert answer.status_code == 415
    assert votes_frame(study).is_empty()


def test_marks_differ_by_rater_and_study() -> None:
    marks = {form_mark(secret, token) for secret in ("s", "t") for token in ("a", "b")}
    assert len(marks) == 4
    assert same("é\udc80", "é\udc80")
    assert not same("a", "b")


# ---------------------------------------------------------------- paths


@pytest.mark.parametrize(
    "address",
    [
        "/sound/../../../etc/passwd",
        "/sound/1/..%2f..%2fstudy.sqlite",
        "/sound/1/%2e%2e%2fstudy.json",
        "/sound/1/-1",
        "/sound/1/999999999999999999999",
        "/sound/1/0/../../links.csv",
        "/static/../server.py",
        "/static/..%2fserver.py",
        "/static/%2e%2e/words.yaml",
        "/static/study.css%00.py",
        "/links.csv",
        "/study.sqlite",
        "/made/links.csv",
    ],
)
def test_no_address_leads_to_another_file(demo: tuple[OpenStudy, Made], address: str) -> None:
    study, made = demo
    browser = begun(study, made)
    answer = browser.client.get(address)
    assert answer.status_code in (400, 403, 404)
    assert "root:" not in answer.text
    assert made.links["r001"].rpartition("/")[2] not in answer.text


@pytest.mark.parametrize("name", ["../study.sqlite", "/etc/passwd", "00001.wav/..", "1.flac", ""])
def test_only_sounds_of_the_study_have_names(demo: tuple[OpenStudy, Made], name: str) -> None:
    study, _ = demo
    assert study.sound(name) is None
    assert study.sound("00001.wav") is not None


# ---------------------------------------------------------------- script in texts


def test_script_in_any_text_is_text(tmp_path: Path) -> None:
    evil = f"{SCRIPT} {ATTRIBUTE} javascript:alert(1) {{{{ 7*7 }}}} </textarea>"
    folder = tmp_path
    study, made = make_study(
        folder,
        title=evil,
        about=evil,
        contact=evil,
        thanks=evil,
        comments=True,
        items=1,
        consent={"text": evil, "agree": evil},
        questions=[
            {
                "name": "q",
                "kind": "single",
                "ask": evil,
                "help": evil,
                "choices": [{"value": "x" + ATTRIBUTE, "text": evil}, "y"],
            }
        ],
    )
    study.items["clip-0"].__dict__.update(transcript=evil)
    side = study.items["clip-0"].sides[0]
    side.__dict__.update(answer=evil, reason=evil)
    browser = Browser(study, made.links["r001"])
    pages = [browser.text, browser.agree()]
    browser.answer(q="y", comment=evil)
    pages += [browser.text, browser.get("/item/1"), browser.get("/withdraw")]
    for page in pages:
        assert SCRIPT not in page
        assert 'onload="' not in page
        assert "49" not in re.sub(r"[0-9a-f]{12,}", "", page)
        assert "&lt;script&gt;" in page
        assert re.findall(r"<script[^>]*>", page) == ['<script src="/static/study.js" defer>']


def test_every_answer_carries_the_headers(demo: tuple[OpenStudy, Made]) -> None:
    study, made = demo
    browser = begun(study, made)
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    for address in ("/item/1", "/nothing", "/static/study.js", "/sound/1/0", "/admin/status"):
        headers = browser.client.get(address).headers
        assert headers["content-security-policy"] == policy
        assert headers["x-content-type-options"] == "nosniff"
    assert browser.client.get("/item/1").headers["cache-control"] == "no-store"


# ---------------------------------------------------------------- bodies


def test_bodies_that_are_too_large_are_not_read(demo: tuple[OpenStudy, Made]) -> None:
    study, made = demo
    browser = begun(study, made)
    fields = {"acceptance": "accept", "comment": "x" * (LARGEST_BODY + 1)}
    browser.post("/item/1", fields)
    assert browser.status == 413
    assert votes_frame(study).is_empty()


def test_a_body_that_does_not_say_its_length_is_cut_off(demo: tuple[OpenStudy, Made]) -> None:
    study, made = demo
    browser = begun(study, made)

    def endless() -> Iterator[bytes]:
        for _ in range(LARGEST_BODY // 1024 + 2):
            yield b"a" * 1024

    answer = browser.client.post(
        "/item/1",
        content=endless(),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 413


@pytest.mark.parametrize("length", [b"-1", b"1e9", b"9" * 40])
def test_a_length_that_is_none_is_refused(length: bytes) -> None:
    sent: list[Any] = []

    async def app(*_: Any) -> None:
        raise AssertionError("the app was reached")

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "headers": [(b"content-length", length)]}
    asyncio.run(Guarded(app)(scope, receive, send))
    assert sent[0]["status"] == 413


def test_comments_have_a_limit(demo: tuple[OpenStudy, Made]) -> None:
    study, made = demo
    browser = begun(study, made)
    browser.answer(acceptance="accept", comment="x" * 2_001)
    assert browser.status == 422
    assert "2,000 characters" in browser.text


def test_too_many_fields_are_refused(demo: tuple[OpenStudy, Made]) -> None:
    study, made = demo
    browser = begun(study, made)
    answer = browser.client.post("/item/1", data={f"f{n}": "" for n in range(501)})
    assert answer.status_code == 400


# ---------------------------------------------------------------- other raters


def test_nobody_sees_or_answers_items_of_others(demo: tuple[OpenStudy, Made]) -> None:
    study, made = demo
    one, two = begun(study, made), begun(study, made, "r002")
    one.answer(acceptance="accept")
    own = {place.item for place, _ in study.box.seats("r001")}
    others = {place.item for place, _ in study.box.seats("r002")}
    assert len(own) == len(others) == 2
    assert own.isdisjoint(others)
    assert "clip-" not in one.text + two.text, "items have no names in pages"
    for number in (3, 4):  # a rater's list has two
        one.get(f"/item/{number}")
        assert one.path != f"/item/{number}"
        assert one.client.get(f"/sound/{number}/0").status_code in (200, 404)
    one.post("/item/3", {"acceptance": "reject"})
    assert {row[0] for row in votes_frame(study).select("item").rows()} <= own


def test_a_rater_who_opens_anothers_link_cannot_mix_votes(demo: tuple[OpenStudy, Made]) -> None:
    study, made = demo
    browser = begun(study, made)
    mark = browser.mark
    begun(study, made, "r002")
    browser.get(made.links["r002"])
    browser.post("/item/1", {"acceptance": "accept"}, mark=mark)
    assert browser.status == 403
    assert "Nothing was stored" in browser.text
    assert votes_frame(study).is_empty()


def test_pages_are_blind(tmp_path: Path) -> None:
    study, made = make_study(tmp_path, questions=[{"use": "preference"}])
    browser = begun(study, made)
    while browser.path != "/finished":
        for secret in ("student", "teacher", "secret", "demo/", "correct", "gold", "clip-"):
            assert secret not in browser.text
        headers = str(browser.client.get(f"/sound/{browser.path[6:]}/0").headers)
        assert "angry" not in headers
        browser.answer(preference="a")


# ---------------------------------------------------------------- those who run the study


@pytest.mark.parametrize("what", ["status", "votes.csv", "items.csv", "nothing"])
@pytest.mark.parametrize("token", [None, "Bearer ", "Bearer wrong", "Basic x", "Bearer é"])
def test_nothing_is_exported_without_the_admin_token(
    demo: tuple[OpenStudy, Made], what: str, token: str | None
) -> None:
    study, made = demo
    browser = begun(study, made)
    headers = {} if token is None else {"authorization": token.encode("latin-1")}
    answer = browser.client.get(f"/admin/{what}", headers=headers)
    assert answer.status_code == 401
    assert "student" not in answer.text


def test_a_raters_token_is_no_admin_token(demo: tuple[OpenStudy, Made]) -> None:
    study, made = demo
    token = made.links["r001"].rpartition("/")[2]
    client = Browser(study).client
    for headers in (
        {"authorization": f"Bearer {token}"},
        {"cookie": f"{COOKIE}={made.admin_token}"},
    ):
        assert client.get("/admin/votes.csv", headers=headers).status_code == 401
    assert client.get(f"/admin/votes.csv?token={made.admin_token}").status_code == 401


def test_with_the_admin_token_votes_are_exported(demo: tuple[OpenStudy, Made]) -> None:
    study, made = demo
    browser = begun(study, made)
    browser.answer(acceptance="accept")
    headers = {"authorization": f"Bearer {made.admin_token}"}
    votes = browser.client.get("/admin/votes.csv", headers=headers)
    assert votes.status_code == 200
    assert votes.text.splitlines()[1].endswith("r001,person,acceptance,accept,,1")
    assert browser.client.get("/admin/status", headers=headers).json()[0]["answered"] == 1
    assert "student" in browser.client.get("/admin/items.csv", headers=headers).text
    assert browser.client.get("/admin/nothing", headers=headers).status_code == 404


def test_the_app_describes_itself_to_nobody(demo: tuple[OpenStudy, Made]) -> None:
    study, _ = demo
    client = Browser(study).client
    for address in ("/docs", "/redoc", "/openapi.json"):
        assert client.get(address).status_code == 404


def test_nothing_of_a_browser_is_stored(demo: tuple[OpenStudy, Made]) -> None:
    study, made = demo
    browser = begun(study, made)
    browser.client.headers["user-agent"] = "Very-Special-Browser/1"
    browser.client.headers["x-forwarded-for"] = "203.0.113.77"
    browser.answer(acceptance="accept")
    study.box.close()
    stored = b"".join(path.read_bytes() for path in made.folder.glob("study.sqlite*"))
    for trace in (b"Very-Special", b"203.0.113.77", b"testclient"):
        assert trace not in stored


def test_methods_that_are_not_meant_are_refused(demo: tuple[OpenStudy, Made]) -> None:
    study, _ = demo
    client = Browser(study).client
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert client.request(method, "/item/1").status_code == 405
    assert make_app(study).openapi_url is None
