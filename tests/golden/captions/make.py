"""Writes official.json: what pycocoevalcap 1.2 (with Java) answers to captions written for this test.

Run as `python tests/golden/captions/make.py`.
"""

import json
import random
from pathlib import Path
from typing import Any

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.meteor.meteor import Meteor
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

RAW = [
    (
        "A brown dog runs across the wet grass.",
        ["A dog is running over grass.", "The brown dog ran on a wet lawn", "Dog!"],
    ),
    ("two Men ride two horses, slowly", ["Two men are riding horses.", "Men on horseback ride along the beach"]),
    ("a red bus is parked next to a red bus", ["A red bus parked in the street.", "Two red busses, side by side."]),
    ("It's 1 1/2 miles to the station", ["The station is 1 1/2 miles away.", "It is a mile and a half - more or less"]),
    ("", ["A plate of food.", "Some food on a plate"]),
    ("children playing children playing children", ["Children playing football.", "the children don't stop playing"]),
    ("someone's umbrella", ["...", "A woman can't find her umbrella (the black one)."]),
    ("a cat sleeps on the sofa", ["a cat sleeps on the sofa", "A cat, asleep."]),
]
EDGES = {
    "one_item": (["a dog runs"], [["a dog runs", "the dog ran"]]),
    "same_references": (["a b", "b a"], [["a b c"], ["a b c"]]),
    "empty_texts": (["", "a", ""], [["a b"], [""], ["", "c d e"]]),
    "no_break_space": (["a 1\u00a01/2 b", "1 1/2"], [["a 1 1/2 b"], ["1\u00a01/2 c", "1 1/2"]]),
    "length_tie": (["a b c d", "a b c d"], [["a b c d e", "a b c"], ["a b", "a b c d e f"]]),
    "long_candidate": (
        [" ".join("abcdefghij"[k % 10] for k in range(140)), "a b"],
        [["a c e g i " * 20 + "a"], ["b a"]],
    ),
}


def answers(candidates: list[str], references: list[list[str]]) -> dict[str, Any]:
    """Corpus and item scores of tokenised captions."""
    truth, results = dict(enumerate(references)), {place: [text] for place, text in enumerate(candidates)}
    bleu, bleu_items = Bleu(4).compute_score(truth, results, verbose=0)
    numbers = {"bleu": {"total": bleu, "items": bleu_items}}
    for name, scorer in (("rouge_l", Rouge()), ("cider", Cider()), ("meteor", Meteor())):
        total, items = scorer.compute_score(truth, results)
        numbers[name] = {"total": float(total), "items": [float(item) for item in items]}
    return {"candidates": candidates, "references": references, **numbers}


def generated() -> tuple[list[str], list[list[str]]]:
    """Sentences with shared phrases, as captions of one scene have them."""
    rng = random.Random(7)
    subjects, verbs = ["a dog", "the dogs", "two men", "a man", "a small child"], ["runs", "running", "sits", "rides"]
    places = ["on the street", "on a street", "in the park", "near a bench", "quickly"]

    def sentence(subject: str) -> str:
        return " ".join([subject, rng.choice(verbs), rng.choice(places), *rng.choices(places, k=rng.randint(0, 1))])

    chosen = [rng.choice(subjects) for _ in range(30)]
    references = [[sentence(subject) for _ in range(rng.randint(1, 5))] for subject in chosen]
    return [sentence(rng.choice([subject, rng.choice(subjects)])) for subject in chosen], references


def hostile() -> tuple[list[str], list[list[str]]]:
    """Words that METEOR matches by stem, synonym or paraphrase, and texts that its line protocol could stumble over."""
    rng = random.Random(11)
    words = ["a", "the", "dog", "dogs", "rides", "riding", "quickly", "fast", ",", "café", "☃", "犬", "'s", "||", ""]

    def caption(longest: int) -> str:
        return " ".join(rng.choices([*words, "big", "large", "1\u00a01/2"], k=rng.randint(0, longest)))

    references = [[caption(9) for _ in range(rng.randint(1, 3))] for _ in range(60)]
    guesses = [rng.choice([caption(9), rng.choice(group), f"{group[0]} ||| {caption(2)}"]) for group in references]
    return guesses, references


def main() -> None:
    """Ask the official scorer and write its answers."""
    cases = {name: answers(*texts) for name, texts in {**EDGES, "generated": generated(), "hostile": hostile()}.items()}
    truth = {place: [{"caption": text} for text in group] for place, (_, group) in enumerate(RAW)}
    results = {place: [{"caption": text}] for place, (text, _) in enumerate(RAW)}
    truth, results = PTBTokenizer().tokenize(truth), PTBTokenizer().tokenize(results)
    raw = answers([results[place][0] for place in range(len(RAW))], [truth[place] for place in range(len(RAW))])
    raw["raw"] = {"candidates": [text for text, _ in RAW], "references": [group for _, group in RAW]}
    target = Path(__file__).with_name("official.json")
    target.write_text(json.dumps({**cases, "tokenised": raw}, indent=1) + "\n")


if __name__ == "__main__":
    main()
