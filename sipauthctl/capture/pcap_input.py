"""What tshark is given: the capture itself, or a smaller one from the first pass; and what the first pass learned."""

from __future__ import annotations

import ipaddress
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from sipauthctl.capture.pcap_export import Flow
from sipauthctl.capture.pcap_survey import Survey, UnknownKind
from sipauthctl.capture.record import Address
from sipauthctl.capture.source import Source

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class TlsConnection:
    """A TCP connection with TLS, by its ends in a fixed order. `begins`: its handshake is in the capture."""

    ends: bytes
    server_port: int
    begins: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """One direction of a TCP connection that lacks a segment from `frame` on; `tls`: it carries TLS."""

    frame: int
    tls: bool


@dataclass(frozen=True, slots=True)
class CaptureInput:
    """A capture for tshark.

    `surveyed`: whether there was a first pass; without it nothing is known of connections. `packets` counts those of
    the whole capture. `lost` has the directions of connections of which segments are missing. `damage` is the kind
    and text of a notice on its compression.
    """

    path: Path
    surveyed: bool = False
    lost: Mapping[bytes, Lost] = field(default_factory=dict)
    overlong: Mapping[bytes, int] = field(default_factory=dict)
    too_large: bool = False
    packets: int = 0
    secrets: bool = False
    tls: tuple[TlsConnection, ...] = ()
    sip_ports: frozenset[int] = frozenset()
    numbers: array[int] | None = field(default=None, repr=False)
    damage: tuple[str, str] | None = None

    def frame(self, number: int) -> int:
        """The number that a packet has in the whole capture."""
        if not self.numbers:
            return number
        beyond = number - len(self.numbers)
        return self.numbers[-1] + beyond if beyond > 0 else self.numbers[number - 1]

    def after_loss(self, flow: Flow, frame: int) -> bool:
        """Whether a segment is missing of a flow before a frame that tshark named. TLS is not counted: what comes then
        cannot be decrypted."""
        if not self.lost or (ends := _direction(flow)) is None:
            return False
        lost = self.lost.get(ends)
        return lost is not None and not lost.tls and self.frame(frame) >= lost.frame

    def after_overlong(self, flow: Flow, frame: int) -> bool:
        """Whether a frame that tshark named has the first message of a flow that claims to be longer than it is, or
        what comes after it."""
        if not self.overlong or (ends := _direction(flow)) is None:
            return False
        begun = self.overlong.get(ends)
        return begun is not None and self.frame(frame) >= begun

    def unread(self, flows: Iterable[Flow]) -> list[TlsConnection]:
        """The connections with TLS of which nothing was read, where `flows` are those that were."""
        read = {ends for flow in flows if (ends := _ends(flow)) is not None}
        return [one for one in self.tls if one.ends not in read]


@contextmanager
def capture_input(path: Path, ports: Collection[int]) -> Iterator[CaptureInput]:
    """Makes the first pass over a capture, also packed with gzip; everything of these TCP and UDP ports stays.

    Temporary files, at most as large as the unpacked capture, are gone afterwards.
    """
    with TemporaryDirectory(prefix="sipauthctl-") as folder:
        damage = None
        with path.open("rb") as file:
            packed = file.read(2) == _GZIP
        if packed:
            path, damage = _unpack(path, Path(folder, "unpacked"))
        try:
            with Survey(path, ports) as survey:
                yield _surveyed(survey, path, Path(folder, "part"), damage)
        except UnknownKind:
            yield CaptureInput(path, damage=damage)


def _unpack(packed: Path, path: Path) -> tuple[Path, tuple[str, str] | None]:
    source = Source(packed.open("rb"))
    try:
        with path.open("wb") as file:
            for piece in source.chunks():
                file.write(piece)
    finally:
        source.close()
    return path, source.problem


def _surveyed(survey: Survey, path: Path, part: Path, damage: tuple[str, str] | None) -> CaptureInput:
    connections = list(survey.sieve.connections())
    tls = [TlsConnection(key, one.server_port, one.hello) for key, one in connections if one.server_port is not None]
    sip_ports = Counter(one.sip_port for _, one in connections if one.sip_port is not None)
    lost = {
        _ends_of_packet(ends): Lost(frame, connection.server_port is not None)
        for ends, connection, frame in survey.sieve.lost()
    }
    framings = {_ends_of_packet(ends): framing for ends, framing in survey.sieve.overlong()}
    numbers = survey.write(part) if survey.worth_it() else None
    return CaptureInput(
        path=path if numbers is None else part,
        surveyed=True,
        lost=lost,
        overlong={ends: one.overlong_at for ends, one in framings.items() if one.overlong_at is not None},
        too_large=any(framing.too_large for framing in framings.values()),
        packets=survey.packets,
        secrets=survey.secrets,
        tls=tuple(tls),
        sip_ports=frozenset(sip_ports),
        numbers=numbers,
        damage=damage,
    )


def _direction(flow: Flow) -> bytes | None:
    """A flow as `lost` and `overlong` have it."""
    if flow.source is None or flow.destination is None:
        return None
    return _end(flow.source) + _end(flow.destination)


def _ends(flow: Flow) -> bytes | None:
    """A flow as `TlsConnection` has it."""
    if flow.source is None or flow.destination is None:
        return None
    return b"".join(sorted(_end(one) for one in (flow.source, flow.destination)))


def _ends_of_packet(ends: bytes) -> bytes:
    """Two hosts and two ports, as one end after the other."""
    host = len(ends) // 2 - 2
    return ends[:host] + ends[-4:-2] + ends[host : 2 * host] + ends[-2:]


def _end(address: Address) -> bytes:
    return ipaddress.ip_address(address.host).packed + (address.port or 0).to_bytes(2)
