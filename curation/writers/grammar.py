"""The offline writer: sentences from templates, for tests and demos. It knows nothing and says so."""

import random
import re
from collections.abc import Sequence

import msgspec

from curation.writers.conversation import Conversation
from curation.writers.spoken import content_words, fill, spoken, templates
from curation.writers.writer import Exchange, MediumBrief, MMITBrief, MosITBrief
from shards.keys import keyed_hash

_MOST_TAGS = 5
_WITHOUT_FACTS = {"question": "gap", "reason": "grounds"}
NOTICE = "writer=grammar: for tests, not for training real models"


class GrammarWriter(msgspec.Struct, frozen=True):
    """Fills the templates of this folder with what a brief knows."""

    name: str = "grammar"
    revision: int = 1

    def t2m(self, brief: MediumBrief, *, key: str, seed: int) -> Exchange:
        """A request and a reply; templates, verb and noun are drawn by key and seed."""
        choice = _choice(key, seed)
        table = templates("t2m_templates.json")
        words = table["modalities"][brief.modality]
        request = choice.choice(table["requests"])
        reply = choice.choice(table["replies"])
        verb, noun = choice.choice(words["verbs"]), choice.choice(words["nouns"])
        fields = {"verb": verb, "noun": noun, "caption": brief.caption}
        return Exchange(request=fill(request, fields), reply=fill(reply, fields))

    def mosit(self, brief: MosITBrief, *, key: str, seed: int) -> Sequence[str]:
        """The turns of a dialogue; no template is used twice in it."""
        return Conversation(brief, _choice(key, seed)).turns()

    def mm_it(self, brief: MMITBrief, *, key: str, seed: int) -> Exchange:
        """An instruction and its answer; without facts, questions are gaps in the caption and reasons quote it."""
        choice, table = _choice(key, seed), templates("mm_it_templates.json")
        kind = brief.instruction if brief.facts else _WITHOUT_FACTS.get(brief.instruction, brief.instruction)
        request, reply = choice.choice(table[kind])
        text = spoken(brief.caption)
        words = list(dict.fromkeys(content_words(text))) or [text]
        word = choice.choice(words)
        fields = {
            "name": table["names"][brief.modality],
            "sense": table["senses"][brief.modality],
            "caption": text,
            "word": word,
            "keywords": ", ".join(words[:_MOST_TAGS]),
            "tags": " ".join(f"#{one}" for one in words[:_MOST_TAGS]),
            "gapped": re.sub(rf"(?i)\b{re.escape(word)}\b", "___", text, count=1),
        }
        for prefix, fact in zip(("", "other_"), brief.facts, strict=False):
            fields |= {f"{prefix}question": fact.question, f"{prefix}answer": fact.answer}
        fields["verdict"] = "agree" if len({fact.answer for fact in brief.facts}) == 1 else "differ"
        return Exchange(request=fill(request, fields), reply=fill(reply, fields))


def _choice(key: str, seed: int) -> random.Random:
    return random.Random(keyed_hash(key, seed=seed, purpose="grammar"))
