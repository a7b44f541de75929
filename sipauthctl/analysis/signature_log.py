"""The checked signatures of one association, packed: a long capture can have a million of them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from sipauthctl.analysis.words import Method, Sender
from sipauthctl.association.verdict import Verdict

_ROW = struct.Struct("<HBBBHqQ")  # input, sender, verdict, method, detail, num, place
_SENDERS = tuple(Sender)
_VERDICTS = tuple(Verdict)
_METHODS: tuple[Method | None, ...] = (None, *Method)
_SENDER_CODES = {sender: code for code, sender in enumerate(_SENDERS)}
_VERDICT_CODES = {verdict: code for code, verdict in enumerate(_VERDICTS)}
_METHOD_CODES = {method: code for code, method in enumerate(_METHODS)}
_NO_NUM = -1
_FULL = 0xFFFF
_MORE = "more of the same association; the details of the first 65534 are kept"


class CheckedSignature(NamedTuple):
    """One signature: where it stands (`frame` is a frame or line number), whose it is, its number, the verdict."""

    input: str
    frame: int
    sender: Sender
    num: int | None
    verdict: Verdict
    method: Method | None
    detail: str


class SignatureLog:
    """Signatures in the order in which they came, 23 bytes each."""

    __slots__ = ("_details", "_inputs", "_rows")

    def __init__(self) -> None:
        self._rows = bytearray()
        self._inputs: dict[str, int] = {}
        self._details: dict[str, int] = {"": 0}

    def add(self, signature: CheckedSignature) -> int:
        """Adds one and gives its index, for `change`."""
        index = len(self)
        self._rows += self._pack(signature)
        return index

    def change(self, index: int, verdict: Verdict, method: Method | None, detail: str) -> None:
        """Changes the verdict on an earlier one, where a later message showed it."""
        offset = index * _ROW.size
        code, sender, _, _, _, num, place = _ROW.unpack_from(self._rows, offset)
        row = (code, sender, _VERDICT_CODES[verdict], _METHOD_CODES[method], _code(self._details, detail), num, place)
        _ROW.pack_into(self._rows, offset, *row)

    def change_all(self, sender: Sender, old: Verdict, new: Verdict, detail: str) -> int:
        """Changes one verdict on all signatures of one side to another. Gives how many they were."""
        wanted = _SENDER_CODES[sender], _VERDICT_CODES[old]
        rows = [index for index, row in enumerate(_ROW.iter_unpack(bytes(self._rows))) if row[1:3] == wanted]
        for index in rows:
            method = _METHODS[_ROW.unpack_from(self._rows, index * _ROW.size)[3]]
            self.change(index, new, method, detail)
        return len(rows)

    def __len__(self) -> int:
        return len(self._rows) // _ROW.size

    def __iter__(self) -> Iterator[CheckedSignature]:
        inputs, details = list(self._inputs), [*self._details, _MORE]
        for code, sender, verdict, method, detail, num, place in _ROW.iter_unpack(bytes(self._rows)):
            yield CheckedSignature(
                input=inputs[code],
                frame=place,
                sender=_SENDERS[sender],
                num=None if num == _NO_NUM else num,
                verdict=_VERDICTS[verdict],
                method=_METHODS[method],
                detail=details[min(detail, len(details) - 1)],
            )

    def _pack(self, signature: CheckedSignature) -> bytes:
        return _ROW.pack(
            self._inputs.setdefault(signature.input, min(len(self._inputs), _FULL)),
            _SENDER_CODES[signature.sender],
            _VERDICT_CODES[signature.verdict],
            _METHOD_CODES[signature.method],
            _code(self._details, signature.detail),
            _NO_NUM if signature.num is None else signature.num,
            signature.frame,
        )


def _code(details: dict[str, int], detail: str) -> int:
    known = details.get(detail)
    if known is None:
        if len(details) >= _FULL:
            return _FULL
        known = details[detail] = len(details)
    return known
