"""Pickles from outside: plain data is read, code is named and never run."""

import collections
import contextlib
import datetime
import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shards.formats.errors import AnnotationError
from shards.formats.pickles import load_plain_pickle


def loaded(folder: Path, content: bytes) -> object:
    path = folder / "refs.p"
    path.write_bytes(content)
    return load_plain_pickle(path, what="references")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_of_every_protocol(tmp_path: Path, protocol: int) -> None:
    plain = [{"a": (1, -(2**70), 1.5, None, True), "é": ["x"], 3: {"y": {}}}, {}, (), ["x"] * 2000]
    assert loaded(tmp_path, pickle.dumps(plain, protocol=protocol)) == plain


def test_text_of_python_2_is_latin_1(tmp_path: Path) -> None:
    assert loaded(tmp_path, b"(lp0\nS'caf\\xe9'\np1\naV\\u2019\np2\na.") == ["café", "\u2019"]
    assert loaded(tmp_path, b"\x80\x02]q\x00U\x04caf\xe9q\x01a.") == ["café"]


class Runs:
    """Unpickling this creates a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (self.path,)


def test_memo_numbers_cost_no_memory(tmp_path: Path) -> None:
    assert loaded(tmp_path, b"\x80\x02]r\xff\xff\xff\xff.") == []


def test_code_is_named_and_not_run(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(AnnotationError, match=r"refs\.p: .* asks for (posix|nt)\.mkdir; do not load"):
            loaded(tmp_path, pickle.dumps([Runs(str(trap))], protocol=protocol))
    assert not trap.exists()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"cos\nsystem\n(S'true'\ntR.", "os.system"),
        (b"c__builtin__\neval\n(S'1'\ntR.", "__builtin__.eval"),
        (b"(i__builtin__\nexec\n.", "__builtin__.exec"),
        (b"\x80\x04\x8c\x08builtins\x8c\x07getattr\x93.", "builtins.getattr"),
        (pickle.dumps(collections.OrderedDict(a=1)), "collections.OrderedDict"),
        (pickle.dumps(datetime.date(2020, 1, 1)), "datetime.date"),
        (pickle.dumps(np.int64(3)), "numpy"),
        (pickle.dumps(len), "builtins.len"),
    ],
)
def test_every_global_is_refused_by_name(tmp_path: Path, content: bytes, name: str) -> None:
    with pytest.raises(AnnotationError, match=name.replace(".", r"\.")):
        loaded(tmp_path, content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        b"\x80\x02]q",
        b"\x80\x63.",
        b"Pid\n.",
        b"I12x\n.",
        b"]" * 5 + b"b.",
        b"\x82\x01.",
        b"\x80\x02})" + b"\x85" * 300_000 + b"Ns.",  # a key nested so deeply that hashing it overflows the stack
        b"(" + b")" + b"\x85" * 300_000 + b"Nd.",
        b"\x80\x04\x8f(" + b")" + b"\x85" * 300_000 + b"\x90.",
        b"\x80\x05\x96" + b"\xff" * 7 + b"\x0f.",  # a buffer of exabytes
        b"\x80\x04\x8e" + b"\xff" * 8 + b"a.",
    ],
)
def test_broken_pickles_are_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(AnnotationError, match="expected references as a pickle, found a broken pickle"):
        loaded(tmp_path, content)


@given(st.binary(max_size=60))
def test_no_bytes_get_past_the_errors(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    stream = io.BytesIO()
    pickle.Pickler(stream, protocol=2).dump(["a", {"b": 1}])
    for attempt in (content, stream.getvalue()[:-3] + content):
        with contextlib.suppress(AnnotationError):
            loaded(folder, attempt)
