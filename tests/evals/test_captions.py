"""Scoring captions: official totals from raw text, protocols, missing predictions, clusters, frozen frequencies."""

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from caption_cases import GOLDEN, need_java, random_items

from evals.errors import AnnotationError, PredictionError
from evals.metrics import caption_measures
from evals.metrics.captions import frozen_frequencies, score_captions, tokenised
from evals.metrics.meteor import MeteorScores, meteor_of_sums
from evals.results.schema import Scored, Unscored
from shards.errors import UsageError

RAW = GOLDEN["tokenised"]["raw"]
REFERENCES = {f"image-{place}": group for place, group in enumerate(RAW["references"])}
CANDIDATES = {f"image-{place}": text for place, text in enumerate(RAW["candidates"])}


def scored_items(seed: int, n_items: int) -> tuple[dict[str, list[str]], dict[str, str]]:
    """References and candidates that share phrases; every third caption is one of its references."""
    texts = {f"i{place:03}": item for place, item in enumerate(random_items(seed, n_items))}
    references = {key: [f"the {text} sits" for text in group] for key, (_, group) in texts.items()}
    candidates = {key: f"the {text}" for key, (text, _) in texts.items()}
    return references, candidates | {key: references[key][0] for key in list(texts)[::3]}


def values(scored: Scored) -> dict[str, float | None]:
    return {metric.metric: metric.value for metric in (scored.primary, *scored.metrics.values())}


def test_raw_captions_score_as_the_official_pipeline_scores_them() -> None:
    scored = score_captions(REFERENCES, CANDIDATES, metrics=("cider", "bleu", "rouge"))
    golden = GOLDEN["tokenised"]
    expected = dict(zip(("bleu_1", "bleu_2", "bleu_3", "bleu_4"), golden["bleu"]["total"], strict=True))
    expected |= {"cider": golden["cider"]["total"], "rouge_l": golden["rouge_l"]["total"]}
    assert values(scored) == pytest.approx(expected, abs=1e-9)
    assert [row.id for row in scored.rows] == list(REFERENCES)
    assert [row.value for row in scored.rows] == pytest.approx(golden["cider"]["items"], abs=1e-9)
    assert [row.metrics["bleu_4"] for row in scored.rows] == pytest.approx(golden["bleu"]["items"][3], abs=1e-9)
    assert [row.metrics["rouge_l"] for row in scored.rows] == pytest.approx(golden["rouge_l"]["items"], abs=1e-9)
    assert scored.primary.unit == "raw"
    assert {metric.unit for metric in scored.metrics.values()} == {"fraction"}
    assert {metric.protocol for metric in scored.metrics.values()} == {"bleu@coco", "rouge_l@coco"}


@pytest.mark.nightly  # a start of Java; test_meteor has the same captions
@pytest.mark.official
def test_meteor_of_raw_captions_is_the_jars_own_number() -> None:
    need_java()
    scored = score_captions(REFERENCES, CANDIDATES, metrics=("meteor",))
    golden = GOLDEN["tokenised"]["meteor"]
    assert (scored.primary.value, scored.primary.protocol) == (golden["total"], "meteor@coco")
    assert [row.value for row in scored.rows] == golden["items"]
    assert scored.primary.interval is not None
    assert scored.primary.interval.low < golden["total"] < scored.primary.interval.high


def test_the_first_metric_is_primary_and_bleu_leads_with_bleu_4() -> None:
    scored = score_captions(*scored_items(1, 30), metrics=("bleu", "cider"), tokenizer="whitespace")
    assert scored.primary.metric == "bleu_4"
    assert list(scored.metrics) == ["bleu_1", "bleu_2", "bleu_3", "cider"]
    assert set(scored.rows[0].metrics) == set(scored.metrics)
    assert (scored.primary.protocol, scored.metrics["cider"].protocol) == ("bleu@whitespace", "cider@whitespace")
    assert (scored.primary.n, scored.primary.unscored, scored.primary.bounds) == (30, {}, None)


def test_white_space_tokens_are_lower_case() -> None:
    assert tokenised(["A  Dog,\u00a0runs.\n", ""], "whitespace") == ["a dog, runs.", ""]


def test_missing_captions_count_as_empty_ones_and_are_told() -> None:
    references, candidates = scored_items(2, 60)
    emptied = candidates | {"i004": "", "i007": ""}
    given: dict[str, str | Unscored] = {**candidates, "i004": Unscored("refusal")}
    del given["i007"]
    scored = score_captions(references, given, metrics=("cider", "bleu", "rouge"), tokenizer="whitespace")
    whole = score_captions(references, emptied, metrics=("cider", "bleu", "rouge"), tokenizer="whitespace")
    assert values(scored) == values(whole)
    by_id = {row.id: row for row in scored.rows}
    assert [(by_id[key].value, by_id[key].unscored) for key in ("i004", "i007")] == [
        (None, "refusal"),
        (None, "missing"),
    ]
    assert by_id["i004"].metrics == {}
    assert (by_id["i005"].value is None, by_id["i005"].unscored) == (False, None)
    assert scored.primary.unscored == scored.metrics["bleu_1"].unscored == {"refusal": 1, "missing": 1}
    assert scored.primary.n == 60


def test_bounds_of_a_mean_put_zero_and_the_maximum_in() -> None:
    references, candidates = scored_items(3, 50)
    del candidates["i000"]
    scored = score_captions(references, candidates, metrics=("cider", "rouge"), tokenizer="whitespace")
    rest = sum(row.value for row in scored.rows if row.value is not None)
    assert scored.primary.bounds is not None
    assert scored.primary.bounds.all_wrong == pytest.approx(rest / 50)
    assert scored.primary.bounds.all_right == pytest.approx((rest + 10) / 50)
    assert scored.metrics["rouge_l"].bounds is not None
    assert scored.metrics["rouge_l"].bounds.all_right <= 1


def test_bounds_of_bleu_are_its_values_with_a_reference_and_with_strange_words() -> None:
    references, candidates = scored_items(4, 40)
    references["i005"] = ["the dog sits on the mat", "the dog"]
    del candidates["i005"]
    bounds = {}
    for name, text in (("right", "the dog sits on the mat"), ("wrong", "q q q q q q")):
        filled = score_captions(references, {**candidates, "i005": text}, metrics=("bleu",), tokenizer="whitespace")
        bounds[name] = filled.primary.value
    scored = score_captions(references, candidates, metrics=("bleu",), tokenizer="whitespace").primary
    assert scored.bounds is not None
    assert scored.value is not None
    assert scored.bounds.all_right == pytest.approx(bounds["right"])
    assert scored.bounds.all_wrong == pytest.approx(min(bounds["wrong"] or 0.0, scored.value))


def test_meteor_counts_a_missing_caption_as_empty_and_bounds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def counted(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> MeteorScores:
        """Every caption's words match those of the longest reference, in one piece, as content words."""
        statistics = np.zeros((len(candidates), 23))
        for row, text, group in zip(statistics, candidates, references, strict=True):
            matched = len(text.split())
            row[:2] = matched, max(len(reference.split()) for reference in group)
            row[[4, 5, 21, 22]], row[20] = matched, 0
        return MeteorScores(0.625, meteor_of_sums(statistics), statistics)

    monkeypatch.setattr(caption_measures, "meteor", counted)
    references = {"a": ["x y"], "b": ["x", "x y z z"], "c": ["x y"]}
    scored = score_captions(references, {"a": "x y", "c": "x y"}, metrics=("meteor",), tokenizer="whitespace").primary
    assert (scored.value, scored.unit, scored.protocol) == (0.625, "fraction", "meteor@whitespace")  # the jar's total
    assert scored.bounds is not None
    precision = 4 / 8  # four words of item b match nothing
    assert scored.bounds.all_wrong == pytest.approx(precision)  # precision and recall are the same
    assert scored.bounds.all_right == 1.0


def test_spice_and_spider_keep_items_without_a_value_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    references, candidates = scored_items(5, 20)
    del candidates["i003"]
    spice = np.array([0.5] * 20)
    spice[[1, 3]] = np.nan, 0.0
    monkeypatch.setattr(caption_measures, "spice", lambda candidates, references: spice)
    scored = score_captions(references, candidates, metrics=("spider", "spice", "cider"), tokenizer="whitespace")
    assert scored.primary.unscored == scored.metrics["spice"].unscored == {"undefined": 1, "missing": 1}
    assert scored.metrics["cider"].unscored == {"missing": 1}
    assert scored.metrics["spice"].value == pytest.approx(18 * 0.5 / 20)
    bounds = scored.metrics["spice"].bounds
    assert bounds is not None
    assert (bounds.all_wrong, bounds.all_right) == pytest.approx((9 / 20, 11 / 20))
    undefined, plain = scored.rows[1], scored.rows[2]
    assert (undefined.value, undefined.unscored, set(undefined.metrics)) == (None, "undefined", {"cider"})
    assert plain.value == pytest.approx((plain.metrics["cider"] + 0.5) / 2)
    assert (scored.primary.protocol, scored.primary.unit) == ("spider@whitespace", "raw")
    assert scored.metrics["spice"].protocol == "spice@whitespace"


def test_clusters_reach_rows_and_intervals() -> None:
    references, candidates = scored_items(6, 240)
    clusters = {key: key[:3] for key in references}
    alone = score_captions(references, candidates, tokenizer="whitespace", seed=3)
    together = score_captions(references, candidates, tokenizer="whitespace", clusters=clusters, seed=3)
    assert together.primary.value == alone.primary.value
    assert [row.cluster for row in together.rows] == [key[:3] for key in references]
    assert [row.cluster for row in alone.rows] == list(references)
    assert together.primary.interval is not None
    assert alone.primary.interval is not None
    assert (alone.primary.interval.note, together.primary.interval.note) == ("", "small_n")
    assert together.primary.interval != alone.primary.interval
    with pytest.raises(AnnotationError, match="none for 240, such as 'i000'"):
        score_captions(references, candidates, tokenizer="whitespace", clusters={})


def test_intervals_are_those_of_the_item_means_and_keep_the_seed() -> None:
    references, candidates = scored_items(7, 300)
    scored = score_captions(references, candidates, metrics=("rouge", "bleu"), tokenizer="whitespace", seed=1)
    again = score_captions(references, candidates, metrics=("rouge", "bleu"), tokenizer="whitespace", seed=1)
    assert again == scored
    interval, column = scored.primary.interval, np.array([row.value for row in scored.rows])
    assert interval is not None
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * column.std() / np.sqrt(300), rel=0.12)
    for metric in scored.metrics.values():
        assert metric.interval is not None
        assert metric.value is not None
        assert metric.interval.low < metric.value < metric.interval.high


def test_a_frozen_table_makes_subsets_score_alike_and_names_itself() -> None:
    references, candidates = scored_items(8, 80)
    table = frozen_frequencies(references, tokenizer="whitespace")
    whole = score_captions(references, candidates, tokenizer="whitespace", document_frequencies=table)
    some = {key: references[key] for key in list(references)[10:20]}
    part = score_captions(
        some, {key: candidates[key] for key in some}, tokenizer="whitespace", document_frequencies=table
    )
    assert [row.value for row in part.rows] == pytest.approx([row.value for row in whole.rows[10:20]], abs=1e-12)
    assert whole.primary.protocol == f"cider@whitespace-frozen-df:{table.digest[:12]}"
    unfrozen = score_captions(references, candidates, tokenizer="whitespace").primary
    assert whole.primary.value == pytest.approx(unfrozen.value, abs=1e-12)
    both = score_captions(
        references, candidates, metrics=("rouge",), tokenizer="whitespace", document_frequencies=table
    )
    assert both.primary.protocol == "rouge_l@whitespace"
    with pytest.raises(
        UsageError, match="a table counted with the tokenizer 'ptb', found one counted with 'whitespace'"
    ):
        score_captions(REFERENCES, CANDIDATES, document_frequencies=table)


def test_a_frozen_ptb_table_is_named_after_coco() -> None:
    table = frozen_frequencies(REFERENCES)
    scored = score_captions(REFERENCES, CANDIDATES, document_frequencies=table)
    assert scored.primary.protocol == f"cider@coco-frozen-df:{table.digest[:12]}"
    assert scored.primary.value == pytest.approx(GOLDEN["tokenised"]["cider"]["total"], abs=1e-9)


@pytest.mark.parametrize("metric", ["bleu", "rouge", "cider", "meteor", "spice", "spider"])
def test_no_items_no_value(metric: caption_measures.CaptionMetric) -> None:
    scored = score_captions({}, {}, metrics=(metric,))
    assert (scored.primary.value, scored.primary.n, scored.primary.interval, list(scored.rows)) == (None, 0, None, [])


def test_only_missing_captions() -> None:
    scored = score_captions({"a": ["x y"], "b": ["z"]}, {}, metrics=("bleu", "cider"), tokenizer="whitespace")
    assert scored.primary.value == pytest.approx(0, abs=1e-6)
    assert scored.primary.unscored == {"missing": 2}
    assert scored.metrics["cider"].bounds is not None
    assert scored.metrics["cider"].bounds.all_right == 10


def test_rows_and_metrics_are_plain_json() -> None:
    references, candidates = scored_items(9, 12)
    scored = score_captions(references, candidates, metrics=("bleu", "cider", "rouge"), tokenizer="whitespace")
    assert b"NaN" not in msgspec.json.encode([scored.primary, scored.metrics, scored.rows])


def test_wrong_requests_are_refused() -> None:
    with pytest.raises(PredictionError, match="unknown, such as 'other'"):
        score_captions(REFERENCES, {"other": "a dog"})
    with pytest.raises(PredictionError, match="expected text, found list"):
        score_captions(REFERENCES, {"image-0": ["a dog"]})  # type: ignore[dict-item]
    with pytest.raises(AnnotationError, match="id a: expected a list of one or more captions"):
        score_captions({"a": []}, {})
    with pytest.raises(AnnotationError, match="id a: expected a list of one or more captions"):
        score_captions({"a": "a dog"}, {})
    with pytest.raises(AnnotationError, match="only empty references"):
        score_captions({"a": [""]}, {})
    for metrics in ((), ("cider", "ciderd"), "cider"):
        with pytest.raises(UsageError, match=r"some of bleu, meteor, rouge, cider, spice, spider"):
            score_captions(REFERENCES, CANDIDATES, metrics=metrics)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="expected ptb or whitespace, found 'moses'"):
        score_captions(REFERENCES, CANDIDATES, tokenizer="moses")  # type: ignore[arg-type]
    with pytest.raises(AnnotationError, match="at least one item"):
        frozen_frequencies({})
