"""`sipauthctl analyze` on generated captures, against what tshark needs to print the SIP headers of the same file.

    python tests/benchmarks/analyze.py

Whole processes that verify every signature, in turns, medians; the peak memory of our own process, without tshark; and
the checks of signatures alone, on one core.
"""

from __future__ import annotations

import hmac
import json
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP))

from sipauthctl.association.client import Challenged, ClientHandshake, Finished, SendNext
from sipauthctl.association.security_association import SecurityAssociation
from sipauthctl.association.verdict import Verdict
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.mechanisms.ntlm.context import Role
from sipauthctl.mechanisms.ntlm.initiator import NtlmInitiator
from sipauthctl.mechanisms.ntlm.keys import NtlmSecret
from sipauthctl.probe.dialog import Dialog
from sipauthctl.sip.message import Request
from tests.association.messages import NOW, association, request
from tests.benchmarks.run import interleaved
from tests.capture.frames import Pcap, TcpFlow, udp
from tests.cleared import NTLM
from tests.lab.test_registrar import LOCAL, World

ROUNDS = 5
CAPTURES = ((10_000, 0), (100_000, 0), (2_000, 1_000_000))
"""How many SIP messages, and how many other packets."""

CHECKS = 20_000
REFERENCE = ("-Y", "sip", "-T", "fields", "-e", "frame.number", "-e", "sip.msg_hdr")
MESSAGES_OF_A_SESSION = 500


def session(pcap: Pcap, world: World, number: int, messages: int) -> None:
    """One client: the handshake, then signed refreshes."""
    flow = TcpFlow(pcap, client=(f"192.0.2.{number % 250 + 2}", 40000 + number % 20000))
    flow.open()

    def ask(request: Request) -> object:
        flow.send(request.to_bytes())
        response = world.ask(request)
        flow.send(response.to_bytes(), from_client=False)
        return response

    dialog = Dialog("sip:ned@litwareinc.com", "litwareinc.com", secrets.token_bytes)
    handshake = ClientHandshake(token_bytes=secrets.token_bytes)
    sent = 0
    while True:
        step = handshake.receive(ask(handshake.authorize(dialog.register(LOCAL), world.time)), world.time)  # type: ignore[arg-type]
        sent += 2
        if isinstance(step, Challenged):
            secret = NtlmSecret.from_password("Litware-Ned-1")
            name = LogonName("ned", "LITWAREINC")
            initiator = NtlmInitiator(
                name, secret, cleared=NTLM, workstation="", now=lambda: world.time, token_bytes=secrets.token_bytes
            )
            handshake.begin(step.offers[0], initiator)
        elif isinstance(step, Finished):
            break
        else:
            assert isinstance(step, SendNext)
    while sent < messages:
        ask(step.association.sign_request(dialog.register(LOCAL)))
        sent += 2


def generate(path: Path, messages: int, others: int) -> None:
    pcap, world = Pcap(), World()
    for number in range(max(1, messages // MESSAGES_OF_A_SESSION)):
        session(pcap, world, number, min(messages, MESSAGES_OF_A_SESSION))
    filler = udp(b"x" * 200, ("192.0.2.9", 30000), ("192.0.2.10", 30001))
    pcap.frames += [filler] * others
    path.write_bytes(pcap.to_bytes())


@dataclass(frozen=True)
class Case:
    """One capture, and the commands that are compared on it."""

    messages: int
    others: int
    ours: list[str]
    theirs: list[str]


def case(folder: Path, messages: int, others: int) -> Case:
    capture, secret = folder / f"{messages}-{others}.pcap", folder / "password"
    secret.write_text("Litware-Ned-1", "utf-8")
    generate(capture, messages, others)
    ours = [sys.executable, "-m", "sipauthctl", "analyze", str(capture), "--password-file", str(secret), "--json"]
    return Case(messages, others, ours, ["tshark", "-n", "-r", str(capture), *REFERENCE])


def process(command: list[str]) -> Callable[[], object]:
    return lambda: subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=TOP)


def valid_signatures(case: Case) -> int:
    """How many signatures of the capture hold, so that nothing is measured that does not work."""
    done = subprocess.run(case.ours, capture_output=True, encoding="utf-8", cwd=TOP, check=False)
    signatures = [one for association in json.loads(done.stdout)["associations"] for one in association["signatures"]]
    assert {one["verdict"] for one in signatures} == {"valid"}
    return len(signatures)


def peak_memory(case: Case) -> float:
    """In MB. Not ru_maxrss, which a process takes over from the one that started it."""
    code = (
        "import re, sys; from sipauthctl.cli.main import main; main(sys.argv[1:]);"
        "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1], file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, *case.ours[3:]]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=TOP, check=True)
    return int(done.stderr.split()[-1]) / 1024


def speed(cases: list[Case]) -> None:
    print("speed                                        ours   tshark -T fields   ratio")
    for case in cases:
        valid = valid_signatures(case)
        ours, theirs = interleaved(process(case.ours), process(case.theirs), ROUNDS)
        packets = f"{case.messages} SIP, {case.others} others"
        print(f"  {packets:<22} {valid:>7} verified  {ours:7.2f} s {theirs:14.2f} s {ours / theirs:9.2f}")


def memory(cases: list[Case]) -> None:
    first = peak_memory(cases[0])
    print("peak memory of our process                            to the first")
    for case in cases:
        peak = peak_memory(case)
        print(f"  {f'{case.messages} SIP, {case.others} others':<22} {peak:20.0f} MB {peak / first:19.2f}")


def signature_checks() -> None:
    """What the analyzer does with one signature: the buffer out of a parsed message, and the check by its key."""
    print("signatures                        checks a second   bare HMAC-MD5   ratio")
    for kind in ("ess", "no-ess"):
        signer, verifier = association(kind, Role.INITIATOR), association(kind, Role.ACCEPTOR)
        message = signer.sign_request(request())
        text = verifier.verify_request(message, NOW).buffer
        assert text is not None
        data, key = text.text, bytes(16)

        def check(verifier: SecurityAssociation = verifier, message: Request = message) -> None:
            for _ in range(CHECKS):
                assert verifier.verify_request(message, NOW).verdict is Verdict.VALID

        def bare(data: bytes = data) -> None:
            for _ in range(CHECKS):
                hmac.digest(key, data, "md5")

        ours, theirs = interleaved(check, bare, ROUNDS)
        print(f"  {kind:<22} {CHECKS / ours:23.0f} {CHECKS / theirs:15.0f} {ours / theirs:7.1f}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        cases = [case(Path(folder), *sizes) for sizes in CAPTURES]
        speed(cases)
        memory(cases)
    signature_checks()


if __name__ == "__main__":
    main()
