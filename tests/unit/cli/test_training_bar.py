"""How a training shows: numbers in the bar, a line an evaluation, nothing from other processes."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from equivoice.cli.training_bar import TrainingBar, training_bar
from equivoice.training.progress import Quiet


def test_loss_weight_and_gap_are_shown_and_evaluations_stay() -> None:
    text = io.StringIO()
    column = TextColumn("{task.description}", markup=False)
    with Progress(column, console=Console(file=text, width=120)) as progress:
        bar = TrainingBar(progress)
        bar.planned(10, 4)
        bar.stepped(5, loss=1.25, weight=0.5, gap=None)
        assert progress.tasks[0].completed == 5
        assert progress.tasks[0].description == "loss 1.250  λ 0.500  gap –"
        bar.validating(1, 2)
        assert progress.tasks[1].visible
        bar.validating(2, 2)
        assert not progress.tasks[1].visible
        bar.evaluated(5, metric="macro_f1", value=0.5, gap=0.125, best=True)
        bar.evaluated(6, metric="macro_f1", value=None, gap=None, best=False)
    shown = text.getvalue()
    assert "going on where an earlier run stopped: 4 of 10 steps are made" in shown
    assert "step 5: validation macro_f1 0.500, worst gap 0.125  (best so far)" in shown
    assert "step 6: validation macro_f1 –, worst gap –" in shown


def test_evaluations_leave_no_line_where_none_is_wanted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with training_bar(shown=True, lines=False) as bar:
        bar.planned(10, 4)
        bar.evaluated(5, metric="macro_f1", value=0.5, gap=0.125, best=True)
    shown = capsys.readouterr().err
    assert "4 of 10 steps are made" in shown
    assert "validation" not in shown


def test_other_processes_show_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with training_bar(shown=False) as bar:
        assert isinstance(bar, Quiet)
        bar.planned(1, 0)
        bar.stepped(1, loss=1.0, weight=0.0, gap=None)
        bar.validating(1, 1)
        bar.evaluated(1, metric="loss", value=1.0, gap=None, best=True)
    assert capsys.readouterr() == ("", "")
    with training_bar(shown=True) as bar:
        bar.evaluated(1, metric="loss", value=1.0, gap=None, best=True)
    assert "validation loss 1.000" in capsys.readouterr().err
