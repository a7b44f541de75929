"""What reading a packet can raise."""

from __future__ import annotations


class MalformedPacket(ValueError):
    """The bytes are no packet of the NetBIOS name service, or a damaged one; the text says where."""
