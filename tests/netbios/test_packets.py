"""Packets of the name service: against dnspython and tshark, and at random."""

from __future__ import annotations

import subprocess
from pathlib import Path

import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipauthctl.netbios.errors import MalformedPacket
from sipauthctl.netbios.names import DOMAIN_CONTROLLERS, FILE_SERVER, WILDCARD, NetbiosName
from sipauthctl.netbios.packets import (
    Answer,
    NameAnswer,
    NegativeAnswer,
    Owner,
    Question,
    RegisteredName,
    ResponseCode,
    StatusAnswer,
    name_question,
    read_answer,
    read_question,
    status_question,
    write_answer,
    write_question,
)
from tests.capture.frames import Pcap, udp
from tests.netbios.strategies import answers, questions

CLIENT, NODE = ("192.0.2.7", 40000), ("192.0.2.1", 137)
DOMAIN = NetbiosName("LITWAREINC", DOMAIN_CONTROLLERS)
STATUS = StatusAnswer(
    7,
    WILDCARD,
    (
        RegisteredName(NetbiosName("HS1")),
        RegisteredName(NetbiosName("LITWAREINC"), group=True),
        RegisteredName(NetbiosName("HS1", FILE_SERVER), conflict=True),
    ),
    bytes.fromhex("02005e0000fb"),
)


@given(questions())
def test_a_question_is_read_as_it_was_written(question: Question) -> None:
    assert read_question(write_question(question)) == question


@given(answers())
def test_an_answer_is_read_as_it_was_written(answer: Answer) -> None:
    assert read_answer(write_answer(answer)) == answer


@given(st.one_of(questions().map(write_question), answers().map(write_answer)), st.data())
def test_damaged_packets_are_refused_in_one_way(packet: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(packet)))
    at = data.draw(st.integers(0, len(packet) - 1))
    byte = data.draw(st.integers(0, 255))
    for damaged in (packet[:cut], packet[:at] + bytes([byte]) + packet[at + 1 :]):
        for read in (read_question, read_answer):
            try:
                read(damaged)
            except MalformedPacket:
                continue


@given(st.binary(max_size=600))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for read in (read_question, read_answer):
        try:
            read(data)
        except MalformedPacket:
            continue


def test_a_question_is_a_dns_question_to_dnspython() -> None:
    message = dns.message.from_wire(write_question(name_question(0x1234, DOMAIN)))
    assert message.id == 0x1234
    (question,) = message.question
    assert question.name.to_text() == "EMEJFEFHEBFCEFEJEOEDCACACACACABM."
    assert (question.rdtype, question.rdclass) == (0x20, 1)


def test_a_name_may_be_a_pointer_to_an_earlier_one() -> None:
    packet = write_answer(NameAnswer(1, DOMAIN, (Owner("192.0.2.1"),)))
    name, record = packet[12:46], packet[46:]
    # The question repeated, as some name servers do, would come first; here the name stands behind the record.
    with pytest.raises(MalformedPacket, match="pointer"):
        read_answer(packet[:12] + b"\xc0\x22" + record + name)


def test_a_scope_after_the_name_is_passed_over() -> None:
    packet = write_question(status_question(1, DOMAIN))
    scoped = packet[:45] + b"\x07NETBIOS\x03COM\0" + packet[46:]
    assert read_question(scoped).name == DOMAIN


@pytest.mark.external
def test_tshark_reads_the_answers_alike(tmp_path: Path) -> None:
    pcap = Pcap()
    for answer in (
        STATUS,
        NameAnswer(8, DOMAIN, (Owner("192.0.2.1", group=True), Owner("192.0.2.2"))),
        NegativeAnswer(9, DOMAIN, ResponseCode.NAME_ERROR),
    ):
        pcap.add(udp(write_answer(answer), NODE, CLIENT))
    for question in (status_question(7), name_question(8, DOMAIN)):
        pcap.add(udp(write_question(question), CLIENT, NODE))
    path = tmp_path / "nbns.pcap"
    path.write_bytes(pcap.to_bytes())
    out = subprocess.run(["tshark", "-n", "-V", "-r", path], capture_output=True, text=True, check=True).stdout
    status, owners, negative, ask_status, ask_name = out.split("\nFrame ")
    for text in ("Number of names: 3", "Unit ID: 02:00:5e:00:00:fb"):
        assert text in status, status
    flags = status.split("HS1<20> (Server service)")[1]
    for text in ("Name type: Unique name", "Name is in conflict: Yes", "Name is active: Yes"):
        assert text in flags, flags
    for text in ("LITWAREINC<1c> (Domain Controllers)", "Addr: 192.0.2.1", "Addr: 192.0.2.2"):
        assert text in owners, owners
    assert "Requested name does not exist" in negative, negative
    assert "*<00>" in ask_status and "NBSTAT" in ask_status, ask_status
    assert "LITWAREINC<1c>" in ask_name and "Recursion desired: Do query recursively" in ask_name, ask_name
    assert "Malformed" not in out
