"""Something on a KDC's port that is none: it refuses every request because of its time.

krb5kdc takes the system's clock, which a lab cannot move; to a client this looks the same.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

from spnego._asn1 import TagClass, pack_asn1, pack_asn1_general_string, pack_asn1_integer, pack_asn1_sequence

from sipauthctl.lab.datagrams import answer_datagrams
from sipauthctl.lab.frames import FrameFormat, answer_frames
from sipauthctl.lab.listener import FEW_CONNECTIONS, Listener, Room

OFFSET = timedelta(minutes=20)
_FRAMES = FrameFormat(4, 1 << 16)  # RFC 4120 7.2.2
_KRB_ERROR = 30
_AP_ERR_SKEW = 37
_NT_SRV_INST = 2
_GENERALIZED_TIME = 24


def skew_error(realm: str, time: datetime) -> bytes:
    """A KRB-ERROR with KRB_AP_ERR_SKEW, RFC 4120 5.9.1; `time` in UTC is that of the KDC."""
    name = pack_asn1_sequence(
        [
            _field(0, pack_asn1_integer(_NT_SRV_INST)),
            _field(1, pack_asn1_sequence([pack_asn1_general_string(text.encode()) for text in ("krbtgt", realm)])),
        ]
    )
    stamp = time.strftime("%Y%m%d%H%M%SZ").encode()
    body = [
        _field(0, pack_asn1_integer(5)),
        _field(1, pack_asn1_integer(_KRB_ERROR)),
        _field(4, pack_asn1(TagClass.universal, False, _GENERALIZED_TIME, stamp)),
        _field(5, pack_asn1_integer(time.microsecond)),
        _field(6, pack_asn1_integer(_AP_ERR_SKEW)),
        _field(9, pack_asn1_general_string(realm.encode())),
        _field(10, name),
    ]
    return pack_asn1(TagClass.application, True, _KRB_ERROR, pack_asn1_sequence(body))


def _field(number: int, value: bytes) -> bytes:
    return pack_asn1(TagClass.context_specific, True, number, value)


class SkewedKdc:
    """Answers whatever comes, by UDP and TCP, as a KDC whose clock is 20 minutes ahead."""

    def __init__(self, realm: str) -> None:
        self._realm = realm
        self._tcp = Listener(Room(FEW_CONNECTIONS))
        self._udp: asyncio.DatagramTransport | None = None

    async def start(self, address: str, port: int) -> None:
        """Begins to answer.

        Raises:
            OSError: the port is taken.
        """
        self._tcp.listen(address, port, partial(answer_frames, _FRAMES, lambda _: self.answer()))
        self._udp = await answer_datagrams(address, port, lambda _: self.answer())

    async def stop(self) -> None:
        """Stops answering."""
        if self._udp is not None:
            self._udp.close()
        await self._tcp.stop()

    def answer(self) -> bytes:
        """The refusal, at this moment."""
        return skew_error(self._realm, datetime.now(UTC) + OFFSET)
