"""Reports: tables, figures and sentences made from estimates; they format and never compute."""

from equivoice.reports.inputs import ReportInputs
from equivoice.reports.render import render_page, render_report
from equivoice.reports.terminal import main_table, verdict_lines
from equivoice.reports.verdict import verdict

__all__ = ["ReportInputs", "main_table", "render_page", "render_report", "verdict", "verdict_lines"]
