"""Shards out: deterministic tar bytes, hashed and indexed in the same pass, visible only when complete."""

import contextlib
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from io import BufferedRandom, BytesIO
from pathlib import Path

import msgspec

from shards import tar
from shards.codec import encode_sample
from shards.draft import Draft
from shards.errors import SampleError, ShardError
from shards.files import atomic, make_folder
from shards.keys import is_key, is_media_name
from shards.manifest import SHARDS, IndexRow, MemberRow, ShardRecord, shard_name
from shards.sample import Audio, Media, Sample, Text, Video, signature_of
from shards.write_behind import WriteBehind

_OTHER_BLANKS = "\t\n\v\f\r\x1c\x1d\x1e\x1f"
"""What parts words in ASCII beside the blank."""


class ShardSpec(msgspec.Struct, frozen=True, kw_only=True):
    """When a bucket's next shard begins."""

    max_samples: int = 10_000
    max_size_bytes: int = 512 * 2**20

    def __post_init__(self) -> None:
        if self.max_samples < 1 or self.max_size_bytes < 1:
            raise ShardError("shard limits", expected="at least 1", found=f"{self.max_samples}, {self.max_size_bytes}")


class WrittenShards(msgspec.Struct, frozen=True):
    """The finished shards of a bucket, sorted by name, and a row for each sample in them."""

    records: list[ShardRecord]
    rows: list[IndexRow]


def write_shards(folder: Path, stem: str, drafts: Iterable[Draft], spec: ShardSpec) -> WrittenShards:
    """Write drafts, in the order given, to `shards/STEM-SIGNATURE-000.tar` and on as the limits ask.

    A shard holds samples of one modality signature, so that every reader can choose by file name.

    Raises:
        SampleError: If a draft lacks the bytes of a media part, or they changed since they were probed.
        ShardError: If a shard does not read back as written.
    """
    make_folder(folder / SHARDS)
    done: list[_OpenShard] = []
    n_begun: dict[str, int] = {}
    with contextlib.ExitStack() as unfinished:
        filling: dict[str, tuple[_OpenShard, contextlib.ExitStack]] = {}
        for draft in drafts:
            parts = list(draft.sample.media())
            signature = signature_of(parts)
            if signature not in filling:
                number = n_begun.get(signature, 0)
                n_begun[signature] = number + 1
                filling[signature] = _begin(folder, shard_name(stem, signature, number), unfinished)
            shard, _ = filling[signature]
            shard.add(draft, parts)
            if not shard.has_room(spec):
                done.append(_end(*filling.pop(signature)))
        done.extend(_end(shard, ending) for shard, ending in filling.values())
    done.sort(key=lambda shard: shard.name)
    return WrittenShards([shard.record() for shard in done], [row for shard in done for row in shard.rows])


def _begin(folder: Path, name: str, unfinished: contextlib.ExitStack) -> tuple["_OpenShard", contextlib.ExitStack]:
    """A new shard, and what makes it visible when closed; an error before that removes it with `unfinished`."""
    ending = unfinished.enter_context(contextlib.ExitStack())
    shard = _OpenShard(ending.enter_context(atomic(folder / name)), name)
    ending.callback(shard.release)
    return shard, ending


def _end(shard: "_OpenShard", ending: contextlib.ExitStack) -> "_OpenShard":
    shard.close()
    ending.close()
    return shard


def write_archive(file: BufferedRandom | BytesIO, drafts: Iterable[Draft]) -> list[IndexRow]:
    """Write drafts as one tar to an open file, for example a buffer; the rows name the shard ""."""
    shard = _OpenShard(file, "")
    try:
        for draft in drafts:
            shard.add(draft, list(draft.sample.media()))
        shard.close()
    finally:
        shard.release()
    return shard.rows


class _OpenShard:
    """A tar that is being written: its size, and what is in it so far."""

    def __init__(self, file: BufferedRandom | BytesIO, name: str) -> None:
        self.name = name
        self.rows: list[IndexRow] = []
        self._file = WriteBehind(file, name)
        self._size_bytes = 0
        self._sha256 = ""

    def has_room(self, spec: ShardSpec) -> bool:
        return len(self.rows) < spec.max_samples and self._size_bytes < spec.max_size_bytes

    def add(self, draft: Draft, parts: Sequence[Media]) -> None:
        """Write a sample, whose media parts are `parts`."""
        sample = draft.sample
        if not is_key(sample.key):
            found = repr(sample.key)
            raise SampleError(f"sample {found}", expected="a key of a-z, 0-9, _ and -, at most 60", found=found)
        contents = {part.member: (self._content(draft, part), part.sha256) for part in parts}
        encoded = encode_sample(sample)
        contents[f"{sample.key}.json"] = (encoded, hashlib.sha256(encoded).hexdigest())
        members = tuple([self._add_member(name, *contents[name]) for name in sorted(contents)])
        self.rows.append(index_row(sample, self.name, parts, members))

    def _content(self, draft: Draft, part: Media) -> bytes:
        """The bytes of a media part; that they are those that were probed is checked before they are written."""
        content, check = _read(draft, part), partial(_check, draft.sample.key, part)
        if self._file.is_idle:
            self._file.leave(partial(check, content))
        else:
            check(content)
        return content

    def _add_member(self, name: str, content: bytes, sha256: str) -> MemberRow:
        size_bytes = len(content)
        padding = tar.padding(size_bytes)
        row = MemberRow(name, self._size_bytes + tar.BLOCK, size_bytes, sha256)
        self._file.write(tar.header(name, size_bytes), content, padding)
        self._size_bytes += tar.BLOCK + size_bytes + len(padding)
        return row

    def close(self) -> None:
        """Write the end, and wait until everything is read back: the file must hold what was hashed."""
        self._file.write(tar.END)
        self._size_bytes += len(tar.END)
        self._sha256 = self._file.finish()

    def release(self) -> None:
        """End what works beside this object; after `close`, or in place of it."""
        self._file.close()

    def record(self) -> ShardRecord:
        return ShardRecord(
            name=self.name,
            size_bytes=self._size_bytes,
            sha256=self._sha256,
            n_samples=len(self.rows),
            signatures=dict(sorted(Counter(row.signature for row in self.rows).items())),
        )


def _read(draft: Draft, part: Media) -> bytes:
    place = f"sample {draft.sample.key}, member {part.member}"
    if part.member not in draft.blobs:
        raise SampleError(place, expected="its bytes", found="none")
    if not is_media_name(part.member, draft.sample.key):
        raise SampleError(place, expected=f"a name {draft.sample.key}.<turn>-<part>.<ext>", found=repr(part.member))
    return draft.blobs[part.member].read()


def _check(key: str, part: Media, content: bytes) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != part.sha256:
        place, remedy = f"sample {key}, member {part.member}", "the file changed: build again"
        raise SampleError(place, expected=f"sha256 {part.sha256}", found=found, remedy=remedy)


def index_row(sample: Sample, shard: str, media: Sequence[Media], members: Sequence[MemberRow]) -> IndexRow:
    """What the index says of a sample whose members lie in `shard` as stated."""
    origins = [part.provenance for part in media]
    return IndexRow(
        key=sample.key,
        shard=shard,
        kind=sample.kind,
        signature=signature_of(media),
        source=_joined([origin.source or origin.generator for origin in origins]),
        licence=_joined([origin.licence or "unknown" for origin in origins]),
        n_turns=len(sample.turns),
        n_words=sum([count_words(part.text) for turn in sample.turns for part in turn.parts if type(part) is Text]),
        duration_s=sum([part.duration_s for part in media if isinstance(part, Audio | Video)]),
        members=members,
    )


def count_words(text: str) -> int:
    """As `len(text.split())`; twice as fast on plain prose, of which single blanks alone part the words."""
    if not text.isascii() or "  " in text:
        return len(text.split())
    for blank in _OTHER_BLANKS:
        if blank in text:
            return len(text.split())
    return text.count(" ") + 1 - text.startswith(" ") - text.endswith(" ") if text else 0


def _joined(names: Sequence[str | None]) -> str:
    if len(names) == 1:
        return names[0] or ""
    return "+".join(sorted({name for name in names if name}))
