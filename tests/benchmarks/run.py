"""How fast it is: `python tests/benchmarks/run.py`. Prints ratios to references in the same run; judges nothing."""

from __future__ import annotations

import asyncio
import hmac
import random
import secrets
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from sipauthctl.lab.deployment import Deployment
from sipauthctl.lab.settings import LabSettings
from sipauthctl.mechanisms.ntlm.context import Role
from sipauthctl.network.resolver import Resolver
from sipauthctl.probe.events import Event, RequestSent, ResponseReceived
from sipauthctl.probe.results import Outcome
from sipauthctl.probe.run import Probe
from sipauthctl.probe.summary import summarize
from sipauthctl.probe.tools import Tools
from tests.association.messages import NOW, association, request
from tests.probe.harness import Setup, initiators, now

ROUNDS = 15


def interleaved(
    candidate: Callable[[], None], reference: Callable[[], None], rounds: int = ROUNDS
) -> tuple[float, float]:
    """Medians in seconds, measured in turns so that a busy machine hits both alike."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for run, bucket in zip((candidate, reference), times, strict=True):
            started = time.perf_counter()
            run()
            bucket.append(time.perf_counter() - started)
    return statistics.median(times[0]), statistics.median(times[1])


def start_up() -> None:
    def process(*args: str) -> Callable[[], None]:
        return lambda: subprocess.run([sys.executable, *args], check=True, stdout=subprocess.DEVNULL) and None

    reference = process("-c", "import click")
    for name in ("--version", "--help"):
        ours, theirs = interleaved(process("-m", "sipauthctl", name), reference)
        ratio = f"{ours * 1e3:7.1f} ms   import click {theirs * 1e3:7.1f} ms   {ours / theirs:5.2f}"
        print(f"start-up     {name:<12} {ratio}")


async def registration() -> None:
    async with Deployment(LabSettings()) as deployment:
        setup = Setup()
        options = setup.probe_options(deployment)
        events: list[Event] = []

        async def probe() -> None:
            events.clear()
            tools = Tools(now, secrets.token_bytes, initiators(setup, options), events.append)
            run = Probe(options, tools, Resolver(options.nameserver, 5), random.Random(1))
            assert summarize(await run.run(), options).outcome is Outcome.REGISTERED

        await probe()
        sizes = [
            (len(sent.request.to_bytes()), len(got.response.to_bytes()))
            for sent, got in zip(
                [event for event in events if isinstance(event, RequestSent)],
                [event for event in events if isinstance(event, ResponseReceived)],
                strict=True,
            )
        ]
        bare = await bare_round_trips(deployment, sizes)
        ours, theirs = await interleaved_async(probe, bare)
    ratio = f"{ours * 1e3:7.1f} ms   bare round trips {theirs * 1e3:7.1f} ms   {ours / theirs:5.2f}"
    print(f"registration with redirect {ratio}")


async def bare_round_trips(deployment: Deployment, sizes: list[tuple[int, int]]) -> Callable[[], Awaitable[None]]:
    """Two TLS connections and the same bytes up and down, with nothing parsed, signed or verified."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.read(8):
            up, down = int.from_bytes(head[:4]), int.from_bytes(head[4:])
            await reader.readexactly(up)
            writer.write(b"x" * down)
            await writer.drain()
        writer.close()

    host = deployment.proxy.host
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=deployment.authority.server_context(host))
    port = server.sockets[0].getsockname()[1]
    split = 3  # three exchanges with the proxy, the others at home

    async def run() -> None:
        for part in (sizes[:split], sizes[split:]):
            context = ssl.create_default_context(cafile=deployment.ca_file)
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=host)
            for up, down in part:
                writer.write(up.to_bytes(4) + down.to_bytes(4) + b"x" * up)
                await reader.readexactly(down)
            writer.close()
            await writer.wait_closed()

    return run


async def interleaved_async(
    candidate: Callable[[], Awaitable[None]], reference: Callable[[], Awaitable[None]]
) -> tuple[float, float]:
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for run, bucket in zip((candidate, reference), times, strict=True):
            started = time.perf_counter()
            await run()
            bucket.append(time.perf_counter() - started)
    return statistics.median(times[0]), statistics.median(times[1])


def signatures() -> None:
    count = 500
    for kind in ("ess", "no-ess"):
        client, server = association(kind, Role.INITIATOR), association(kind, Role.ACCEPTOR)
        unsigned = request()
        text = server.verify_request(client.sign_request(unsigned), NOW).buffer
        assert text is not None
        data = text.text

        def sign_and_verify() -> None:
            for _ in range(count):
                assert server.verify_request(client.sign_request(unsigned), NOW).trusted

        def hmac_twice() -> None:
            for _ in range(count):
                hmac.digest(data[:16], data, "md5")
                hmac.digest(data[:16], data, "md5")

        ours, theirs = interleaved(sign_and_verify, hmac_twice)
        print(
            f"signatures   {kind:<12} {count / ours:7.0f} a second, made and verified"
            f"   two bare HMAC-MD5 {count / theirs:9.0f}   {ours / theirs:5.1f}"
        )


if __name__ == "__main__":
    start_up()
    asyncio.run(registration())
    signatures()
