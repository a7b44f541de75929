"""Which packets of a capture can matter for SIP, looked at one by one.

Only what is certain not to matter is left out: UDP datagrams and TCP connections that hold neither SIP nor TLS and are
neither fragmented nor tunnelled. Whatever is not known here (link types, tunnels, other protocols, damage) stays.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sipauthctl.capture.pcap_framing import Framing
from sipauthctl.capture.pcap_gaps import SYN, Direction

DROP, KEEP = -2, -1
"""What becomes of a packet; a number from 0 is that of the TCP connection whose fate it shares."""

LINKS = {1: 14, 12: 0, 14: 0, 101: 0, 228: 0, 229: 0, 113: 16, 276: 20, 0: 4, 108: 4}
"""The link types whose packets are looked at, by their number in a capture, and the length of the link's header."""

_ETHERNET, _COOKED, _COOKED_2 = 1, 113, 276
_SIP = b"SIP/2.0"  # in the start line of every message that tshark takes for SIP, in exactly these letters
_ENDS = tuple(_SIP[:length] for length in range(1, len(_SIP)))
_BEGINNINGS = tuple(_SIP[length:] for length in range(1, len(_SIP)))
_READ_PORTS = frozenset({88, 5060, 5061})  # of Kerberos, whose errors are read, and SIP
# Of UDP and TCP, where tshark looks for whole packets inside, or for what is compressed.
_TUNNEL_PORTS = frozenset(
    {
        *(434, 500, 699, 853, 1113, 1701, 2067, 2123, 2152, 2157, 2221, 2887, 3386, 3544, 4305, 4341, 4342, 4500),
        *(4556, 4729, 4739, 4754, 4789, 4790, 4791, 5000, 5072, 5246, 5247, 5436, 5555, 5684, 5868, 6081, 6118, 6343),
        *(6635, 6666, 7275, 8211, 8472, 8848, 9214, 9996, 12000, 12001, 12002, 12003, 12004, 12220, 12222, 12223),
        *(17220, 17754, 19999, 30030, 37008, 47808),
    }
)
# How tunnels without a port of their own begin (Teredo, IP, Peek, RFtap), and DTLS, and SigComp.
_TUNNEL_BEGINNINGS = frozenset(
    {0x00, *range(0x14, 0x1A), *range(0x45, 0x50), 0x52, *range(0x60, 0x70), *range(0xF8, 0x100)}
)
_RECORD_KINDS = frozenset(range(0x14, 0x18))  # of TLS
_START = re.compile(
    rb"[\r\n]*(?:SIP/2\.0 [1-6][0-9]{2}|[A-Za-z0-9.!%*_+`'~-]{1,64} [^ \r\n]{1,1024} SIP/2\.0\r?\n)"
).match
_CLIENT_HELLO, _SERVER_HELLO = 1, 2
_WEB_SOCKET = re.compile(rb"websocket", re.IGNORECASE)
_PORTS = struct.Struct(">HH")
_LENGTH = struct.Struct(">H")
_VLAN = frozenset({b"\x81\x00", b"\x88\xa8", b"\x91\x00"})
_IP_OF_TYPE = {b"\x08\x00": 4, b"\x86\xdd": 6}
_EXTENSIONS = frozenset({0, 43, 60})  # of IPv6: hop by hop, routing, destination options
_TCP, _UDP, _FRAGMENT = 6, 17, 44
# An Ethernet frame with a UDP datagram in an IPv4 packet without options and fragments: most of many captures.
_PLAIN_UDP = re.compile(
    rb".{12}\x08\x00\x45.{5}[\x00\x40]\x00.\x11.{18}[^" + re.escape(bytes(sorted(_TUNNEL_BEGINNINGS))) + rb"]",
    re.DOTALL,
).match
_PLAIN_TCP = re.compile(rb".{12}\x08\x00\x45.{5}[\x00\x40]\x00.\x06.{14}", re.DOTALL).match
_PLAIN_TCP_HEADERS = 54
_MOST_PORTS = 1 << 16
_MOST_DIRECTIONS = 1 << 17
_MOST_CONNECTIONS = 1 << 20


@dataclass(slots=True)
class Connection:
    """What was seen of one TCP connection.

    `server_port` is that of a TLS server, None without TLS; `hello`: its handshake was seen. `sip_port` is where SIP
    was seen in plain text, the lower one of the two ports.
    """

    number: int
    keep: bool = False
    server_port: int | None = None
    hello: bool = False
    sip_port: int | None = None
    ends: int = 0  # of the parts into which segments split the word that tells SIP: a bit for each length
    beginnings: int = 0

    @property
    def settled(self) -> bool:
        """Whether nothing more needs to be known of it."""
        return self.hello or self.sip_port is not None


class Sieve:
    """Looks at the packets of one capture.

    Args:
        ports: TCP and UDP ports of which everything stays.
    """

    def __init__(self, ports: Collection[int] = ()) -> None:
        self._ports = _READ_PORTS | _TUNNEL_PORTS | frozenset(ports)
        self._connections: dict[bytes, Connection] = {}
        self._numbered: list[Connection] = []
        self._fragmented: set[bytes] = set()  # pairs of hosts
        self._directions: dict[bytes, Direction] = {}  # of TCP connections, by both ends as they stand in the packets
        self._settled: dict[bytes, Direction] = {}  # those that need no further look
        self._dull_ports: set[bytes] = set()  # pairs of UDP ports that need no other look than the fastest

    def look(self, link: int, data: bytes, start: int, end: int, frame: int) -> int:
        """What becomes of the packet in `data[start:end]`, whose link type is `link`, one of `LINKS`; `frame` is its
        number."""
        if link == _ETHERNET and _PLAIN_TCP(data, start, end):
            known = self._settled.get(data[start + 26 : start + 38])
            if known is not None and end - start >= _PLAIN_TCP_HEADERS:
                length = _LENGTH.unpack_from(data, start + 16)[0]
                known.take(data, start + 34, start + 14 + length if length else end, end, frame)
                return known.number
        elif link == _ETHERNET and _PLAIN_UDP(data, start, end) and data[start + 34 : start + 38] in self._dull_ports:
            return DROP if data.find(_SIP, start + 42, end) < 0 else KEEP
        try:
            return self._ip(data, *self._network(link, data, start), end, frame)
        except (IndexError, struct.error):
            return KEEP  # cut off

    def keeps(self, number: int) -> bool:
        """Whether a connection stays. Known when all packets have been looked at."""
        return self._numbered[number].keep

    def settle(self) -> None:
        """Judges the connections by what was seen of all their packets."""
        for key, connection in self._connections.items():
            hosts = key[: len(key) // 2 - 2] + key[len(key) // 2 : -2]
            connection.keep = (
                connection.keep or bool(connection.ends & connection.beginnings) or hosts in self._fragmented
            )

    def connections(self) -> Iterator[tuple[bytes, Connection]]:
        """The TCP connections; each with its key: both ends in a fixed order, each as address and port."""
        return iter(self._connections.items())

    def lost(self) -> Iterator[tuple[bytes, Connection, int]]:
        """The directions of connections of which segments are missing: both ends as in the packets (two hosts, two
        ports), the connection, and the frame from which on one is missing."""
        for ends, direction in self._settled.items():
            if direction.lost_at is not None and ends[:-4] not in self._fragmented:
                yield ends, self._numbered[direction.number], direction.lost_at

    def overlong(self) -> Iterator[tuple[bytes, Framing]]:
        """The directions of connections in which a message claims more than follows it, or is too large for tshark;
        both ends as in the packets. Known when all packets have been looked at."""
        for ends, direction in self._settled.items():
            if direction.framing is not None and ends[:-4] not in self._fragmented:
                direction.framing.end()
                if direction.framing.overlong_at is not None or direction.framing.too_large:
                    yield ends, direction.framing

    @staticmethod
    def _network(link: int, data: bytes, start: int) -> tuple[int, int]:
        """The version of IP, 0 for anything else, and where it begins."""
        offset = start + LINKS[link]
        if link == _ETHERNET:
            kind = data[start + 12 : start + 14]
            while kind in _VLAN:
                kind = data[offset + 2 : offset + 4]
                offset += 4
            return _IP_OF_TYPE.get(kind, 0), offset
        if link == _COOKED:
            return _IP_OF_TYPE.get(data[start + 14 : start + 16], 0), offset
        if link == _COOKED_2:
            return _IP_OF_TYPE.get(data[start : start + 2], 0), offset
        return data[offset] >> 4, offset

    def _ip(self, data: bytes, version: int, offset: int, end: int, frame: int) -> int:
        if version == 4 and data[offset] >> 4 == 4:
            protocol, after = data[offset + 9], offset + (data[offset] & 15) * 4
            hosts = data[offset + 12 : offset + 16], data[offset + 16 : offset + 20]
            fragment = data[offset + 6] & 0x3F or data[offset + 7]
            length = _LENGTH.unpack_from(data, offset + 2)[0]
        elif version == 6 and data[offset] >> 4 == 6:
            protocol, after = data[offset + 6], offset + 40
            hosts = data[offset + 8 : offset + 24], data[offset + 24 : offset + 40]
            while protocol in _EXTENSIONS:
                protocol, after = data[after], after + 8 + data[after + 1] * 8
            fragment = protocol == _FRAGMENT
            length = _LENGTH.unpack_from(data, offset + 4)[0] and _LENGTH.unpack_from(data, offset + 4)[0] + 40
        else:
            return KEEP
        if fragment:
            self._fragmented |= {hosts[0] + hosts[1], hosts[1] + hosts[0]}
            return KEEP
        if protocol == _UDP:
            return self._udp(data, after, end)
        if protocol == _TCP:
            # What goes beyond the packet fills up a frame. A length of zero is left to the network card.
            sent = offset + length if length else end
            number = self._tcp(data, hosts, after, min(end, sent))
            self._follow(number, data, hosts, after, sent, end, frame)
            return number
        return KEEP

    def _udp(self, data: bytes, offset: int, end: int) -> int:
        if end - offset < 9:
            return KEEP
        source, destination = _PORTS.unpack_from(data, offset)
        if source in self._ports or destination in self._ports or data[offset + 8] in _TUNNEL_BEGINNINGS:
            return KEEP
        if len(self._dull_ports) < _MOST_PORTS:
            self._dull_ports.add(data[offset : offset + 4])
        return DROP if data.find(_SIP, offset + 8, end) < 0 else KEEP

    def _tcp(self, data: bytes, hosts: tuple[bytes, bytes], offset: int, end: int) -> int:
        left, right = hosts[0] + data[offset : offset + 2], hosts[1] + data[offset + 2 : offset + 4]
        key = left + right if left < right else right + left
        connection = self._connections.get(key)
        if connection is None:
            if len(self._connections) >= _MOST_CONNECTIONS:
                return KEEP
            connection = self._connections[key] = Connection(len(self._numbered))
            self._numbered.append(connection)
            ports = _PORTS.unpack_from(data, offset)
            connection.keep = ports[0] in self._ports or ports[1] in self._ports
        start = offset + (data[offset + 12] >> 4) * 4
        if not connection.settled and start < end:
            self._segment(connection, data, offset, start, end)
        return connection.number

    def _follow(
        self, number: int, data: bytes, hosts: tuple[bytes, bytes], offset: int, end: int, captured: int, frame: int
    ) -> None:
        """Watches for what is missing of a connection, from its beginning or from the first SIP or TLS on."""
        if number < 0:
            return
        ends, settled = hosts[0] + hosts[1] + data[offset : offset + 4], self._numbered[number].settled
        direction = self._directions.get(ends)
        if direction is None:
            if len(self._directions) >= _MOST_DIRECTIONS or not (settled or data[offset + 13] & SYN):
                return
            direction = self._directions[ends] = Direction(number)
        if settled:
            self._settled[ends] = direction
            if direction.framing is None and self._numbered[number].sip_port is not None:
                direction.framing = Framing()
        direction.take(data, offset, end, captured, frame)

    def _segment(self, connection: Connection, data: bytes, offset: int, start: int, end: int) -> None:
        """Looks at the payload of a TCP segment."""
        self._look_for_tls(connection, data, offset, start, end)
        if connection.server_port is None and _START(data, start, end):
            connection.keep, connection.sip_port = True, min(_PORTS.unpack_from(data, offset))
        if connection.keep:
            return
        first = data[start : start + 4]
        if data.find(_SIP, start, end) >= 0 or (first in (b"GET ", b"HTTP") and _WEB_SOCKET.search(data, start, end)):
            connection.keep = True
            return
        if data[end - 1] in _SIP or data[start] in _SIP:
            self._look_for_parts(connection, data, start, end)

    @staticmethod
    def _look_for_parts(connection: Connection, data: bytes, start: int, end: int) -> None:
        """Notes which parts of the word end or begin a segment, and so may be those of a word that was split."""
        for length, (ending, beginning) in enumerate(zip(_ENDS, _BEGINNINGS, strict=True)):
            if data.endswith(ending, start, end):
                connection.ends |= 1 << length
            if data.startswith(beginning, start, end):
                connection.beginnings |= 1 << length
        if end - start < len(_SIP) and data[start:end] in _SIP:
            connection.keep = True  # it may be split into more than two

    @staticmethod
    def _look_for_tls(connection: Connection, data: bytes, offset: int, start: int, end: int) -> None:
        source, destination = _PORTS.unpack_from(data, offset)
        place = data.find(b"\x16\x03", start, end)
        while place >= 0:
            said = data[place + 5] if place + 5 < end else 0
            if said in (_CLIENT_HELLO, _SERVER_HELLO):
                connection.server_port = destination if said == _CLIENT_HELLO else source
                connection.keep = connection.hello = True
                return
            place = data.find(b"\x16\x03", place + 1, end)
        if connection.server_port is not None:
            return
        if data[start] in _RECORD_KINDS and (end - start < 3 or (data[start + 1] == 3 and data[start + 2] <= 4)):
            connection.keep = True
            if end - start > 4:
                connection.server_port = min(source, destination)
