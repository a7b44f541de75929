"""Where messages begin and end in a stream of TCP, and whether one claims more than follows it.

tshark waits for the whole of a Content-Length before it gives a message, and takes what follows for its body: where
it is larger than what was sent, all that comes after it in this direction would be gone.
"""

from __future__ import annotations

import re

START = rb"(?:SIP/2\.0 [1-6][0-9]{2}[ \r\n]|[A-Za-z0-9.!%*_+`'~-]{1,64} [^ \r\n]{1,8192} SIP/2\.0\r?\n)"
AT_START = re.compile(START)
HEAD_END = re.compile(rb"\n\r?\n")
LENGTH = re.compile(rb"\n(?:[Cc](?i:ontent-length)|[Ll])[ \t]*:[ \t]*([0-9]{1,9})[ \t]*\r?(?=\n)")
LINE_ENDS = re.compile(rb"[\r\n]*")
_HOLDS_MESSAGES = re.compile(rb"\n(?:content-type|c)[ \t]*:[ \t]*(?:message|multipart)/", re.IGNORECASE)
_MOST_OF_HEAD = 1 << 16
_MOST_TOGETHER = 200_000  # bytes of a message; tshark ends where it would have to export 256 KiB


class Framing:
    """Follows the messages of one direction of a TCP connection, segment by segment in their order.

    `overlong_at` is the frame from which on tshark must not wait for bodies, None where all messages are whole.
    `too_large`: a message is larger than tshark exports.
    """

    __slots__ = ("_begun", "_claims", "_head", "_left", "_nested", "overlong_at", "too_large")

    def __init__(self) -> None:
        self.overlong_at: int | None = None
        self.too_large = False
        self._left = 0  # bytes of the body that have not come
        self._claims = 0  # the Content-Length of the message of which they are
        self._begun: int | None = None  # its frame; None where that also has the end of the message before
        self._nested = False  # whether the body may hold messages
        self._head = bytearray()  # which has no end yet

    def take(self, data: bytes, start: int, end: int, frame: int) -> None:
        """Takes the payload `data[start:end]` of the next segment."""
        left, size = self._left, end - start
        if left:
            # The last letters of a body and the start line behind it may look like a start line, too.
            fits = left < size and AT_START.match(data, start + left, end)
            if not fits and not self._nested and AT_START.match(data, start, end):
                self._tell(frame)
                left = 0
        if left:
            self._left = max(0, left - size)
            self.too_large |= self._claims - self._left > _MOST_TOGETHER
            if size <= left:
                return
            start += left
        if self._head:
            searched = max(0, len(self._head) - 2)
            self._head += data[start:end]
            if len(self._head) > _MOST_OF_HEAD or HEAD_END.search(self._head, searched):
                whole = bytes(self._head)
                self._messages(whole, 0, len(whole), self._begun, None)
        else:
            self._messages(data, start, end, None if left else frame, None if left else frame)

    def lose(self) -> None:
        """A segment is missing, or out of order: nothing is known until the next message begins a segment."""
        self._left, self._head = 0, bytearray()

    def end(self) -> None:
        """No segment comes any more."""
        if self._left and self._begun is not None:
            self._tell(self._begun)

    def _tell(self, frame: int) -> None:
        if self.overlong_at is None:
            self.overlong_at = frame if self._begun is None else self._begun
        self._left = 0

    def _messages(self, data: bytes, position: int, end: int, begun: int | None, later: int | None) -> None:
        """Looks at what begins with a message, its frame `begun`; those of the messages behind it are `later`."""
        self._head = bytearray()
        while position < end:
            blank = LINE_ENDS.match(data, position, end)
            position = position if blank is None else blank.end()
            if not AT_START.match(data, position, end):
                return
            self._begun = begun
            head = HEAD_END.search(data, position, end)
            if head is None:
                if end - position <= _MOST_OF_HEAD:
                    self._head += data[position:end]
                return
            length = LENGTH.search(data, position, head.end())
            if length is None:
                return
            after = head.end() + int(length[1])
            if after > end:
                self._left, self._claims = after - end, int(length[1])
                self._nested = _HOLDS_MESSAGES.search(data, position, head.end()) is not None
            position, begun = after, later
