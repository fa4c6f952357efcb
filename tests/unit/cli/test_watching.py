"""The bar over a run: what it counts, and what it says of an earlier run."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.progress import Progress

from equivoice.cli.watching import Pace, RunBar, columns, run_bar
from equivoice.inference import Cell

CELL = Cell("scripted", "demo [x]", "1")


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def bar(screen: io.StringIO) -> Progress:
    return Progress(console=Console(file=screen, width=120), auto_refresh=False)


def test_it_counts_utterances_over_all_cells(bar: Progress) -> None:
    watcher = RunBar(bar)
    watcher.planned(2, 100, 0)
    watcher.fitting(CELL, 60)
    watcher.predicting(CELL, 40)
    for _ in range(4):
        watcher.advanced(CELL, 10)
    (task,) = bar.tasks
    assert (task.total, task.completed) == (100, 40)


def test_what_an_earlier_run_did_is_counted_and_said(bar: Progress, screen: io.StringIO) -> None:
    RunBar(bar).planned(4, 200, 50)
    (task,) = bar.tasks
    assert (task.total, task.completed) == (200, 50)
    assert "50 of 200 predictions" in screen.getvalue()


def test_a_fresh_run_says_nothing_of_an_earlier_one(bar: Progress, screen: io.StringIO) -> None:
    RunBar(bar).planned(4, 200, 0)
    assert "earlier run" not in screen.getvalue()


def test_it_names_what_is_at_work_and_shows_brackets_as_they_are(
    bar: Progress, screen: io.StringIO
) -> None:
    watcher = RunBar(bar)
    watcher.planned(1, 10, 0)
    for act, expected in (
        (lambda: watcher.fitting(CELL, 60), "scripted, demo [x], fold 1: fitting to 60"),
        (lambda: watcher.predicting(CELL, 10), "scripted, demo [x], fold 1: predicting 10"),
        (lambda: watcher.scoring("demo [x]"), "scoring demo [x]"),
    ):
        act()
        bar.refresh()
        bar.console.print(bar.get_renderable())
        assert expected in screen.getvalue()


def test_the_bar_stays_away_from_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    with run_bar() as watcher:
        watcher.planned(1, 10, 5)
        watcher.advanced(CELL, 5)
    assert capsys.readouterr().out == ""


def test_listening_has_a_bar_until_it_is_done(bar: Progress) -> None:
    watcher = RunBar(bar)
    watcher.listening(3, 10)
    assert [(task.completed, task.total) for task in bar.tasks if task.visible][-1] == (3, 10)
    watcher.listening(10, 10)
    assert len([task for task in bar.tasks if task.visible]) == 1


def test_a_training_has_a_bar_beside_it(bar: Progress) -> None:
    watcher = RunBar(bar)
    watcher.training(2, 8)
    watcher.listening(1, 4)
    shown = {str(task.description): task for task in bar.tasks}
    assert (shown["training"].completed, shown["training"].total) == (2, 8)
    assert (shown["listening"].completed, shown["listening"].visible) == (1, True)
    watcher.training(8, 8)
    assert not shown["training"].visible


def test_what_an_earlier_run_did_is_not_in_the_rate() -> None:
    now = [0.0]
    screen = io.StringIO()
    pace = Pace(clock=lambda: now[0])
    with Progress(console=Console(file=screen, width=120), auto_refresh=False) as bar:
        watcher = RunBar(bar, pace)
        watcher.planned(2, 1000, 400)
        watcher.predicting(CELL, 500)
        watcher.found(CELL, 100)
        now[0] = 20.0
        watcher.advanced(CELL, 100)
        (task,) = bar.tasks
    assert task.completed == 600
    assert (pace.rate, pace.left(400)) == (5.0, 80.0)


def test_rate_and_time_left_are_shown_and_follow_a_change_of_speed() -> None:
    now = [0.0]
    screen = io.StringIO()
    pace = Pace(clock=lambda: now[0])
    with Progress(*columns(), console=Console(file=screen, width=120), auto_refresh=False) as bar:
        watcher = RunBar(bar, pace)
        watcher.planned(1, 100_000, 0)
        watcher.predicting(CELL, 100_000)
        for _ in range(40):
            now[0] += 1.0
            watcher.advanced(CELL, 100)
        for _ in range(40):
            now[0] += 10.0
            watcher.advanced(CELL, 100)
        bar.refresh()
    assert pace.rate == pytest.approx(10.0)
    assert "10.0/s" in screen.getvalue()
    assert "2:33:20" in screen.getvalue()  # 92,000 at 10 a second


def test_nothing_is_claimed_before_something_was_done() -> None:
    pace = Pace()
    pace.begin()
    assert pace.rate is None
    assert pace.left(10) is None
