"""The life of associations and registrations: which handshake this is and why, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sipauthctl.analysis.dialogs import Bounded, Transaction
from sipauthctl.analysis.endings import Ending, HeldEndings, made_again
from sipauthctl.analysis.problem import place_text, status_lines
from sipauthctl.analysis.reading import AssociationName, Endpoint
from sipauthctl.analysis.registrations import ClientRegistration
from sipauthctl.analysis.results import State
from sipauthctl.analysis.tracked import Tracked
from sipauthctl.analysis.words import Sender
from sipauthctl.association.security_association import LIFETIME
from sipauthctl.association.window import ReplayWindow
from sipauthctl.capture.record import Record
from sipauthctl.diagnosis.ending import AssociationEnd, end_of
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.message import Message, Response
from sipauthctl.sip.via import Via

CLIENTS = 2048
SERVERS = 256
SERVERS_OF_CLIENT = 16
_AT_ONCE = timedelta(minutes=5)
"""Within that time the clients of a server that was restarted find out."""


@dataclass(slots=True)
class WithServer:
    """One endpoint's associations with one server, one after the other."""

    handshakes: int = 0
    ended: AssociationEnd | None = None  # the end of the last one that ended
    renewed: bool = True  # whether another began after it
    numbers: ReplayWindow | None = None  # the client's under the last association


@dataclass(slots=True)
class ClientLife:
    """One endpoint in one input."""

    servers: Bounded[AssociationName, WithServer] = field(default_factory=lambda: Bounded(SERVERS_OF_CLIENT))
    registration: ClientRegistration = field(default_factory=ClientRegistration)

    def with_server(self, tracked: Tracked) -> WithServer:
        """What is known of it and the server of this association."""
        server = self.servers.get(tracked.name) or WithServer()
        self.servers.put(tracked.name, server)
        return server


class LifeWatch:
    """Follows clients. Times of different inputs are not compared: their clocks may differ.

    Args:
        lifetime: how long the servers keep an association.
    """

    def __init__(self, lifetime: timedelta = LIFETIME) -> None:
        self._lifetime = lifetime
        self._held = HeldEndings()
        self._over: Bounded[tuple[str, Endpoint, AssociationName, str | None], bool] = Bounded(CLIENTS)
        self._clients: Bounded[tuple[str, Endpoint], ClientLife] = Bounded(CLIENTS)
        self._gone: Bounded[str, dict[Endpoint, tuple[datetime, AssociationEnd]]] = Bounded(SERVERS)

    def began(self, tracked: Tracked, record: Record) -> None:
        """Notes that a handshake begins, and with the association which one it is and why."""
        client = self._client(record, tracked.endpoint)
        server = client.with_server(tracked)
        server.handshakes += 1
        tracked.counted_before = 0 if server.numbers is None else server.numbers.highest
        server.numbers = tracked.sides[Sender.CLIENT].window
        tracked.handshake_number = server.handshakes
        if server.ended is not None and not server.renewed:
            server.renewed = True
            tracked.made_for = made_again(server.ended)
        elif server.handshakes > 1:
            tracked.made_for = "the client signs in anew"
        elif client.registration.standing:
            tracked.made_for = "a server that had not asked before"

    def in_use(self, tracked: Tracked, now: datetime | None) -> bool:
        """Whether both sides still sign with an association, as far as the input shows."""
        age = _seconds(tracked.began, now)
        over = (
            tracked.deregistered or tracked.redirected or (age is not None and age >= self._lifetime.total_seconds())
        )
        return tracked.state is State.ESTABLISHED and not over

    def requested(self, endpoint: Endpoint, record: Record, key: Transaction) -> None:
        """Notes a request of a client."""
        client = self._clients.get((record.input, endpoint))
        if client is not None:
            client.registration.requested(record, key)

    def answered(self, endpoint: Endpoint, record: Record, key: Transaction) -> None:
        """Notes the final answer to a REGISTER of a client."""
        client = self._clients.get((record.input, endpoint))
        if client is not None:
            client.registration.answered(key)

    def challenged(self, tracked: Tracked, record: Record, message: Response, method: str) -> list[Tracked]:
        """A signed request was challenged: the association is gone. Gives those of which no more is to come."""
        if self._is_over(tracked, record):
            tracked.ended_by = "challenged again: the server had dropped it before"
            return [tracked]
        client = self._client(record, tracked.endpoint)
        server = client.with_server(tracked)
        end = end_of(
            age=self._age(tracked, record),
            idle=_seconds(tracked.used, record.time),
            outlived=tracked.outlived,
            before=server.ended,
            lifetime=self._lifetime,
            ticket_ended=_ticket_ended(tracked, record),
            new_connection=_new_connection(tracked, record, message) and not client.registration.lapsed(record.time),
            others=self._others(tracked, record),
        )
        if not end.cause.expected:
            self._note_gone(tracked, record, end)
        server.ended, server.renewed = end, False
        ending = Ending(tracked, end, method, place_text(record), status_lines(message, ()))
        return self._held.add(record.input, ending)

    def replaced(self, tracked: Tracked, newer: Tracked) -> None:
        """Another server's association signs in place of this one."""
        tracked.ended_by = f"replaced by the association with {newer.where}"

    def registered(self, signed: Sequence[Tracked], record: Record, message: Response) -> None:
        """A 2xx to a REGISTER, signed by these associations, the registrar's first."""
        if signed and record.time is not None:
            self._client(record, signed[0].endpoint).registration.registered(signed, record, message)

    def close(self) -> list[Tracked]:
        """At the end of the input: registrations that ended while their client went on. Gives what was held back."""
        for client in self._clients.take_all():
            client.registration.close()
        return self._held.close()

    def _client(self, record: Record, endpoint: Endpoint) -> ClientLife:
        key = (record.input, endpoint)
        client = self._clients.get(key) or ClientLife()
        self._clients.put(key, client)
        return client

    def _age(self, tracked: Tracked, record: Record) -> float | None:
        """In seconds; None where only a part of its life was seen, and that was no longer than it may live."""
        seen = _seconds(tracked.began, record.time)
        whole = tracked.handshake_seen or (seen is not None and seen >= self._lifetime.total_seconds())
        return seen if whole else None

    def _is_over(self, tracked: Tracked, record: Record) -> bool:
        """Whether this was challenged before, and the client still signed with it. Else it is noted."""
        key = (record.input, tracked.endpoint, tracked.name, tracked.opaque)
        known = self._over.get(key) is not None and not tracked.handshake_seen
        if tracked.opaque is not None:
            self._over.put(key, True)
        return known

    def _others(self, tracked: Tracked, record: Record) -> list[AssociationEnd]:
        """The ends of other clients' associations that this server challenged again shortly before, but after it last
        used this one: only those can have lost theirs with it."""
        if record.time is None:
            return []
        gone = self._gone.get(tracked.name.targetname.lower()) or {}
        since = record.time - _AT_ONCE
        if tracked.used is not None:
            since = max(since, tracked.used)
        others = (one for client, one in gone.items() if client != tracked.endpoint)
        return [end for time, end in others if since <= time <= record.time]

    def _note_gone(self, tracked: Tracked, record: Record, end: AssociationEnd) -> None:
        """Notes for the next client that the server dropped an association, and no rule explains it."""
        if record.time is None:
            return
        server, now = tracked.name.targetname.lower(), record.time
        gone = self._gone.get(server) or {}
        gone = {client: one for client, one in gone.items() if timedelta() <= now - one[0] <= _AT_ONCE}
        gone[tracked.endpoint] = now, end
        self._gone.put(server, gone)


def _seconds(since: datetime | None, until: datetime | None) -> float | None:
    return None if since is None or until is None else max(0.0, (until - since).total_seconds())


def _ticket_ended(tracked: Tracked, record: Record) -> bool:
    verifier = tracked.keytab.verifier if tracked.keytab is not None else None
    return verifier is not None and record.time is not None and record.time >= verifier.keys.ends


def _new_connection(tracked: Tracked, record: Record, challenge: Response) -> bool:
    """Whether the client came by another connection than in the handshake; by Via where addresses are not known."""
    ends = (record.source, record.destination, tracked.client, tracked.server)
    if all(end is not None and end.port is not None for end in ends):
        return not tracked.on_connection(record)
    now = sent_by(challenge)
    return "" not in (now, tracked.via) and now != tracked.via


def sent_by(message: Message) -> str:
    """The client's end of its connection as it wrote it into Via: of a request, or of the answer to it."""
    try:
        via = Via.parse((message.headers.values("Via") or ("",))[-1])
    except SipError:
        return ""
    return "" if via.port is None or via.transport.upper() == "UDP" else f"{via.host}:{via.port}"
