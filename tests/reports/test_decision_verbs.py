"""The verbs report, compare and gate, as a shell sees them: output, files, exit codes."""

import json

import msgspec
import pytest
import typer
from report_factories import PROTOCOL, coin_flips, make_run, seen_and_heard
from typer.testing import CliRunner

from anymodal.commands.compare import compare
from anymodal.commands.gate import gate
from anymodal.commands.report import report
from shards.errors import UndecidedError, UsageError

app = typer.Typer()
for verb in (report, compare, gate):
    app.command()(verb)

VALUES = coin_flips(300, 0.8, seed=5)
WORSE = [0.0 if i % 4 == 0 else value for i, value in enumerate(VALUES)]
OTHER = coin_flips(300, 0.8, seed=6)


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize(("values", "exit_code"), [(VALUES, 0), (WORSE, 1), (OTHER, 3)])
def test_gate_answers_with_its_exit_code(tmp_path, values, exit_code):
    make_run(tmp_path / "a", VALUES)
    make_run(tmp_path / "b", values)
    found = call("gate", tmp_path / "a", tmp_path / "b", "--json", "--markdown", tmp_path / "comment.md")
    assert found.exit_code == exit_code
    content = json.loads(found.stdout)
    assert content["exit_code"] == exit_code
    assert content["headline"] in (tmp_path / "comment.md").read_text()


def test_gate_explains_itself_and_obeys_policy_and_flag(tmp_path):
    make_run(tmp_path / "a" / "vqav2", VALUES)
    make_run(tmp_path / "b" / "vqav2", WORSE)
    (tmp_path / "gate.toml").write_text("max_drop = 40\n")
    found = call("gate", tmp_path / "a", tmp_path / "b", "--policy", tmp_path / "gate.toml")
    assert found.exit_code == 0
    assert "measurably worse, but within the allowed drop of 40.00" in " ".join(found.stdout.split())
    found = call("gate", tmp_path / "a", tmp_path / "b", "--policy", tmp_path / "gate.toml", "--max-drop", "2")
    assert found.exit_code == 1
    assert "Regressed" in found.stdout


def test_errors_reach_the_caller(tmp_path):
    make_run(tmp_path / "a", VALUES)
    make_run(tmp_path / "b", VALUES, protocol=msgspec.structs.replace(PROTOCOL, split="test"))
    assert isinstance(call("gate", tmp_path / "a", tmp_path / "none").exception, UsageError)
    assert isinstance(call("compare", tmp_path, tmp_path / "a").exception, UsageError)
    undecided = call("compare", tmp_path / "a", tmp_path / "b").exception
    assert isinstance(undecided, UndecidedError)
    assert "split: 'val' against 'test'" in str(undecided)


def test_compare_prints_a_sentence_or_json(tmp_path):
    make_run(tmp_path / "a", VALUES)
    make_run(tmp_path / "b", WORSE, model="beta", texts={"item-00004": "no [red]idea"})
    found = call("compare", tmp_path / "a", tmp_path / "b", "--items", 2)
    assert found.exit_code == 0
    assert found.stdout.startswith("beta is worse than alpha on vqav2")
    assert found.stdout.count("worse: item-") == 2
    assert "no [red]idea" in found.stdout
    assert json.loads(call("compare", tmp_path / "a", tmp_path / "b", "--json").stdout)["n_better"] == 0


def test_report_prints_a_board_and_writes_a_page(tmp_path):
    make_run(tmp_path / "a", VALUES, interval=(75.0, 84.0), drafts=[seen_and_heard("item-00000")], model="[b]alpha")
    found = call("report", tmp_path, "--out", tmp_path / "page.html", "--title", "Ours & theirs")
    assert found.exit_code == 0
    assert "[b]alpha" in found.stdout
    assert "[75.00, 84.00]" in found.stdout
    page = (tmp_path / "page.html").read_text()
    assert "<h1>Ours &amp; theirs</h1>" in page
    assert "[b]alpha says item-00000" in page


def test_report_answers_json_and_sql(tmp_path):
    make_run(tmp_path / "a", [1.0, 0.0])
    assert json.loads(call("report", tmp_path, "--json").stdout)["schema"] == "anymodal.leaderboard/1"
    assert call("report", tmp_path, "--sql", "SELECT model, value FROM runs").stdout == "model,value\nalpha,50.0\n"
    assert isinstance(call("report", tmp_path, "--sql", "SELECT nothing FROM nowhere").exception, UsageError)


def test_report_shows_one_domain_at_a_time(tmp_path):
    make_run(tmp_path / "a", [1.0, 0.0], model="public-model")
    make_run(tmp_path / "b", [1.0, 0.0], model="world-model", domain="world")
    found = call("report", tmp_path)
    assert "public-model" in found.stdout
    assert "world-model" not in found.stdout
    assert "--world shows them" in found.stderr
    assert "world-model" in call("report", tmp_path, "--world").stdout
    assert "world-model" in call("report", tmp_path / "b").stdout
    assert isinstance(call("report", tmp_path / "a", "--world").exception, UsageError)
