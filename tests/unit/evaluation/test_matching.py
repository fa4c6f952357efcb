"""Predictions meet references by key, and nothing goes missing uncounted."""

from __future__ import annotations

import polars as pl
import pytest

from equivoice.errors import InputError, LabelError, SchemaError
from equivoice.evaluation.matching import label_space_of, match, to_items
from equivoice.metrics import UNPARSED
from equivoice.records import Label, LabelSpace
from oracles.worlds import world

LABELS = LabelSpace("demo", (Label("angry", ("anger", "mad")), Label("happy"), Label("sad")))

REFERENCE = pl.DataFrame(
    {
        "utterance_id": ["c/1", "c/2", "c/3", "c/4"],
        "corpus": "c",
        "emotion": ["angry", "happy", None, "sad"],
        "speaker": ["s1", "s1", "s2", None],
        "gender": ["female", "female", "male", None],
    }
)


def predictions(**answers: str | None) -> pl.DataFrame:
    return pl.DataFrame(
        {"utterance_id": [f"c/{key[1:]}" for key in answers], "emotion": list(answers.values())},
        schema={"utterance_id": pl.String, "emotion": pl.String},
    )


class TestMatch:
    def test_by_key_and_not_by_position(self) -> None:
        found = match(predictions(u4="sad", u1="happy"), REFERENCE, LABELS).frame
        rows = dict(
            zip(found["utterance_id"], found.select("reference", "predicted").rows(), strict=True)
        )
        assert rows == {"c/1": ("angry", "happy"), "c/4": ("sad", "sad")}

    def test_what_has_no_partner_is_counted(self) -> None:
        found = match(predictions(u1="angry", u3="sad", u9="sad", u8="sad"), REFERENCE, LABELS)
        assert found.frame.height == 1
        assert found.left_out == {
            "prediction without reference": 2,
            "reference without label": 1,
        }

    def test_failed_answers_are_no_wrong_answers(self) -> None:
        given = predictions(u1=None, u2="happy").with_columns(
            status=pl.Series(["failed", "parsed"])
        )
        found = match(given, REFERENCE, LABELS)
        assert found.frame["utterance_id"].to_list() == ["c/2"]
        assert found.left_out == {"answer failed": 1}

    def test_nothing_left_out_is_nothing_counted(self) -> None:
        assert match(predictions(u1="sad"), REFERENCE, LABELS).left_out == {}

    @pytest.mark.parametrize("status", ["refused", "ambiguous", "unparsed"])
    def test_answers_without_a_label_stay(self, status: str) -> None:
        given = predictions(u1=None).with_columns(status=pl.lit(status))
        assert match(given, REFERENCE, LABELS).frame["predicted"].to_list() == [None]

    @pytest.mark.parametrize("status", ["refused", "ambiguous", "unparsed"])
    def test_a_label_counts_only_where_the_answer_was_parsed(self, status: str) -> None:
        given = predictions(u1="angry").with_columns(status=pl.lit(status))
        try:
            found = match(given, REFERENCE, LABELS).frame["predicted"].to_list()
        except SchemaError:
            return
        assert found == [None]

    def test_synonyms_and_case_are_the_label(self) -> None:
        found = match(predictions(u1="Anger", u2=" MAD "), REFERENCE, LABELS).frame
        assert found["predicted"].to_list() == ["angry", "angry"]

    def test_an_unknown_label_names_table_row_and_choices(self) -> None:
        with pytest.raises(LabelError) as raised:
            match(predictions(u1="angry", u2="bliss"), REFERENCE, LABELS)
        error = raised.value
        assert (error.row, error.column, error.value) == (2, "emotion", "bliss")
        assert error.choices == ("angry", "happy", "sad")
        assert "predictions" in error.problem

    def test_also_in_the_reference(self) -> None:
        reference = REFERENCE.with_columns(emotion=pl.lit("bliss"))
        with pytest.raises(LabelError, match="reference table"):
            match(predictions(u1="angry"), reference, LABELS)

    def test_nothing_in_common_shows_an_id_of_each(self) -> None:
        with pytest.raises(InputError) as raised:
            match(predictions(u1="sad").with_columns(utterance_id=pl.lit("d-1")), REFERENCE, LABELS)
        assert "'d-1'" in str(raised.value)
        assert "'c/1'" in str(raised.value)

    def test_a_repeated_prediction_is_refused(self) -> None:
        twice = pl.concat([predictions(u1="sad"), predictions(u1="happy")])
        with pytest.raises(SchemaError) as raised:
            match(twice, REFERENCE, LABELS)
        assert raised.value.row == 2

    def test_utterances_with_a_label_are_counted_by_corpus(self) -> None:
        other = REFERENCE.with_columns(
            utterance_id="d" + pl.col("utterance_id"), corpus=pl.lit("d")
        )
        found = match(predictions(u1="sad"), pl.concat([REFERENCE, other]), LABELS)
        assert found.utterances == {"c": 3, "d": 3}

    def test_attributes_are_the_references(self) -> None:
        given = predictions(u1="sad").with_columns(
            transcript=pl.lit("what was heard"), valence=pl.lit(0.3)
        )
        reference = REFERENCE.with_columns(transcript=pl.lit("what was said"), session=pl.lit(7))
        found = match(given, reference, LABELS).frame.row(0, named=True)
        assert found["session"] == 7
        assert found["gender"] == "female"
        assert "what was heard" not in found.values()

    @pytest.mark.parametrize("name", ["gender", "speaker", "corpus"])
    def test_columns_of_the_predictions_do_not_hide_the_references(self, name: str) -> None:
        given = predictions(u1="sad").with_columns(pl.lit("whatever").alias(name))
        found = match(given, REFERENCE, LABELS).frame
        assert found[name].to_list() == [REFERENCE[name][0]]

    def test_all_answers_failed(self) -> None:
        given = predictions(u1=None).with_columns(status=pl.lit("failed"))
        with pytest.raises(InputError, match="failed"):
            match(given, REFERENCE, LABELS)


class TestItems:
    def test_codes_follow_the_label_space(self) -> None:
        frame = match(predictions(u1="sad", u2=None, u4="angry"), REFERENCE, LABELS).frame
        items = to_items(frame, LABELS, ())
        assert items.reference.tolist() == [0, 1, 2]
        assert items.predicted.tolist() == [2, UNPARSED, 0]
        assert items.n_classes == 3

    def test_speakers_are_told_apart_by_corpus(self) -> None:
        frame = pl.DataFrame(
            {
                "utterance_id": ["a/1", "a/2", "b/1"],
                "corpus": ["a", "a", "b"],
                "speaker": ["1", "1", "1"],
                "reference": ["sad"] * 3,
                "predicted": ["sad"] * 3,
            }
        )
        speakers = to_items(frame, LABELS, ()).units
        assert speakers is not None
        assert speakers[0] == speakers[1] != speakers[2]

    def test_names_that_join_to_the_same_text_are_told_apart(self) -> None:
        frame = pl.DataFrame(
            {
                "utterance_id": ["1", "2"],
                "corpus": ["a", "ab"],
                "speaker": ["bc", "c"],
                "reference": ["sad"] * 2,
                "predicted": ["sad"] * 2,
            }
        )
        speakers = to_items(frame, LABELS, ()).units
        assert speakers is not None
        assert len(set(speakers.tolist())) == 2

    def test_an_unknown_speaker_among_known_ones_is_one_of_their_own(self) -> None:
        frame = match(predictions(u1="sad", u2="sad", u4="sad"), REFERENCE, LABELS).frame
        speakers = to_items(frame, LABELS, ()).units
        assert speakers is not None
        assert speakers[0] == speakers[1] != speakers[2]

    def test_no_speaker_known(self) -> None:
        reference = REFERENCE.with_columns(speaker=pl.lit(None, pl.String))
        frame = match(predictions(u1="sad", u2="sad"), reference, LABELS).frame
        assert to_items(frame, LABELS, ()).units is None

    def test_codes_of_speakers_do_not_depend_on_the_order_of_rows(self) -> None:
        given = world([3, 4])
        frame = match(given.predictions(), given.utterances(), given.labels).frame
        forward = to_items(frame, given.labels, ()).units
        backward = to_items(frame.reverse(), given.labels, ()).units
        assert forward is not None
        assert backward is not None
        assert forward.tolist() == backward.tolist()[::-1]

    def test_a_subset_keeps_codes_and_counts_its_own_unknown(self) -> None:
        frame = match(predictions(u1="sad", u2="sad", u4="sad"), REFERENCE, LABELS).frame
        items = to_items(frame, LABELS, ("gender",))
        part = items.subset(items.reference.argsort()[[0, 2]])
        assert part.groupings[0].groups == items.groupings[0].groups
        assert part.groupings[0].unknown == 1
        assert len(part.reference) == 2


class TestLabelSpaceOf:
    def test_labels_of_the_reference_in_order(self) -> None:
        assert label_space_of(REFERENCE).names == ("angry", "happy", "sad")

    def test_no_labels(self) -> None:
        with pytest.raises(InputError, match="no reference utterance has a label"):
            label_space_of(REFERENCE.with_columns(emotion=pl.lit(None, pl.String)))
