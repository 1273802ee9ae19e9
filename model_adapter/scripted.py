"""The public fake: a model that answers by a function of yours. For tests, demos and baselines."""

from collections.abc import Callable, Sequence

from model_adapter.adapter import Capabilities, Generation, Request, text_generation
from model_adapter.errors import AdapterError

Script = Callable[[Request], str | Generation]


class ScriptedAdapter:
    """Answers each request with what `script` returns for it.

    >>> adapter = ScriptedAdapter(lambda request: "yes")
    """

    def __init__(self, script: Script, *, capabilities: Capabilities = Capabilities()) -> None:  # noqa: B008 (frozen)
        self._script, self._capabilities = script, capabilities

    def capabilities(self) -> Capabilities:
        """What the maker of the script declared."""
        return self._capabilities

    def generate(self, requests: Sequence[Request]) -> list[Generation]:
        """The script's answers, in order."""
        answers = [self._script(request) for request in requests]
        return [text_generation(answer) if isinstance(answer, str) else answer for answer in answers]

    def score(self, requests: Sequence[Request], continuations: Sequence[str]) -> list[float]:
        """Refused: a script has no probabilities."""
        raise AdapterError("scripted", expected="a model with probabilities", found="a script")
