"""Pickles of plain containers, text and numbers; anything that could run code is refused by name."""

import io
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Final

from shards.formats.errors import AnnotationError
from shards.formats.records import file_bytes

_OF_PYTHON = (ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, TypeError, ValueError)
_BROKEN: Final = (pickle.UnpicklingError, struct.error, *_OF_PYTHON)

# Sets hash what they hold, and buffers are made at whatever size the file claims.
_OBJECTS = (pickle.REDUCE, pickle.BUILD, pickle.OBJ, pickle.NEWOBJ, pickle.NEWOBJ_EX, pickle.PERSID, pickle.BINPERSID)
_SETS = (pickle.EMPTY_SET, pickle.ADDITEMS, pickle.FROZENSET)
_BUFFERS = (pickle.BYTEARRAY8, pickle.NEXT_BUFFER, pickle.READONLY_BUFFER)
_REFUSED_OPCODES: Final = frozenset(_OBJECTS + _SETS + _BUFFERS)


def load_plain_pickle(path: Path, *, what: str) -> object:
    """Unpickle dicts with text or numbers as keys, lists, tuples, str, bytes, int, float, bool and None.

    Text of Python 2 is read as latin-1. About six times as slow as `pickle.load`.

    Raises:
        AnnotationError: If the pickle names any class or function (it is named, and not called), or is broken.
    """
    content = file_bytes(path, what=what, error=AnnotationError)
    try:
        return _PlainUnpickler(io.BytesIO(content), place=str(path), what=what).load()
    except _BROKEN as problem:
        found = f"a broken pickle ({type(problem).__name__} {problem})"
        expected, remedy = f"{what} as a pickle", "fetch the file anew"
        raise AnnotationError(str(path), expected=expected, found=found, remedy=remedy) from problem


class _PlainUnpickler(pickle._Unpickler):
    """The standard library's unpickler in Python: the one in C crashes on deeply nested keys and huge memo numbers."""

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        opcode: step for opcode, step in pickle._Unpickler.dispatch.items() if bytes([opcode]) not in _REFUSED_OPCODES
    }
    stack: list[Any]
    pop_mark: Callable[[], list[Any]]

    def __init__(self, stream: io.BytesIO, *, place: str, what: str) -> None:
        super().__init__(stream, encoding="latin-1")
        self._place, self._what = place, what

    def find_class(self, module: str, name: str) -> object:
        expected, found = f"{self._what}: plain containers, text and numbers", f"a pickle that asks for {module}.{name}"
        remedy = "do not load this file; convert it to JSON lines where you trust it"
        raise AnnotationError(self._place, expected=expected, found=found, remedy=remedy)

    def _set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.stack[-1][_checked_key(key)] = value

    def _set_items(self) -> None:
        items = self.pop_mark()
        self.stack[-1].update(_paired(items))

    def _make_dict(self) -> None:
        items = self.pop_mark()
        self.stack.append(_paired(items))

    dispatch[pickle.SETITEM[0]] = _set_item
    dispatch[pickle.SETITEMS[0]] = _set_items
    dispatch[pickle.DICT[0]] = _make_dict


def _paired(items: list[Any]) -> dict[str | int | float, Any]:
    return {_checked_key(key): value for key, value in zip(items[::2], items[1::2], strict=True)}


def _checked_key(key: object) -> str | int | float:
    if not isinstance(key, str | int | float):
        raise pickle.UnpicklingError(f"a key of type {type(key).__name__}")
    return key
