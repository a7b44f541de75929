"""The strings that implementers sign by mistake, and those that somebody on the way changed after signing.

A table of small entries. Each gives the strings that its mistake would have made of a message, with a sentence; the
search in `explanation` tries which of them makes the signature hold. What is right is [MS-SIPAE] 3.2.5.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sipauthctl.association.redaction import quoted
from sipauthctl.association.signing import SignatureBuffer
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.message import Message, Request
from sipauthctl.sip.name_addr import NameAddr

Fields = tuple[tuple[str, str], ...]

_URIS = ("From URI", "To URI", "identity SIP URI", "identity tel URI")
_QUOTED = ("realm", "targetname", "rand", "num")
_USUAL_EXPIRES = ("86400", "28800", "7200", "3600", "1800", "1200", "900", "600", "300", "120", "60", "0")
_PRINTABLE = bytes(range(0x20, 0x7F))


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """A message whose signature is to be explained.

    Args:
        message: as it was received.
        buffer: the string that should have been signed.
        versions: the strings of the other protocol versions, by number.
        earlier: the values that each field had in other messages of the same association.
    """

    message: Message
    buffer: SignatureBuffer
    versions: tuple[tuple[int, SignatureBuffer], ...]
    earlier: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def fields(self) -> Fields:
        """The right fields."""
        return self.buffer.fields

    def get(self, name: str) -> str:
        """One of them, empty where it is absent or not signed in this version."""
        return next((value for key, value in self.fields if key == name), "")


@dataclass(frozen=True, slots=True)
class Attempt:
    """A string that may have been signed, and what that would mean. `text` is what GSS_GetMIC would have got."""

    sentence: str
    text: bytes


@dataclass(frozen=True, slots=True)
class StringMistake:
    """One mistake."""

    name: str
    attempts: Callable[[SignedMessage], Iterator[Attempt]]


def text_of(fields: Fields) -> bytes:
    """The fields as they are signed."""
    return SignatureBuffer(fields).text


def _replaced(fields: Fields, values: dict[str, str]) -> bytes:
    return text_of(tuple((name, values.get(name, value)) for name, value in fields))


def _each_and_all(
    signed: SignedMessage, names: Sequence[str], change: Callable[[str], str], how: str
) -> Iterator[Attempt]:
    """The change made to one field at a time, then to all of them."""
    values = {name: signed.get(name) for name in names if signed.get(name)}
    made = {name: change(value) for name, value in values.items() if change(value) != value}
    for name, value in made.items():
        yield Attempt(f"the {name} was signed {how}", _replaced(signed.fields, {name: value}))
    if len(made) > 1:
        yield Attempt(f"the {_list(list(made))} were signed {how}", _replaced(signed.fields, made))


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1]


def _other_version(signed: SignedMessage) -> Iterator[Attempt]:
    for version, buffer in signed.versions:
        yield Attempt(f"the string of protocol version {version} was signed", buffer.text)


def _no_scheme(signed: SignedMessage) -> Iterator[Attempt]:
    def without(uri: str) -> str:
        return uri.partition(":")[2] or uri

    yield from _each_and_all(signed, _URIS, without, "without its scheme (sip:)")
    addresses = {name: without(signed.get(name)) for name in ("From URI", "To URI") if signed.get(name)}
    yield Attempt("the From URI and To URI were signed without sip:", _replaced(signed.fields, addresses))


def _brackets(signed: SignedMessage) -> Iterator[Attempt]:
    yield from _each_and_all(signed, _URIS, lambda uri: f"<{uri}>", "with its angle brackets")
    addresses = {name: f"<{signed.get(name)}>" for name in ("From URI", "To URI") if signed.get(name)}
    yield Attempt("the From URI and To URI were signed with angle brackets", _replaced(signed.fields, addresses))


def _parameters(signed: SignedMessage) -> Iterator[Attempt]:
    """From or To with what stands around the URI in the header."""
    forms: list[dict[str, str]] = []
    for name, party in _parties(signed.message):
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
            yield Attempt(f"the {name} was signed {how}", _replaced(signed.fields, {name: value}))
        if len(values) > 1:
            yield Attempt(f"the From URI and To URI were signed {how}", _replaced(signed.fields, values))


def _parties(message: Message) -> list[tuple[str, NameAddr]]:
    try:
        return [("From URI", message.from_), ("To URI", message.to)]
    except SipError:
        return []


def _case(signed: SignedMessage) -> Iterator[Attempt]:
    names = [name for name, _ in signed.fields]
    yield from _each_and_all(signed, names, str.lower, "in lower case")
    yield from _each_and_all(signed, names, str.upper, "in upper case")
    for how, change in (("lower", str.lower), ("upper", str.upper)):
        values = {name: change(signed.get(name)) for name in _URIS}
        yield Attempt(f"the URIs were signed in {how} case", _replaced(signed.fields, values))
    scheme = signed.get("scheme").capitalize()
    yield Attempt("the scheme was signed in other case", _replaced(signed.fields, {"scheme": scheme}))


def _quotes(signed: SignedMessage) -> Iterator[Attempt]:
    yield from _each_and_all(signed, _QUOTED, lambda value: f'"{value}"', "with its quotes")
    values = {name: f'"{signed.get(name)}"' for name in ("realm", "targetname")}
    yield Attempt("realm and targetname were signed with their quotes", _replaced(signed.fields, values))


def _to_tag(signed: SignedMessage) -> Iterator[Attempt]:
    if signed.get("To tag"):
        yield Attempt("the To tag was left out", _replaced(signed.fields, {"To tag": ""}))
    for value in _earlier_values(signed, "To tag"):
        if not signed.get("To tag"):
            sentence = "a To tag was signed that the message does not have"
            yield Attempt(sentence, _replaced(signed.fields, {"To tag": value}))
    yield Attempt("the From tag was signed in the place of the To tag", _from_tag(signed))


def _from_tag(signed: SignedMessage) -> bytes:
    return _replaced(signed.fields, {"To tag": signed.get("From tag")})


def _expires(signed: SignedMessage) -> Iterator[Attempt]:
    if signed.get("Expires"):
        yield Attempt("Expires was left out", _replaced(signed.fields, {"Expires": ""}))
        return
    sentence = "Expires was signed, although the message has no such header field"
    for value in dict.fromkeys((*_contact_expires(signed.message), *_USUAL_EXPIRES)):
        yield Attempt(sentence, _replaced(signed.fields, {"Expires": value}))


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
            "P-Asserted-Identity (or P-Preferred-Identity) was left out", _replaced(signed.fields, {sip: "", tel: ""})
        )
        yield Attempt(
            "the tel URI of P-Asserted-Identity was left out", _replaced(signed.fields, {sip: present[0], tel: ""})
        )
        yield Attempt("the two URIs of P-Asserted-Identity were exchanged", _replaced(signed.fields, _swap(signed)))
        yield Attempt("the SIP URI of P-Asserted-Identity was left out", _replaced(signed.fields, {sip: ""}))
    for header in ("P-Preferred-Identity", "P-Asserted-Identity"):
        for value in _uris(signed.message, header):
            place = tel if value.lower().startswith("tel:") else sip
            yield Attempt(
                f"the URI of {header} was signed", _replaced(signed.fields, {sip: "", tel: "", place: value})
            )
    if not any(present):
        sentence = "an identity was signed, although the message has no P-Asserted-Identity"
        for value in (signed.get("From URI"), signed.get("To URI")):
            yield Attempt(sentence, _replaced(signed.fields, {sip: value}))


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
    yield Attempt("the status code was signed empty", _replaced(signed.fields, {"status code": ""}))
    status = f"{signed.get('status code')} {signed.message.reason}"
    yield Attempt("the status code was signed with its reason", _replaced(signed.fields, {"status code": status}))


def _empty(signed: SignedMessage) -> Iterator[Attempt]:
    filled = tuple(pair for pair in signed.fields if pair[1])
    yield Attempt("fields that are absent were left out instead of being signed as <>", text_of(filled))


def _exchanged(signed: SignedMessage) -> Iterator[Attempt]:
    pairs = (("From URI", "To URI"), ("From tag", "To tag"))
    values = {a: signed.get(b) for one, other in pairs for a, b in ((one, other), (other, one))}
    yield Attempt("From and To were exchanged", _replaced(signed.fields, values))


def _end(signed: SignedMessage) -> Iterator[Attempt]:
    for ending, words in ((b"\0", "a zero byte"), (b"\r\n", "a line end"), (b"\n", "a line feed")):
        yield Attempt(f"{words} was signed after the string", signed.buffer.text + ending)


def _number(signed: SignedMessage) -> Iterator[Attempt]:
    num = signed.get("num")
    if not num.isdigit():
        return
    for value in (int(num) - 1, int(num) + 1):
        sentence = f"number {value} was signed, and {num} sent"
        yield Attempt(sentence, _replaced(signed.fields, {"num": str(value)}))


def _target(signed: SignedMessage) -> Iterator[Attempt]:
    target = signed.get("targetname")
    bare = target.partition("/")[2]
    other = bare if bare else f"sip/{target}"
    kerberos = Scheme.parse(signed.get("scheme")) is Scheme.KERBEROS
    how = "without sip/" if bare else "with sip/ before it" + ("" if kerberos else ", as only Kerberos has it")
    yield Attempt(f"the targetname was signed {how}", _replaced(signed.fields, {"targetname": other}))


def _method(signed: SignedMessage) -> Iterator[Attempt]:
    if isinstance(signed.message, Request):
        sentence = "the method of the request line was signed, from which the CSeq method differs"
        yield Attempt(sentence, _replaced(signed.fields, {"CSeq method": signed.message.method}))


def _on_the_way(signed: SignedMessage) -> Iterator[Attempt]:
    """One field with the value that other messages of this client have, or with a usual one."""
    for name, value in signed.fields:
        for other in _earlier_values(signed, name):
            sentence = (
                f"the {name} was changed after signing: {quoted(other)} was signed, the message has {quoted(value)}"
            )
            yield Attempt(sentence, _replaced(signed.fields, {name: other}))
    expires = signed.get("Expires")
    for value in _USUAL_EXPIRES if expires else ():  # which a border element shortens
        if value != expires:
            sentence = (
                f"the Expires was changed after signing: {quoted(value)} was signed, the message has {quoted(expires)}"
            )
            yield Attempt(sentence, _replaced(signed.fields, {"Expires": value}))
    number = signed.get("CSeq number")
    if number.isdigit():
        for near in (int(number) - 1, int(number) + 1):
            sentence = f"the CSeq number was changed after signing: {near} was signed, the message has {number}"
            yield Attempt(sentence, _replaced(signed.fields, {"CSeq number": str(near)}))


def _earlier_values(signed: SignedMessage, name: str) -> list[str]:
    own = signed.get(name)
    return [value for value in signed.earlier.get(name, ()) if value != own]


STRING_MISTAKES = (
    StringMistake("string-of-another-version", _other_version),
    StringMistake("uri-without-scheme", _no_scheme),
    StringMistake("uri-with-brackets", _brackets),
    StringMistake("uri-with-parameters", _parameters),
    StringMistake("quotes-kept", _quotes),
    StringMistake("to-tag", _to_tag),
    StringMistake("expires", _expires),
    StringMistake("identity", _identity),
    StringMistake("status-code", _status),
    StringMistake("empty-fields-left-out", _empty),
    StringMistake("other-case", _case),
    StringMistake("from-and-to-exchanged", _exchanged),
    StringMistake("string-end", _end),
    StringMistake("number-off-by-one", _number),
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
