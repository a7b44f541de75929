"""The parts of the attacker's world beside SIP: DNS, KDC, LDAP, NetBIOS and HTTP, as far as it takes to be asked.

Each hands every byte that reaches it to `Recorder`, decrypted where TLS carried it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dnslib import QTYPE, RCODE, RR, DNSRecord

from tests.hostile.leaks import read_der

Datagram = Callable[[bytes], list[bytes]]
Handler = Callable[["Stream"], Awaitable[None]]


@dataclass
class Record:
    """What came over one connection, or in one datagram, to one of the attacker's places, such as `ldap`."""

    place: str
    data: bytearray = field(default_factory=bytearray)


class Recorder:
    """Every byte that reached the attacker."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def begin(self, place: str) -> Record:
        """A new connection."""
        self.records.append(Record(place))
        return self.records[-1]


class Stream:
    """One connection to the attacker; what is read is recorded."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, record: Record) -> None:
        self.reader = reader
        self.writer = writer
        self._record = record

    async def read(self, size: int = 65_536) -> bytes:
        """What comes, at most `size` bytes; empty at the end."""
        data = await self.reader.read(size)
        self._record.data += data
        return data

    async def read_exactly(self, size: int) -> bytes:
        """Raises IncompleteReadError where less comes."""
        try:
            data = await self.reader.readexactly(size)
        except asyncio.IncompleteReadError as error:
            self._record.data += error.partial
            raise
        self._record.data += data
        return data

    async def send(self, data: bytes) -> None:
        """Sends, and waits until the client takes it.

        Raises:
            ConnectionResetError: the client went. While TLS closes, asyncio only logs a warning for each write.
        """
        if self.writer.transport.is_closing():
            raise ConnectionResetError
        self.writer.write(data)
        await self.writer.drain()

    async def drain(self) -> None:
        """Reads until the client goes."""
        while await self.read():
            pass


class Services:
    """Starts and stops servers on one loopback address."""

    def __init__(self, address: str, recorder: Recorder) -> None:
        self.address = address
        self.mistakes: list[Exception] = []
        """Of the servers themselves: a test in which one happened shows nothing."""
        self._recorder = recorder
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self._datagrams: list[asyncio.DatagramTransport] = []

    async def listen(self, place: str, handler: Handler, port: int = 0, context: ssl.SSLContext | None = None) -> int:
        """A TCP or TLS server; gives its port.

        Raises:
            OSError: the port cannot be had.
        """

        async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            try:
                await handler(Stream(reader, writer, self._recorder.begin(place)))
            except (OSError, EOFError, asyncio.CancelledError):
                pass  # the client went
            except Exception as error:
                self.mistakes.append(error)
            finally:
                self._tasks.discard(task)
                writer.transport.abort()

        server = await asyncio.start_server(accepted, self.address, port, ssl=context)
        self._servers.append(server)
        number: int = server.sockets[0].getsockname()[1]
        return number

    async def listen_datagrams(self, place: str, answer: Datagram, port: int = 0) -> int:
        """A UDP server; gives its port.

        Raises:
            OSError: the port cannot be had.
        """
        loop = asyncio.get_running_loop()
        recorder = self._recorder

        class Protocol(asyncio.DatagramProtocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                self.transport = transport

            def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
                recorder.begin(place).data += data
                for reply in answer(data):
                    self.transport.sendto(reply, address)  # type: ignore[attr-defined]

        transport, _ = await loop.create_datagram_endpoint(Protocol, local_addr=(self.address, port))
        self._datagrams.append(transport)
        number: int = transport.get_extra_info("sockname")[1]
        return number

    async def stop(self) -> None:
        """Ends all of them."""
        for server in self._servers:
            server.close()
        for transport in self._datagrams:
            transport.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class NameServer:
    """Answers from a zone in the master file format; what is not in it does not exist."""

    def __init__(self, zone: str) -> None:
        self._records = RR.fromZone(zone)

    def answer(self, data: bytes) -> list[bytes]:
        """One answer."""
        question = DNSRecord.parse(data)
        name, kind = question.q.qname, QTYPE[question.q.qtype]
        reply = question.reply()
        here = [record for record in self._records if record.rname == name]
        for record in here:
            if QTYPE[record.rtype] in (kind, "CNAME"):
                reply.add_answer(record)
        for alias in [record for record in here if QTYPE[record.rtype] == "CNAME"]:
            for record in self._records:
                if record.rname == alias.rdata.label and QTYPE[record.rtype] == kind:
                    reply.add_answer(record)
        if not here:
            reply.header.rcode = RCODE.NXDOMAIN
        return [reply.pack()]


def der(tag: int, *parts: bytes) -> bytes:
    """One element of DER."""
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def integer(number: int) -> bytes:
    """INTEGER of one or more bytes."""
    return der(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def timestamp_of(request: bytes) -> bytes | None:
    """The value of the PA-ENC-TIMESTAMP (padata-type 2) in an AS-REQ; None without one."""
    _, found, after = request.partition(b"\xa1\x03\x02\x01\x02\xa2")
    return read_der(read_der(found[-1:] + after)[1])[1] if found else None


@dataclass
class Kdc:
    """Asks for pre-authentication with the key type, salt and iterations that the attacker likes best.

    `error` is the code of its answer; 25 is KDC_ERR_PREAUTH_REQUIRED. `realm` is whose realm it says it is, `client`
    where it refers the client to (RFC 6806 7). `iterations` are the fewest that are taken. `judgement` is the code for
    whoever proves the password, None for the same as for everybody; `quote` makes a text of the proof, which stands in
    the answer then.
    """

    realm: str
    etype: int = 18
    salt: str = "attacker"
    iterations: int = 4096
    error: int = 25
    text: str = ""
    client: str = ""
    judgement: int | None = None
    quote: Callable[[bytes], str] | None = None

    def answer(self, data: bytes) -> list[bytes]:
        """KRB-ERROR, RFC 4120 5.9.1, to whatever comes."""
        proof = timestamp_of(data)
        error = self.error if proof is None or self.judgement is None else self.judgement
        text = self.text if proof is None or self.quote is None else self.quote(proof)
        iterations = der(0xA2, der(0x04, self.iterations.to_bytes(4, "big"))) if self.etype != 23 else b""
        entry = der(0x30, der(0xA0, integer(self.etype)), der(0xA1, der(0x1B, self.salt.encode())), iterations)
        info = der(0x30, der(0xA1, integer(19)), der(0xA2, der(0x04, der(0x30, entry))))  # ETYPE-INFO2
        wanted = der(0x30, der(0xA1, integer(2)), der(0xA2, der(0x04)))  # PA-ENC-TIMESTAMP
        realm = der(0x1B, self.realm.encode())
        now = datetime.now(UTC).strftime("%Y%m%d%H%M%SZ").encode()
        service = der(0x30, der(0xA0, integer(2)), der(0xA1, der(0x30, der(0x1B, b"krbtgt"), realm)))
        fields = (
            der(0xA0, integer(5)),
            der(0xA1, integer(30)),
            der(0xA4, der(0x18, now)),
            der(0xA5, integer(0)),
            der(0xA6, integer(error)),
            der(0xA7, der(0x1B, self.client.encode())) if self.client else b"",
            der(0xA8, der(0x30, der(0xA0, integer(1)), der(0xA1, der(0x30, der(0x1B, b"ned")))))
            if self.client
            else b"",
            der(0xA9, realm),
            der(0xAA, service),
            der(0xAB, der(0x1B, text.encode("utf-8", "surrogateescape"))) if text else b"",
            der(0xAC, der(0x04, der(0x30, wanted, info))),
        )
        return [der(0x7E, der(0x30, *fields))]

    async def serve(self, stream: Stream) -> None:
        """The same by TCP."""
        while True:
            (length,) = struct.unpack("!I", await stream.read_exactly(4))
            (answer,) = self.answer(await stream.read_exactly(length))
            await stream.send(struct.pack("!I", len(answer)) + answer)


@dataclass
class Directory:
    """Takes any bind, or goes on with `challenge` where it is one by SASL, and offers StartTLS.

    With `quote` it refuses a response of NTLM, and that makes its words of it.
    """

    context: ssl.SSLContext
    challenge: bytes = b""
    quote: Callable[[bytes], str] | None = None

    async def serve(self, stream: Stream) -> None:
        """Answers requests, RFC 4511, until the client goes."""
        while True:
            message = await self._message(stream)
            _, body, _ = read_der(message)
            _, number, after = read_der(body)
            tag, _, _ = read_der(body, after)
            more = tag == 0x60 and b"NTLMSSP\0\x01" in body and self.challenge
            _, _, response = body.partition(b"NTLMSSP\0\x03")
            words = f"data 52e, {self.quote(response)}" if response and self.quote is not None else ""
            code = 49 if words else 14 if more else 0  # invalidCredentials, saslBindInProgress, success
            done = (der(0x0A, bytes([code])), der(0x04), der(0x04, words.encode()))
            done += (der(0x87, self.challenge),) if more else ()
            answers = {0x60: 0x61, 0x77: 0x78, 0x63: 0x65}  # bind, extended (StartTLS), search
            if tag == 0x42:  # unbind
                return
            await stream.send(der(0x30, der(0x02, number), der(answers.get(tag, 0x65), *done)))
            if tag == 0x77:
                await stream.writer.start_tls(self.context)

    async def _message(self, stream: Stream) -> bytes:
        head = await stream.read_exactly(2)
        length = head[1]
        if length & 0x80:
            more = await stream.read_exactly(length & 0x7F)
            head, length = head + more, int.from_bytes(more, "big")
        return head + await stream.read_exactly(length)


def node_status(data: bytes, names: list[tuple[bytes, int, int]]) -> list[bytes]:
    """A node status of NetBIOS, RFC 1002 4.2.18; `names` are name, suffix and flags."""
    entries = b"".join(
        name.ljust(15)[:15] + bytes([suffix]) + flags.to_bytes(2, "big") for name, suffix, flags in names
    )
    rdata = bytes([len(names)]) + entries + bytes(46)
    name = data[12:46]
    head = data[:2] + b"\x84\x00" + bytes([0, 0, 0, 1, 0, 0, 0, 0])
    return [head + name + b"\x00\x21\x00\x01" + bytes(4) + len(rdata).to_bytes(2, "big") + rdata]


async def web(stream: Stream) -> None:
    """Asks for credentials by every scheme of HTTP, and takes what comes."""
    while True:
        data = b""
        while b"\r\n\r\n" not in data:
            more = await stream.read()
            if not more:
                return
            data += more
        schemes = b"".join(b"WWW-Authenticate: %s\r\n" % one for one in (b"Negotiate", b"NTLM", b'Basic realm="x"'))
        with contextlib.suppress(OSError):
            await stream.send(b"HTTP/1.1 401 Unauthorized\r\n" + schemes + b"Content-Length: 0\r\n\r\n")
