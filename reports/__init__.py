"""Results to decisions: leaderboards, comparisons, gates and pages out of run folders."""

from reports.comparison import Comparison, ItemChange, compare, encode_comparison
from reports.content import AnswersView, BuildView, GateView, PageContent, Prediction, SampleView
from reports.examples import read_answers
from reports.gate import GateReport, Verdict, decide_gate
from reports.gate_text import encode_gate, markdown
from reports.leaderboard import Board, Entry, encode_leaderboard, make_leaderboard
from reports.page import render_page, write_page
from reports.pairing import Difference, difference
from reports.policy import GatePolicy, load_policy
from reports.store import find_some_runs, open_store

__all__ = [
    "AnswersView",
    "Board",
    "BuildView",
    "Comparison",
    "Difference",
    "Entry",
    "GatePolicy",
    "GateReport",
    "GateView",
    "ItemChange",
    "PageContent",
    "Prediction",
    "SampleView",
    "Verdict",
    "compare",
    "decide_gate",
    "difference",
    "encode_comparison",
    "encode_gate",
    "encode_leaderboard",
    "find_some_runs",
    "load_policy",
    "make_leaderboard",
    "markdown",
    "open_store",
    "read_answers",
    "render_page",
    "write_page",
]
