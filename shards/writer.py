"""Shards out: deterministic tar bytes, hashed and indexed in the same pass, visible only when complete."""

import contextlib
import hashlib
import mmap
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BufferedRandom, BytesIO
from pathlib import Path

import msgspec

from shards import tar
from shards.codec import encode_sample
from shards.draft import Draft
from shards.errors import SampleError, ShardError
from shards.files import atomic
from shards.keys import is_key
from shards.manifest import SHARDS, IndexRow, MemberRow, ShardRecord, shard_name
from shards.sample import Audio, Media, Sample, Video

_CHUNK_BYTES = 2**20
"""Pieces are joined up to this size before they are written: fewer calls, and larger ones."""

_NO_MEMBER = MemberRow("", 0, 0, "")


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
    (folder / SHARDS).mkdir(parents=True, exist_ok=True)
    done: list[_OpenShard] = []
    n_begun: dict[str, int] = {}
    with contextlib.ExitStack() as unfinished:
        filling: dict[str, tuple[_OpenShard, contextlib.ExitStack]] = {}
        for draft in drafts:
            signature = draft.sample.signature()
            if signature not in filling:
                number = n_begun.get(signature, 0)
                n_begun[signature] = number + 1
                filling[signature] = _begin(folder, shard_name(stem, signature, number), unfinished)
            shard, _ = filling[signature]
            shard.add(draft)
            if not shard.has_room(spec):
                done.append(_end(*filling.pop(signature)))
        done.extend(_end(shard, ending) for shard, ending in filling.values())
    done.sort(key=lambda shard: shard.name)
    return WrittenShards([shard.record() for shard in done], [row for shard in done for row in shard.rows])


def _begin(folder: Path, name: str, unfinished: contextlib.ExitStack) -> tuple["_OpenShard", contextlib.ExitStack]:
    """A new shard, and what makes it visible when closed; an error before that removes it with `unfinished`."""
    ending = unfinished.enter_context(contextlib.ExitStack())
    return _OpenShard(ending.enter_context(atomic(folder / name)), name), ending


def _end(shard: "_OpenShard", ending: contextlib.ExitStack) -> "_OpenShard":
    shard.close()
    ending.close()
    return shard


def write_archive(file: BufferedRandom | BytesIO, drafts: Iterable[Draft]) -> list[IndexRow]:
    """Write drafts as one tar to an open file, for example a buffer; the rows name the shard ""."""
    shard = _OpenShard(file, "")
    for draft in drafts:
        shard.add(draft)
    shard.close()
    return shard.rows


class _OpenShard:
    """A tar that is being written: position, bytes that wait, and what is in it so far.

    Media are hashed when the shard is read back: one pass shows that the draft's bytes are those that were probed,
    and that the file holds them.
    """

    def __init__(self, file: BufferedRandom | BytesIO, name: str) -> None:
        self.name = name
        self._file = file
        self._size_bytes = self._waiting_bytes = 0
        self._waiting: list[bytes] = []
        self._sha256 = ""
        self.rows: list[IndexRow] = []

    def has_room(self, spec: ShardSpec) -> bool:
        return len(self.rows) < spec.max_samples and self._size_bytes < spec.max_size_bytes

    def add(self, draft: Draft) -> None:
        key = draft.sample.key
        if not is_key(key):
            raise SampleError(f"sample {key!r}", expected="a key of a-z, 0-9, _ and -, at most 60", found=repr(key))
        parts = list(draft.sample.media())
        contents = {part.member: (_content(draft, part), part.sha256) for part in parts}
        encoded = encode_sample(draft.sample)
        contents[f"{key}.json"] = (encoded, hashlib.sha256(encoded).hexdigest())
        members = [self._add_member(name, *contents[name]) for name in sorted(contents)]
        self.rows.append(_index_row(draft.sample, self.name, parts, members))

    def _add_member(self, name: str, content: bytes, sha256: str) -> MemberRow:
        size_bytes = len(content)
        row = MemberRow(name, self._size_bytes + tar.BLOCK, size_bytes, sha256)
        self._write(tar.header(name, size_bytes), content, tar.padding(size_bytes))
        return row

    def _write(self, *pieces: bytes) -> None:
        n_bytes = sum(map(len, pieces))
        self._waiting.extend(pieces)
        self._waiting_bytes += n_bytes
        self._size_bytes += n_bytes
        if self._waiting_bytes >= _CHUNK_BYTES:
            self._flush()

    def _flush(self) -> None:
        self._file.write(b"".join(self._waiting))
        self._waiting.clear()
        self._waiting_bytes = 0

    def close(self) -> None:
        """Write the end, and read everything back: the file must hold what the samples promise."""
        self._write(tar.END)
        self._flush()
        self._file.flush()
        with _mapped(self._file) as content, ThreadPoolExecutor(1) as helper:
            whole = helper.submit(hashlib.sha256, content)  # hashing lets go of the interpreter's lock
            self._check(content)
            self._sha256 = whole.result().hexdigest()

    def _check(self, content: memoryview) -> None:
        if len(content) != self._size_bytes:
            raise self._not_kept(f"{self._size_bytes} bytes", f"{len(content)} bytes")
        expected = ((row.key, stated) for row in self.rows for stated in row.members)
        with contextlib.closing(tar.members(content, place=self.name)) as found:
            for member in found:
                key, stated = next(expected, ("", _NO_MEMBER))
                if (member.name, member.offset, member.size_bytes) != (stated.name, stated.offset, stated.size_bytes):
                    raise self._not_kept(f"{stated.name} at byte {stated.offset}", f"{member.name} at {member.offset}")
                sha256 = hashlib.sha256(content[member.offset : member.offset + member.size_bytes]).hexdigest()
                if sha256 != stated.sha256:
                    place, remedy = f"sample {key}, member {stated.name}", "the file changed: build again"
                    raise SampleError(place, expected=f"sha256 {stated.sha256}", found=sha256, remedy=remedy)

    def _not_kept(self, expected: str, found: str) -> ShardError:
        return ShardError(self.name, expected=f"{expected} on reading back", found=found)

    def record(self) -> ShardRecord:
        signatures: dict[str, int] = {}
        for row in self.rows:
            signatures[row.signature] = signatures.get(row.signature, 0) + 1
        return ShardRecord(
            name=self.name,
            size_bytes=self._size_bytes,
            sha256=self._sha256,
            n_samples=len(self.rows),
            signatures=dict(sorted(signatures.items())),
        )


@contextlib.contextmanager
def _mapped(file: BufferedRandom | BytesIO) -> Iterator[memoryview]:
    """The bytes of an open file, without copying them."""
    if isinstance(file, BytesIO):
        with file.getbuffer() as view:
            yield view
        return
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as view:
        mapped.madvise(mmap.MADV_SEQUENTIAL)
        yield view


def _content(draft: Draft, part: Media) -> bytes:
    """The bytes of a media part."""
    place = f"sample {draft.sample.key}, member {part.member}"
    if part.member not in draft.blobs:
        raise SampleError(place, expected="its bytes", found="none")
    if not part.member.startswith(f"{draft.sample.key}."):
        raise SampleError(place, expected=f"a name that begins with {draft.sample.key}.", found=part.member)
    return draft.blobs[part.member].read()


def _index_row(sample: Sample, shard: str, media: list[Media], members: list[MemberRow]) -> IndexRow:
    origins = [part.provenance for part in media]
    return IndexRow(
        key=sample.key,
        shard=shard,
        kind=sample.kind,
        signature=sample.signature(),
        source=_joined(origin.source or origin.generator for origin in origins),
        licence=_joined(origin.licence or "unknown" for origin in origins),
        n_turns=len(sample.turns),
        n_words=sum(len(turn.text.split()) for turn in sample.turns),
        duration_s=sum(part.duration_s for part in media if isinstance(part, Audio | Video)),
        members=members,
    )


def _joined(names: Iterable[str | None]) -> str:
    return "+".join(sorted({name for name in names if name}))
