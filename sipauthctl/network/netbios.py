"""Questions to the NetBIOS name service of one host, RFC 1002 5.1.1: node status, and who has a name."""

from __future__ import annotations

from sipauthctl.netbios.errors import MalformedPacket
from sipauthctl.netbios.names import PORT, NetbiosName
from sipauthctl.netbios.packets import (
    Answer,
    NegativeAnswer,
    Question,
    StatusAnswer,
    name_question,
    read_answer,
    status_question,
    write_question,
)
from sipauthctl.network import datagrams


async def node_status(address: str, transaction: int, seconds: float, port: int = PORT) -> StatusAnswer | None:
    """The names that a host has.

    Args:
        address: an IPv4 address; NetBIOS knows no others.
        transaction: 16 random bits.
        seconds: limit, repetitions included.
        port: 137.

    Returns:
        None where it answers that it does not tell.

    Raises:
        NoAnswer: it does not answer.
    """
    answer = await _ask(address, port, status_question(transaction), seconds)
    return answer if isinstance(answer, StatusAnswer) else None


async def has_name(address: str, name: NetbiosName, transaction: int, seconds: float, port: int = PORT) -> bool:
    """Whether a host answers for a name, its own or, as a WINS server, another's. The arguments are as above.

    Raises:
        NoAnswer: it does not answer. A host that lacks the name need not answer at all.
    """
    answer = await _ask(address, port, name_question(transaction, name), seconds)
    return not isinstance(answer, NegativeAnswer)


async def _ask(address: str, port: int, question: Question, seconds: float) -> Answer:
    data = await datagrams.ask(
        address, port, write_question(question), seconds, lambda packet: _read(packet, question) is not None
    )
    answer = _read(data, question)
    assert answer is not None  # only such a one is accepted  # noqa: S101  # nosec B101
    return answer


def _read(packet: bytes, question: Question) -> Answer | None:
    """The answer to a question; None for anything else, which may be forged or late."""
    try:
        answer = read_answer(packet)
    except MalformedPacket:
        return None
    if answer.transaction != question.transaction:
        return None
    if isinstance(answer, NegativeAnswer) or answer.name == question.name:
        return answer
    return None
