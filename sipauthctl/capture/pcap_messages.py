"""From the payloads that tshark exports to SIP messages, each with its exact bytes.

tshark exports a payload as a whole, once for each SIP message that it sees in it, and looks at nothing behind line
ends that stand between messages (the keep-alives of RFC 5626). So messages are cut here, by their Content-Length. What
TLS carries is exported before SIP is looked for in it, and is cut as the stream that it is.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from sipauthctl.capture.pcap_export import Flow, Pdu
from sipauthctl.capture.pcap_framing import AT_START, HEAD_END, LENGTH, LINE_ENDS, START
from sipauthctl.sip.limits import DEFAULT_LIMITS

_SIP = "sip"
_OF_TLS = "sip."  # how the names of the dissectors begin that TLS hands its payload to
_NEXT_START = re.compile(rb"\n(?=" + START + rb")")
_LONGEST_START = 8300  # bytes of a start line of which the end has not come yet
_MOST_STREAMS = 1024
_MOST_HELD = 64 << 20  # bytes of begun messages, over all streams
_MOST_FLOWS = 1 << 16

Found = tuple[Pdu, bytes, bool]
"""A message: where it was found, its bytes, whether TLS carried it."""


class MessageCutter:
    """Takes payloads in their order and gives messages.

    `decrypted` has the flows of which something that TLS carried could be read.

    Args:
        after_loss: whether a segment is missing before a payload, so that a message that seems cut off may go on.
    """

    def __init__(self, after_loss: Callable[[Pdu], bool] = lambda _: False) -> None:
        self._after_loss = after_loss
        self.decrypted: set[Flow] = set()
        self._streams: OrderedDict[Flow, _Begun] = OrderedDict()  # of TLS
        self._held = 0

    @property
    def waiting(self) -> int | None:
        """The first frame with a message in TLS whose body is not there to its end, None where all are whole."""
        return min((begun.frame for begun in self._streams.values() if HEAD_END.search(begun.data)), default=None)

    def messages(self, payloads: Iterable[Pdu]) -> Iterator[Found]:
        """The messages in the order of the frames that complete them."""
        last: Pdu | None = None  # the payload in which messages were seen last
        times = 0  # how often it came: how many messages tshark saw in it
        tls_frame = 0
        for pdu in payloads:
            if pdu.name != _SIP:
                if pdu.name.startswith(_OF_TLS):
                    tls_frame = pdu.frame
                    yield from self._tls(pdu)
                continue
            if pdu.frame == tls_frame:
                continue  # cut already
            if last is not None and last.frame == pdu.frame and pdu.data in last.data:
                times += pdu.data == last.data  # else it is a message in the body of another
                continue
            if last is not None:
                yield from self._of_payload(last, times)
            last, times = pdu, 1
        if last is not None:
            yield from self._of_payload(last, times)

    def _of_payload(self, pdu: Pdu, times: int) -> Iterator[Found]:
        if pdu.flow.protocol == "udp":
            raws, rest = _datagram(pdu.data)
        else:
            raws, rest = cut(pdu.data)
        for raw in raws:
            yield pdu, raw, False
        # Where nothing is missing, the capture holds only the beginning of the packet.
        if rest and times > len(raws) and not self._after_loss(pdu):
            yield pdu, rest, False

    def _tls(self, pdu: Pdu) -> Iterator[Found]:
        if len(self.decrypted) < _MOST_FLOWS:
            self.decrypted.add(pdu.flow)
        begun = self._streams.pop(pdu.flow, None) or _Begun(pdu.frame)
        self._held -= len(begun.data)
        begun.add(pdu.data)
        if not begun.may_be_whole():
            self._hold(pdu.flow, begun)
            return
        raws, rest = cut(bytes(begun.data))
        for raw in raws:
            yield pdu, raw, True
        if rest:
            self._hold(pdu.flow, _Begun(pdu.frame if raws else begun.frame, bytearray(rest)))

    def _hold(self, flow: Flow, begun: _Begun) -> None:
        self._streams[flow] = begun
        self._held += len(begun.data)
        while self._held > _MOST_HELD or len(self._streams) > _MOST_STREAMS:
            self._held -= len(self._streams.popitem(last=False)[1].data)


@dataclass(slots=True)
class _Begun:
    """A message in TLS of which the end has not come. It may come a byte at a time: nothing is looked at twice."""

    frame: int
    data: bytearray = field(default_factory=bytearray)
    _searched: int = 0  # no end of the head begins before this
    _size: int | None = None  # of the message, once its head is there

    def add(self, data: bytes) -> None:
        """Takes what comes. tshark puts what has begun before it, unless it did not take it for SIP."""
        self.data += data[len(self.data) :] if data.startswith(self.data) else data

    def may_be_whole(self) -> bool:
        """Whether it is worth looking for messages in it."""
        if self._size is None and len(self.data) > _LONGEST_START:
            head = HEAD_END.search(self.data, self._searched)
            self._searched = max(0, len(self.data) - 2)
            if head is None:
                return len(self.data) >= DEFAULT_LIMITS.header_block
            length = LENGTH.search(self.data, 0, head.end()) if AT_START.match(self.data) else None
            self._size = head.end() + int(length[1]) if length and int(length[1]) <= DEFAULT_LIMITS.body else 0
        return len(self.data) >= (self._size or 0)


def _datagram(data: bytes) -> tuple[list[bytes], bytes]:
    """A datagram is one message; what goes beyond its Content-Length is no part of it, RFC 3261 18.3."""
    raws, rest = cut(data)
    return (raws[:1], b"") if raws else ([], rest)


def cut(data: bytes) -> tuple[list[bytes], bytes]:
    """The whole messages in a piece of a stream, and the message that has begun at its end.

    What is no message is left out. A message that is larger than the limits allow is given as far as it is there.
    """
    raws: list[bytes] = []
    position, size = 0, len(data)
    searched = 0  # no end of a head begins before this
    while position < size:
        start = _start(data, position)
        if start is None:
            return raws, b""
        most = start + DEFAULT_LIMITS.header_block
        head = HEAD_END.search(data, max(start, searched), most)
        searched = most - 2 if head is None else 0
        if head is None:
            if size - start < DEFAULT_LIMITS.header_block:
                return raws, data[start:]
            end = _next_start(data, start)
        else:
            length = LENGTH.search(data, start, head.end())
            if length is None or int(length[1]) > DEFAULT_LIMITS.body:
                end = _next_start(data, head.end() - 1)
            else:
                end = head.end() + int(length[1])
                if end > size:
                    return raws, data[start:]
        raws.append(data[start:end])
        position = end
    return raws, b""


def _start(data: bytes, position: int) -> int | None:
    """Where the first message at or behind `position` begins, or may begin; None where there is none."""
    blank = LINE_ENDS.match(data, position)
    position = blank.end() if blank is not None else position
    if AT_START.match(data, position):
        return position
    following = _NEXT_START.search(data, position)
    if following is not None:
        return following.end()
    unfinished = len(data) - position <= _LONGEST_START and data.find(b"\n", position) < 0
    return position if unfinished and position < len(data) else None


def _next_start(data: bytes, position: int) -> int:
    following = _NEXT_START.search(data, position)
    return len(data) if following is None else following.end()
