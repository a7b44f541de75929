"""What the readers of text inputs share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, tzinfo

from sipauthctl.capture import quotes
from sipauthctl.capture.messages import Assembled, transport_of
from sipauthctl.capture.record import Address, InputKind, Notice, Record
from sipauthctl.capture.source import Input, Line
from sipauthctl.sip.numbers import port_number

# For logs that do not name an end: the program that wrote the log, and whom it talked to.
LOCAL = Address("local", None)
REMOTE = Address("remote", None)


class TextReader(ABC):
    """Reads the messages of one text input; subclasses know one format each.

    Args:
        source: the input.
        zone: of the times in logs that write local time without saying where. A notice of kind `local-time` tells
            when it was needed.
    """

    kind: InputKind

    def __init__(self, source: Input, zone: tzinfo = UTC) -> None:
        self._input = source
        self._zone = zone
        self._said: set[str] = set()
        self._records = 0
        self._straightened_at: int | None = None

    def __iter__(self) -> Iterator[Record | Notice]:
        """The messages and notices in the order of the input.

        Raises:
            ReadError: the input cannot be opened.
        """
        self._said.clear()
        self._records = 0
        self._straightened_at = None
        source = self._input.open()
        try:
            for found in self._read(self._straightened(source.lines())):
                if self._straightened_at is not None:
                    yield from self._once("damaged-message", quotes.NOTE, self._straightened_at)
                yield found
            if source.problem is not None:
                yield self._notice(*source.problem)
            if not self._records:
                yield from self._without_messages()
        finally:
            source.close()

    def _straightened(self, lines: Iterable[Line]) -> Iterator[Line]:
        """The lines with straight quotation marks; the first that had others is noted."""
        for line in lines:
            data = quotes.straight_quotes(line.data)
            if data is line.data:
                yield line
                continue
            if self._straightened_at is None:
                self._straightened_at = line.number
            yield line._replace(data=data)

    @abstractmethod
    def _read(self, lines: Iterable[Line]) -> Iterator[Record | Notice]:
        """The messages and notices of these lines."""

    def _without_messages(self) -> Iterator[Notice]:
        yield self._notice("no-sip", "There is no SIP message in it.")

    def _notice(self, kind: str, text: str, place: int | None = None, time: datetime | None = None) -> Notice:
        return Notice(kind, text, self._input.path, place, time)

    def _once(self, kind: str, text: str, place: int) -> Iterator[Notice]:
        """The notice, the first time that there is one of its kind and text."""
        if text not in self._said:
            self._said.add(text)
            yield self._notice(kind, text, place)

    def _utc(self, local: datetime) -> datetime | None:
        """A time read from the log, in UTC; without a zone in it, it is taken to be in the reader's."""
        try:
            return (local if local.tzinfo else local.replace(tzinfo=self._zone)).astimezone(UTC)
        except (OverflowError, ValueError):  # at the ends of the calendar
            return None

    def _iso_time(self, text: bytes) -> datetime | None:
        """A time as ISO 8601 writes it, None for anything else."""
        try:
            return self._utc(datetime.fromisoformat(text.decode("ascii")))
        except ValueError:
            return None

    def _local_time(self, place: int) -> Iterator[Notice]:
        yield from self._once(
            "local-time", f"The log has local times without a zone; they are taken to be in {self._zone}.", place
        )

    def _message(
        self, message: Assembled, time: datetime | None, source: Address | None, destination: Address | None
    ) -> Iterator[Record | Notice]:
        """The record of a message, and notices of what is wrong with it."""
        self._records += 1
        transport = transport_of(message.raw)
        yield Record(time, source, destination, transport, message.raw, self._input.path, message.place)
        if message.problem is not None:
            yield self._notice("truncated", f"The message {message.problem}.", message.place, time)
        elif message.without_body:
            text = "Bodies of messages are not in this log; their heads are read."
            yield from self._once("truncated", text, message.place)


def address(host: bytes | str, port: bytes | str | None) -> Address:
    """An address of a log; an IPv6 address without its brackets, a port that is none left out."""
    host = text_of(host) if isinstance(host, bytes) else host
    return Address(host.strip().removeprefix("[").removesuffix("]"), port_number(port))


def text_of(data: bytes) -> str:
    """Words of a log for people to read: UTF-8, else Latin-1."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
