"""A SIP server on loopback whose answers a function makes, for programs in a process of their own."""

from __future__ import annotations

import base64
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from sipauthctl.mechanisms.ntlm.messages import TargetNames, write_challenge

REALM = 'realm="SIP Communications Service", targetname="hs1.litwareinc.com", version=4'
PASSWORD = "Litware-Ned-1"

Answer = Callable[[str], bytes]
"""Given the head of a request, gives the bytes to be sent; none close the connection."""


def challenge() -> str:
    """The header with the server's token."""
    names = TargetNames(netbios_domain="LITWAREINC")
    token = write_challenge(flags=0x62988255, server_challenge=b"\x11" * 8, names=names, timestamp=datetime.now(UTC))
    return f'WWW-Authenticate: NTLM opaque="A", gssapi-data="{base64.b64encode(token).decode()}", {REALM}'


def answer(head: str, status: str, *headers: str, body: bytes = b"") -> bytes:
    def value(name: str) -> str:
        match = re.search(rf"(?im)^{name}: *(.*?)\r$", head)
        assert match is not None
        return match[1]

    lines = [f"SIP/2.0 {status}", *(f"{name}: {value(name)}" for name in ("Via", "From", "Call-ID", "CSeq"))]
    lines += [f"To: {value('To')};tag=1", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def token(head: str) -> str | None:
    """The client's token, empty where it asks for the server's, None where it has none."""
    found = re.findall(r'gssapi-data="([^"]*)"', head)
    return found[-1] if found else None


def after_the_handshake(last: Callable[[str, str], bytes]) -> Answer:
    """Challenges as Microsoft's servers do; `last` is given the head of the request with the token, and the token."""

    def make(head: str) -> bytes:
        given = token(head)
        if given is None:
            return answer(head, "401 Unauthorized", f"WWW-Authenticate: NTLM {REALM}")
        return last(head, given) if given else answer(head, "401 Unauthorized", challenge())

    return make


@contextmanager
def serving(make: Answer) -> Iterator[list[str]]:
    """A running server; gives the arguments that lead `register` and `doctor` to it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, make), daemon=True).start()
        server = f"127.0.0.1:{listener.getsockname()[1]}"
        yield [
            *("ned@litwareinc.com", "--username", r"LITWAREINC\ned", "--server", server, "--transport", "tcp"),
            *("--allow-cleartext", "--auth", "ntlm", "--timeout", "5"),
        ]
        with suppress(OSError):  # wakes the thread, which closing does not
            listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, make: Answer) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_talk, args=(connection, make), daemon=True).start()


def _talk(connection: socket.socket, make: Answer) -> None:
    with connection, suppress(OSError), connection.makefile("rb") as lines:
        head = b""
        for line in lines:
            head += line
            if line == b"\r\n":
                made = make(head.decode())
                if not made:
                    return
                connection.sendall(made)
                head = b""
