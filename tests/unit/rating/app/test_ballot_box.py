"""The database: nothing is lost, nothing doubled, nothing half."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from equivoice.errors import ConfigError, InputError, MissingDependencyError, StorageError
from equivoice.rating.app import tables
from equivoice.rating.app.ballot_box import Ballot, BallotBox
from equivoice.rating.app.tables import database_url, open_engine
from equivoice.rating.assignment import Place


@pytest.fixture
def box(tmp_path: Path) -> Iterator[BallotBox]:
    made = BallotBox(database_url(f"sqlite:///{tmp_path / 'study.sqlite'}"))
    made.found({"definition": "{}"}, {"x": '{"a": 1}', "y": "{}", "z": "{}"})
    lists = {
        "r1": (Place("y"), Place("x", swapped=True)),
        "r2": (Place("x"), Place("z")),
    }
    made.invite({"r1": "hash-1", "r2": "hash-2"}, lists)
    yield made
    made.close()


def test_what_was_founded_is_read_back(box: BallotBox) -> None:
    assert box.facts() == {"definition": "{}"}
    assert list(box.items()) == ["x", "y", "z"]
    assert [state.rater.name for state in box.states()] == ["r1", "r2"]
    assert box.seats("r1") == [(Place("y"), False), (Place("x", swapped=True), False)]
    assert box.seats("nobody") == []
    assert box.swapped() == {("r1", "x")}
    raters, counts = box.handed_out()
    assert (raters, counts.uses) == (2, {"x": 2, "y": 1, "z": 1})


def test_a_database_takes_one_study(box: BallotBox) -> None:
    with pytest.raises(InputError, match="holds a study already"):
        box.found({"definition": "{}"}, {"x": "{}"})


def test_a_database_without_a_study_is_told(tmp_path: Path) -> None:
    empty = BallotBox(database_url(f"sqlite:///{tmp_path / 'empty.sqlite'}"))
    with pytest.raises(InputError, match="no study in this database"):
        empty.facts()
    empty.close()


def test_raters_are_found_by_the_hash_of_their_token(box: BallotBox) -> None:
    assert box.rater("hash-3") is None
    rater = box.rater("hash-2")
    assert rater is not None
    assert (rater.name, rater.consented) == ("r2", False)
    box.consent("r2")
    again = box.rater("hash-2")
    assert again is not None
    assert again.consented


@pytest.mark.parametrize("answer", ["ä", 0, -3, ("x", "y"), (), None])
def test_answers_are_read_back_as_they_were(
    box: BallotBox, answer: str | int | tuple[str, ...] | None
) -> None:
    ballot = Ballot({"q": answer}, "why\n<b>")
    box.save("r1", "x", ballot)
    assert box.ballot("r1", "x") == ballot
    assert list(box.ballots()) == [("r1", "x", ballot)]


def test_the_last_of_several_ballots_counts(box: BallotBox) -> None:
    for value in ("a", "b", "b"):
        box.save("r1", "x", Ballot({"q": value, "other": 1}, value))
    assert box.ballot("r1", "x") == Ballot({"q": "b", "other": 1}, "b")
    assert len(list(box.ballots())) == 1
    assert box.progress("r1") == [False, True]


def test_a_ballot_is_stored_whole_or_not_at_all(box: BallotBox) -> None:
    with box._engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER full_disk BEFORE INSERT ON answers WHEN NEW.question = 'second' "
                "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
            )
        )
    with pytest.raises(StorageError, match="disk full"):
        box.save("r1", "x", Ballot({"first": "a", "second": "b"}))
    assert box.ballot("r1", "x") is None
    assert box.progress("r1") == [False, False]
    assert list(box.ballots()) == []


@pytest.mark.parametrize(("rater", "item"), [("r1", "z"), ("r2", "y"), ("r9", "x"), ("r1", "?")])
def test_an_item_of_somebody_else_takes_no_ballot(box: BallotBox, rater: str, item: str) -> None:
    with pytest.raises(StorageError):
        box.save(rater, item, Ballot({"q": "a"}))
    with pytest.raises(StorageError):
        box.hear(rater, item)
    assert list(box.ballots()) == []


def test_many_at_once_lose_and_double_nothing(box: BallotBox) -> None:
    start = threading.Barrier(8)

    def work(value: int) -> None:
        start.wait()
        for _ in range(5):
            box.hear("r1", "x")
            box.save("r1", "x", Ballot({"q": value}))
            box.save("r2", "z", Ballot({"q": value}))

    threads = [threading.Thread(target=work, args=(value,)) for value in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    said = [(rater, item) for rater, item, _ in box.ballots()]
    assert said == [("r1", "x"), ("r2", "z")]
    assert box.heard("r1", "x")
    assert not box.heard("r2", "x")


def test_who_withdraws_leaves_nothing(box: BallotBox) -> None:
    for rater in ("r1", "r2"):
        box.hear(rater, "x")
        box.save(rater, "x", Ballot({"q": "a"}, "mine"))
    box.withdraw("r1")
    assert [rater for rater, _, _ in box.ballots()] == ["r2"]
    assert box.ballot("r1", "x") is None
    assert not box.heard("r1", "x")
    with box._engine.begin() as connection:
        left = connection.execute(text("SELECT count(*) FROM answers WHERE rater = 'r1'"))
        assert left.scalar_one() == 0
    assert [state.rater.withdrawn for state in box.states()] == [True, False]
    box.save("r1", "x", Ballot({"q": "a"}))  # sent before, arrived after
    assert box.ballot("r1", "x") is None


def test_ballots_come_by_rater_and_the_order_of_the_list(box: BallotBox) -> None:
    for rater, item in (("r2", "z"), ("r1", "x"), ("r2", "x"), ("r1", "y")):
        box.save(rater, item, Ballot({"q": "a"}))
    found = [(rater, item) for rater, item, _ in box.ballots()]
    assert found == [("r1", "y"), ("r1", "x"), ("r2", "x"), ("r2", "z")]


@pytest.mark.parametrize(
    ("address", "message"),
    [("nothing", "not the address"), ("mysql://x/y", "no such database")],
)
def test_other_databases_are_refused(address: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        database_url(address)


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'psycopg'")

    monkeypatch.setattr(tables, "create_engine", missing)
    with pytest.raises(MissingDependencyError, match=r"equivoice\[postgres\]"):
        open_engine(database_url("postgresql://me@localhost/study"))


def test_no_error_shows_a_password() -> None:
    box = BallotBox(database_url("postgresql://me:hush@127.0.0.1:1/study"))
    with pytest.raises(InputError) as caught:
        box.facts()
    assert "hush" not in str(caught.value)
    with pytest.raises(StorageError) as refused:
        box.states()
    assert "hush" not in str(refused.value)
