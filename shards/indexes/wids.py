"""wids: random access to samples by number, from a JSON list of shards and their lengths."""

import msgspec

from shards.reader import ShardSet

WIDS = "wids.json"


def wids(shard_set: ShardSet, *, name: str) -> bytes:
    """The content of `wids.json`, for `wids.ShardListDataset`; paths are relative to the file.

    It carries no MD5 sums: they are optional, and the manifest holds the sha256 of each shard.
    """
    shards = [
        {"url": record.name, "nsamples": record.n_samples, "filesize": record.size_bytes} for record in shard_set.shards
    ]
    index = {"__kind__": "wids-shard-index-v1", "wids_version": 1, "name": name, "info": "", "shardlist": shards}
    return msgspec.json.format(msgspec.json.encode(index), indent=1) + b"\n"
