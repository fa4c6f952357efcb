"""What is said: sentences that carry no emotion, so that only the voice does.

They were written for Equivoice. Within a language every speaker says the same
sentence with every emotion, so that the words tell nothing about the label.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SENTENCES", "Sentence"]


@dataclass(frozen=True)
class Sentence:
    """One sentence.

    Args:
        text: as people write it; the transcript.
        reading: as eSpeak is to be told it, where that differs: eSpeak reads no
            kanji, and it speaks the particles は and を as they are spelled.
    """

    text: str
    reading: str | None = None

    @property
    def spoken(self) -> str:
        """What eSpeak is given."""
        return self.reading or self.text


def _plain(*texts: str) -> tuple[Sentence, ...]:
    return tuple(Sentence(text) for text in texts)


SENTENCES: dict[str, tuple[Sentence, ...]] = {
    "en": _plain(
        "The train leaves at half past nine.",
        "The keys are lying on the kitchen table.",
        "He put the letter back in the drawer.",
        "The shop on the corner opens at eight.",
        "She is carrying the boxes to the car.",
        "The bus stops in front of the library.",
        "They painted the fence last Thursday.",
        "The second window faces the garden.",
        "I will call you again after lunch.",
        "The coat is hanging behind the door.",
        "We took the road along the river.",
        "The meeting is in the room upstairs.",
    ),
    "de": _plain(
        "Der Zug fährt um halb zehn ab.",
        "Die Schlüssel liegen auf dem Küchentisch.",
        "Er legt den Brief zurück in die Schublade.",
        "Der Laden an der Ecke öffnet um acht.",
        "Sie trägt die Kisten zum Auto.",
        "Der Bus hält vor der Bücherei.",
        "Sie haben am Donnerstag den Zaun gestrichen.",
        "Das zweite Fenster geht zum Garten.",
        "Ich rufe dich nach dem Essen noch einmal an.",
        "Der Mantel hängt hinter der Tür.",
        "Wir sind am Fluss entlang gefahren.",
        "Die Besprechung ist im Raum oben.",
    ),
    "ja": (
        Sentence("電車は九時半に出ます。", "でんしゃわ くじはんに でます。"),
        Sentence("鍵は台所の机の上にあります。", "かぎわ だいどころの つくえの うえに あります。"),
        Sentence("彼は手紙を引き出しに戻しました。", "かれわ てがみお ひきだしに もどしました。"),
        Sentence("角の店は八時に開きます。", "かどの みせわ はちじに あきます。"),
        Sentence("彼女は箱を車に運びます。", "かのじょわ はこお くるまに はこびます。"),
        Sentence("バスは図書館の前に止まります。", "ばすわ としょかんの まえに とまります。"),
        Sentence("木曜日に塀を塗りました。", "もくようびに へいお ぬりました。"),
        Sentence("二番目の窓から庭が見えます。", "にばんめの まどから にわが みえます。"),
        Sentence("昼ご飯のあとで電話します。", "ひるごはんの あとで でんわ します。"),
        Sentence("コートはドアの後ろです。", "こーとわ どあの うしろです。"),
        Sentence("川に沿った道を通りました。", "かわに そった みちお とおりました。"),
        Sentence("会議は上の階の部屋であります。", "かいぎわ うえの かいの へやで あります。"),
    ),
}
"""From the BCP 47 tag of a language to its sentences, as many in each."""
