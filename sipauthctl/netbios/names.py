"""NetBIOS names: 15 characters and a suffix byte that tells what the name is for, RFC 1001 14.1 and 17.2."""

from __future__ import annotations

from dataclasses import dataclass

from sipauthctl.netbios.errors import MalformedPacket

NAME_CHARACTERS = 15
PORT = 137

COMPUTER = 0x00
"""A computer's own name (unique), or the domain or workgroup that it is in (group); [MS-NBTE] 2.2.1 has this and
the following suffixes."""
MESSENGER = 0x03
DOMAIN_MASTER_BROWSER = 0x1B  # unique: the domain's PDC emulator
DOMAIN_CONTROLLERS = 0x1C  # a group name of all domain controllers
MASTER_BROWSER = 0x1D
BROWSER_ELECTIONS = 0x1E
FILE_SERVER = 0x20

_WILDCARD = b"*" + bytes(NAME_CHARACTERS)
_ENCODED_BYTES = 2 * (NAME_CHARACTERS + 1)
# The character set is that of the OEM code page of whoever registered the name; no packet tells which.
_CHARACTERS = "cp437"


@dataclass(frozen=True, slots=True)
class NetbiosName:
    """A name without its padding, and its suffix. Only the wildcard `*`, which any node answers to, has no suffix."""

    name: str
    suffix: int = COMPUTER

    def __post_init__(self) -> None:
        """Refuses what no packet can carry.

        Raises:
            ValueError: the name is empty or too long, has other characters, or the suffix is no byte.
        """
        try:
            length = len(self.name.encode(_CHARACTERS))
        except UnicodeEncodeError:
            raise ValueError("the name has characters that no NetBIOS name can have") from None
        if not 1 <= length <= NAME_CHARACTERS or self.name[-1] in " \0":
            raise ValueError(f"a NetBIOS name has 1 to {NAME_CHARACTERS} characters, padding not counted")
        if not 0 <= self.suffix <= 0xFF:
            raise ValueError("the suffix of a NetBIOS name is one byte")

    def __str__(self) -> str:
        """As nbtstat shows it: `LITWAREINC<1C>`."""
        return f"{self.name}<{self.suffix:02X}>"

    @property
    def padded(self) -> bytes:
        """The 16 bytes by which names are compared: filled with spaces, then the suffix; the wildcard has zeros.

        ASCII letters are put in upper case; what is upper case beyond depends on the code page.
        """
        if self == WILDCARD:
            return _WILDCARD
        return self.name.encode(_CHARACTERS).upper().ljust(NAME_CHARACTERS) + bytes([self.suffix])

    @classmethod
    def from_padded(cls, data: bytes) -> NetbiosName:
        """Reads the 16 bytes.

        Raises:
            MalformedPacket: they are all padding, or not 16.
        """
        if data == _WILDCARD:
            return WILDCARD
        if len(data) != NAME_CHARACTERS + 1:
            raise MalformedPacket("a NetBIOS name of another length than 16")
        name = data[:-1].rstrip(b" \x00").decode(_CHARACTERS)
        if not name:
            raise MalformedPacket("an empty NetBIOS name")
        return cls(name, data[-1])


WILDCARD = NetbiosName("*")


def first_level(name: NetbiosName) -> bytes:
    """The 32 letters A to P that stand for the 16 bytes, half a byte each, RFC 1001 14.1."""
    return bytes(0x41 + half for byte in name.padded for half in (byte >> 4, byte & 0xF))


def from_first_level(data: bytes) -> NetbiosName:
    """Reads the 32 letters.

    Raises:
        MalformedPacket: they are none.
    """
    if len(data) != _ENCODED_BYTES or not all(0x41 <= letter <= 0x50 for letter in data):
        raise MalformedPacket("a name that is not in NetBIOS's encoding")
    halves = [letter - 0x41 for letter in data]
    return NetbiosName.from_padded(bytes(halves[i] << 4 | halves[i + 1] for i in range(0, _ENCODED_BYTES, 2)))
