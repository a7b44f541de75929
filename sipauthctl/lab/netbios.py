"""The NetBIOS names of the lab's computers, and nodes that answer for them by UDP, RFC 1002 5.1."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from enum import Enum

from sipauthctl.lab.datagrams import answer_datagrams
from sipauthctl.lab.names import NETBIOS_DOMAIN
from sipauthctl.netbios.errors import MalformedPacket
from sipauthctl.netbios.names import (
    COMPUTER,
    DOMAIN_CONTROLLERS,
    DOMAIN_MASTER_BROWSER,
    FILE_SERVER,
    WILDCARD,
    NetbiosName,
)
from sipauthctl.netbios.packets import (
    Answer,
    NameAnswer,
    NegativeAnswer,
    Owner,
    Question,
    RecordType,
    RegisteredName,
    ResponseCode,
    StatusAnswer,
    read_question,
    write_answer,
)

FOREIGN_DOMAIN, WORKGROUP = "FABRIKAM", "WORKGROUP"
_UNIT_ID = bytes.fromhex("02005e005301")  # an address for documents, RFC 7042 2.1.2


class NetbiosFlaw(Enum):
    """What is wrong with the names."""

    SILENT = "silent"  # as where NetBIOS is disabled
    WRONG_DOMAIN = "wrong-domain"
    CONFLICT = "conflict"  # other computers have the names too


@dataclass(frozen=True, slots=True)
class Node:
    """One computer. `names` are those that it has registered."""

    host: str
    address: str
    names: tuple[RegisteredName, ...]

    def answer(self, question: Question) -> Answer | None:
        """What the node says; None where it keeps silent, as it does about other nodes' names asked by broadcast."""
        mine = [entry for entry in self.names if entry.name.padded == question.name.padded]
        if question.record is RecordType.STATUS:
            if mine or question.name == WILDCARD:
                return StatusAnswer(question.transaction, question.name, self.names, _UNIT_ID)
            return None
        owned = [Owner(self.address, entry.group) for entry in mine if not entry.conflict]
        if owned:
            return NameAnswer(question.transaction, question.name, tuple(owned))
        if question.broadcast:
            return None
        return NegativeAnswer(question.transaction, question.name, ResponseCode.NAME_ERROR)


def member(
    host: str,
    address: str,
    flaw: NetbiosFlaw | None,
    domain: str = NETBIOS_DOMAIN,
    *,
    workgroup: bool,
    controller: bool = False,
) -> Node:
    """A computer of the domain, or of a workgroup.

    Args:
        host: its FQDN.
        address: its IPv4 address.
        flaw: what is wrong with its names.
        domain: the NetBIOS name of the domain.
        workgroup: it is in no domain.
        controller: it is a domain controller.
    """
    computer = host.split(".")[0].upper()
    domain = FOREIGN_DOMAIN if flaw is NetbiosFlaw.WRONG_DOMAIN else WORKGROUP if workgroup else domain
    names = [
        RegisteredName(NetbiosName(computer, COMPUTER)),
        RegisteredName(NetbiosName(computer, FILE_SERVER)),
        RegisteredName(NetbiosName(domain, COMPUTER), group=True),
    ]
    if controller:
        names.append(RegisteredName(NetbiosName(domain, DOMAIN_CONTROLLERS), group=True))
        names.append(RegisteredName(NetbiosName(domain, DOMAIN_MASTER_BROWSER)))
    if flaw is NetbiosFlaw.CONFLICT:
        names = [replace(entry, conflict=not entry.group) for entry in names]
    return Node(host, address, tuple(names))


class NameService:
    """Answers for a node on one port.

    Args:
        node: the computer.
        silent: takes questions and answers none.
    """

    def __init__(self, node: Node, *, silent: bool = False) -> None:
        self.node = node
        self.port = 0
        self._silent = silent
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self, port: int = 0) -> None:
        """Begins to answer. With port 0 the system picks one.

        Raises:
            OSError: the port is taken, or needs root.
        """
        self._transport = await answer_datagrams(self.node.address, port, self._answer)
        self.port = self._transport.get_extra_info("sockname")[1]

    def stop(self) -> None:
        """Stops answering."""
        if self._transport is not None:
            self._transport.close()

    def _answer(self, data: bytes) -> bytes | None:
        try:
            answer = None if self._silent else self.node.answer(read_question(data))
        except MalformedPacket:
            return None
        return None if answer is None else write_answer(answer)
