"""The verbs, in four groups on one help screen."""

from collections.abc import Callable, Mapping, Sequence

import typer

from anymodal.commands.benchmarks import data_app, tasks
from anymodal.commands.build import build_app
from anymodal.commands.compare import compare
from anymodal.commands.conform import conform
from anymodal.commands.demo import demo
from anymodal.commands.doctor import doctor
from anymodal.commands.eval import evaluate
from anymodal.commands.export import export
from anymodal.commands.gate import gate
from anymodal.commands.import_ import import_answers
from anymodal.commands.model import model_app
from anymodal.commands.report import report
from anymodal.commands.score import score_app
from anymodal.commands.score_answers import VERBS as ANSWER_VERBS
from anymodal.commands.score_generation import VERBS as GENERATION_VERBS
from anymodal.commands.sets import audit, stats, takedown, verify, why
from anymodal.commands.weights import weights_app
from anymodal.commands.world import world

_HELP = """Build instruction data for any-to-any models, score such models, and tell whether one got worse.

Results go to standard output, progress to standard error. Exit codes: 0 done or pass, 1 the answer is no,
2 wrong usage, 3 cannot decide, 4 failed while working, 130 and 143 interrupted (start again to go on).
"""

_PANELS: Mapping[str, Sequence[Callable[..., None] | typer.Typer]] = {
    "Try": (demo, world, doctor),
    "Build and inspect sets": (build_app, stats, audit, verify, why, takedown),
    "Score models": (tasks, data_app, evaluate, import_answers, export, score_app, model_app, weights_app, conform),
    "Decide": (report, compare, gate),
}
_NAMES = {evaluate: "eval", import_answers: "import"}
"""Of verbs that are not called like their function."""

app = typer.Typer(
    name="anymodal",
    help=_HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
for panel, verbs in _PANELS.items():
    for verb in verbs:
        if isinstance(verb, typer.Typer):
            app.add_typer(verb, rich_help_panel=panel)
        else:
            app.command(_NAMES.get(verb), rich_help_panel=panel)(verb)
for name, metric in {**ANSWER_VERBS, **GENERATION_VERBS}.items():
    score_app.command(name)(metric)


def call(arguments: list[str]) -> None:
    """Run the command that `arguments` spell, and raise `SystemExit` with its code."""
    typer.main.get_command(app)(arguments, prog_name="anymodal")
