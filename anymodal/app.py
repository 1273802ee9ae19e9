"""The verbs, in four groups on one help screen."""

import typer

from anymodal.commands.audit import audit
from anymodal.commands.build import build_app
from anymodal.commands.compare import compare
from anymodal.commands.conform import conform
from anymodal.commands.data import data_app
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
from anymodal.commands.stats import stats
from anymodal.commands.takedown import takedown
from anymodal.commands.tasks import tasks
from anymodal.commands.verify import verify
from anymodal.commands.weights import weights_app
from anymodal.commands.why import why
from anymodal.commands.world import world

_HELP = """Build instruction data for any-to-any models, score such models, and tell whether one got worse.

Results go to standard output, progress to standard error. Exit codes: 0 done or pass, 1 the answer is no,
2 wrong usage, 3 cannot decide, 4 failed while working, 130 and 143 interrupted (start again to go on).
"""

TRY, BUILD, SCORE, DECIDE = "Try", "Build and inspect sets", "Score models", "Decide"

app = typer.Typer(
    name="anymodal",
    help=_HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
app.command("demo", rich_help_panel=TRY)(demo)
app.command("world", rich_help_panel=TRY)(world)
app.command("doctor", rich_help_panel=TRY)(doctor)
app.add_typer(build_app, name="build", rich_help_panel=BUILD)
app.command("stats", rich_help_panel=BUILD)(stats)
app.command("audit", rich_help_panel=BUILD)(audit)
app.command("verify", rich_help_panel=BUILD)(verify)
app.command("why", rich_help_panel=BUILD)(why)
app.command("takedown", rich_help_panel=BUILD)(takedown)
app.command("tasks", rich_help_panel=SCORE)(tasks)
app.add_typer(data_app, name="data", rich_help_panel=SCORE)
app.command("eval", rich_help_panel=SCORE)(evaluate)
app.command("import", rich_help_panel=SCORE)(import_answers)
app.command("export", rich_help_panel=SCORE)(export)
app.add_typer(score_app, name="score", rich_help_panel=SCORE)
app.add_typer(model_app, name="model", rich_help_panel=SCORE)
app.add_typer(weights_app, name="weights", rich_help_panel=SCORE)
for name, verb in {**ANSWER_VERBS, **GENERATION_VERBS}.items():
    score_app.command(name)(verb)
app.command("conform", rich_help_panel=SCORE)(conform)
app.command("report", rich_help_panel=DECIDE)(report)
app.command("compare", rich_help_panel=DECIDE)(compare)
app.command("gate", rich_help_panel=DECIDE)(gate)


def call(arguments: list[str]) -> None:
    """Run the command that `arguments` spell, and raise `SystemExit` with its code."""
    typer.main.get_command(app)(arguments, prog_name="anymodal")
