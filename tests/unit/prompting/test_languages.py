"""The same sayings in eleven languages: each label named, denied, contrasted, joined, declined.

Every template is filled with every pair of labels, so a word that is missing from the
lists, or that means something else in another language, shows.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from equivoice.corpora.labels import label_space
from equivoice.prompting import Options, parse

LABELS = ("angry", "happy", "sad", "fear", "neutral")


class Language(NamedTuple):
    """Words displayed, and templates; {a} and {b} are two labels."""

    words: tuple[str, ...]
    named: tuple[str, ...]
    denied: tuple[str, ...]
    contrasted: tuple[str, ...]  # b is meant
    neither: tuple[str, ...]
    several: tuple[str, ...]
    declined: tuple[str, ...]


LANGUAGES = {
    "en": Language(
        ("angry", "happy", "sad", "fear", "neutral"),
        (
            "{a}",
            "{a}.",
            "The emotion is {a}.",
            "Answer: {a}",
            "I think it is {a}!",
            "<answer>{a}</answer>",
        ),
        ("not {a}", "This is not {a}.", "It isn't {a}.", "It can't be {a}.", "It was never {a}."),
        (
            "not {a} but {b}",
            "It is {b}, not {a}.",
            "{b} rather than {a}",
            "It seems {a} at first, but it is {b}.",
            "It isn't {a}. It is {b}.",
            "Although the words are {a}, the tone is {b}.",
            "It might be {a}, but I think it is {b}.",
            "more {b} than {a}",
            "less {a} than {b}",
            "instead of {a}: {b}",
            "Mostly {b}, with a hint of {a}.",
            "<think>{a}?</think>{b}",
            '{{"emotion": "{b}", "reason": "no {a}"}}',
            "{a}: 0.2, {b}: 0.7",
            "{b}. A voice that is {a} would be louder.",
        ),
        ("neither {a} nor {b}", "not {a} or {b}", "It is not {a}. It is not {b}."),
        (
            "{a} or {b}",
            "{a} and {b}",
            "{a}, {b}",
            "{a}/{b}",
            "both {a} and {b}",
            "{a}: 0.5, {b}: 0.5",
        ),
        ("I cannot tell.", "I'm unable to say whether it is {a} or {b}.", "Sorry, I can't help."),
    ),
    "de": Language(
        ("wütend", "fröhlich", "traurig", "ängstlich", "neutral"),
        ("{a}", "Die Stimme klingt {a}.", "Antwort: {a}"),
        ("nicht {a}", "Die Stimme ist nicht {a}.", "keineswegs nicht {a}"),
        (
            "nicht {a}, sondern {b}",
            "eher {b} als {a}",
            "{b} statt {a}",
            "Obwohl die Worte {a} sind, klingt die Stimme {b}.",
            "Vielleicht {a}, aber ich denke {b}.",
        ),
        ("weder {a} noch {b}", "nicht {a} oder {b}"),
        ("{a} oder {b}", "{a} und {b}"),
        ("Ich kann die Aufnahme nicht hören.", "Ich kann nicht sagen, ob sie {a} oder {b} ist."),
    ),
    "fr": Language(
        ("en colère", "heureux", "triste", "peur", "neutre"),
        ("{a}", "La voix exprime : {a}.", "Réponse : {a}"),
        ("pas {a}", "Ce n'est pas {a}.", "sans {a}"),
        (
            "pas {a} mais {b}",
            "plutôt {b} que {a}",
            "{b} au lieu de {a}",
            "Peut-être {a}, mais je dirais {b}.",
        ),
        ("ni {a} ni {b}", "pas {a} ou {b}"),
        ("{a} ou {b}", "{a} et {b}"),
        ("Je ne peux pas le dire.", "Je ne sais pas si c'est {a} ou {b}."),
    ),
    "es": Language(
        ("enojado", "feliz", "triste", "asustado", "neutral"),
        ("{a}", "La voz suena {a}.", "Respuesta: {a}", "¡{a}!"),
        ("no {a}", "La voz no suena {a}.", "nunca {a}"),
        (
            "no {a}, sino {b}",
            "más {b} que {a}",
            "{b} en lugar de {a}",
            "Aunque las palabras son {a}, la voz suena {b}.",
            "Tal vez {a}, pero creo que {b}.",
        ),
        ("ni {a} ni {b}", "no {a} o {b}"),
        ("{a} o {b}", "{a} y {b}"),
        ("No puedo escuchar el audio.", "No sé si es {a} o {b}."),
    ),
    "it": Language(
        ("arrabbiato", "felice", "triste", "impaurito", "neutro"),
        ("{a}", "La voce sembra {a}.", "Risposta: {a}"),
        ("non {a}", "La voce non è {a}."),
        (
            "non {a} ma {b}",
            "più {b} che {a}",
            "{b} invece di {a}",
            "Forse {a}, ma direi {b}.",
        ),
        ("né {a} né {b}", "non {a} o {b}"),
        ("{a} o {b}", "{a} e {b}"),
        ("Non posso ascoltare l'audio.", "Non so se è {a} o {b}."),
    ),
    "pl": Language(
        ("zły", "szczęśliwy", "smutny", "przestraszony", "neutralny"),
        ("{a}", "Głos jest {a}.", "Odpowiedź: {a}"),
        ("nie {a}", "Głos nie jest {a}.", "bez {a}"),
        (
            "nie {a}, lecz {b}",
            "nie {a}, ale {b}",
            "raczej {b} niż {a}",
            "Być może {a}, ale raczej {b}.",
        ),
        ("ani {a}, ani {b}", "nie {a} ani {b}"),
        ("{a} lub {b}", "{a} i {b}"),
        ("Nie mogę odsłuchać nagrania.", "Nie wiem, czy {a} czy {b}."),
    ),
    "ur": Language(
        ("غصہ", "خوش", "اداس", "خوف", "غیر جانبدار"),
        ("{a}", "بولنے والا {a} ہے۔", "جواب: {a}"),
        ("{a} نہیں", "یہ {a} نہیں ہے۔"),
        ("{a} نہیں بلکہ {b}", "{a} نہیں، {b}"),
        ("{a} یا {b} نہیں",),
        ("{a} یا {b}", "{a} اور {b}"),
        ("معذرت، میں نہیں سن سکتا۔",),
    ),
    "hi": Language(
        ("गुस्सा", "खुश", "दुखी", "डर", "तटस्थ"),
        ("{a}", "वक्ता {a} है।"),
        ("{a} नहीं",),
        ("{a} नहीं, {b}",),
        ("{a} या {b} नहीं",),
        ("{a} या {b}",),
        (),
    ),
    "zh": Language(
        ("生气", "高兴", "悲伤", "恐惧", "中性"),
        ("{a}", "说话者听起来{a}。", "答案：{a}", "我觉得是{a}"),
        ("不{a}", "没有{a}", "不是{a}。"),
        ("不是{a}，而是{b}", "不{a}，但{b}", "虽然文字{a}，但语气{b}。", "可能{a}，但我觉得是{b}"),
        ("既不{a}也不{b}", "不是{a}也不是{b}"),
        ("{a}或{b}", "{a}和{b}"),
        ("抱歉，我无法听到音频。", "无法判断是{a}还是{b}。"),
    ),
    "ja": Language(
        ("怒り", "喜び", "悲しみ", "恐れ", "中立"),
        ("{a}", "話者の感情は{a}です。", "答え：{a}"),
        ("{a}ではない", "{a}ではありません。"),
        ("{a}ではなく{b}です", "{a}というより{b}です", "{a}ではない、{b}です。"),
        (),
        ("{a}と{b}", "{a}か{b}"),
        ("申し訳ありませんが、音声を聞くことができません。",),
    ),
    "ru": Language(
        ("злость", "радость", "грусть", "страх", "нейтрально"),
        ("{a}", "Эмоция: {a}."),
        ("не {a}", "это не {a}"),
        ("не {a}, а {b}", "не {a}, но {b}"),
        ("ни {a}, ни {b}",),
        ("{a} или {b}", "{a} и {b}"),
        ("Я не могу сказать.",),
    ),
}


def offered(language: Language) -> Options:
    return Options(label_space(LABELS), LABELS, language.words)


def cases(kind: str) -> list[tuple[str, str]]:
    return [
        (name, template)
        for name, language in LANGUAGES.items()
        for template in getattr(language, kind)
    ]


def pairs() -> Iterator[tuple[int, int]]:
    return itertools.permutations(range(len(LABELS)), 2)


def filled(name: str, template: str) -> Iterator[tuple[str, Options, str, str]]:
    language = LANGUAGES[name]
    for a, b in pairs():
        text = template.format(a=language.words[a], b=language.words[b])
        yield text, offered(language), LABELS[a], LABELS[b]


@pytest.mark.parametrize(("name", "template"), cases("named"))
def test_a_label_that_is_named_is_read(name: str, template: str) -> None:
    for text, options, label, _ in filled(name, template):
        assert parse(text, options)[:2] == ("parsed", label), text
        assert parse(text.upper(), options)[:2] == ("parsed", label), text


@pytest.mark.parametrize(("name", "template"), cases("denied"))
def test_a_label_that_is_only_denied_is_none(name: str, template: str) -> None:
    for text, options, _, _ in filled(name, template):
        assert parse(text, options)[:2] == ("unparsed", None), text


@pytest.mark.parametrize(("name", "template"), cases("contrasted"))
def test_what_is_meant_is_read_and_not_what_is_denied(name: str, template: str) -> None:
    for text, options, _, meant in filled(name, template):
        assert parse(text, options)[:2] == ("parsed", meant), text


@pytest.mark.parametrize(("name", "template"), cases("neither"))
def test_two_labels_that_are_denied_leave_none(name: str, template: str) -> None:
    for text, options, _, _ in filled(name, template):
        assert parse(text, options)[:2] == ("unparsed", None), text


@pytest.mark.parametrize(("name", "template"), cases("several"))
def test_two_labels_are_ambiguous(name: str, template: str) -> None:
    for text, options, _, _ in filled(name, template):
        assert parse(text, options)[:2] == ("ambiguous", None), text


@pytest.mark.parametrize(("name", "template"), cases("declined"))
def test_an_answer_that_declines_is_refused(name: str, template: str) -> None:
    for text, options, _, _ in filled(name, template):
        assert parse(text, options)[:2] == ("refused", None), text


@pytest.mark.parametrize("name", list(LANGUAGES))
def test_published_conventions_see_the_words_displayed(name: str) -> None:
    language = LANGUAGES[name]
    options = offered(language)
    for word, label in zip(language.words, LABELS, strict=True):
        for convention in ("exact", "fairalm_paper", "fairalm_code"):
            assert parse(f" {word}. ", options, convention=convention).label == label


def test_a_word_of_another_language_than_that_displayed_is_not_read() -> None:
    """But for English, which models fall back to."""
    german = offered(LANGUAGES["de"])
    assert parse("sad", german).label == "sad"
    assert parse("悲伤", german).status == "unparsed"
    assert parse("feliz", german).status == "unparsed"
