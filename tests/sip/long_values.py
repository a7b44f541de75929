"""Header values of the largest size that a message can bring, each the worst case of some careless pattern."""

from __future__ import annotations

from sipauthctl.sip.limits import DEFAULT_LIMITS

LINE = DEFAULT_LIMITS.line


def long_values(size: int) -> dict[str, str]:
    """The values with about `size` characters."""
    return {
        "quotes": '"' * size,
        "unclosed quote": '"' + "a" * size,
        "escapes": '"' + "\\" * size,
        "escaped quotes": '"' + '\\"' * (size // 2),
        "brackets": "<" * size,
        "bracket pairs": "<>" * (size // 2),
        "commas": "," * size,
        "semicolons": ";" * size,
        "spaces": "a" + " " * size + "a",
        "spaces before an equals sign": "NTLM a" + " " * size + "= b",
        "letters": "a" * size,
        "colons": "sip:" + ":" * size,
        "at signs": "sip:" + "@" * size,
        "dots": "sip:a@" + "." * size,
        "equals signs": "NTLM " + "=" * size,
        "parameters": ";a=b" * (size // 4),
        "quoted parameters": "NTLM " + 'a="b",' * (size // 6),
        "names without values": "NTLM " + "a," * (size // 2),
        "a long via": "SIP/2.0/TLS " + "a" * size + " ",
        "slashes": "SIP" + " /" * (size // 2),
    }


LONG = long_values(LINE)
