"""Takes connections on loopback, so many and no more, so that no client can use up what the others need.

A client that sends nothing, or never the end of a message, costs a descriptor and memory. Where both run short, the
clients of which no request was accepted yet give way first, and among them those that have been idle longest.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Coroutine
from ipaddress import ip_address
from typing import Any

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

MOST_CONNECTIONS = 512
FEW_CONNECTIONS = 64
"""For a server of which clients ask one question."""
BUFFERED_BYTES = 16 * 1024 * 1024
"""Of all messages together that are not complete."""
KERNEL_BYTES = 65_536
"""That the kernel holds for each direction of a connection."""
PAUSE = 0.1
"""Seconds without new connections when the process has no descriptor left."""

_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def loopback(address: str) -> str:
    """The address, if it is one that only this computer reaches.

    Raises:
        ValueError: it is not.
    """
    if not ip_address(address).is_loopback:
        raise ValueError(f"the lab listens on loopback only, not on {address}")
    return address


def most_connections() -> int:
    """What the SIP servers take together: half of the descriptors that this process may have, at most 512."""
    if resource is None:
        return MOST_CONNECTIONS
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if soft < 0 else max(1, min(MOST_CONNECTIONS, soft // 2))


class Accepted:
    """A connection that was taken, as far as it matters when room runs short."""

    def __init__(self, connection: socket.socket, peer: tuple[str, int]) -> None:
        self.socket = connection
        self.peer = peer
        self.buffered = 0
        """Bytes of an incomplete message."""
        self.authenticated = False
        """Whether a request on it was accepted."""
        self.evicted = ""
        """Why it had to go."""
        self.task: asyncio.Task[None] | None = None


Serve = Callable[[Accepted], Coroutine[Any, Any, None]]


class Room:
    """The connections of one server or several, and what they may take together.

    Args:
        connections: that many.
        buffered: that many bytes of incomplete messages.
    """

    def __init__(self, connections: int, buffered: int = BUFFERED_BYTES) -> None:
        self._connections = connections
        self._limit = buffered
        self._buffered = 0
        self._open: dict[Accepted, None] = {}  # in the order of their last complete message

    @property
    def taken(self) -> int:
        """The connections that are open."""
        return len(self._open)

    @property
    def buffered(self) -> int:
        """The bytes that are held of incomplete messages."""
        return self._buffered

    def enter(self, one: Accepted) -> None:
        """Takes a connection in; another one may have to go."""
        if len(self._open) >= self._connections:
            self.make_room()
        self._open[one] = None

    def make_room(self) -> None:
        """Ends the connection that can best be done without."""
        one = min(self._open, key=lambda other: other.authenticated, default=None)
        if one is not None:
            self.evict(one, "made room for others")

    def note(self, one: Accepted, *, authenticated: bool) -> None:
        """Notes that a complete message was answered. Authenticated clients keep their connections longest."""
        if one in self._open:
            del self._open[one]
            self._open[one] = None
            one.authenticated |= authenticated

    def hold(self, one: Accepted, size: int) -> None:
        """Notes the bytes that a connection holds now; where all hold too much, the one that holds most ends."""
        if one not in self._open:
            return
        self._buffered += size - one.buffered
        one.buffered = size
        while self._buffered > self._limit:
            holding = (other for other in self._open if other.buffered)
            worst = max(holding, key=lambda other: (not other.authenticated, other.buffered))
            self.evict(worst, "too many bytes of incomplete messages")

    def evict(self, one: Accepted, reason: str) -> None:
        """Ends a connection, by cancelling its task."""
        self.leave(one)
        one.evicted = reason
        if one.task is not None:
            one.task.cancel()

    def leave(self, one: Accepted) -> None:
        """A connection has ended."""
        self._open.pop(one, None)
        self._buffered -= one.buffered
        one.buffered = 0


class Listener:
    """The listening sockets of one server, and a task for each connection.

    Args:
        room: the connections count there.
    """

    def __init__(self, room: Room) -> None:
        self._room = room
        self._sockets: list[socket.socket] = []
        self._paused: dict[socket.socket, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def listen(self, address: str, port: int, serve: Serve) -> int:
        """Gives each connection to `serve`, and closes it afterwards; gives the port (with 0 the system picks one).

        Raises:
            OSError: the port is taken.
            ValueError: the address is not on loopback.
        """
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listening = socket.create_server((loopback(address), port), family=family, backlog=MOST_CONNECTIONS)
        for buffer in (
            socket.SO_RCVBUF,
            socket.SO_SNDBUF,
        ):  # connections inherit them; the system's may take megabytes
            listening.setsockopt(socket.SOL_SOCKET, buffer, KERNEL_BYTES)
        listening.setblocking(False)
        self._sockets.append(listening)
        self._watch(listening, serve)
        bound: int = listening.getsockname()[1]
        return bound

    def stop_listening(self) -> None:
        """Takes nothing new; connections go on."""
        for listening in self._sockets:
            asyncio.get_running_loop().remove_reader(listening)
            listening.close()
        for handle in self._paused.values():
            handle.cancel()
        self._sockets.clear()
        self._paused.clear()

    def close(self) -> None:
        """Listens no longer and breaks off all connections, without waiting."""
        self.stop_listening()
        for task in self._tasks:
            task.cancel()

    async def disconnect(self) -> None:
        """Ends the connections, and goes on listening."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def stop(self) -> None:
        """Ends everything."""
        self.stop_listening()
        await self.disconnect()

    def _watch(self, listening: socket.socket, serve: Serve) -> None:
        self._paused.pop(listening, None)
        asyncio.get_running_loop().add_reader(listening, self._accept, listening, serve)

    def _accept(self, listening: socket.socket, serve: Serve) -> None:
        try:
            connection, (address, port, *_) = listening.accept()
        except OSError as error:
            if error.errno in _NO_ROOM:  # the socket stays readable: without a pause the loop would do nothing else
                loop = asyncio.get_running_loop()
                loop.remove_reader(listening)
                self._paused[listening] = loop.call_later(PAUSE, self._watch, listening, serve)
                self._room.make_room()
            return  # else the client went before it was looked at
        connection.setblocking(False)
        accepted = Accepted(connection, (address, port))
        self._room.enter(accepted)
        accepted.task = task = asyncio.create_task(serve(accepted))
        self._tasks.add(task)
        task.add_done_callback(lambda _: self._ended(accepted))

    def _ended(self, accepted: Accepted) -> None:
        """Also when the task never came to run."""
        self._room.leave(accepted)
        accepted.socket.close()
        if accepted.task is not None:
            self._tasks.discard(accepted.task)
            if not accepted.task.cancelled():
                accepted.task.exception()  # else asyncio prints a traceback
