"""The public fake and the replay: what they answer, what they refuse."""

import json
from pathlib import Path

import pytest

from model_adapter import Adapter, Capabilities, Decoding, Generation, ReplayAdapter, Request, ScriptedAdapter
from model_adapter.errors import AdapterError
from shards.sample import Text, Turn


def request(key: str, text: str = "what?") -> Request:
    return Request(key=key, turns=(Turn("human", (Text(text),)),), task="t", decoding=Decoding())


def test_a_script_answers_by_the_request() -> None:
    adapter: Adapter = ScriptedAdapter(lambda one: one.turns[-1].text.upper())
    assert [one.text for one in adapter.generate([request("a", "x"), request("b", "y")])] == ["X", "Y"]


def test_a_script_can_refuse() -> None:
    adapter = ScriptedAdapter(lambda one: Generation(parts=(), finish_reason="refusal"))
    assert adapter.generate([request("a")])[0].finish_reason == "refusal"


def test_a_replay_answers_by_key_and_says_what_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps({"id": key, "text": f"<{key}>", "more": 1}) + "\n" for key in "ab"))
    adapter: Adapter = ReplayAdapter.read(path)
    answers = adapter.generate([request("b"), request("c"), request("a")])
    assert [(one.text, one.finish_reason) for one in answers] == [("<b>", "stop"), ("", "missing"), ("<a>", "stop")]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"id": "a", "text": "x"}\n{"id": "a", "text": "y"}\n', "line 2.*a again"),
        ('{"id": "a"}\n', "line 1"),
        ('{"id": 1, "text": "x"}\n', "line 1"),
        ('{"id": "a", "text": "x"}\n{"id": "b", "te', "line 2"),
        ("\n", "line 1"),
    ],
)
def test_broken_answers_are_refused_by_line(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(content)
    with pytest.raises(AdapterError, match=told):
        ReplayAdapter.read(path)


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="No such file"):
        ReplayAdapter.read(tmp_path / "none.jsonl")


@pytest.mark.parametrize("adapter", [ScriptedAdapter(lambda one: ""), ReplayAdapter({})])
def test_neither_has_probabilities_and_both_say_so(adapter: Adapter) -> None:
    assert adapter.capabilities() == Capabilities(scores_continuations=False)
    with pytest.raises(AdapterError, match="probabilities"):
        adapter.score([request("a")], ["x"])
