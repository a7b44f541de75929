"""What a run has sent as a secret, recognised wherever it comes back.

A server, a proxy or a gateway may quote a request in its answer. Whoever shows an answer asks here first.
"""

from __future__ import annotations

import base64
import binascii
import re
import string
from collections.abc import Iterator
from urllib.parse import quote

from sipauthctl.mechanisms.base import MalformedToken
from sipauthctl.mechanisms.ntlm.keys import NtlmSecret
from sipauthctl.mechanisms.ntlm.messages import read_authenticate

REMOVED = "(secret removed)"
SHORTEST_PASSWORD = 8
"""In characters. A shorter one is a word of other texts too often, and removing those would give it away."""

_WINDOW = 12  # letters and digits that are looked up at once
_BLOCK = 12  # bytes that they stand for, or more
_MOST_BLOCKS = 64  # of one secret
_ROOM = 50_000  # windows remembered in each of two generations
_FEWEST_VALUES = 4  # of the bytes in a block: others are padding
_NTLM_PROOF = 40  # NTProofStr, time stamp and client challenge: the rest repeats the server's names, [MS-NLMP] 2.2.2.7

_CREDENTIALS = re.compile(rb"^(?:proxy-)?authorization[ \t]*:(.*(?:\n[ \t].*)*)", re.IGNORECASE | re.MULTILINE)
_TOKEN = re.compile(rb'gssapi-data\s*=\s*"?([A-Za-z0-9+/=]{16,})|([A-Za-z0-9+/]{64,}={0,2})', re.IGNORECASE)
# A text without any of these holds no secret: a long run, one in UTF-16, a dump of bytes, or a run in pieces, which
# unlike words have capitals or digits in their midst.
_WORTH_A_LOOK = re.compile(
    r"[0-9A-Za-z+/_=%\\-]{20}|(?:(?:0|&#)[xX][0-9A-Fa-f]{2,16}[^0-9A-Za-z]{1,3}){2}|(?:[0-9A-Za-z+/]\x00){16}|(?:[0-9A-Fa-f]{2}[^0-9A-Za-z]{1,2}){8}"
    r"|(?:(?=[0-9A-Za-z+/]{0,18}(?:[a-z][A-Z0-9]|[0-9][A-Za-z]))[0-9A-Za-z+/]{4,19}[^0-9A-Za-z]{1,3}){3}"
)
_BARE = re.compile(r"(?:TlRMTVNTUAAD|YI[I-L][A-Za-z0-9+/]{32})[A-Za-z0-9+/]*={0,2}")  # known without having been sent
_FOLD = re.compile(rb"\r?\n[ \t]+")
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
# A character or byte by its code: percent-encoded up to four times, as in JSON, XML, C and Python.
_CHARACTER = re.compile(
    r"(?:%(?:25){0,3}|\\[xX]|\\u00|&#[xX]0{0,2}|(?<![0-9A-Za-z+/])0[xX](?=[0-9A-Fa-f]{2,16}(?![0-9A-Za-z+/])))"
    r"([0-9A-Fa-f]{2})|[0-9A-Za-z]"
)
_OF_A_RUN = string.ascii_letters + string.digits + "+/_=%-"
_LONGEST_RUN = 20_000  # characters looked at on either side of what was recognised


class KnownSecrets:
    """Tokens and passwords. Of tokens the latest few thousand are remembered, so that memory has a bound.

    A token is recognised by any 23 bytes of it (of one beyond 700 bytes, by a 64th part and 11 bytes), in base64, also
    as a part of something else, and in hexadecimal; in either case of the letters, percent-encoded, as codes such as
    `\\x4e`, `0x4e` or `&#x4e;`, in UTF-16, and with spaces, line ends or punctuation in between.
    """

    def __init__(self) -> None:
        self._new: dict[str, int] = {}  # the window, and how many letters and digits follow from it
        self._old: dict[str, int] = {}
        self._words: list[str] = []

    def add_request(self, request: bytes) -> None:
        """Takes the tokens of a request that goes out, or of one in a capture."""
        for credentials in _CREDENTIALS.finditer(request.partition(b"\r\n\r\n")[0]):
            unfolded = _FOLD.sub(b"", credentials[1])
            for match in _TOKEN.finditer(unfolded):
                self.add_token(_decoded((match[1] or match[2]).decode("ascii")))

    def add_password(self, password: str) -> None:
        """Takes a password, to be recognised as a word, and its NT hash; see `SHORTEST_PASSWORD`."""
        if len(password) < SHORTEST_PASSWORD:
            return
        words = [*self._words, password, quote(password, safe="", errors="surrogatepass")]
        encoded = [password.encode(encoding, "surrogatepass") for encoding in ("utf-8", "utf-16-le")]
        for data in (*encoded, NtlmSecret.from_password(password).rc4_key):
            words += [data.hex(), *_base64_parts(data)]
        self._words = sorted({word.translate(_LOWER) for word in words}, key=len, reverse=True)

    def removed_from(self, text: str, *, keep_length: bool = False) -> str:
        """The text without what is known here, and without any NTLM AUTHENTICATE or Kerberos ticket in base64.

        Args:
            text: any.
            keep_length: what is put in place of a secret is as long, as the body of a message needs it.
        """
        for word in self._words:
            text = _without(word, text, keep_length)
        if not _WORTH_A_LOOK.search(text):
            return text
        text = _BARE.sub(lambda match: _in_place_of(match.end() - match.start(), keep_length), text)
        if not self._new:
            return text
        parts, done = [], 0
        for start, end in sorted(span for reading in _readings(text) for span in self._found(text, *reading)):
            if end > done:
                parts += [text[done : max(start, done)], _in_place_of(end - max(start, done), keep_length)]
                done = end
        return "".join([*parts, text[done:]])

    def add_token(self, token: bytes) -> None:
        """Takes what was made of a secret: a token of NTLM or Kerberos, an encrypted timestamp."""
        for secret in _secret_parts(token):
            step = max(4, len(secret) // _MOST_BLOCKS)
            last = len(secret) - _BLOCK
            for start in (*range(0, last, step), last):
                self._add_block(secret[max(start, 0) : max(start, 0) + _BLOCK])

    def _add_block(self, block: bytes) -> None:
        if len(set(block)) < _FEWEST_VALUES:
            return
        if len(self._new) > _ROOM:
            self._old, self._new = self._new, {}
        for text in (*_base64_parts(block), block.hex()):
            plain = "".join(char for char in text if char.isalnum()).lower()
            if len(plain) >= _WINDOW:
                self._new[plain[:_WINDOW]] = len(plain)

    def _found(self, text: str, letters: str, places: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Where secrets stand in one of the readings, each with the run of characters that it is a part of."""
        done = 0
        for start in range(len(letters) - _WINDOW + 1):
            window = letters[start : start + _WINDOW]
            length = self._new.get(window) or self._old.get(window)
            if not length:
                continue
            first, last = places[start][0], places[min(start + length, len(places)) - 1][1]
            if last > done:
                before, after = text[max(done, first - _LONGEST_RUN) : first], text[last : last + _LONGEST_RUN]
                done = last + len(after) - len(after.lstrip(_OF_A_RUN))
                yield first - len(before) + len(before.rstrip(_OF_A_RUN)), done


def _readings(text: str) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """The letters and digits of a text in lower case, and where each stands: codes read as characters of base64 or
    hexadecimal, then as the bytes themselves, whose hexadecimal digits they are."""
    found = list(_CHARACTER.finditer(text))
    as_bytes = any(match[1] is not None for match in found)
    for coded in (chr, "{:02x}".format) if as_bytes else (chr,):
        letters, places = [], []
        for match in found:
            for char in match[0] if match[1] is None else coded(int(match[1], 16)):
                if char.isascii() and char.isalnum():
                    letters.append(char.lower())
                    places.append(match.span())
        yield "".join(letters), places


def _decoded(token: str) -> bytes:
    try:
        return base64.b64decode(token + "=" * (-len(token) % 4))
    except binascii.Error:
        return token.encode("ascii")


def _secret_parts(token: bytes) -> tuple[bytes, ...]:
    """What of a token is nobody else's business: all of it, but for the names in an NTLM AUTHENTICATE."""
    try:
        read = read_authenticate(token)
    except MalformedToken:
        return (token,)
    return tuple(
        part
        for part in (read.nt_response[:_NTLM_PROOF], read.lm_response, read.encrypted_session_key, read.mic)
        if part
    )


def _base64_parts(data: bytes) -> Iterator[str]:
    """The characters that stand for these bytes alone, wherever they begin within a text of more bytes."""
    for before in range(3):
        bits = 8 * (before + len(data))
        encoded = base64.b64encode(bytes(before) + data).decode("ascii")
        yield encoded[(8 * before + 5) // 6 : bits // 6]


def _without(word: str, text: str, keep_length: bool) -> str:
    """The text without a word, which is in lower case, in whatever case it stands there."""
    lower, parts, done = text.translate(_LOWER), [], 0
    while (start := lower.find(word, done)) >= 0:
        parts += [text[done:start], _in_place_of(len(word), keep_length)]
        done = start + len(word)
    return "".join([*parts, text[done:]]) if parts else text


def _in_place_of(length: int, keep_length: bool) -> str:
    return REMOVED[:length].ljust(length, ".") if keep_length else REMOVED
