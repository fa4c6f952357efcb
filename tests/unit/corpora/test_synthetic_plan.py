"""The plan of the synthetic corpus: who says what, and what is planted, before any sound."""

from __future__ import annotations

import json
import runpy
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from equivoice.audio.synthesis import SPOKEN_LANGUAGES, Delivery
from equivoice.corpora.synthetic import Biases, Imbalance, Noise, RatingShift, Shortcut
from equivoice.corpora.synthetic.biases import CLEAN_SNR
from equivoice.corpora.synthetic.cast import Speaker, cast_speakers, fold_count, varied
from equivoice.corpora.synthetic.plan import Take, emotion_counts, plan_takes
from equivoice.corpora.synthetic.recipe import (
    DIRECTIONS,
    EMOTIONS,
    GENDERS,
    LANGUAGES,
    SPREAD,
    VARIANTS,
    VOICE_PITCH,
)
from equivoice.corpora.synthetic.sentences import SENTENCES
from equivoice.corpora.synthetic.streams import seed_of, stream
from equivoice.errors import ConfigError


def takes_of(biases: Biases, *, speakers: int = 24, per_speaker: int = 18) -> tuple[Take, ...]:
    cast = cast_speakers(speakers, seed=0)
    return plan_takes(cast, per_speaker=per_speaker, biases=biases, seed=0)


# ------------------------------------------------------------------ the recipe


def test_the_amounts_go_where_the_directions_say() -> None:
    def says(emotion: str, quantity: str) -> str:
        return DIRECTIONS[emotion].get(quantity, "")

    signs = {"higher": 1, "faster": 1, "wider": 1, "lower": -1, "slower": -1, "narrower": -1}
    for emotion, delivery in EMOTIONS.items():
        amounts = {
            "pitch": delivery.pitch,
            "range": delivery.range - 1,
            "rate": delivery.rate - 1,
            "intensity": delivery.level,
        }
        for quantity, amount in amounts.items():
            words = says(emotion, quantity).split()
            if not words or "or" in words:
                continue
            assert np.sign(amount) == signs.get(words[-1], 0), (emotion, quantity)


def test_very_much_is_more_than_much_and_slightly_is_less() -> None:
    assert EMOTIONS["angry"].pitch > EMOTIONS["happy"].pitch
    assert EMOTIONS["fear"].pitch > EMOTIONS["happy"].pitch
    assert EMOTIONS["disgust"].pitch < EMOTIONS["sad"].pitch
    assert EMOTIONS["fear"].rate > EMOTIONS["angry"].rate
    assert EMOTIONS["disgust"].rate < EMOTIONS["sad"].rate


def test_neutral_is_the_voices_own_manner() -> None:
    assert EMOTIONS["neutral"] == Delivery()


def test_every_language_has_as_many_distinct_sentences() -> None:
    assert set(SENTENCES) == set(LANGUAGES) == set(SPOKEN_LANGUAGES)
    counts = {len({sentence.text for sentence in own}) for own in SENTENCES.values()}
    assert counts == {12}


def test_what_espeak_is_told_in_japanese_holds_no_kanji() -> None:
    for sentence in SENTENCES["ja"]:
        letters = [letter for letter in sentence.spoken if letter not in " 。"]
        assert all("\u3040" <= letter <= "\u30ff" for letter in letters), sentence
        assert sentence.text != sentence.spoken


# ------------------------------------------------------------------ the cast


@pytest.mark.parametrize(("speakers", "folds"), [(24, 4), (12, 2), (48, 4), (4, 2), (2, 0)])
def test_folds_by_number_of_speakers(speakers: int, folds: int) -> None:
    names = {speaker.fold for speaker in cast_speakers(speakers, seed=0)}
    assert fold_count(speakers) == folds
    assert names == ({str(n + 1) for n in range(folds)} or {None})


@pytest.mark.parametrize("speakers", [12, 24, 48])
def test_every_fold_has_every_language_and_gender_as_often(speakers: int) -> None:
    cells = Counter((s.fold, s.language, s.gender) for s in cast_speakers(speakers, seed=3))
    assert len(cells) == fold_count(speakers) * len(LANGUAGES) * len(GENDERS)
    assert len(set(cells.values())) == 1


def test_speakers_differ_in_name_and_voice() -> None:
    cast = cast_speakers(24, seed=0)
    assert len({speaker.name for speaker in cast}) == 24
    assert len({tuple(asdict(speaker.voice).values()) for speaker in cast}) == 24
    within = Counter((s.language, s.gender, s.voice.variant) for s in cast)
    assert set(within.values()) == {1}


def test_voices_are_of_the_speakers_gender() -> None:
    for speaker in cast_speakers(48, seed=1):
        low, high = VOICE_PITCH[speaker.gender]
        assert low <= speaker.voice.pitch <= high
        assert speaker.voice.variant in VARIANTS[speaker.gender]
    assert VOICE_PITCH["male"][1] < VOICE_PITCH["female"][0]


def test_age_is_independent_of_gender() -> None:
    ages = {
        gender: sorted(s.age for s in cast_speakers(24, 5) if s.gender == gender)
        for gender in GENDERS
    }
    assert ages["female"] == ages["male"]
    assert len(set(ages["female"])) == 12


def test_more_speakers_leave_the_first_as_they_are_but_for_age_and_fold() -> None:
    few, many = cast_speakers(12, seed=0), cast_speakers(24, seed=0)
    for first, again in zip(few, many, strict=False):
        assert first == replace(again, age=first.age, fold=first.fold)


def test_another_seed_is_another_cast() -> None:
    first, other = cast_speakers(4, seed=0), cast_speakers(4, seed=1)
    assert all(a.voice != b.voice for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("speakers", [0, 1, 7, -2])
def test_the_number_of_speakers_is_even_and_positive(speakers: int) -> None:
    with pytest.raises(ConfigError, match=str(speakers)):
        cast_speakers(speakers, seed=0)


def test_takes_vary_around_the_manner_by_the_stated_spread() -> None:
    rng, spread = stream(0, "test"), SPREAD["take"]
    drawn = [varied(EMOTIONS["angry"], spread, rng) for _ in range(2_000)]
    pitch = np.array([delivery.pitch for delivery in drawn])
    rate = np.log([delivery.rate for delivery in drawn])
    assert pitch.mean() == pytest.approx(EMOTIONS["angry"].pitch, abs=0.1)
    assert pitch.std() == pytest.approx(spread.pitch, rel=0.1)
    assert rate.std() == pytest.approx(spread.rate, rel=0.1)


def test_named_streams_do_not_depend_on_order() -> None:
    first = stream(1, "a").random(3)
    stream(1, "b").random(100)
    assert (stream(1, "a").random(3) == first).all()
    assert seed_of(1, "ab") != seed_of(1, "a", "b")


# ------------------------------------------------------------------ the takes


def test_emotions_are_balanced_within_every_speaker() -> None:
    counts = Counter((t.speaker.name, t.emotion) for t in takes_of(Biases.none()))
    assert set(counts.values()) == {3}
    assert len(counts) == 24 * len(EMOTIONS)


@pytest.mark.parametrize("per_speaker", [1, 5, 17, 34])
def test_a_rest_goes_round_and_never_favours_a_gender(per_speaker: int) -> None:
    takes = takes_of(Biases.none(), per_speaker=per_speaker)
    assert len(takes) == 24 * per_speaker
    by_gender = {g: Counter(t.emotion for t in takes if t.speaker.gender == g) for g in GENDERS}
    assert by_gender["female"] == by_gender["male"]
    totals = [by_gender["female"][emotion] for emotion in EMOTIONS]
    assert max(totals) - min(totals) <= 1


def test_ids_are_unique() -> None:
    takes = takes_of(Biases.none())
    assert len({take.utterance_id for take in takes}) == len(takes)
    assert takes[0].utterance_id == "synthetic/en-f1_angry_01"


def test_words_tell_nothing_about_the_emotion() -> None:
    sentences: dict[tuple[str, str], list[str]] = {}
    for take in takes_of(Biases.none()):
        sentences.setdefault((take.speaker.name, take.emotion), []).append(take.sentence.text)
    for speaker in {name for name, _ in sentences}:
        own = [sentences[speaker, emotion] for emotion in EMOTIONS]
        assert all(said == own[0] for said in own)
        assert len(set(own[0])) == 3


def test_speakers_have_different_sentences() -> None:
    takes = takes_of(Biases.none())
    used = {take.sentence_number for take in takes if take.speaker.language == "de"}
    assert len(used) >= 10


def test_the_plan_does_not_depend_on_the_biases_beyond_what_they_plant() -> None:
    plain, planted = takes_of(Biases.none()), takes_of(Biases(noise=Noise(snr_db=3.0)))
    for one, other in zip(plain, planted, strict=True):
        assert one == replace(other, snr_db=CLEAN_SNR)


@pytest.mark.parametrize("per_speaker", [0, -1])
def test_a_speaker_says_something(per_speaker: int) -> None:
    with pytest.raises(ConfigError, match="at least one"):
        takes_of(Biases.none(), per_speaker=per_speaker)


# ------------------------------------------------------------------ what is planted


@pytest.mark.parametrize("group", GENDERS)
def test_noise_is_in_all_recordings_of_its_group_and_no_other(group: str) -> None:
    takes = takes_of(Biases(noise=Noise(group, snr_db=4.0)))
    assert {t.snr_db for t in takes if t.speaker.gender == group} == {4.0}
    assert {t.snr_db for t in takes if t.speaker.gender != group} == {CLEAN_SNR}


def cue_rate(takes: tuple[Take, ...], gender: str, emotion: bool, folds: set[str]) -> float:
    chosen = [
        take.cue is not None
        for take in takes
        if take.speaker.gender == gender
        and (take.emotion == "angry") is emotion
        and take.speaker.fold in folds
    ]
    return float(np.mean(chosen))


def test_the_shortcut_agrees_as_often_as_stated_in_its_group_only() -> None:
    every = {"1", "2", "3", "4"}
    takes = takes_of(Biases(shortcut=Shortcut(agreement=0.9)), speakers=48, per_speaker=36)
    assert cue_rate(takes, "male", True, every) == pytest.approx(0.9, abs=0.04)
    assert cue_rate(takes, "male", False, every) == pytest.approx(0.1, abs=0.04)
    # The other gender has as many tones in all, without regard to the emotion.
    overall = (0.9 + 5 * 0.1) / 6
    assert cue_rate(takes, "female", True, every) == pytest.approx(overall, abs=0.05)
    assert cue_rate(takes, "female", False, every) == pytest.approx(overall, abs=0.03)


def test_the_shortcut_can_break_in_one_test_fold() -> None:
    shortcut = Shortcut(agreement=1.0, broken_fold="4")
    takes = takes_of(Biases(shortcut=shortcut), speakers=48, per_speaker=36)
    assert cue_rate(takes, "male", True, {"1", "2", "3"}) == 1.0
    assert cue_rate(takes, "male", False, {"1", "2", "3"}) == 0.0
    assert cue_rate(takes, "male", True, {"4"}) == pytest.approx(1 / 6, abs=0.1)
    assert cue_rate(takes, "male", False, {"4"}) == pytest.approx(1 / 6, abs=0.05)


def test_an_agreement_of_a_half_is_no_shortcut() -> None:
    takes = takes_of(Biases(shortcut=Shortcut(agreement=0.5)), speakers=48, per_speaker=36)
    every = {"1", "2", "3", "4"}
    assert cue_rate(takes, "male", True, every) == pytest.approx(0.5, abs=0.06)
    assert cue_rate(takes, "male", False, every) == pytest.approx(0.5, abs=0.03)


def test_a_fold_that_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigError, match="9"):
        takes_of(Biases(shortcut=Shortcut(broken_fold="9")))


def test_imbalance_has_the_stated_odds() -> None:
    biases = Biases(imbalance=Imbalance("female", "sad", odds=3.0))
    takes = takes_of(biases, per_speaker=32)
    women = Counter(t.emotion for t in takes if t.speaker.gender == "female")
    men = Counter(t.emotion for t in takes if t.speaker.gender == "male")
    others = [women[emotion] for emotion in EMOTIONS if emotion != "sad"]
    assert women["sad"] / np.mean(others) == pytest.approx(3.0, rel=0.02)
    assert max(men.values()) - min(men.values()) <= 1
    assert women.total() == men.total() == 12 * 32


def test_odds_of_nought_leave_the_emotion_out() -> None:
    speaker = cast_speakers(2, seed=0)[0]
    counts = emotion_counts(speaker, 0, 20, Biases(imbalance=Imbalance("female", "sad", odds=0.0)))
    assert counts["sad"] == 0
    assert sum(counts.values()) == 20


def test_noise_in_one_language_leaves_the_others_clean() -> None:
    noise = Noise("male", snr_db=-3.0, language="de")
    for take in takes_of(Biases(noise=noise)):
        noisy = (take.speaker.gender, take.speaker.language) == ("male", "de")
        assert take.snr_db == (-3.0 if noisy else CLEAN_SNR)
    assert "all male recordings in de, at" in Biases(noise=noise).sentences()[0]
    with pytest.raises(ConfigError, match=r"noise\.language: 'fr' is none of en, de, ja"):
        Biases(noise=Noise(language="fr"))


def test_all_mistakes_are_reported_together() -> None:
    with pytest.raises(ConfigError) as caught:
        Biases(
            noise=Noise("women", snr_db=99.0),
            shortcut=Shortcut(emotion="envy", agreement=0.3),
            imbalance=Imbalance(odds=-1.0),
            rating=RatingShift(heard="anger", share=1.5),
        )
    for named in ("'women'", "99", "'envy'", "0.3", "-1", "'anger'", "1.5"):
        assert named in str(caught.value)
    assert "7 problems" in str(caught.value)


def test_what_is_planted_is_said_in_words_with_its_strength() -> None:
    everything = Biases(
        Noise(snr_db=7.0), Shortcut(agreement=0.8, broken_fold="2"), Imbalance(odds=2.5)
    )
    said = " ".join(everything.sentences())
    for named in ("7 dB", "80%", "test fold 2", "2.5 times", "20%"):
        assert named in said
    assert Biases.none().sentences() == ()


def test_the_record_of_a_speaker_is_complete() -> None:
    speaker: Speaker = cast_speakers(2, seed=0)[0]
    record = speaker.as_record()
    assert record["voice"]["variant"] == speaker.voice.variant
    assert set(record["manners"]) == set(EMOTIONS)


# ------------------------------------------------------------------ golden


def test_the_plan_is_the_golden_one() -> None:
    """Where this fails on purpose: raise RECIPE_VERSION and run tests/golden/synthetic/make_plan.py."""
    folder = Path(__file__).parents[2] / "golden" / "synthetic"
    maker = runpy.run_path(str(folder / "make_plan.py"))
    golden = json.loads((folder / "plan.json").read_text("utf-8"))
    assert maker["plan"]() == golden
