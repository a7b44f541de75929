"""What an analysis shows, as values. Console, JSON and HTML all come from these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from sipauthctl.analysis.signature_log import SignatureLog
from sipauthctl.analysis.words import Sender
from sipauthctl.association.verdict import Verdict


class State(str, Enum):
    """How far a security association came."""

    ESTABLISHED = "established"
    FAILED = "failed"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class ExplainedSignature:
    """Why one signature does not hold.

    `mistake` is the name of the entry that makes it hold, None where none does. `signed` is the string that was
    signed, None where that is not known; `expected` the one that should have been; `difference` one sentence on the
    first place where they part, empty where they are the same (then the key or the algorithm is what is wrong).
    """

    input: str
    place: int
    sender: Sender
    num: int | None
    message: str
    mistake: str | None
    sentence: str
    signed: str | None
    expected: str
    difference: str


@dataclass(frozen=True, slots=True)
class LadderStep:
    """One message, for drawing. `text` is the method or the status line; `remark` is empty or a few plain words."""

    time: datetime | None
    input: str
    place: int
    sender: Sender
    text: str
    remark: str
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class InnerTls:
    """The TLS handshake within TLS-DSK. Texts are None where the input does not tell; subjects as in RFC 4514.

    `completed` tells whether both sides sent Finished; `alert` is what ended it, with the side, such as
    `unknown_ca by the server`.
    """

    version: str | None
    cipher_suite: str | None
    server_subject: str | None
    client_subject: str | None
    completed: bool
    alert: str | None


@dataclass(frozen=True, slots=True)
class AssociationResult:
    """One security association, or an attempt at one; also what was proven by Digest, which makes no association.

    `purpose` says what it is for where that is not a sign-in (`anonymous join`), else it is empty.
    `handshake` counts those of this client with this server; `made_for` says why it was made and `ended_by` how it
    ended, empty for a plain sign-in and where it did not end.
    `client` and `server` are `address:port`, None where the input does not tell. `stopped_at` says in words where
    the handshake ended, empty where it is established. Iterating `signatures` gives a `CheckedSignature` each; they
    are held packed, and `verdicts` counts them. Of long associations `steps` has the beginning alone, and
    `steps_left_out` counts the rest.
    `handshake_seen` is False where the input begins after the handshake.
    """

    scheme: str
    purpose: str
    handshake: int
    made_for: str
    ended_by: str
    user: str
    client: str | None
    server: str | None
    realm: str
    targetname: str
    opaque: str | None
    call_id: str | None
    epid: str | None
    version: int | None
    state: State
    stopped_at: str
    handshake_seen: bool
    began: datetime | None
    ended: datetime | None
    signatures: SignatureLog
    verdicts: Mapping[Verdict, int]
    explained: tuple[ExplainedSignature, ...]
    steps: tuple[LadderStep, ...]
    steps_left_out: int
    inner_tls: InnerTls | None = None


@dataclass(frozen=True, slots=True)
class InputCount:
    """How many messages one input gave, and how many of them could not be read as SIP."""

    path: str
    messages: int
    unreadable: int
