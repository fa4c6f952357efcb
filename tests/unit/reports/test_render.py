"""The page as a whole: valid, offline, accessible, and proof against hostile names."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from equivoice.corpora.card import Card, Fact
from equivoice.errors import SchemaError
from equivoice.records import ESTIMATES, RunRecord
from equivoice.reports import ReportInputs, render_report
from equivoice.reports.cells import written
from equivoice.reports.document import Section, Text
from equivoice.reports.rows import pooled, read_estimates

VOID = {"meta", "link", "line", "circle", "rect"}
ALLOWED = VOID | {
    "html",
    "head",
    "title",
    "style",
    "body",
    "a",
    "header",
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "li",
    "div",
    "nav",
    "main",
    "section",
    "span",
    "details",
    "summary",
    "dl",
    "dt",
    "dd",
    "figure",
    "figcaption",
    "pre",
    "code",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "small",
    "svg",
    "desc",
    "text",
    "audio",
    "footer",
}
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:; "
    "base-uri 'none'; form-action 'none'"
)


@dataclass
class Element:
    """A start tag, and the text directly inside."""

    tag: str
    attributes: dict[str, str]
    parents: tuple[str, ...]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """All elements of a page in order; fails where tags do not match."""

    elements: list[Element] = field(default_factory=list)
    open: list[Element] = field(default_factory=list)
    stray: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute twice in <{tag}>"
        parents = tuple(element.tag for element in self.open)
        element = Element(tag, {name: value or "" for name, value in attrs}, parents)
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open:
            self.open[-1].text += data

    def handle_comment(self, data: str) -> None:
        self.stray.append(data)

    def handle_pi(self, data: str) -> None:
        self.stray.append(data)

    def all(self, *tags: str) -> list[Element]:
        """The elements of these tags, in order."""
        return [element for element in self.elements if element.tag in tags]

    @property
    def text(self) -> str:
        """All text outside the style sheet."""
        return "\n".join(each.text for each in self.elements if each.tag != "style")


def read(text: str) -> Page:
    """The page; every element is closed."""
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    return page


@pytest.fixture(scope="module")
def one(inputs: ReportInputs, page_folder: Path) -> str:
    """The page of one run, with sound in it."""
    soundfile = pytest.importorskip("soundfile")
    path = page_folder / "noise.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.1, 0.1, 4_000), 16_000)
    assert inputs.utterances is not None
    heard = inputs.utterances.with_columns(pl.lit(str(path)).alias("audio"))
    return render_report(replace(inputs, utterances=heard))


@pytest.fixture(scope="module")
def several(two_systems: ReportInputs, inputs: ReportInputs) -> str:
    """The page of two runs, one of them with two systems."""
    return render_report([two_systems, inputs])


@pytest.fixture(scope="module")
def voted(crowd: ReportInputs, inputs: ReportInputs) -> str:
    """The page of a run with votes beside one without: they must stand apart."""
    return render_report([crowd, inputs])


@pytest.fixture(scope="module", params=["one", "several", "voted", "bare"])
def page(request: pytest.FixtureRequest) -> Page:
    """Each kind of page."""
    if request.param == "bare":
        return read(render_report(hostile_inputs("name")))
    return read(request.getfixturevalue(request.param))


def hostile_inputs(text: str) -> ReportInputs:
    """A small run in which every text that may come from outside is ``text``."""
    base = {
        "corpus": text,
        "system": text,
        "convention": text,
        "method": text,
        "value": 0.5,
        "level": 0.95,
        "n": 10,
        "unit": "speaker",
    }
    group = {"group_by": text, "group_aggregator": text, "class_aggregator": text}
    rows = [
        {"quantity": "score", "metric": "macro_f1", "low": 0.4, "high": 0.6},
        {"quantity": "score", "metric": "accuracy", "value": None, "undefined": text},
        {"quantity": "score", "metric": "recall", "class": text, "left_out": text},
        {"quantity": "group_score", "metric": "macro_f1", "groups": text} | group,
        {"quantity": "pair_gap", "metric": "macro_f1", "groups": f"{text} − {text}"} | group,
        {"quantity": "gap", "metric": text, "undefined": text} | group,
        {"quantity": "worst_group", "metric": "macro_f1", "groups": text} | group,
        {"quantity": "confusion", "metric": "confusion", "class": text, "predicted_class": text},
        {"quantity": "comparison", "metric": "macro_f1", "system": f"{text} − {text}"},
    ]
    votes = {"reference": "votes"}
    rows += [
        {"quantity": "score", "metric": "krippendorff_alpha"} | votes,
        {"quantity": "score", "metric": "vote_share", "class": text} | votes,
        {"quantity": "group_score", "metric": "top_share", "groups": text} | group | votes,
        {"quantity": "score", "metric": "kept", "reference": "majority", "left_out": text},
        {"quantity": "score", "metric": "kld", "undefined": text} | votes,
        {"quantity": "score", "metric": f"{text} of votes"} | votes,
        {"quantity": "score", "metric": "macro_f1", "system": "one listener"},
        {"quantity": "pair_gap", "metric": "macro_f1", "groups": f"{text} − {text}",
         "system": "one listener"} | group,
        {"quantity": "group_score", "metric": "macro_f1", "group_by": "agreement", "groups": text},
        {"quantity": "score", "metric": "arousal_ccc"},
    ]  # fmt: skip
    folds = [{"quantity": "score", "metric": "macro_f1", "fold": f} for f in (text, f"{text}2")]
    estimates = pl.DataFrame(
        [base | {"fold": "all"} | row for row in [*rows, *folds]], infer_schema_length=None
    )
    utterances = pl.DataFrame(
        {
            "utterance_id": [text],
            "corpus": [text],
            "emotion": [f"{text}a"],
            "transcript": [text],
            "speaker": [text],
            "audio": [text],
        }
    )
    predictions = pl.DataFrame(
        {
            "utterance_id": [text],
            "system": [text],
            "status": ["parsed"],
            "emotion": [f"{text}b"],
            "probabilities": [[0.5]],
        }
    )
    fact = Fact(value=f"x{text}", source=f"x{text}")
    return ReportInputs(
        title=text,
        record=RunRecord(
            verb=text,
            config={text: text},
            command=f"x{text}",
            versions={text: text},
            git_revision=f"x{text}",
            inputs={text: text},
            host={text: text},
            finished=text,
            selection=[{text: text}],
            generation={text: {text: text}},
            left_out={text: 1},
        ),
        estimates=estimates,
        predictions=predictions,
        utterances=utterances,
        cards={text: Card(name=text, title=fact, citation=fact, traps=(fact,))},
        findings=[HostileFinding(text)],
        left_out={text: 2},
        notes=[text],
        minority=pl.DataFrame(
            {
                "utterance_id": [text], "system": [text], "said": [text], "votes_for_it": [1],
                "votes": [3], "crowd_says": [text], "transcript": [text], "audio": [text],
            }
        ),
    )  # fmt: skip


@dataclass
class HostileFinding:
    """A finding all of whose texts are the same."""

    text: str

    def __getattr__(self, name: str) -> str:
        if name in ("severity", "code", "message", "corpus"):
            return self.text
        raise AttributeError(name)


def skeleton(page: Page) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Which elements stand where, with which attributes, whatever the texts."""
    return [
        (element.tag, tuple(sorted(element.attributes)), element.parents)
        for element in page.elements
    ]


HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</title><img src=x onerror=alert(1)>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "{{ 7 * 7 }}{% raw %}",
    "<!-- <b> --><?php ?>",
    "]]></desc></svg><svg onload=alert(1)>",
    "&lt;script&gt;&#60;b&#62;",
    "a x b − c | d",
    "\u202eright to left\u0000",
    "%s %(x)s {0} {name}",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_change_no_element(text: str) -> None:
    harmless = skeleton(read(render_report(hostile_inputs("harmless"))))
    markup = render_report(hostile_inputs(text))
    page = read(markup)
    assert skeleton(page) == harmless
    assert page.stray == []
    assert "49" not in page.all("h1")[0].text


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(min_size=1, max_size=30).filter(lambda text: not text.isspace()))
@example("<b>")
@example("https://example.org/x")
@example("\udcff")
def test_any_name_leaves_the_page_whole(text: str) -> None:
    encodable = text.encode("utf-8", "replace").decode()
    inputs = replace(hostile_inputs(encodable), title=text)
    markup = render_report(inputs)
    page = read(markup)
    assert {element.tag for element in page.elements} <= ALLOWED
    assert page.stray == []
    assert not [name for each in page.elements for name in each.attributes if name[:2] == "on"]
    markup.encode("utf-8")


def test_hostile_text_is_shown_as_text() -> None:
    page = read(render_report(hostile_inputs("<script>alert(1)</script>")))
    assert page.all("h1")[0].text == "<script>alert(1)</script>"


def test_only_web_addresses_become_links() -> None:
    def links(source: str) -> list[str]:
        card = Card(name="c", licence=Fact(value=source, source="s"))
        inputs = replace(hostile_inputs("x"), cards={"c": card})
        hrefs = [each.attributes["href"] for each in read(render_report(inputs)).all("a")]
        return [href for href in hrefs if not href.startswith("#")]

    assert links("https://example.org/a?b=c") == ["https://example.org/a?b=c"]
    for other in ("javascript:alert(1)", "https:", "http://[", "ftp://x.org/", "https://a b"):
        assert links(other) == []


def test_tags_are_known_and_nothing_stands_outside(page: Page) -> None:
    assert {element.tag for element in page.elements} <= ALLOWED
    assert page.stray == []


def test_ids_are_unique_and_every_reference_is_met(page: Page) -> None:
    ids = [each.attributes["id"] for each in page.elements if "id" in each.attributes]
    assert len(ids) == len(set(ids))
    wanted = [
        name
        for each in page.elements
        for name in each.attributes.get("aria-labelledby", "").split()
    ]
    wanted += [
        each.attributes["href"][1:]
        for each in page.all("a")
        if each.attributes["href"].startswith("#")
    ]
    assert set(wanted) <= set(ids)


def test_nothing_is_loaded_from_outside(page: Page) -> None:
    for element in page.elements:
        for name in ("src", "srcset", "href", "data", "poster", "action", "xlink:href"):
            value = element.attributes.get(name)
            if value is None or element.tag == "a":
                continue
            assert value.startswith("data:"), f"<{element.tag} {name}={value[:40]}>"
    (style,) = page.all("style")
    assert "url(" not in style.text
    assert "@import" not in style.text


def test_the_policy_forbids_everything_else(page: Page) -> None:
    policies = [
        each.attributes["content"]
        for each in page.all("meta")
        if each.attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policies == [POLICY]
    assert page.all("script") == []


def test_headings_go_down_one_step_at_a_time(page: Page) -> None:
    levels = [int(each.tag[1]) for each in page.all("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_landmarks_and_the_skip_link(page: Page) -> None:
    for tag in ("header", "main", "footer", "nav"):
        assert len(page.all(tag)) == 1
    assert page.all("a")[0].attributes["href"] == "#main"
    assert page.all("main")[0].attributes["id"] == "main"
    assert page.all("nav")[0].attributes["aria-label"]
    assert page.all("html")[0].attributes["lang"] == "en"
    named = [each for each in page.all("section") if "aria-labelledby" in each.attributes]
    assert named == page.all("section")


def test_tables_have_captions_and_scopes(page: Page) -> None:
    tables = page.all("table")
    assert tables
    captions = [each for each in page.all("span") if "caption" in each.parents]
    assert len(captions) == len(tables)
    assert all(each.text.strip() for each in captions)
    assert all(each.attributes.get("scope") for each in page.all("th"))
    rows = [each for each in page.all("div") if each.attributes.get("role") == "region"]
    assert len(rows) == len(tables)
    assert all(each.attributes["tabindex"] == "0" for each in rows)


def test_figures_have_a_title_and_a_description(page: Page) -> None:
    figures = page.all("svg")
    assert all(each.attributes["role"] == "img" for each in figures)
    titles = [each for each in page.all("title") if "svg" in each.parents]
    descriptions = page.all("desc")
    assert len(titles) == len(descriptions) == len(figures)
    assert all(each.text.strip() for each in [*titles, *descriptions])


def test_folded_parts_have_a_summary(page: Page) -> None:
    assert len(page.all("details")) == len(page.all("summary"))
    assert all(each.text.strip() for each in page.all("summary"))


def test_players_are_named_few_and_complete(one: str) -> None:
    players = read(one).all("audio")
    assert 0 < len(players) <= 6
    for player in players:
        assert player.attributes["aria-label"].startswith("Recording of ravdess/")
        assert "controls" in player.attributes
        assert player.attributes["src"].startswith("data:audio/flac;base64,")


def test_the_verdict_stands_first(page: Page) -> None:
    sections = [each for each in page.all("section") if "section" not in each.parents]
    assert sections[0].attributes["id"] == "verdict"


def test_every_main_score_is_on_the_page(inputs: ReportInputs, one: str) -> None:
    text = read(one).text
    rows = [
        row
        for row in pooled(read_estimates(inputs.estimates))
        if row.quantity in ("score", "group_score")
        and row.label is None
        and row.metric in ("macro_f1", "accuracy", "unweighted_accuracy")
    ]
    assert len(rows) == 9
    for row in rows:
        assert row.value is not None
        assert row.low is not None
        assert row.high is not None
        assert f"{row.value * 100:.1f}" in text
        assert f"[{row.low * 100:.1f}, {row.high * 100:.1f}]" in text


def test_what_a_reader_needs_is_there(one: str) -> None:
    text = read(one).text
    for words in (
        "Can be concluded",
        "the fold holds one group only: female",
        "audio file missing",
        "unparsed (counted as wrong)",
        "equivoice benchmark --system acoustic",
        "2 utterances have the same sound",
        "Livingstone SR",
        "@software{equivoice",
        "largest pair of groups",
        "Noise floor",
        "Smallest detectable",
        "Floor of p",
    ):
        assert words in text, words


def test_too_few_speakers_is_said_and_not_zero(make_inputs: Callable[..., ReportInputs]) -> None:
    text = read(render_report(make_inputs(speakers=6))).text
    assert "too few speakers: female: 3, male: 3" in text
    assert "It cannot be concluded whether the groups differ." in text


def test_a_confounded_group_limits_the_verdict(inputs: ReportInputs) -> None:
    found = HostileFinding("gender is confounded with emotion")
    found.__dict__["code"] = "confounded-group"
    page = read(render_report(replace(inputs, findings=[found])))
    headings = [each.text for each in page.all("h3")]
    assert "The data of gender is confounded with emotion" in headings
    (card,) = [each for each in page.all("li") if each.text == "Gender is confounded with emotion."]
    assert card.parents[-2] == "div"


def test_systems_side_by_side_have_a_pareto_plot(several: str, one: str) -> None:
    titles = [each.text for each in read(several).all("title")]
    assert "Macro-F1 against its largest gap by gender on ravdess" in titles
    assert not [
        title for title in [each.text for each in read(one).all("title")] if "against" in title
    ]


def test_comparisons_have_a_forest_plot(inputs: ReportInputs) -> None:
    comparison = pl.DataFrame(
        [
            {
                "quantity": "comparison", "metric": "macro_f1", "system": "a − b",
                "corpus": "ravdess", "value": 0.04, "low": 0.01, "high": 0.07, "n": 384,
            }
        ]
    )  # fmt: skip
    estimates = pl.concat([inputs.estimates, ESTIMATES.validate(comparison)])
    page = read(render_report(replace(inputs, estimates=estimates)))
    titles = [each.text for each in page.all("title")]
    assert "Differences between systems, first minus second, in points" in titles
    assert "comparisons" in [each.attributes.get("id") for each in page.all("section")]
    assert "4.0 points higher for a than for b on the same utterances" in page.text


def test_runs_side_by_side_are_told_apart(several: str) -> None:
    page = read(several)
    assert page.all("h1")[0].text == "2 runs side by side"
    assert "Acoustic on ravdess, run Acoustic baseline on RAVDESS" in page.text


def test_estimates_alone_make_a_report() -> None:
    row = {"quantity": "score", "metric": "accuracy", "value": 0.5, "n": 8}
    record = RunRecord(verb="score", config={})
    page = read(render_report(ReportInputs("Bare", record, pl.DataFrame([row]))))
    assert "50.0" in page.text
    assert page.all("audio") == []


def test_no_estimates_conclude_nothing() -> None:
    record = RunRecord(verb="score", config={})
    page = read(render_report(ReportInputs("Empty", record, ESTIMATES.empty())))
    assert "nothing can be concluded" in page.text


def test_no_run_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one run"):
        render_report([])


def test_a_table_that_is_none_of_estimates_is_refused() -> None:
    record = RunRecord(verb="score", config={})
    with pytest.raises(SchemaError):
        render_report(ReportInputs("x", record, pl.DataFrame({"metric": ["accuracy"]})))


def test_what_else_was_found_stands_between_the_scores_and_the_data(inputs: ReportInputs) -> None:
    below = Section("A part", "part", (Text("Something <else> was found."),))
    page = render_report(inputs, further=[Section("Further", "further", (), (below,))])
    order = [page.index(f'<section id="{name}"') for name in ("scores", "further", "part", "data")]
    assert order == sorted(order)
    assert '<a href="#further">Further</a>' in page
    assert "Something &lt;else&gt; was found." in page
    assert render_report(inputs, further=[Section("Empty", "empty")]) == render_report(inputs)


def test_the_same_inputs_give_the_same_page(inputs: ReportInputs) -> None:
    assert render_report(inputs) == render_report(inputs)


def palette(style: str, part: str) -> dict[str, str]:
    """The hex colours of one of the three palettes."""
    blocks = dict(
        zip(
            ("light", "dark", "print"),
            re.findall(r":root \{(.*?)\}", style, re.DOTALL),
            strict=True,
        )
    )
    found = re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})", blocks[part])
    return {
        name: value if len(value) == 7 else "#" + "".join(c * 2 for c in value[1:])
        for name, value in found
    }


def luminance(colour: list[float]) -> float:
    """Relative luminance as WCAG 2 defines it, of channels from 0 to 1."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def channels(colour: str) -> list[float]:
    """The channels of a hex colour, from 0 to 1."""
    return [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]


def contrast(one: list[float], other: list[float]) -> float:
    """The contrast ratio as WCAG 2 defines it."""
    first, second = sorted((luminance(one), luminance(other)), reverse=True)
    return (first + 0.05) / (second + 0.05)


@pytest.mark.parametrize("part", ["light", "dark", "print"])
def test_contrast_is_enough_for_everybody(page: Page, part: str) -> None:
    (style,) = page.all("style")
    colours = {name: channels(value) for name, value in palette(style.text, part).items()}
    for text in ("ink", "quiet", "accent", "can", "cannot", "error"):
        for ground in ("ground", "sheet"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    assert contrast(colours["on-accent"], colours["accent"]) >= 4.5
    assert contrast(colours["accent"], colours["band"]) >= 3
    shade = 0.42
    darkest = [
        shade * over + (1 - shade) * under
        for over, under in zip(colours["accent"], colours["sheet"], strict=True)
    ]
    assert contrast(colours["ink"], darkest) >= 4.5
    assert f"* {shade}" in style.text


def test_every_number_about_votes_is_on_the_page(crowd: ReportInputs) -> None:
    text = read(render_report(crowd)).text
    rows = pooled(read_estimates(crowd.estimates))
    assert len(rows) > 90
    for row in rows:
        if row.value is None:
            assert (row.undefined or "") in text
        else:
            shown = written(row, row.value, difference=row.quantity == "pair_gap")
            assert shown is not None
            assert shown in text, row


def test_listeners_and_votes_have_sections_in_their_order(crowd: ReportInputs) -> None:
    page = read(render_report(crowd))
    tops = [each.attributes["id"] for each in page.all("section") if "section" not in each.parents]
    assert tops[:5] == ["verdict", "scores", "listeners", "votes", "scales"]
    assert tops.index("chapter-0") < tops.index("people")


def test_people_are_told_in_words_wherever_they_are_marked(crowd: ReportInputs) -> None:
    page = read(render_report(crowd))
    marked = [each for each in page.all("tbody") if each.attributes.get("class") == "people"]
    assert marked
    heads = [
        each.text
        for each in page.all("span")
        if "tbody" in each.parents and each.text.startswith("people: ")
    ]
    assert len(heads) == len(marked)
    for figure in [each for each in page.all("rect") if "people" in each.attributes["class"]]:
        assert "svg" in figure.parents
    descriptions = " ".join(each.text for each in page.all("desc"))
    assert "people: one listener, left out (voice)" in descriptions.replace("People", "people")


def test_people_are_folded_beside_systems_and_open_alone(crowd: ReportInputs) -> None:
    def folded(inputs: ReportInputs) -> list[str]:
        found = read(render_report(inputs)).all("summary")
        return [each.text for each in found if each.text.startswith("Show People")]

    assert len(folded(crowd)) == 2
    alone = crowd.estimates.filter(pl.col("system").ne_missing("model"))
    assert folded(replace(crowd, estimates=alone)) == []


def test_words_about_listeners_are_explained_only_where_needed(
    crowd: ReportInputs, one: str
) -> None:
    assert "held against: What counts as right" in read(render_report(crowd)).text
    assert "held against" not in read(one).text
    assert "people" not in read(one).text


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_part_of_a_run_with_votes_makes_a_whole_page(
    crowd: ReportInputs, data: st.DataObject
) -> None:
    """Whatever rows are missing or undefined: the page stands, and nothing becomes a zero."""
    height = crowd.estimates.height
    kept = data.draw(st.sets(st.integers(0, height - 1), min_size=1))
    lost = data.draw(st.sets(st.integers(0, height - 1)))
    place = pl.int_range(pl.len())
    why = "this number is not known"
    estimates = crowd.estimates.with_columns(
        pl.when(place.is_in(sorted(lost))).then(None).otherwise(pl.col(name)).alias(name)
        for name in ("value", "low", "high")
    ).with_columns(
        undefined=pl.when(place.is_in(sorted(lost))).then(pl.lit(why)).otherwise("undefined")
    )
    part = estimates.filter(place.is_in(sorted(kept)))
    page = read(render_report(replace(crowd, estimates=part)))
    assert page.stray == []
    assert {element.tag for element in page.elements} <= ALLOWED
    cells = [each for each in page.all("td", "th") if "tbody" in each.parents]
    assert not [each for each in cells if each.tag == "td" and not each.text.strip()]
    if lost & kept:
        assert why in page.text
    ids = [each.attributes["id"] for each in page.elements if "id" in each.attributes]
    assert len(ids) == len(set(ids))
