"""One association while messages come in: what is known of it, and what was seen wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from sipauthctl.analysis.attempts import Fields
from sipauthctl.analysis.problem import PROBLEMS_KEPT, Problem, address_text
from sipauthctl.analysis.reading import AssociationName, Endpoint
from sipauthctl.analysis.results import AssociationResult, ExplainedSignature, LadderStep, State
from sipauthctl.analysis.side import Side
from sipauthctl.analysis.signature_log import SignatureLog
from sipauthctl.analysis.tls_dsk import TlsDskSeen
from sipauthctl.analysis.verification import KeytabCheck, NoKey, SecretCheck
from sipauthctl.analysis.verifier import SignatureVerifier
from sipauthctl.analysis.words import Sender
from sipauthctl.association.offers import Offer, host_of
from sipauthctl.association.redaction import without_tokens
from sipauthctl.association.verdict import Verdict
from sipauthctl.capture.record import Address, Notice, Record
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.ntlm.messages import AuthenticateFacts, ChallengeFacts
from sipauthctl.sip.message import Response

STEPS_KEPT = 40
EXPLAINED_KEPT = 20
EARLIER_KEPT = 4
PATHS_KEPT = 8
_ALWAYS_OTHER = frozenset({"rand", "num", "CSeq number"})


class Step(Enum):
    """How far the handshake came; the value says it in words."""

    TOKEN_ASKED = "the client asked for the server's token, and none came"
    TOKEN_GIVEN = "the server sent its token, and the client did not answer it"
    FINAL_SENT = "the client sent its last token, and no answer came"
    STARTED_OVER = "the server challenged again without a token of its own"
    REFUSED = "the server refused the client's last token"
    TLS_FAILED = "an alert ended the TLS handshake"
    CHALLENGED = "the server challenged by Digest, and the client did not answer it"
    ANSWERED = "the client answered the Digest challenge, and no answer came"
    ESTABLISHED = ""


_FAILED = (Step.REFUSED, Step.STARTED_OVER, Step.TLS_FAILED)


@dataclass(frozen=True, slots=True)
class ChallengeSeen:
    """The first challenge of a dialog: what it offers and when it came. `sent` is the time of the request."""

    date: str | None
    offers: tuple[Offer, ...]
    sent: datetime | None
    received: datetime | None
    where: str
    server: str
    port: int | None  # of the server, where the input tells it
    input: str


@dataclass(slots=True)
class Tracked:
    """An association, or an attempt at one, under one name."""

    name: AssociationName
    scheme: Scheme
    endpoint: Endpoint
    call_id: str
    opaque: str | None
    step: Step
    handshake_seen: bool
    version: int | None = None
    client: Address | None = None
    server: Address | None = None
    via: str = ""  # the client's end of the connection by its own words, for inputs without addresses
    began: datetime | None = None
    ended: datetime | None = None
    offered: ChallengeSeen | None = None
    token_sent: datetime | None = None  # the time of the request that asked for the CHALLENGE
    challenge: ChallengeFacts | None = None
    challenge_at: datetime | None = None
    challenge_input: str = ""
    authenticate: AuthenticateFacts | None = None
    secret: SecretCheck | None = None
    keytab: KeytabCheck | None = None
    token_at: datetime | None = None  # when the Kerberos token came, and where it stands
    token_place: str = ""
    key_type: int | None = None  # the encryption type of the Kerberos session key
    ticket_type: int | None = None  # and of the ticket
    no_key: NoKey | None = None
    verifier: SignatureVerifier | None = field(default=None, repr=False)
    final: tuple[str, int, str] | None = None  # the transaction of the request with the last token
    answer: Response | None = None  # what ended the handshake
    user_agent: str = ""
    seen_as: tuple[str, str] | None = None  # the client's own address and the one the server saw
    extended: bool | None = None
    sides: dict[Sender, Side] = field(default_factory=lambda: {sender: Side() for sender in Sender})
    signatures: SignatureLog = field(default_factory=SignatureLog)
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    explained: list[ExplainedSignature] = field(default_factory=list)
    mistakes: dict[Sender, list[str]] = field(default_factory=lambda: {sender: [] for sender in Sender})
    earlier: dict[str, tuple[str, ...]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    problem_counts: Counter[str] = field(default_factory=Counter)
    steps: list[LadderStep] = field(default_factory=list)
    steps_left_out: int = 0
    ends_input: bool = False  # it was still open when the input ended
    cut_off: bool = False  # and its last message was so late that no answer was due yet
    input_is_cut: bool = False  # the input was not read to its end, so that the answer may be in the rest
    one_way: bool = False  # the input has no answers at all
    given_up: bool = False  # the client began again, and left the server's token without an answer
    registered: bool = False  # it signed a 200 to a REGISTER
    redirected: bool = False  # its server sent the client to another one
    paths: list[tuple[str, str, str, int | None]] = field(default_factory=list)  # where the server signed with it
    used: datetime | None = None  # when the server last signed with it
    outlived: float = 0.0  # the longest time between two such uses, in seconds
    counted_before: int = 0  # the client's last number under its association before with this server
    handshake_number: int = 1  # of this client with this server
    made_for: str = ""  # why the handshake was made, where it is no plain sign-in
    ended_by: str = ""
    deregistered: bool = False
    secret_of_another: bool = False  # the secret for everybody that was given is that of somebody else
    server_errors: tuple[Notice, ...] = ()  # what a server trace says of it
    identity: Problem | None = None  # what is wrong with its epid or +sip.instance
    purpose: str = ""
    tls: TlsDskSeen | None = None
    followed_by_success: bool = False  # the same user signed in later; set for Digest alone
    digest_verdict: Verdict | None = None  # on the client's last Digest response, where a password was tried

    def report(self, problem: Problem) -> None:
        """Notes a problem; of each kind the first ones are kept and the others counted."""
        self.problem_counts[problem.id] += 1
        if self.problem_counts[problem.id] <= PROBLEMS_KEPT:
            self.problems.append(problem)

    def draw(self, record: Record, sender: Sender, text: str, remark: str, verdict: Verdict | None) -> None:
        """Adds a message to the ladder. Where it is long, what is wrong still comes in."""
        wrong = verdict in (Verdict.INVALID, Verdict.MISSING, Verdict.INCONSISTENT)
        if len(self.steps) < STEPS_KEPT or (wrong and len(self.steps) < 2 * STEPS_KEPT):
            step = LadderStep(record.time, record.input, record.place, sender, text, remark, verdict)
            self.steps.append(step)
        else:
            self.steps_left_out += 1

    def touch(self, record: Record, sender: Sender) -> None:
        """Notes the time and the addresses of one of its messages."""
        if record.time is not None:
            self.began = self.began or record.time
            self.ended = record.time
        _, client, server = ends_of(record, sender)
        self.client, self.server = self.client or client, self.server or server

    def signed_on(self, record: Record) -> None:
        """Notes where the server signs to the client itself, and not to another server."""
        path = _path(record, Sender.SERVER)
        if path not in self.paths:
            self.paths = [*self.paths, path][-PATHS_KEPT:]

    def signs_to(self, record: Record, sender: Sender) -> bool:
        """Whether a message that `sender` sent goes where the server signed before."""
        return _path(record, sender) in self.paths

    def accepted(self) -> None:
        """Notes that the server took the client's last token."""
        self.step = Step.ESTABLISHED
        self.slim()

    def slim(self) -> None:
        """Lets go of the bytes of the tokens, once the keys are known: thousands of associations may be open."""
        if self.challenge is not None:
            self.challenge = replace(self.challenge, raw=b"")
        if self.authenticate is not None:
            self.authenticate = replace(self.authenticate, raw=b"", raw_without_mic=b"")

    def on_connection(self, record: Record) -> bool:
        """Whether a record lies on the connection of the handshake. False where addresses are not known."""
        if record.source is None or record.destination is None:
            return False
        return {record.source, record.destination} == {self.client, self.server}

    def remember(self, fields: Fields) -> None:
        """Keeps the values of a message to compare others with, the last few different ones of each field."""
        earlier = self.earlier
        for name, value in fields:
            known = earlier.get(name, ())
            if value not in known and name not in _ALWAYS_OTHER:
                earlier[name] = (value, *known)[:EARLIER_KEPT]

    def earlier_values(self) -> dict[str, tuple[str, ...]]:
        """What was remembered up to now."""
        return dict(self.earlier)

    @property
    def key_in_doubt(self) -> bool:
        """Whether the key may be wrong: it comes from a token that its own MIC does not fit, and nothing shows it to
        be right."""
        return self.secret is not None and self.secret.tampered and not self.verdicts[Verdict.VALID]

    @property
    def may_go_on(self) -> bool:
        """Whether the next message may have come after the end of the input."""
        return self.cut_off and not self.given_up

    @property
    def state(self) -> State:
        """How far it came."""
        if self.step is Step.ESTABLISHED:
            return State.ESTABLISHED
        return State.FAILED if self.step in _FAILED else State.INCOMPLETE

    @property
    def who(self) -> str:
        """The user, for a sentence."""
        return self.endpoint.address

    @property
    def where(self) -> str:
        """The server, for a sentence."""
        digest_realm = self.name.realm if self.scheme is Scheme.DIGEST else ""
        return without_tokens(host_of(self.name.targetname) or digest_realm) or "the server"

    def result(self) -> AssociationResult:
        """What is shown of it."""
        return AssociationResult(
            scheme=self.scheme.value,
            purpose=self.purpose,
            handshake=self.handshake_number,
            made_for=self.made_for,
            ended_by=self.ended_by,
            user=self.endpoint.address,
            client=address_text(self.client),
            server=address_text(self.server),
            realm=without_tokens(self.name.realm),
            targetname=without_tokens(self.name.targetname),
            opaque=None if self.opaque is None else without_tokens(self.opaque),
            call_id=self.call_id,
            epid=self.endpoint.epid,
            version=self.version,
            state=self.state,
            stopped_at=self.step.value,
            handshake_seen=self.handshake_seen,
            began=self.began,
            ended=self.ended,
            signatures=self.signatures,
            verdicts={verdict: count for verdict, count in self.verdicts.items() if count},
            explained=tuple(self.explained),
            steps=tuple(self.steps),
            steps_left_out=self.steps_left_out,
            inner_tls=self.tls.facts if self.tls is not None else None,
        )


def ends_of(record: Record, sender: Sender) -> tuple[str, Address | None, Address | None]:
    """The input, the client's end and the server's end of the way of a message that `sender` sent."""
    ends = (record.source, record.destination)
    client, server = ends if sender is Sender.CLIENT else ends[::-1]
    return record.input, client, server


def _path(record: Record, sender: Sender) -> tuple[str, str, str, int | None]:
    """The same for all connections from one computer to one server."""
    input_, client, server = ends_of(record, sender)
    host, port = ("", None) if server is None else (server.host, server.port)
    return input_, "" if client is None else client.host, host, port
