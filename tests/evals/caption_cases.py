"""Captions for the caption metrics' tests, and the official scorers behind one function each."""

import json
import shutil
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import strategies as st

from evals.metrics.ngrams import CaptionCorpus, code_captions

GOLDEN: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "golden" / "captions" / "official.json").read_text()
)
Items = list[tuple[str, list[str]]]

# Few words, so that n-grams meet; one with a no-break space, which BLEU and CIDEr split and ROUGE-L does not.
_WORDS: Final = st.sampled_from(["a", "b", "c", "dog", "1\u00a01/2", "\u3000x", "x"])
captions: Final = st.lists(_WORDS, max_size=9).map(" ".join)
items: Final[st.SearchStrategy[Items]] = st.lists(
    st.tuples(captions, st.lists(captions, min_size=1, max_size=4)), min_size=1, max_size=6
)


def corpus_of(texts: Items) -> CaptionCorpus:
    return code_captions([candidate for candidate, _ in texts], [references for _, references in texts])


def golden_corpus(case: str) -> CaptionCorpus:
    return code_captions(GOLDEN[case]["candidates"], GOLDEN[case]["references"])


def has_word(texts: Items) -> bool:
    """Whether a reference holds a word; the official CIDEr ends in an error otherwise."""
    return any(reference.split() for _, references in texts for reference in references)


def random_items(seed: int, n_items: int) -> Items:
    """Captions over vocabularies from two words to a hundred, of zero to eighty words."""
    rng = np.random.default_rng(seed)

    def caption(size: int) -> str:
        return " ".join(f"w{code}" for code in rng.integers(0, size, rng.integers(0, rng.choice([3, 12, 80]))))

    def item() -> tuple[str, list[str]]:
        size = int(rng.choice([2, 10, 100]))
        return caption(size), [caption(size) for _ in range(rng.integers(1, 6))]

    return [item() for _ in range(n_items)]


def official(metric: str, texts: Items) -> tuple[Any, Any]:
    """(corpus score, item scores) of pycocoevalcap's scorer "Bleu", "Rouge" or "Cider"."""
    package = pytest.importorskip("pycocoevalcap", reason="compares with pycocoevalcap")
    module = __import__(f"{package.__name__}.{metric.lower()}.{metric.lower()}", fromlist=[metric])
    truth = {place: references for place, (_, references) in enumerate(texts)}
    results = {place: [candidate] for place, (candidate, _) in enumerate(texts)}
    quiet = {"verbose": 0} if metric == "Bleu" else {}
    total, by_item = getattr(module, metric)().compute_score(truth, results, **quiet)
    return total, by_item


def need_java() -> None:
    pytest.importorskip("pycocoevalcap", reason="needs the jars of pycocoevalcap")
    if shutil.which("java") is None:
        pytest.skip("needs Java")
