"""Tags of From and To, and what stands around them, as implementers sign them by mistake."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sipauthctl.analysis.attempts import Attempt, SignedMessage, each_and_all, parties, replaced

_RAW_TAG = re.compile(r";\s*tag\s*=([^;]*)((?:;.*)?)", re.IGNORECASE | re.DOTALL)


def to_tag(signed: SignedMessage) -> Iterator[Attempt]:
    if signed.get("To tag"):
        yield Attempt("the To tag was left out", replaced(signed.fields, {"To tag": ""}))
    for value in signed.earlier_values("To tag"):
        if not signed.get("To tag"):
            sentence = "a To tag was signed that the message does not have"
            yield Attempt(sentence, replaced(signed.fields, {"To tag": value}))
    yield Attempt("the From tag was signed in the place of the To tag", _as_to_tag(signed))


def _as_to_tag(signed: SignedMessage) -> bytes:
    return replaced(signed.fields, {"To tag": signed.get("From tag")})


def from_tag(signed: SignedMessage) -> Iterator[Attempt]:
    """The From tag left out, read together with what stands around it, or another parameter in its place."""
    yield Attempt("the From tag was left out", replaced(signed.fields, {"From tag": ""}))
    yield Attempt("both tags were left out", replaced(signed.fields, {"From tag": "", "To tag": ""}))
    read = {f"{name.partition(' ')[0]} tag": party for name, party in parties(signed.message)}
    for name, party in read.items():
        header = signed.message.headers.get(name.partition(" ")[0]) or ""
        match = _RAW_TAG.search(header.rpartition(">")[2])
        if match is None:
            continue
        for value, how in (
            (match[1], "with the blanks around it"),
            (match[1] + match[2], "with the parameters behind it"),
            (f"tag={party.tag}", "with its name (tag=)"),
        ):
            yield Attempt(f"the {name} was signed {how}", replaced(signed.fields, {name: value}))
        for other in party.params:
            sentence = f"the {other[0]} was signed in the place of the {name}"
            yield Attempt(sentence, replaced(signed.fields, {name: other[1] or ""}))
    yield from each_and_all(signed, ("From tag", "To tag"), lambda tag: f'"{tag}"', "with quotes")


def in_display_name(signed: SignedMessage) -> Iterator[Attempt]:
    """What stands in brackets within the display name, read as the URI."""
    for name in ("From", "To"):
        header = signed.message.headers.get(name) or ""
        value = header.partition("<")[2].partition(">")[0]
        sentence = f"what stands in brackets in the display name was signed as the {name} URI"
        yield Attempt(sentence, replaced(signed.fields, {f"{name} URI": value}))
