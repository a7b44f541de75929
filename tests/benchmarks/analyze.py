"""`sipauthctl analyze` on generated captures, against what tshark needs to print the SIP headers of the same file.

    python tests/benchmarks/analyze.py [MESSAGES] [OTHER_PACKETS]

Whole processes, in turns, medians; and the peak memory of our own process, without tshark.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP))

from sipauthctl.association.client import Challenged, ClientHandshake, Finished, SendNext
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.mechanisms.ntlm.initiator import NtlmInitiator
from sipauthctl.mechanisms.ntlm.keys import NtlmSecret
from sipauthctl.probe.dialog import Dialog
from sipauthctl.sip.message import Request
from tests.capture.frames import Pcap, TcpFlow, udp
from tests.lab.test_registrar import LOCAL, World

ROUNDS = 3
MESSAGES_OF_A_SESSION = 500


def random_bytes(size: int) -> bytes:
    import secrets

    return secrets.token_bytes(size)


def session(pcap: Pcap, world: World, number: int, messages: int) -> None:
    """One client: the handshake, then signed refreshes."""
    flow = TcpFlow(pcap, client=(f"192.0.2.{number % 250 + 2}", 40000 + number % 20000))
    flow.open()

    def ask(request: Request) -> object:
        flow.send(request.to_bytes())
        response = world.ask(request)
        flow.send(response.to_bytes(), from_client=False)
        return response

    dialog = Dialog("sip:ned@litwareinc.com", "litwareinc.com", random_bytes)
    handshake = ClientHandshake(token_bytes=random_bytes)
    sent = 0
    while True:
        step = handshake.receive(ask(handshake.authorize(dialog.register(LOCAL), world.time)), world.time)  # type: ignore[arg-type]
        sent += 2
        if isinstance(step, Challenged):
            secret = NtlmSecret.from_password("Litware-Ned-1")
            name = LogonName("ned", "LITWAREINC")
            initiator = NtlmInitiator(name, secret, workstation="", now=lambda: world.time, token_bytes=random_bytes)
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


def timed(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def main() -> None:
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    others = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    with tempfile.TemporaryDirectory() as folder:
        capture, secret = Path(folder, "capture.pcap"), Path(folder, "password")
        secret.write_text("Litware-Ned-1", "utf-8")
        generate(capture, messages, others)
        ours = [sys.executable, "-m", "sipauthctl", "analyze", str(capture), "--password-file", str(secret), "--json"]
        fields = ["-Y", "sip", "-T", "fields", "-e", "frame.number", "-e", "sip.msg_hdr"]
        theirs = ["tshark", "-n", "-r", str(capture), *fields]

        def process(command: list[str]) -> None:
            subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=TOP)

        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(ROUNDS):
            times[0].append(timed(lambda: process(ours)))
            times[1].append(timed(lambda: process(theirs)))
        mine, reference = statistics.median(times[0]), statistics.median(times[1])
        print(
            f"{messages} SIP messages, {others} other packets: {mine:6.2f} s   tshark fields {reference:6.2f} s"
            f"   {mine / reference:5.2f}"
        )
        # Not ru_maxrss, which a process takes over from the one that started it.
        code = (
            "import re, sys; from sipauthctl.cli.main import main; main(sys.argv[1:]);"
            "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1], file=sys.stderr)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, *ours[3:]], capture_output=True, encoding="utf-8", cwd=TOP, check=True
        )
        print(f"peak memory of our process: {int(done.stderr.split()[-1]) / 1024:.0f} MB")


if __name__ == "__main__":
    main()
