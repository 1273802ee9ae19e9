"""`score chair`: which synonyms were used is said, with the measured difference of our own from the official ones."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from typer.main import get_command

from anymodal.app import call
from anymodal.commands.score import OWN_SYNONYMS, score_app
from evals.harness import offline
from evals.metrics.chair_objects import ObjectFinder, Synonyms, read_synonyms, synonyms

GOLDEN = Path(__file__).parents[1] / "golden" / "chair"
OFFICIAL = Path(__file__).parents[3] / "shared" / "data" / "text" / "chair_synonyms.txt"
INSTANCES = [GOLDEN / f"instances_{part}2014.json" for part in ("train", "val")]
REFERENCES = [GOLDEN / f"captions_{part}2014.json" for part in ("train", "val")]


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    lines = (GOLDEN / "generated.jsonl").read_bytes().splitlines()
    path = tmp_path / "results.json"
    path.write_text(json.dumps([json.loads(line) for line in lines]))
    return path


@pytest.mark.skipif(not OFFICIAL.is_file(), reason="needs ../shared/data/text/chair_synonyms.txt")
def test_the_difference_told_is_the_difference_measured(predictions: Path) -> None:
    captions = [one["caption"] for one in json.loads(predictions.read_bytes())]

    def mentions(table: Synonyms) -> Counter[tuple[int, str, str]]:
        find = ObjectFinder(table)
        return Counter((place, *mention) for place, text in enumerate(captions) for mention in find(text))

    own, official = mentions(synonyms()), mentions(read_synonyms(OFFICIAL))
    both = (own & official).total()
    recall, precision = 100 * both / official.total(), 100 * both / own.total()
    scores = [
        offline.chair(INSTANCES, REFERENCES, predictions, synonyms=path, strict=False, seed=0).result.metrics
        for path in (None, OFFICIAL)
    ]
    rates = [f"{one[name].value:.4f}" for name in ("chair_i", "chair_s") for one in scores]
    expected = [f"{recall:.1f} %", f"{precision:.1f} %", *rates]
    assert re.findall(r"[\d.]+ %|0\.\d+", OWN_SYNONYMS) == expected


def test_help_and_a_note_tell_the_difference(predictions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = get_command(score_app).commands["chair"]  # type: ignore[attr-defined]
    assert OWN_SYNONYMS in next(one.help for one in command.params if one.name == "synonyms")
    arguments = [f"--instances={path}" for path in INSTANCES] + [f"--captions={path}" for path in REFERENCES]
    table = predictions.with_name("table.txt")
    table.write_text("".join(f"{node}\n" for node in sorted(set(synonyms().values()))))
    notes, protocols = [], []
    for own in ([], [f"--synonyms={table}"]):
        with pytest.raises(SystemExit):
            call(["score", "chair", *arguments, f"--predictions={predictions}", *own, "--json"])
        shown = capsys.readouterr()
        notes.append(shown.err)
        protocols.append(json.loads(shown.out)["protocol"])
    assert OWN_SYNONYMS in notes[0]
    assert "--synonyms FILE" in notes[0]
    assert notes[1] == ""
    assert protocols[0] == "chair@anymodal-synonyms"
    assert protocols[1].startswith("chair@synonyms-")
