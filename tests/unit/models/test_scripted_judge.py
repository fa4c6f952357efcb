"""The fake judge says what its script says."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from equivoice.errors import ConfigError
from equivoice.models import Decoding, Draw, Question
from equivoice.models.registry import load_model
from equivoice.models.scripted_judge import ScriptedJudge
from equivoice.rating.rubrics import load_rubric
from equivoice.rating.verdicts import read_verdict

GOOD, POOR = "The pitch is high and the voice loud.", "It just feels so."


def asked(
    judge: ScriptedJudge, shown: Mapping[str, str], rubric: str, *, name: str = "u", seed: int = 0
) -> str | float | None:
    """The verdict about one item, read as the real ones are."""
    found = load_rubric(rubric)
    turns = found.render({"emotion": "sad", **shown}, modality="speech")
    said = judge.answer([Question(name, turns)], [[Draw(0.0, seed)]], Decoding())[0][0]
    read = read_verdict(said.text, found)
    return read.value if read.number is None else read.number


def pair(a: str, b: str) -> dict[str, str]:
    return {"reason_a": a, "reason_b": b}


def test_the_text_with_more_points_wins_wherever_it_stands() -> None:
    judge = ScriptedJudge()
    assert asked(judge, pair(GOOD, POOR), "pairwise") == "a"
    assert asked(judge, pair(POOR, GOOD), "pairwise") == "b"
    assert asked(judge, pair(POOR, POOR), "pairwise") == "tie"
    assert asked(ScriptedJudge(tie_within=2.0), pair(GOOD, POOR), "pairwise") == "tie"
    assert asked(ScriptedJudge(phrases={"feels": 3.0}), pair(GOOD, POOR), "pairwise") == "b"


def test_a_liking_for_the_first_place_decides_what_else_is_close() -> None:
    judge = ScriptedJudge(first_bias=3.0)
    assert asked(judge, pair(POOR, GOOD), "pairwise") == "a"
    assert asked(judge, pair(POOR, GOOD), "pairwise", name="v") == "a"


def test_noise_belongs_to_the_text_and_not_to_the_place() -> None:
    judge = ScriptedJudge(noise=2.0)
    for at in range(30):
        one = asked(judge, pair(GOOD, POOR), "pairwise", name=f"u{at}")
        two = asked(judge, pair(POOR, GOOD), "pairwise", name=f"u{at}")
        assert {one, two} == {"a", "b"}
    points = [judge.points(f"u{at}", GOOD) for at in range(1000)]
    assert np.mean(points) == pytest.approx(2.0, abs=0.2)
    assert np.std(points) == pytest.approx(2.0, abs=0.2)


def test_single_reasons_are_accepted_or_graded() -> None:
    judge = ScriptedJudge()
    assert asked(judge, {"reason": GOOD}, "acceptance") == "accept"
    assert asked(judge, {"reason": POOR}, "acceptance") == "reject"
    assert asked(ScriptedJudge(accept_from=3), {"reason": GOOD}, "acceptance") == "reject"
    assert asked(judge, {"reason": GOOD}, "plausibility") == 3.0
    assert asked(ScriptedJudge(phrases={"p": 99.0}), {"reason": GOOD}, "plausibility") == 5.0


def test_lapses_and_answers_that_nobody_can_read_come_as_often_as_said() -> None:
    judge = ScriptedJudge(lapse=0.5, garbled=0.2)
    said = [asked(judge, pair(GOOD, POOR), "pairwise", seed=seed) for seed in range(500)]
    assert said.count(None) == pytest.approx(100, abs=35)
    assert said.count("b") == pytest.approx(100, abs=35)  # half of the lapses that can be read


def test_it_is_loaded_by_name_and_describes_itself() -> None:
    judge = load_model("scripted-judge", first_bias=0.5)
    assert isinstance(judge, ScriptedJudge)
    assert judge.describe()["first_bias"] == 0.5


def test_settings_out_of_range_are_refused_together() -> None:
    with pytest.raises(ConfigError, match="3 problems"):
        ScriptedJudge(lapse=1.5, garbled=-0.1, noise=-1.0)
