"""Made media against captions and real media: every metric of a kind of medium, each by its own network."""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from evals.benchmarks.item import Workspace
from evals.benchmarks.made_media import RealMedium
from evals.errors import EvalsError
from evals.metrics.feature_sets import Features, FeatureSet, feature_set, joined
from evals.metrics.frechet import score_frechet
from evals.metrics.gaussians import FeatureStatistics
from evals.metrics.inception_score import SPLITS, score_inception
from evals.metrics.outcomes import counted
from evals.metrics.similarity import RULES, SimilarityName, score_similarity
from evals.metrics.tagger_kl import score_tagger_kl
from evals.results import Metric, Scored, Unscored, item_set_hash
from model_adapter.decoding import decode_video
from model_adapter.embedders import Embedded, Embedder, embed_all, open_embedder
from model_adapter.embedders.embedder import Input
from model_adapter.errors import ShortMediumError
from shards.draft import Blob, FileBytes, HeldBytes
from shards.errors import MediaError, UsageError
from shards.media import MediaKind

N_FRAMES: Final = 8
_FRAMES: Final = f"{N_FRAMES}-frames/"


class Judge(NamedTuple):
    """A metric of made media.

    Args:
        kind: Of the media.
        metric: Its name in results.
        rules: The protocol but for its network.
        network: The published embedder; "8-frames/" before it shows it a film's frames as pictures.
        world: That of rendered worlds; "" where it would repeat another metric.
        enough: Items below which the published protocol is not met.
    """

    kind: MediaKind
    metric: str
    rules: str
    network: str
    world: str = "world-joint"
    enough: int = 0


JUDGES: Final = (
    Judge("image", "fid", "frechet@", "inception", enough=30_000),
    Judge("image", "clipscore", "clipscore@hessel2021/", "clip-b32"),
    Judge("audio", "fad", "frechet@", "vggish"),
    Judge("audio", "fd", "frechet@", "panns", world=""),
    Judge("audio", "kl", "tagger_kl@", "panns-logits", "world-tags"),
    Judge("audio", "inception_score", "inception_score@", "panns-logits", "world-tags"),
    Judge("audio", "clap", "clap@mean/", "clap"),
    Judge("video", "fvd", "frechet@", "i3d", enough=2048),
    Judge("video", "clipsim", "clipsim@frame-mean/", "clip-b32"),
    Judge("video", "fid", "frechet@", f"{_FRAMES}inception", f"{_FRAMES}world-joint"),
)
"""Of each kind the primary metric first. Captions of COCO are usually 30,000; NExT-GPT's paper tells no number."""

SIMILARITIES: Final[Mapping[str, SimilarityName]] = {"clipscore": "clipscore", "clipsim": "clipsim", "clap": "clap"}
_Pairs = Sequence[tuple[RealMedium, Any]]
"""What was asked, and the rows [windows, d] of what was made."""


@dataclass(frozen=True)
class Panel:
    """Judges, those of their networks that are here, what those of sets compare with and its hash, where they work."""

    judges: tuple[Judge, ...]
    workspace: Workspace
    networks: Mapping[str, Embedder] = field(default_factory=dict)
    real: Mapping[Judge, FeatureStatistics] = field(default_factory=dict)
    real_sha256: str = ""

    def of(self, kind: MediaKind) -> "Panel":
        """The judges of one kind of medium."""
        return replace(self, judges=tuple(judge for judge in self.judges if judge.kind == kind))

    @property
    def identities(self) -> dict[str, str]:
        """Weights and preprocessing by network, for protocols."""
        networks = self.networks.items()
        return {name.removeprefix(_FRAMES): f"{one.weights}; {one.preprocessing}" for name, one in networks}

    def protocol(self, judge: Judge) -> str:
        """The judge's protocol, with twelve digits of its weights' hash."""
        return judge.rules + (self.networks[judge.network].label if judge.network in self.networks else judge.network)

    def made(self, name: str) -> Blob:
        """A made medium by its name in answers."""
        return FileBytes(str(self.workspace.run / name))

    def seen(self, judge: Judge, blobs: Sequence[Blob], what: str, kind: Input | None = None) -> Iterator[Embedded]:
        """What the judge's network makes of each medium or text; `what` they are."""
        advance = self.workspace.bar(f"{what} seen by {judge.network}")
        cache = self.workspace.cache
        for done, one in enumerate(embed_all(self.networks[judge.network], kind or judge.kind, blobs, cache=cache), 1):
            advance(done, len(blobs))
            yield one


def open_panel(
    judges: Iterable[Judge], real: Sequence[RealMedium], workspace: Workspace, *, needs_first: bool = False
) -> Panel:
    """The judges with networks and reference sets, so that what is wrong with these is told before a model is asked.

    Raises:
        UsageError: If the first judge's weights are not here, and it is needed.
        AdapterError: If weights are not of their network.
        EvalsError: If a real medium cannot be decoded.
    """
    if not real:
        return Panel(tuple(judges), workspace)
    is_world = real[0].is_world
    chosen = tuple(one._replace(network=one.world) if is_world else one for one in judges if one.world or not is_world)
    networks: dict[str, Embedder] = {}
    for name in dict.fromkeys(one.network for one in chosen):
        try:
            networks[name] = _open(name)
        except UsageError as error:
            if needs_first and name == chosen[0].network:
                raise
            metrics = ", ".join(dict.fromkeys(one.metric for one in chosen if one.network == name))
            workspace.note(f"no value for {metrics}: {error}")
    panel, references, hashes = Panel(chosen, workspace, networks), {}, set()
    for judge in chosen:
        own = [one for one in real if one.kind == judge.kind]
        if judge.rules == "frechet@" and judge.network in networks and own:
            rows, sha256s = _real_set(panel, judge, own)
            references[judge] = FeatureStatistics.of(rows)
            hashes.update(sha256s)
    return replace(panel, real=references, real_sha256=item_set_hash(hashes) if hashes else "")


def _open(name: str) -> Embedder:
    embedder = open_embedder(name.removeprefix(_FRAMES))
    if not name.startswith(_FRAMES):
        return embedder

    def prepare(film: bytes) -> Any:
        return np.concatenate([embedder.prepare["image"](frame) for frame in frames_of(film)])

    def run(kind: Input, windows: Any) -> Any:
        return embedder.run("image", windows)

    by_window = frozenset[Input]({"video"})
    return replace(embedder, name=name, prepare={"video": prepare}, run=run, by_window=by_window)


def frames_of(film: bytes) -> Iterator[bytes]:
    """The middles of eight equal parts of a film, as PNG.

    Raises:
        MediaError: If it cannot be decoded.
    """
    import PIL.Image

    shown = decode_video(film, side_px=None)
    for part in range(N_FRAMES):
        file = io.BytesIO()
        frame = PIL.Image.fromarray(shown[(2 * part + 1) * len(shown) // (2 * N_FRAMES)])
        frame.save(file, "PNG", compress_level=0)
        yield file.getvalue()


class MediaScores(NamedTuple):
    """All metrics, the primary one first; the items' values; why items have none in the primary one."""

    metrics: dict[str, Metric]
    values: list[dict[str, float]]
    reasons: list[str | None]


def score_media(panel: Panel, asked: Sequence[RealMedium], made: Sequence[str | Unscored], *, seed: int) -> MediaScores:
    """Score media that were made for captions; a network sees each of them once.

    Args:
        panel: The judges of one kind.
        asked: What each was asked for.
        made: Their names, or why there is none, item for item.
        seed: Of bootstraps.

    Raises:
        EvalsError: If a real medium cannot be decoded, of a kind that no judge compares as a set.
    """
    scores = MediaScores({}, [{} for _ in asked], [])
    seen: dict[str, list[Features | str]] = {}
    for judge in panel.judges:
        if judge.network not in seen:
            seen[judge.network] = _rows_of_made(panel, judge, made)
        found = seen[judge.network]
        reasons = [rows if isinstance(rows, str) else None for rows in found]
        places = [place for place, reason in enumerate(reasons) if reason is None]
        pairs = [(asked[place], found[place]) for place in places]
        scored = _judged(panel, judge, pairs=pairs, unscored=counted(reasons), seed=seed)
        for place, row in zip(places, scored.rows, strict=False):
            if row.value is not None:
                scores.values[place].update({judge.metric: row.value, f"{judge.metric}_n": 1.0})
        for name, metric in {judge.metric: scored.primary, **scored.metrics}.items():
            own = name.replace("frechet", judge.metric)
            scores.metrics[own] = msgspec.structs.replace(metric, metric=own, n=len(asked))
        scores.reasons.extend(reasons if judge is panel.judges[0] else ())
    return scores


def _judged(panel: Panel, judge: Judge, *, pairs: _Pairs, unscored: Mapping[str, int], seed: int) -> Scored:
    """One metric of media that were asked and made."""
    protocol, similarity = panel.protocol(judge), SIMILARITIES.get(judge.metric)
    made = [_items(judge, rows) for _, rows in pairs]
    if sum(map(len, made)) < {"frechet@": 2, "inception_score@": SPLITS}.get(judge.rules, 1):
        is_better = similarity is not None or judge.metric == "inception_score"
        unscored = {**unscored, "too_few_items": len(made)} if made else unscored
        return Scored(Metric(judge.metric, protocol, None, "raw", is_better, 0, unscored), {}, {}, ())
    generated = feature_set(np.stack(made), unscored=unscored) if similarity else joined(made, unscored=unscored)
    clusters = [one.cluster or f"alone {place}" for place, (one, _) in enumerate(pairs)]
    if judge.metric == "inception_score":
        return score_inception(generated, protocol=protocol)
    if judge.rules == "frechet@":
        statistics = FeatureStatistics.of(generated)
        return score_frechet(statistics, panel.real[judge], metric=judge.metric, protocol=protocol, enough=judge.enough)
    asked = [one for one, _ in pairs]
    if similarity is None:
        scored = score_tagger_kl(replace(generated, clusters=clusters), _real_set(panel, judge, asked)[0], seed=seed)
    else:
        words = [HeldBytes((RULES[similarity].prefix + one.caption).encode()) for one in asked]
        texts = feature_set(np.concatenate([one.rows for one in panel.seen(judge, words, "captions", "text")]))
        scored = score_similarity(replace(generated, clusters=clusters), texts, similarity, seed=seed)
    ratio_of = judge.metric, f"{judge.metric}_n"
    primary = msgspec.structs.replace(scored.primary, protocol=protocol, ratio_of=ratio_of)
    return Scored(primary, {}, {}, scored.rows)


def _rows_of_made(panel: Panel, judge: Judge, made: Sequence[str | Unscored]) -> list[Features | str]:
    """Each medium's rows, or why it has none."""
    if judge.network not in panel.networks:
        return ["no_weights"] * len(made)
    found = panel.seen(judge, [panel.made(one) for one in made if isinstance(one, str)], f"made {judge.kind}s")
    return [one.reason if isinstance(one, Unscored) else _scorable(next(found).rows) for one in made]


def _scorable(rows: Features | MediaError) -> Features | str:
    if isinstance(rows, MediaError):
        return "too_short" if isinstance(rows, ShortMediumError) else "unreadable_media"
    return rows if np.isfinite(rows).all() else "not_finite"


def _real_set(panel: Panel, judge: Judge, real: Sequence[RealMedium]) -> tuple[FeatureSet, list[str]]:
    """Features and hashes of real media."""
    seen = panel.seen(judge, [one.blob for one in real], f"real {judge.kind}s")
    rows, hashes = [], []
    for one, found in zip(real, seen, strict=True):
        if isinstance(found.rows, MediaError):
            expected = f"a readable {one.kind} of the reference set"
            raise EvalsError(one.place, expected=expected, found=str(found.rows)) from found.rows
        rows.append(_items(judge, found.rows))
        hashes.append(found.sha256)
    return joined(rows), hashes


def _items(judge: Judge, rows: Features) -> Features:
    """The rows that count as items: those of a film's windows are one for FVD."""
    return rows.mean(axis=0, keepdims=True) if judge.metric == "fvd" else rows
