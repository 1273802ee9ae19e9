"""Writers: where a dialogue's words come from; what they are told stands in `curation.writers.writer`."""

from curation.writers.grammar import GrammarWriter
from curation.writers.table import WRITERS, make_writer, notice
from curation.writers.writer import Exchange, MediumBrief, Writer

__all__ = ["WRITERS", "Exchange", "GrammarWriter", "MediumBrief", "Writer", "make_writer", "notice"]
