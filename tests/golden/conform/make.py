"""Writes evals/harness/conform_vectors.json: parts of the golden files, and cases worked out by hand.

Run as `python tests/golden/conform/make.py`. Values of VQA, PTB, captions, boxes, CHAIR with the official
synonyms and sets of features are those of the official programs (see the READMEs and makers beside the golden files);
the others follow from the published definitions or rules, as noted.
"""

import json
import math
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parents[1]
TARGET = GOLDEN.parents[1] / "evals" / "harness" / "conform_vectors.json"
REVISIONS = {"official": "revision_2021_03", "official-before-2021": "revision_before"}
REC = {
    "refcoco@iou.5": "standard",
    "refcoco@minigpt-v2": "official_no_resample",
    "refcoco@minigpt-v2-accept-all": "official_accept_all",
}


def load(name: str) -> Any:
    text = (GOLDEN / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()] if name.endswith("l") else json.loads(text)


def vqa() -> dict[str, Any]:
    """Every eighth question, and two where harnesses are known to differ (official values: the rules, by hand)."""
    kept = load("vqa/annotations.json")["annotations"][::8]
    answers = {str(row["question_id"]): row["answer"] for row in load("vqa/results.json")}
    expected = load("vqa/expected.json")
    official = {name: expected[block]["evalQA"] for name, block in REVISIONS.items()}
    hand = [
        # Ten equal truths: nothing is normalised since 2021, the answer always was before.
        (1, ["black"] * 10, "Black.", (0.0, 100.0)),
        # Truths that differ: "2." loses its period. Nine of ten are "2", so that every truth has three others.
        (2, ["2"] * 9 + ["two or so"], "2.", (100.0, 100.0)),
    ]
    for number, texts, answer, values in hand:
        records = [{"answer": text, "answer_confidence": "yes", "answer_id": k} for k, text in enumerate(texts, 1)]
        kept.append(
            {"question_id": number, "image_id": number, "question_type": "", "answer_type": "", "answers": records}
        )
        answers[str(number)] = answer
        for name, value in zip(REVISIONS, values, strict=True):
            official[name][str(number)] = value
    ids = [str(one["question_id"]) for one in kept]
    for one in kept:
        one.pop("multiple_choice_answer", None)
    shares = {name: {key: values[key] / 100 for key in ids} for name, values in official.items()}
    totals = {name: {"vqa_accuracy": 100 * math.fsum(values.values()) / len(ids)} for name, values in shares.items()}
    return {
        "truths": kept,
        "answers": {name: answers[name] for name in ids},
        "official": {name: shares[name] | totals[name] for name in REVISIONS},
    }


def ptb() -> list[dict[str, Any]]:
    """Small calls, and the first 300 lines of a large one; a line's tokens may depend on the next line."""
    large, _, *small = load("ptb.jsonl")
    return [*small[:21], {"captions": large["captions"][:301], "tokens": large["tokens"][:300]}]


def captions() -> list[dict[str, Any]]:
    """Captions as they were written, scored by the official tokenizer and scorers; and one item alone."""
    golden = load("captions/official.json")
    case, alone, given = (golden[name] for name in ("tokenised", "one_item", "generated"))
    return [
        {
            "truths": case["raw"]["references"],
            "answers": by_place(case["raw"]["candidates"]),
            "official": caption_values(case),
        },
        {
            "truths": alone["references"],
            "answers": by_place(alone["candidates"]),
            "official": {"cider": {"cider": alone["cider"]["total"]}},
        },
        # The official scorers of words given: no tokenizer.
        {
            "truths": given["references"],
            "answers": by_place(given["candidates"]),
            "official": caption_values(given),
            "tokenizer": "whitespace",
        },
    ]


def caption_values(case: dict[str, Any]) -> dict[str, Any]:
    """What the official scorers gave, under our metrics' names."""
    bleu = {f"bleu_{order + 1}": case["bleu"]["total"][order] for order in range(4)}
    official = {"bleu": by_place(case["bleu"]["items"][3]) | bleu}
    for name, metric in (("rouge", "rouge_l"), ("cider", "cider")):
        official[name] = by_place(case[metric]["items"]) | {metric: case[metric]["total"]}
    return official


def meteor() -> dict[str, Any]:
    """The jar's answers by the official wrapper, to the captions as they were written."""
    case = load("captions/official.json")["tokenised"]
    return {
        "truths": case["raw"]["references"],
        "answers": by_place(case["raw"]["candidates"]),
        "official": {"meteor": by_place(case["meteor"]["items"]) | {"meteor": case["meteor"]["total"]}},
    }


def by_place(values: list[Any]) -> dict[str, Any]:
    return {str(place): value for place, value in enumerate(values)}


CHAIR_WORDS = ["person, woman, baby", "dog, whelp", "hot dog", "toilet", "chair, seat"]
# [objects of the image, its reference captions, caption, hallucinated mentions, mentions], by the official rules.
CHAIR: list[tuple[list[str], list[str], str, int, int]] = [
    (["dog"], [], "A dog and two whelps.", 0, 2),
    (["dog"], [], "A hot dog beside a dog.", 1, 2),  # two words, one object
    (["toilet"], [], "The toilet has a blue seat.", 0, 1),  # beside a toilet no seat is a chair
    (["toilet"], [], "A toilet seat by a chair.", 1, 2),
    (["dog"], [], "A baby dog; a baby.", 1, 2),  # a baby dog is a dog, a baby a person
    ([], ["two women"], "A woman's chairs. Women sit.", 1, 3),  # references count; so do repeats
    (["chair"], [], "Nothing at all.", 0, 0),
    (["person"], [], "dog-like seats, a dog/cat", 1, 1),  # one token each: dog-like, dog/cat
    (["person"], ["a seat"], "People, people!", 0, 2),
]


def chair() -> dict[str, Any]:
    """Nine captions: 5 of 15 mentions are hallucinated, in 5 captions; they hold 42 words."""
    nodes = [line.split(", ")[0] for line in CHAIR_WORDS]
    rows = dict(enumerate(CHAIR, 1))
    objects = [(number, nodes.index(name)) for number, row in rows.items() for name in row[0]]
    official = {str(number): row[3] / row[4] if row[4] else 0.0 for number, row in rows.items()}
    return {
        "synonyms": {word: line.split(", ")[0] for line in CHAIR_WORDS for word in line.split(", ")},
        "instances": {
            "images": [{"id": number} for number in rows],
            "annotations": [{"image_id": number, "category_id": place} for number, place in objects],
            "categories": [{"id": place, "name": name} for place, name in enumerate(nodes)],
        },
        "references": [(number, text) for number, row in rows.items() for text in row[1]],
        "answers": {str(number): row[2] for number, row in rows.items()},
        "official": official | {"chair_i": 5 / 15, "chair_s": 5 / 9, "length": 42 / 9},
    }


def chair_official() -> dict[str, Any]:
    """Every fourth caption of the golden set; needs the official synonyms, which are not ours to ship."""
    captions, expected = load("chair/generated.jsonl")[::4], load("chair/expected.json")["sentences"][::4]
    numbers = {one["image_id"] for one in captions}
    parts = [load(f"chair/instances_{split}2014.json") for split in ("train", "val")]
    texts = [one for split in ("train", "val") for one in load(f"chair/captions_{split}2014.json")["annotations"]]
    counts = [(len(one["hallucinated"]), len(one["mentioned"])) for one in expected]
    totals = [sum(column) for column in zip(*counts, strict=True)]
    return {
        "synonyms": {},
        "instances": {
            "images": [{"id": number} for number in sorted(numbers)],
            "annotations": [
                {"image_id": one["image_id"], "category_id": one["category_id"]}
                for part in parts
                for one in part["annotations"]
                if one["image_id"] in numbers
            ],
            "categories": [{"id": one["id"], "name": one["name"]} for one in parts[0]["categories"]],
        },
        "references": [(one["image_id"], one["caption"]) for one in texts if one["image_id"] in numbers],
        "answers": {str(one["image_id"]): one["caption"] for one in captions},
        "official": {str(one["image_id"]): one["CHAIRi"] for one in expected}
        | {"chair_i": totals[0] / totals[1], "chair_s": sum(one["CHAIRs"] for one in expected) / len(expected)},
    }


def rec() -> dict[str, Any]:
    """Every tenth answer, and all whose overlap is exactly one half; items of one object keep its last size."""
    cases, expected = load("refcoco/cases.jsonl"), load("refcoco/expected.json")["items"]
    kept = [place for place, case in enumerate(cases) if place % 10 == 0 or case["tag"] == "exact_half"]
    references = [
        {
            "id": str(cases[place]["id"]),
            "width": cases[place]["width"],
            "height": cases[place]["height"],
            "bbox": cases[place]["bbox"],
            "expression": cases[place]["sents"],
        }
        for place in kept
    ]
    return {
        "truths": references,
        "answers": {str(cases[place]["id"]): cases[place]["pred"] for place in kept},
        "official": {
            name: {str(cases[place]["id"]): expected[place][field] for place in kept} for name, field in REC.items()
        },
    }


ANSWERS = {
    "exact@literal": [(["yes"], "yes", 1), (["yes"], "Yes", 0), (["yes"], "yes.", 0), ([""], "", 1)],
    "exact@lower": [(["Red Car"], " red car\n", 1), (["red"], "red.", 0), (["red"], "a red", 0)],
    # SQuAD's order: lower case, no ASCII punctuation, no articles, single blanks.
    "exact@normalized": [
        (["Denver Broncos"], "the denver broncos!", 1),
        (["24-10"], "24 10", 0),  # the hyphen goes without leaving a blank
        (["a b", "cat"], "The  CAT.", 1),
        (["theatre"], "atre", 0),
        (["“x”"], "x", 0),  # curly quotes are no ASCII punctuation
    ],
    # The worked example of the Robust Reading Competition (rrc.cvc.uab.es, challenge 11): 0, 0.89, 1, 0, 0.
    "anls@0.5": [
        (["Coca Cola", "Coca Cola Company"], "The Coca", 0),
        (["Coca Cola", "Coca Cola Company"], "CocaCola", 8 / 9),
        (["Coca Cola", "Coca Cola Company"], "Coca cola", 1),
        (["Coca Cola", "Coca Cola Company"], "Cola", 0),
        (["Coca Cola", "Coca Cola Company"], "Cat", 0),
        (["abcd"], "abxy", 0),  # NL is exactly 0.5, and equation 1 asks for less
        (["abcde"], "abcxy", 1 - 2 / 5),
    ],
}
REPLIES = [
    ("yes", "Yes, there is."),
    ("yes", "No"),
    ("no", "There is not a dog. Yes"),
    ("no", "NO"),
    ("yes", "I cannot tell"),
]
YES_NO = {
    # "NO" is not among the words that the script knows, and "cannot" is not "not": tp 2 (rows 1, 5), fp 1 (row 4),
    # fn 1 (row 2), tn 1 (row 3).
    "yesno@pope": {"accuracy": 60.0, "precision": 200 / 3, "recall": 200 / 3, "f1": 200 / 3, "yes_share": 60.0},
    # "There" and "I" are no answers: tp 1 (row 1), fp 0, recall 1 of 3, tn 1 (row 4).
    "yesno@first-word": {"accuracy": 40.0, "precision": 100.0, "recall": 100 / 3, "f1": 50.0, "yes_share": 20.0},
}
# Pairs won, ties half, over all pairs.
AUROC = [
    ([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], 3 / 4),
    ([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5], 1 / 2),
    ([1, 0, 1, 0, 1], [3, 1, 2, 2, 0], 3.5 / 6),
    ([1, 1, 0], [2, 1, 0], 1),
]
PETS = ["a dog", "a cat", "a cow", "a hen"]
# [choices, answer, reply, value]; None: the reply names no option. The answer is B throughout, but once.
CHOICES: dict[str, list[tuple[Any, ...]]] = {
    "choice@letter": [
        (PETS, 1, "B", 1),
        (PETS, 1, "b", 1),
        (PETS, 1, "(B)", 1),
        (PETS, 1, "B. a cat", 1),
        (PETS, 1, "The answer is B.", 1),
        (PETS, 1, "Answer: (B)", 1),
        (PETS, 1, "**B**", 1),
        (PETS, 1, "Option C is right", 0),
        (PETS, 1, "A", 0),
        (PETS, 0, "A dog", None),  # an article
        (PETS, 1, "A or B", None),
        (PETS, 1, "The answer is A. No, the answer is B.", None),
        (PETS, 1, "E", None),  # there are four
        (PETS, 1, "I am not sure", None),
        (PETS, 1, "", None),
        (PETS, 1, "Because it purrs", None),
    ],
    "choice@text": [
        (PETS, 1, "A cat.", 1),
        (PETS, 1, "the dog", 0),
        (PETS, 1, "cats", None),
        (["two", "Two!"], 0, "two", None),  # both
    ],
    "choice@circular": [
        (PETS, 1, ["B", "A", "D", "C"], 1),
        (PETS, 1, ["B", "B", "B", "B"], 0),
        (PETS, 1, ["B", "A", "?", "C"], None),
        (PETS, 1, ["B", "A", "?", "D"], 0),  # wrong whatever the third is
    ],
    "choice@likelihood": [(["a", "bbbb"], 0, [-2.0, -4.0], 1), (["a", "b"], 0, [-1.0, -1.0], None)],
    "choice@likelihood-per-byte": [(["a", "bbbb"], 0, [-2.0, -4.0], 0), (["é", "b"], 0, [-2.0, -1.5], 1)],
    "choice@likelihood-per-token": [(["a", "bbbb"], 0, [-2.0, -4.5], 1), (["a", "bbbb"], 0, [-2.0, -3.5], 0)],
}


def gqa() -> dict[str, Any]:
    """Five balanced questions on three images, and two more that they entail; the numbers are worked out below."""

    def question(image: str, answer: str, types: str, **more: Any) -> dict[str, Any]:
        structural, detailed = types.split()
        return {
            "imageId": image,
            "answer": answer,
            "isBalanced": more.get("balanced", True),
            "types": {"structural": structural, "semantic": "obj", "detailed": detailed},
            "groups": {"global": more.get("group"), "local": "x"},
            "entailed": more.get("entailed", []),
        }

    questions = {
        "1": question("i", "yes", "verify exist", entailed=["1", "6", "7"]),
        "2": question("i", "dog", "query animal", group="animal"),
        "3": question("j", "cat", "query animal", group="animal", entailed=["6"]),
        "4": question("j", "dog", "query animal", group="animal"),
        "5": question("k", "color", "compare twoCommon", entailed=["5"]),
        "6": question("i", "no", "logical existNot", balanced=False),
        "7": question("i", "yes", "verify exist", balanced=False),
    }
    return {
        "questions": questions,
        "answers": {"1": "yes", "2": "dog", "3": "Cat", "4": "dog", "5": "shape", "6": "no", "7": "no"},
        "choices": {
            "1": {"valid": ["yes", "no"], "plausible": ["yes", "no"]},
            "2": {"valid": ["dog", "cat"], "plausible": ["dog"]},
            "3": {"valid": ["dog", "cat"], "plausible": ["cat"]},
            "4": {"valid": ["dog", "cat"], "plausible": ["cat"]},
            "5": {"valid": [], "plausible": []},  # "Common": color, material, shape are meant
        },
        # Right: 1, 2, 4; binary: 1 of (1, 5); open: 2 of 3. Consistency: 1 entails 6 (right) and 7 (wrong); 3 and 5 are
        # wrong. Valid: all but "Cat"; plausible: 1, 2, 5. Distribution: animals 2 dogs and 1 cat against 2 dogs and
        # "Cat": (0 + 1) / 100.
        "official": {
            "accuracy": 60.0,
            "binary": 50.0,
            "open": 200 / 3,
            "consistency": 50.0,
            "validity": 80.0,
            "plausibility": 60.0,
            "distribution": 0.01,
        },
    }


def answers() -> list[dict[str, Any]]:
    return [
        {
            "truths": [{"id": place, "answers": row[0]} for place, row in enumerate(rows)],
            "answers": by_place([row[1] for row in rows]),
            "official": {protocol: by_place([row[2] for row in rows])},
        }
        for protocol, rows in ANSWERS.items()
    ]


def choices() -> list[dict[str, Any]]:
    fields = {"letter": "answer", "text": "answer", "circular": "answers"}
    cases = []
    for protocol, rows in CHOICES.items():
        field = fields.get(protocol.partition("@")[2], "likelihoods")
        replies = [{"id": place, field: row[2]} for place, row in enumerate(rows)]
        if protocol.endswith("token"):
            replies = [reply | {"tokens": [1, 2]} for reply in replies]
        cases.append(
            {
                "truths": [{"id": place, "choices": row[0], "answer": row[1]} for place, row in enumerate(rows)],
                "answers": by_place(replies),
                "official": {protocol: by_place([row[3] for row in rows])},
            }
        )
    return cases


def vectors() -> dict[str, Any]:
    """All vectors by their kind."""
    labels = [{"question_id": place, "image": str(place), "label": row[0]} for place, row in enumerate(REPLIES)]
    return {
        "vqa": vqa(),
        "ptb": ptb(),
        "captions": captions(),
        "meteor": meteor(),
        "chair": chair(),
        "chair_official": chair_official(),
        "rec": rec(),
        "answers": answers(),
        "yes_no": {"truths": labels, "answers": by_place([row[1] for row in REPLIES]), "official": YES_NO},
        "auroc": [
            {
                "truths": [{"id": place, "label": label} for place, label in enumerate(labels)],
                "answers": by_place(scores),
                "official": {"auroc": {"auroc": value}},
            }
            for labels, scores, value in AUROC
        ],
        "choices": choices(),
        "gqa": gqa(),
        "features": load("generation/official.json")["cases"],
    }


def text() -> str:
    """The file's content."""
    kinds = [f'"{kind}": {json.dumps(content, ensure_ascii=True)}' for kind, content in vectors().items()]
    return "{" + ",\n".join(kinds) + "}\n"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="ascii")
