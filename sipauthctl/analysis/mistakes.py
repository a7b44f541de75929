"""The strings that implementers sign by mistake, and those that somebody on the way changed after signing.

A table of small entries. Each gives the strings that its mistake would have made of a message, with a sentence; the
search in `explanation` tries which of them makes the signature hold. What is right is [MS-SIPAE] 3.2.5.2.
"""

from __future__ import annotations

from collections.abc import Iterator

from sipauthctl.analysis.attempts import (
    Attempt,
    SignedMessage,
    StringMistake,
    each_and_all,
    parties,
    replaced,
    text_of,
)
from sipauthctl.analysis.tag_mistakes import from_tag, in_display_name, to_tag
from sipauthctl.association.redaction import quoted
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.message import Message, Request
from sipauthctl.sip.name_addr import NameAddr

_URIS = ("From URI", "To URI", "identity SIP URI", "identity tel URI")
_QUOTED = ("realm", "targetname", "rand", "num")
_USUAL_EXPIRES = ("86400", "28800", "7200", "3600", "1800", "1200", "900", "600", "300", "120", "60", "0")
_NEVER_EMPTY = ("Call-ID", "From URI", "To URI", "realm", "targetname", "CSeq number", "CSeq method")
_PRINTABLE = bytes(range(0x20, 0x7F))


def _other_version(signed: SignedMessage) -> Iterator[Attempt]:
    for version, buffer in signed.versions:
        yield Attempt(f"the string of protocol version {version} was signed", buffer.text)


def _no_scheme(signed: SignedMessage) -> Iterator[Attempt]:
    def without(uri: str) -> str:
        return uri.partition(":")[2] or uri

    yield from each_and_all(signed, _URIS, without, "without its scheme (sip:)")
    addresses = {name: without(signed.get(name)) for name in ("From URI", "To URI") if signed.get(name)}
    yield Attempt("the From URI and To URI were signed without sip:", replaced(signed.fields, addresses))


def _brackets(signed: SignedMessage) -> Iterator[Attempt]:
    yield from each_and_all(signed, _URIS, lambda uri: f"<{uri}>", "with its angle brackets")
    addresses = {name: f"<{signed.get(name)}>" for name in ("From URI", "To URI") if signed.get(name)}
    yield Attempt("the From URI and To URI were signed with angle brackets", replaced(signed.fields, addresses))


def _parameters(signed: SignedMessage) -> Iterator[Attempt]:
    """From or To with what stands around the URI in the header."""
    forms: list[dict[str, str]] = []
    for name, party in parties(signed.message):
        params = "".join(f";{key}" if value is None else f";{key}={value}" for key, value in party.params)
        header = signed.message.headers.get(name.partition(" ")[0]) or ""
        uri = party.uri
        for index, form in enumerate((f"{uri}{params}", f"<{uri}>{params}", header, uri.partition(";")[0])):
            while len(forms) <= index:
                forms.append({})
            if form != uri and signed.get(name):
                forms[index][name] = form
    words = ("with header parameters", "with brackets and parameters", "as the whole header value", "cut at its `;`")
    for values, how in zip(forms, words, strict=False):
        for name, value in values.items():
            yield Attempt(f"the {name} was signed {how}", replaced(signed.fields, {name: value}))
        if len(values) > 1:
            yield Attempt(f"the From URI and To URI were signed {how}", replaced(signed.fields, values))


def _case(signed: SignedMessage) -> Iterator[Attempt]:
    names = [name for name, _ in signed.fields]
    yield from each_and_all(signed, names, str.lower, "in lower case")
    yield from each_and_all(signed, names, str.upper, "in upper case")
    for how, change in (("lower", str.lower), ("upper", str.upper)):
        values = {name: change(signed.get(name)) for name in _URIS}
        yield Attempt(f"the URIs were signed in {how} case", replaced(signed.fields, values))
    scheme = signed.get("scheme").capitalize()
    yield Attempt("the scheme was signed in other case", replaced(signed.fields, {"scheme": scheme}))


def _quotes(signed: SignedMessage) -> Iterator[Attempt]:
    yield from each_and_all(signed, _QUOTED, lambda value: f'"{value}"', "with its quotes")
    values = {name: f'"{signed.get(name)}"' for name in ("realm", "targetname")}
    yield Attempt("realm and targetname were signed with their quotes", replaced(signed.fields, values))


def _expires(signed: SignedMessage) -> Iterator[Attempt]:
    if signed.get("Expires"):
        yield Attempt("Expires was left out", replaced(signed.fields, {"Expires": ""}))
        return
    sentence = "Expires was signed, although the message has no such header field"
    for value in dict.fromkeys((*_contact_expires(signed.message), *_USUAL_EXPIRES)):
        yield Attempt(sentence, replaced(signed.fields, {"Expires": value}))


def _contact_expires(message: Message) -> list[str]:
    try:
        contacts = NameAddr.parse_list(message.headers.values("Contact")[:4])
    except SipError:
        return []
    return [value for contact in contacts if (value := contact.param("expires"))]


def _identity(signed: SignedMessage) -> Iterator[Attempt]:
    sip, tel = "identity SIP URI", "identity tel URI"
    if not any(name == sip for name, _ in signed.fields):
        return
    present = signed.get(sip), signed.get(tel)
    if any(present):
        yield Attempt(
            "P-Asserted-Identity (or P-Preferred-Identity) was left out", replaced(signed.fields, {sip: "", tel: ""})
        )
        yield Attempt(
            "the tel URI of P-Asserted-Identity was left out", replaced(signed.fields, {sip: present[0], tel: ""})
        )
        yield Attempt("the two URIs of P-Asserted-Identity were exchanged", replaced(signed.fields, _swap(signed)))
        yield Attempt("the SIP URI of P-Asserted-Identity was left out", replaced(signed.fields, {sip: ""}))
    for header in ("P-Preferred-Identity", "P-Asserted-Identity"):
        for value in _uris(signed.message, header):
            place = tel if value.lower().startswith("tel:") else sip
            yield Attempt(f"the URI of {header} was signed", replaced(signed.fields, {sip: "", tel: "", place: value}))
    if not any(present):
        sentence = "an identity was signed, although the message has no P-Asserted-Identity"
        for value in (signed.get("From URI"), signed.get("To URI")):
            yield Attempt(sentence, replaced(signed.fields, {sip: value}))


def _swap(signed: SignedMessage) -> dict[str, str]:
    sip, tel = "identity SIP URI", "identity tel URI"
    return {sip: signed.get(tel), tel: signed.get(sip)}


def _uris(message: Message, header: str) -> list[str]:
    try:
        return [party.uri for party in NameAddr.parse_list(message.headers.values(header)[:4])]
    except SipError:
        return []


def _status(signed: SignedMessage) -> Iterator[Attempt]:
    if isinstance(signed.message, Request):
        for value in ("", "200", "0"):
            sentence = "a status code was signed in a request, where there is not even an empty field for it"
            yield Attempt(sentence, text_of((*signed.fields, ("status code", value))))
        return
    yield Attempt("the status code was left out", text_of(signed.fields[:-1]))
    yield Attempt("the status code was signed empty", replaced(signed.fields, {"status code": ""}))
    status = f"{signed.get('status code')} {signed.message.reason}"
    yield Attempt("the status code was signed with its reason", replaced(signed.fields, {"status code": status}))


def _empty(signed: SignedMessage) -> Iterator[Attempt]:
    filled = tuple(pair for pair in signed.fields if pair[1])
    yield Attempt("fields that are absent were left out instead of being signed as <>", text_of(filled))


def _exchanged(signed: SignedMessage) -> Iterator[Attempt]:
    pairs = (("From URI", "To URI"), ("From tag", "To tag"))
    values = {a: signed.get(b) for one, other in pairs for a, b in ((one, other), (other, one))}
    yield Attempt("From and To were exchanged", replaced(signed.fields, values))


def _end(signed: SignedMessage) -> Iterator[Attempt]:
    for ending, words in ((b"\0", "a zero byte"), (b"\r\n", "a line end"), (b"\n", "a line feed")):
        yield Attempt(f"{words} was signed after the string", signed.buffer.text + ending)


def _left_out(signed: SignedMessage) -> Iterator[Attempt]:
    yield from each_and_all(signed, _NEVER_EMPTY, lambda value: "", "empty")


def _blank(signed: SignedMessage) -> Iterator[Attempt]:
    names = [name for name, _ in signed.fields]
    yield from each_and_all(signed, names, lambda value: f"{value} ", "with a blank after it")
    yield from each_and_all(signed, names, lambda value: f" {value}", "with a blank before it")


def _number(signed: SignedMessage) -> Iterator[Attempt]:
    num = signed.get("num")
    if not num.isdigit():
        return
    for value in (int(num) - 1, int(num) + 1):
        sentence = f"number {value} was signed, and {num} sent"
        yield Attempt(sentence, replaced(signed.fields, {"num": str(value)}))


def _zeros(signed: SignedMessage) -> Iterator[Attempt]:
    names = ("CSeq number", "num")
    yield from each_and_all(signed, names, lambda value: value.lstrip("0") or "0", "without its leading zeros")


def _target(signed: SignedMessage) -> Iterator[Attempt]:
    target = signed.get("targetname")
    bare = target.partition("/")[2]
    other = bare if bare else f"sip/{target}"
    kerberos = Scheme.parse(signed.get("scheme")) is Scheme.KERBEROS
    how = "without sip/" if bare else "with sip/ before it" + ("" if kerberos else ", as only Kerberos has it")
    yield Attempt(f"the targetname was signed {how}", replaced(signed.fields, {"targetname": other}))
    service, slash, host = target.rpartition("/")
    label, dot, domain = host.partition(".")
    for form, how in ((f"{label.upper()}{dot}{domain}", "its host in upper case"), (label, "its host alone")):
        sentence = f"the targetname was signed with {how}"
        yield Attempt(sentence, replaced(signed.fields, {"targetname": service + slash + form}))


def _method(signed: SignedMessage) -> Iterator[Attempt]:
    if isinstance(signed.message, Request):
        sentence = "the method of the request line was signed, from which the CSeq method differs"
        yield Attempt(sentence, replaced(signed.fields, {"CSeq method": signed.message.method}))


def _on_the_way(signed: SignedMessage) -> Iterator[Attempt]:
    """One field with the value that other messages of this client have, or with a usual one."""
    for name, value in signed.fields:
        for other in signed.earlier_values(name):
            sentence = (
                f"the {name} was changed after signing: {quoted(other)} was signed, the message has {quoted(value)}"
            )
            yield Attempt(sentence, replaced(signed.fields, {name: other}))
    expires = signed.get("Expires")
    for value in _USUAL_EXPIRES if expires else ():  # which a border element shortens
        if value != expires:
            sentence = (
                f"the Expires was changed after signing: {quoted(value)} was signed, the message has {quoted(expires)}"
            )
            yield Attempt(sentence, replaced(signed.fields, {"Expires": value}))
    number = signed.get("CSeq number")
    if number.isdigit():
        for near in (int(number) - 1, int(number) + 1):
            sentence = f"the CSeq number was changed after signing: {near} was signed, the message has {number}"
            yield Attempt(sentence, replaced(signed.fields, {"CSeq number": str(near)}))


STRING_MISTAKES = (
    StringMistake("string-of-another-version", _other_version),
    StringMistake("uri-without-scheme", _no_scheme),
    StringMistake("uri-with-brackets", _brackets),
    StringMistake("uri-with-parameters", _parameters),
    StringMistake("quotes-kept", _quotes),
    StringMistake("to-tag", to_tag),
    StringMistake("from-tag", from_tag),
    StringMistake("display-name", in_display_name),
    StringMistake("expires", _expires),
    StringMistake("identity", _identity),
    StringMistake("status-code", _status),
    StringMistake("empty-fields-left-out", _empty),
    StringMistake("other-case", _case),
    StringMistake("from-and-to-exchanged", _exchanged),
    StringMistake("string-end", _end),
    StringMistake("field-left-out", _left_out),
    StringMistake("blank-kept", _blank),
    StringMistake("number-off-by-one", _number),
    StringMistake("leading-zeros", _zeros),
    StringMistake("targetname-form", _target),
    StringMistake("method-of-request-line", _method),
    StringMistake("changed-on-the-way", _on_the_way),
)
"""In the order of trying. The last one is no mistake of the signer's."""

CHANGED_BYTE = "changed-on-the-way"


def one_byte(signed: SignedMessage) -> Iterator[Attempt]:
    """Every string that differs from the right one in one printable byte of one field: the last resort."""
    parts = [(name, value.encode("utf-8", "surrogateescape")) for name, value in signed.fields]
    for index, (name, value) in enumerate(parts):
        head = b"".join(b"<%b>" % part for _, part in parts[:index]) + b"<"
        tail = b">" + b"".join(b"<%b>" % part for _, part in parts[index + 1 :])
        for position, old in enumerate(value):
            before, after = head + value[:position], value[position + 1 :] + tail
            sentence = f"the {name} was changed after signing, in its byte {position + 1}"
            for new in _PRINTABLE:
                if new != old:
                    yield Attempt(sentence, b"%b%c%b" % (before, new, after))
