"""Typographic quotation marks around parameters, which word processors, mail programs and web pages make of straight
ones. No SIP program writes them."""

from __future__ import annotations

import re

NOTE = (
    "Parameters have typographic quotation marks, which a word processor or a web page puts in place of straight "
    "ones. They are read as straight ones. Anything else that the program changed can make signatures wrong."
)

# In UTF-8: U+2018 to U+201F, primes, the fullwidth mark; and guillemets, which French sets off with a blank.
_OPENS = re.compile(
    rb"=([ \t]*)(?:\xe2\x80[\x98-\x9f\xb2\xb3]|\xef\xbc\x82|\xc2[\xab\xbb](?: |\xc2\xa0|\xe2\x80\xaf)?)"
)
_CLOSES = re.compile(
    rb"(?:\xe2\x80[\x98-\x9f\xb2\xb3]|\xef\xbc\x82|(?: |\xc2\xa0|\xe2\x80\xaf)?\xc2[\xab\xbb])([ \t]*(?:[,;]|\Z))"
)
# The same in Windows-1252; 0xD2 and 0xD3 are those of Mac OS Roman.
_OPENS_ANSI = re.compile(rb"=([ \t]*)(?:[\x84\x91-\x94\xd2\xd3]|[\xab\xbb][ \xa0]?)")
_CLOSES_ANSI = re.compile(rb"(?:[\x84\x91-\x94\xd2\xd3]|[ \xa0]?[\xab\xbb])([ \t]*(?:[,;]|\Z))")
# A text in a body may have such marks of its own, and its Content-Length counts them.
_IN_HEADER = re.compile(rb"(?:\A|:: ?)(?:[A-Za-z][A-Za-z0-9-]{0,63}[ \t]*:|[ \t])")
_LOOK = 1024


def straight_quotes(line: bytes) -> bytes:
    """A line of a log with straight quotation marks around the parameters of headers; the same object where nothing
    is changed.

    That restores the bytes which the parameters had on the wire, so that signatures can be verified.
    """
    if line.isascii() or not _IN_HEADER.search(line[:_LOOK]):
        return line
    opens, closes = (_OPENS, _CLOSES) if _is_utf8(line) else (_OPENS_ANSI, _CLOSES_ANSI)
    straight, changes = opens.subn(rb'=\1"', closes.sub(rb'"\1', line))  # base64 may end in "="
    return straight if changes else line


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
