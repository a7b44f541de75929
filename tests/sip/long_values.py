"""Header values of the largest size that a message can bring, each the worst case of some careless pattern."""

from __future__ import annotations

from sipauthctl.sip.limits import DEFAULT_LIMITS

LINE = DEFAULT_LIMITS.line
LONG = {
    "quotes": '"' * LINE,
    "unclosed quote": '"' + "a" * LINE,
    "escapes": '"' + "\\" * LINE,
    "escaped quotes": '"' + '\\"' * (LINE // 2),
    "brackets": "<" * LINE,
    "bracket pairs": "<>" * (LINE // 2),
    "commas": "," * LINE,
    "semicolons": ";" * LINE,
    "spaces": "a" + " " * LINE + "a",
    "spaces before an equals sign": "NTLM a" + " " * LINE + "= b",
    "letters": "a" * LINE,
    "colons": "sip:" + ":" * LINE,
    "at signs": "sip:" + "@" * LINE,
    "dots": "sip:a@" + "." * LINE,
    "equals signs": "NTLM " + "=" * LINE,
    "parameters": ";a=b" * (LINE // 4),
    "quoted parameters": "NTLM " + 'a="b",' * (LINE // 6),
    "names without values": "NTLM " + "a," * (LINE // 2),
    "a long via": "SIP/2.0/TLS " + "a" * LINE + " ",
    "slashes": "SIP" + " /" * (LINE // 2),
}
