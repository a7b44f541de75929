"""Opens an input and gives its bytes or its lines, unpacked, in bounded memory."""

from __future__ import annotations

import codecs
import contextlib
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from sipauthctl.capture.record import ReadError

STDIN = "-"
PEEK = 1 << 20  # bytes that tell what an input is
MAX_LINE = 4_300_000  # bytes; more than the largest message body that is read
_CHUNK = 1 << 16
_MOST_RATIO = 100  # bytes unpacked for each that is packed; logs have some twenty
_ALWAYS_UNPACKED = 1 << 20
_GZIP = b"\x1f\x8b"
_BOMB = (
    f"The gzip data unpacks to more than {_MOST_RATIO} times its size: what comes after is not "
    "read. If it is genuine, unpack it first (gunzip)."
)
_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


class Line(NamedTuple):
    """A line of a text input.

    `data` has no line end; `end` is what ended it: CRLF, LF, or empty at the end of the input. What goes beyond
    MAX_LINE is dropped, and `cut` is true.
    """

    number: int  # from 1
    data: bytes
    end: bytes = b"\r\n"
    cut: bool = False


class Source:
    """An open input, read once from its beginning; gzip (also of several members) is unpacked while reading.

    Damage does not raise: the bytes before it are given, and `problem` says afterwards what was wrong.
    """

    def __init__(self, file: BinaryIO, *, owned: bool = True) -> None:
        self._file = file
        self._owned = owned
        self._held = b""  # read for a look, not given yet
        self._read_size = self._unpacked_size = 0
        self._pieces = self._unpacked()
        self.problem: tuple[str, str] | None = None  # the kind of a notice, and its text

    def close(self) -> None:
        """Closes the file, unless it is somebody else's."""
        if self._owned:
            self._file.close()

    def peek(self, size: int = PEEK) -> bytes:
        """The first bytes, which stay to be read; fewer than `size` only where the input has no more."""
        held = [self._held]
        have = len(self._held)
        while have < size and (piece := next(self._pieces, b"")):
            held.append(piece)
            have += len(piece)
        self._held = b"".join(held)
        return self._held[:size]

    def chunks(self) -> Iterator[bytes]:
        """The unpacked bytes, in pieces of limited size."""
        held, self._held = self._held, b""
        for start in range(0, len(held), _CHUNK):
            yield held[start : start + _CHUNK]
        yield from self._pieces

    def lines(self) -> Iterator[Line]:
        """The lines, with numbers from 1.

        A byte order mark is left out. UTF-16 becomes UTF-8. All else keeps its exact bytes, valid UTF-8 or not:
        those who write logs copy what was on the wire, and signatures cover exact bytes.
        """
        return _split(_as_utf8(self.chunks(), self.peek(4)))

    def _unpacked(self) -> Iterator[bytes]:
        first = self._read()
        return self._gunzipped(first) if first.startswith(_GZIP) else self._plain(first)

    def _plain(self, data: bytes) -> Iterator[bytes]:
        while data:
            yield data
            data = self._read()

    def _gunzipped(self, data: bytes) -> Iterator[bytes]:
        inflater = zlib.decompressobj(wbits=31)
        while data:
            if self._unpacked_size > _ALWAYS_UNPACKED + _MOST_RATIO * self._read_size:
                self.problem = ("corrupt", _BOMB)
                return
            before = inflater.copy()
            try:
                piece = inflater.decompress(data, _CHUNK)
            except zlib.error as error:
                yield _up_to_the_damage(before, data)
                self.problem = ("corrupt", f"The gzip data is damaged ({error}); what comes after is not read.")
                return
            if piece:
                self._unpacked_size += len(piece)
                yield piece
            if inflater.eof:
                data = inflater.unused_data.lstrip(b"\x00") or self._read().lstrip(b"\x00")
                if data:  # another member
                    inflater = zlib.decompressobj(wbits=31)
                continue
            data = inflater.unconsumed_tail or self._read()
        if not inflater.eof and self.problem is None:
            self.problem = ("truncated", "The gzip data is cut off; what comes after is not read.")

    def _read(self) -> bytes:
        try:
            data = self._file.read(_CHUNK)
            self._read_size += len(data)
            return data
        except OSError as error:
            self.problem = ("corrupt", f"Reading stopped: {error.strerror or error}.")
            return b""


class Input:
    """An input by its name, `-` for standard input; a regular file can be opened again and again, all else once."""

    def __init__(self, path: str, stdin: BinaryIO) -> None:
        """
        Raises:
            ReadError: there is no such file, or it cannot be read.
        """
        self.path = path
        self._once: Source | None = None
        if path == STDIN:
            self._once = Source(stdin, owned=False)
            return
        try:
            mode = Path(path).stat().st_mode
            if stat.S_ISDIR(mode):
                raise ReadError(f"{path} is a directory: name the files in it.")
            if not stat.S_ISREG(mode):
                self._once = Source(Path(path).open("rb"))  # noqa: SIM115 (Source.close closes it)
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from None

    @property
    def once(self) -> bool:
        """Whether it can be read only once (standard input, a pipe)."""
        return self._once is not None

    def open(self) -> Source:
        """The input from its beginning; for an input that is read once the same source each time.

        Raises:
            ReadError: it cannot be opened.
        """
        if self._once is not None:
            return self._once
        try:
            return Source(Path(self.path).open("rb"))
        except (OSError, ValueError) as error:
            raise _unreadable(self.path, error) from None


def _unreadable(path: str, error: OSError | ValueError) -> ReadError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return ReadError(f"{path} cannot be read: {reason}.")


def _up_to_the_damage(inflater: zlib._Decompress, data: bytes) -> bytes:
    pieces = []
    with contextlib.suppress(zlib.error):
        for byte in data:
            pieces.append(inflater.decompress(bytes((byte,))))
    return b"".join(pieces)


def _as_utf8(chunks: Iterator[bytes], beginning: bytes) -> Iterator[bytes]:
    encoding = _UTF16_BOMS.get(beginning[:2])
    if encoding is None:
        skip = len(_UTF8_BOM) if beginning.startswith(_UTF8_BOM) else 0
        for chunk in chunks:
            yield chunk[skip:] if skip else chunk
            skip = max(0, skip - len(chunk))
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    first = True
    for chunk in chunks:
        text = decoder.decode(chunk)
        if first and text:
            text, first = text[1:], False
        yield text.encode("utf-8")
    yield decoder.decode(b"", final=True).encode("utf-8")


def _split(chunks: Iterator[bytes]) -> Iterator[Line]:
    number = 0
    begun = bytearray()  # a line whose end has not come yet
    cut = False
    for chunk in chunks:
        *whole, rest = chunk.split(b"\n")
        for data in whole:
            number += 1
            if begun or cut:
                begun += data
                yield _line(number, begun, b"\n", cut)
                begun, cut = bytearray(), False
            else:
                yield _line(number, data, b"\n", False)
        begun += rest
        if len(begun) > MAX_LINE:
            del begun[MAX_LINE:]
            cut = True
    if begun:
        yield _line(number + 1, begun, b"", cut)


def _line(number: int, data: bytes | bytearray, end: bytes, cut: bool) -> Line:
    if cut or len(data) > MAX_LINE:
        return Line(number, bytes(data[:MAX_LINE]), end, True)
    if end and data.endswith(b"\r"):
        return Line(number, bytes(data[:-1]), b"\r\n", False)
    return Line(number, bytes(data), end, False)


def decoded_beginning(data: bytes) -> bytes:
    """The beginning of an input in the encoding that `Source.lines` gives."""
    return b"".join(_as_utf8(iter([data]), data[:4]))
