"""The offline writer: sentences from templates, for tests and demos. It knows nothing and says so."""

import functools
import random
from importlib import resources
from typing import Any

import msgspec

from curation.writers.writer import Exchange, T2MBrief
from shards.keys import keyed_hash

NOTICE = "writer=grammar: for tests, not for training real models"


class GrammarWriter(msgspec.Struct, frozen=True):
    """Fills templates of `t2m_templates.json` with the brief's caption."""

    name: str = "grammar"
    revision: int = 1

    def t2m(self, brief: T2MBrief, *, key: str, seed: int) -> Exchange:
        """A request and a reply; templates, verb and noun are drawn by key and seed."""
        choice = random.Random(keyed_hash(key, seed=seed, purpose="grammar"))
        words = _templates()["modalities"][brief.modality]
        request = choice.choice(_templates()["requests"])
        reply = choice.choice(_templates()["replies"])
        fields = {
            "verb": choice.choice(words["verbs"]),
            "noun": choice.choice(words["nouns"]),
            "caption": brief.caption,
        }
        return Exchange(request=_sentence(request, fields), reply=_sentence(reply, fields))


def _sentence(template: str, fields: dict[str, str]) -> str:
    """Replace `{name}` by its field and begin with a capital; the caption stays as it is, braces and all."""
    pieces = template.replace("}", "{").split("{")
    text = "".join(fields[piece] if position % 2 else piece for position, piece in enumerate(pieces))
    return text if template.startswith("{caption}") else text[0].upper() + text[1:]


@functools.cache
def _templates() -> Any:
    return msgspec.json.decode(resources.files("curation.writers").joinpath("t2m_templates.json").read_bytes())
