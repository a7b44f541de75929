"""Fields of TLS messages in a row, RFC 5246 4."""

from __future__ import annotations

from sipauthctl.mechanisms.base import MalformedToken


class Fields:
    """Takes fields from the beginning of some bytes.

    Args:
        data: all of them.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self._data) - self._position

    def take(self, size: int) -> bytes:
        """The next `size` bytes.

        Raises:
            MalformedToken: there are fewer.
        """
        if self.left < size:
            raise MalformedToken("a TLS message is cut off")
        self._position += size
        return self._data[self._position - size : self._position]

    def number(self, size: int) -> int:
        """The next `size` bytes as a number; raises as `take`."""
        return int.from_bytes(self.take(size))

    def vector(self, size: int) -> bytes:
        """What follows a length of `size` bytes; raises as `take`."""
        return self.take(self.number(size))
