"""Studies in a real browser: keys alone, sound, reload, back, a server that is started again.

Needs Playwright (pip) and Chromium (Debian's package); both are only for tests. With
``EQUIVOICE_SCREENSHOTS`` set to a folder, pages are photographed for the documentation.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from equivoice.rating.app.creating import Made, create_study
from equivoice.rating.app.export import votes_frame
from equivoice.rating.app.open_study import open_study
from equivoice.rating.study_files import read_study_file
from tiny.sounds import buzz, write
from tiny.study import study_file
from tiny.study_server import Served, Threaded, free_port

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]

_CHROMIUM = next((each for each in ("chromium", "chromium-browser") if shutil.which(each)), None)
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]
_PATIENT_MS = 60_000
_ITEMS = 2
_EVIL = "<img src=x onerror='window.evil=1'><script>window.evil=1</script>\" onload=\"window.evil=1"
PAGES = {
    "accept": [{"use": "accept"}],
    "preference": [{"use": "preference", "ties": True}],
    "msp-podcast": [{"use": "msp-podcast"}],
    "likert": [{"use": "likert"}],
    "forced-choice": [{"use": "forced-choice"}],
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    if _CHROMIUM is None:
        pytest.skip("no Chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=shutil.which(_CHROMIUM), args=_FLAGS, headless=True
        )
        yield made
        made.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 800, "height": 900})
    context.set_default_timeout(_PATIENT_MS)
    made = context.new_page()
    made.faults = []
    made.on("pageerror", lambda error: made.faults.append(str(error)))
    made.on("dialog", lambda dialog: made.faults.append(dialog.message))
    yield made
    assert made.faults == []
    context.close()


Serve = Callable[..., tuple[Any, Made]]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    servers: list[Served | Threaded] = []

    def start(*, apart: bool = False, **changes: Any) -> tuple[Any, Made]:
        options = {"items": _ITEMS, "raters": 2, "must_listen": True, "balance": []} | changes
        path = study_file(tmp_path, **options)
        for number in range(options["items"]):  # long enough to be heard to play
            write(tmp_path / f"secret_angry_{number}.wav", buzz(140.0 + 20 * number, 1.5))
        port = free_port()
        made = create_study(
            read_study_file(path), tmp_path / "made", address=f"http://127.0.0.1:{port}"
        )
        servers.append((Served if apart else Threaded)(made.folder, port))
        return servers[-1], made

    yield start
    for server in servers:
        server.stop()


def votes_of(made: Made) -> Any:
    study = open_study(made.folder)
    try:
        return votes_frame(study)
    finally:
        study.box.close()


def focused(page: Any) -> str:
    """What has the focus: a field with its value, the text of a button or a link, or a tag."""
    return str(
        page.evaluate(
            "() => { const e = document.activeElement;"
            " return e.name ? e.name + '=' + e.value : (e.innerText || e.tagName).trim(); }"
        )
    )


def tab_to(page: Any, wanted: Callable[[str], bool]) -> None:
    """Press Tab until the wanted thing has the focus."""
    seen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.append(focused(page))
        if wanted(seen[-1]):
            return
    pytest.fail(f"the keyboard does not reach it; it reached {seen}")


def consent_by_keys(page: Any, link: str) -> None:
    page.goto(link)
    tab_to(page, lambda at: at == "agree=yes")
    page.keyboard.press("Space")
    tab_to(page, lambda at: at == "Start")
    page.keyboard.press("Enter")
    page.wait_for_url("**/item/1")


def hear(page: Any) -> None:
    """Start the recording by its key, and wait until it has sounded."""
    page.keyboard.press("p")
    page.wait_for_function("() => document.querySelector('audio').currentTime > 0.05")


def answer_by_keys(page: Any) -> None:
    """Tab to each question, choose by Space, send by Enter."""
    names = page.evaluate(
        "() => [...document.querySelectorAll('fieldset')].map(f => f.id.slice(2))"
    )
    for name in names:
        tab_to(page, lambda at, name=name: at.startswith(f"{name}="))
        page.keyboard.press("Space")
    tab_to(page, lambda at: at == "Save and go on")
    page.keyboard.press("Enter")


@pytest.mark.parametrize("kind", PAGES)
def test_a_study_is_done_by_keys_alone(page: Any, serve: Serve, kind: str) -> None:
    _, made = serve(questions=PAGES[kind], break_every=1)
    consent_by_keys(page, made.links["r001"])
    for number in range(1, _ITEMS + 1):
        page.wait_for_url(f"**/item/{number}")
        hear(page)
        answer_by_keys(page)
        if number < _ITEMS:
            page.wait_for_url("**/pause/*")
            tab_to(page, lambda at: at == "Go on")
            page.keyboard.press("Enter")
    page.wait_for_url("**/finished")
    votes = votes_of(made)
    asked = {question["name"] for question in questions_of(made)}
    assert set(votes["question"]) == asked
    assert votes.select("item", "question").n_unique() == _ITEMS * len(asked)


def questions_of(made: Made) -> list[dict[str, Any]]:
    study = open_study(made.folder)
    study.box.close()
    return [question.model_dump() for question in study.definition.questions]


def test_digits_choose_and_lead_on(page: Any, serve: Serve) -> None:
    _, made = serve(questions=[{"use": "accept"}, {"use": "likert"}], items=1)
    consent_by_keys(page, made.links["r001"])
    hear(page)
    page.keyboard.press("2")
    page.keyboard.press("4")
    assert focused(page) == "Save and go on"
    page.keyboard.press("Enter")
    page.wait_for_url("**/finished")
    votes = votes_of(made)
    assert votes.filter(question="acceptance")["value"].to_list() == ["reject"]
    assert votes.filter(question="fits")["number"].to_list() == [4.0]


def test_shortcuts_can_be_switched_off(page: Any, serve: Serve) -> None:
    _, made = serve(comments=True)
    consent_by_keys(page, made.links["r001"])
    page.locator("textarea").type("p 1 2")
    assert page.locator(":checked[type=radio]").count() == 0, "letters in a comment are letters"
    page.locator("summary").click()
    page.locator("#shortcuts").uncheck()
    page.reload()
    page.keyboard.press("1")
    assert page.locator(":checked[type=radio]").count() == 0


def test_reload_back_and_a_new_server_lose_nothing(page: Any, serve: Serve) -> None:
    server, made = serve(apart=True, items=4)
    consent_by_keys(page, made.links["r001"])

    def rate(choice: str) -> None:
        hear(page)
        page.get_by_label(choice, exact=True).check()
        page.get_by_role("button", name="Save and go on").click()

    rate("Accept")
    page.wait_for_url("**/item/2")
    page.reload()
    rate("Reject")
    page.wait_for_url("**/item/3")
    page.go_back()
    page.wait_for_url("**/item/2")
    assert page.get_by_label("Reject", exact=True).is_checked(), "what was said stands there"
    page.get_by_label("Accept", exact=True).check()
    page.get_by_role("button", name="Save and go on").click()
    page.wait_for_url("**/item/3")
    hear(page)
    page.get_by_label("Reject", exact=True).check()
    server.stop(kill=True)  # in the middle of an item
    server.start()
    page.get_by_role("button", name="Save and go on").click()
    page.wait_for_url("**/item/4")
    page.goto(made.links["r001"])  # the link leads to where the rater was
    page.wait_for_url("**/item/4")
    rate("Accept")
    page.wait_for_url("**/finished")
    votes = votes_of(made)
    assert sorted(votes["value"]) == ["accept", "accept", "accept", "reject"]
    assert votes["item"].n_unique() == votes.height == 4


def test_nothing_counts_before_the_recording_was_heard(page: Any, serve: Serve) -> None:
    _, made = serve()
    consent_by_keys(page, made.links["r001"])
    page.get_by_label("Accept", exact=True).check()
    page.get_by_role("button", name="Save and go on").click()
    page.get_by_text("Listen to the recording first, please.").wait_for()
    assert page.evaluate("() => document.activeElement.id") == "problems"
    assert page.get_by_label("Accept", exact=True).is_checked()
    assert votes_of(made).is_empty()


def test_script_in_texts_does_not_run(page: Any, serve: Serve) -> None:
    question = {"name": "q", "kind": "single", "ask": _EVIL, "choices": ["a", _EVIL[:60]]}
    texts = dict.fromkeys(("title", "about", "thanks", "contact"), _EVIL)
    _, made = serve(questions=[question], items=1, comments=True, said=_EVIL, **texts)
    consent_by_keys(page, made.links["r001"])
    hear(page)
    page.get_by_label("a", exact=True).check()
    page.locator("textarea").fill(_EVIL)
    page.get_by_role("button", name="Save and go on").click()
    page.wait_for_url("**/finished")
    page.go_back()
    assert page.locator("textarea").input_value() == _EVIL
    assert page.get_by_text(_EVIL).count() > 0
    assert page.evaluate("() => window.evil") is None


def test_no_page_has_a_serious_barrier(page: Any, serve: Serve) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="pip install axe-playwright-python"
    ).Axe()
    questions = [*PAGES["preference"], *PAGES["msp-podcast"], *PAGES["likert"]]
    server, made = serve(questions=questions, comments=True, attention=1, break_every=1, items=2)
    found: dict[str, list[str]] = {}

    def look(name: str) -> None:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            result = axe.run(page)
            assert result.response["passes"], name
            found[f"{name}, {scheme}"] = [
                f"{fault['id']}: {fault['nodes'][0]['html']}"
                for fault in result.response["violations"]
                if fault["impact"] in ("serious", "critical")
            ]

    page.goto(f"{server.address}/")
    look("no link")
    page.goto(made.links["r001"])
    look("consent")
    consent_by_keys(page, made.links["r001"])
    while "/finished" not in page.url:
        if "check of attention" in page.content():
            look("check")
        elif "item/1" in page.url:
            look("item")
            page.evaluate(
                "() => document.querySelectorAll('input').forEach(i => i.required = false)"
            )
            page.get_by_role("button", name="Save and go on").click()
            page.locator("#problems").wait_for()
            look("problems")
            hear(page)
        elif page.locator("audio").count():
            hear(page)
        answer_all(page)
        page.get_by_role("button", name="Save and go on").click()
        page.wait_for_url(lambda url: "/pause/" in url or "/finished" in url)
        if "/pause/" in page.url:
            look("pause")
            page.get_by_role("link", name="Go on").click()
            page.wait_for_url("**/item/*")
    look("finished")
    page.goto(f"{server.address}/withdraw")
    look("withdraw")
    assert [each for each in found.items() if each[1]] == []
    assert len(found) == 2 * 8


def answer_all(page: Any) -> None:
    """The first choice of each question, or what a check of attention asks for."""
    for name in page.evaluate("() => [...document.querySelectorAll('fieldset')].map(f => f.id)"):
        page.locator(f"#{name} input").first.check()


@pytest.mark.parametrize("width", [320, 800])
def test_pages_fit_a_phone_and_can_be_touched(page: Any, serve: Serve, width: int) -> None:
    _, made = serve(questions=[*PAGES["msp-podcast"], *PAGES["preference"]])
    page.set_viewport_size({"width": width, "height": 700})
    consent_by_keys(page, made.links["r001"])
    wide = page.evaluate("() => document.documentElement.scrollWidth")
    assert wide <= width, "nobody has to scroll sideways"
    boxes = page.evaluate(
        "() => [...document.querySelectorAll('.choices label, button')]"
        ".map(e => e.getBoundingClientRect()).map(b => [b.width, b.height])"
    )
    assert min(height for _, height in boxes) >= 44
    assert min(breadth for breadth, _ in boxes) >= 24


@pytest.mark.skipif("EQUIVOICE_SCREENSHOTS" not in os.environ, reason="only for the documentation")
def test_photographs_for_the_documentation(page: Any, serve: Serve) -> None:
    folder = Path(os.environ["EQUIVOICE_SCREENSHOTS"])
    _, made = serve(
        title="Why that emotion?",
        about="You will hear short recordings and read why a program named an emotion.",
        questions=[{"use": "preference", "ties": True}],
        consent={"text": "Taking part is voluntary. You can stop at any time."},
    )
    page.set_viewport_size({"width": 760, "height": 560})
    page.goto(made.links["r001"])
    page.screenshot(path=folder / "study-consent.png")
    consent_by_keys(page, made.links["r001"])
    page.set_viewport_size({"width": 760, "height": 860})
    page.get_by_label("A", exact=True).check()
    page.screenshot(path=folder / "study-preference.png")
