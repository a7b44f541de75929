"""The associations that a client holds with the servers on its path, without I/O, [MS-SIPAE] 3.2.1 and 3.2.5.

Each server that authenticates (a proxy by 407, the registrar by 401) has an association of its own, named by scheme,
realm and targetname. A request carries one credentials header for each of them, its answer one info header each. The
driver sends one request at a time and hands over each answer:

    associations.start()
    request = associations.authorize(request, signers, now)
    step = associations.receive(response, signers, now)

    Challenged    a server that is not known yet, or knows us no longer, offers schemes: `begin` with one, send again
    SendNext      its handshake goes on: send again
    SendAgain     a server asks that was not asked for before and is known already: send again
    Wait          a provisional answer
    Answered      the final answer, with the check of every signature on it
    Stopped       a handshake failed, or nothing proves the answer

One `ClientHandshake` is under way at a time. What several proxies ask in one challenge (after forking) is answered one
after the other, as the servers that still lack credentials challenge again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sipauthctl.association.client import (
    Challenged,
    ClientHandshake,
    Finished,
    SendNext,
    Stopped,
    StopReason,
    Wait,
)
from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.offers import Offer, offers
from sipauthctl.association.security_association import (
    LIFETIME,
    AssociationKey,
    EndReason,
    SecurityAssociation,
    SignatureProblem,
    SignatureResult,
)
from sipauthctl.association.signing import must_be_signed
from sipauthctl.association.verdict import Verdict
from sipauthctl.mechanisms.base import Initiator
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.message import Message, Request, Response

MAX_HANDSHAKES = 6
"""For one request, enough for three proxies and the home server. A server that asks under ever new names gets no more
NTLM responses than this."""

MAX_HANDSHAKES_IN_ALL = 10_000
"""For all requests; a registration that is held for days needs a few hundred."""

_ABSENT = frozenset({SignatureProblem.MISSING, SignatureProblem.UNKNOWN_ASSOCIATION})


@dataclass(slots=True)
class Signers:
    """The servers whose associations sign the requests of one dialog, in the order in which they asked.

    A dialog keeps the set that its first request needed (OCS 2007 R2 Resource Kit, chapter 22).
    """

    keys: list[AssociationKey] = field(default_factory=list)

    def add(self, key: AssociationKey) -> None:
        """One more server; one that is there keeps its place."""
        if key not in self.keys:
            self.keys.append(key)


@dataclass(frozen=True, slots=True)
class Checked:
    """One association's check of an answer. `fresh` when it was made for this very request."""

    association: SecurityAssociation
    result: SignatureResult
    fresh: bool


@dataclass(frozen=True, slots=True)
class SendAgain:
    """Another server asked whose association is known: send the request again, it is now signed for that one too."""

    targetname: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A final answer that is no challenge. `replaced` are associations that this request's path leads past."""

    response: Response
    checks: tuple[Checked, ...]
    replaced: tuple[SecurityAssociation, ...] = ()

    @property
    def trusted(self) -> bool:
        """Whether it may be believed: every server that authenticated the request signed the answer."""
        return bool(self.checks) and all(check.result.trusted for check in self.checks)


Step = Challenged | SendNext | SendAgain | Wait | Answered | Stopped


class ClientAssociations:
    """The table of one endpoint (address-of-record and epid).

    Args:
        token_bytes: gives that many random bytes.
        lifetime: that servers are taken to give an association.
    """

    def __init__(self, *, token_bytes: Callable[[int], bytes], lifetime: timedelta = LIFETIME) -> None:
        self._token_bytes = token_bytes
        self._lifetime = lifetime
        self._table: dict[AssociationKey, SecurityAssociation] = {}
        self._ended: dict[AssociationKey, SecurityAssociation] = {}  # sign no more, and their servers will ask
        self._handshake: ClientHandshake | None = None
        self._handshakes = 0
        self._handshakes_in_all = 0
        self._signing: list[SecurityAssociation] = []
        self._fresh: list[SecurityAssociation] = []
        self._method = ""
        self.on_challenge: tuple[Checked, ...] = ()
        """The signatures on the last challenge: of servers that let the request pass before another one asked."""

    @property
    def handshake(self) -> ClientHandshake | None:
        """The handshake under way, if any."""
        return self._handshake

    @property
    def signing(self) -> tuple[SecurityAssociation, ...]:
        """Those that signed the last request, in the order of its headers."""
        last = self._handshake.association if self._handshake is not None else None
        return (*self._signing, *([last] if last is not None else []))

    def known(self, signers: Signers) -> tuple[SecurityAssociation, ...]:
        """The associations that would sign the next request of a dialog."""
        return tuple(self._table[key] for key in signers.keys if key in self._table)

    def start(self) -> None:
        """A new request begins: a handshake that an earlier one left unfinished is dropped."""
        self._handshake, self._handshakes, self._fresh = None, 0, []

    def keep_unanswered(self, signers: Signers) -> bool:
        """Keeps the association of a handshake whose last request got no answer, as the server may have it too;
        whether there is one."""
        association = self._handshake.association if self._handshake is not None else None
        if association is not None:
            self._keep(association, signers)
        return association is not None

    def begin(self, offer: Offer, initiator: Initiator) -> None:
        """Takes an offer of the last challenge; see `ClientHandshake.begin`.

        Raises:
            MechanismError: the mechanism cannot make its first token; another offer may be tried.
            ValueError: no challenge came, or the offer lacks what a handshake needs.
        """
        if self._handshake is None:
            raise ValueError("a handshake begins with a challenge")
        self._handshake.begin(offer, initiator)

    def authorize(self, request: Request, signers: Signers, now: datetime) -> Request:
        """The request with the credentials of every server of its dialog, and the token that is due.

        An association whose ticket has ended by our own clock signs no more; its server will challenge.

        Raises:
            ParseError: the request lacks a header that is signed.
        """
        self._signing, self._method = [], request.method
        for key in signers.keys:
            association = self._table.get(key)
            if association is None:
                continue
            if association.end(now) is EndReason.CREDENTIALS_EXPIRED:
                self._ended[key] = self._table.pop(key)
                continue
            request = association.sign_request(request)
            self._signing.append(association)
        return request if self._handshake is None else self._handshake.authorize(request, now)

    def receive(self, response: Response, signers: Signers, now: datetime) -> Step:
        """Takes the answer to the last request."""
        if response.status < 200:
            return Wait()
        self.on_challenge = ()
        if HeaderFamily.of_status(response.status) is None:
            step = self._answer(response, signers, now)
        else:
            self.on_challenge = self._passed_on(response, now)
            try:
                step = self._challenge(response, offers(response), signers, now)
            except SipError as error:
                step = Stopped(StopReason.MALFORMED_HEADER, str(error))
        if isinstance(step, Stopped | Answered):
            self.start()
        return step

    def verify(self, message: Message, now: datetime) -> tuple[Checked, ...]:
        """Checks the signatures on what a server sent unasked, of those associations that its info headers name.

        A request without any signature lacks that of the first server on the path, which handed it over.
        """
        checks = tuple(
            Checked(association, association.verify_from_server(message, now), False)
            for association in self._table.values()
        )
        unsigned = all(check.result.problem is SignatureProblem.MISSING for check in checks)
        if unsigned and isinstance(message, Request) and must_be_signed(message):
            return checks[:1]
        return tuple(self._named(check) for check in checks if check.result.problem not in _ABSENT)

    def _passed_on(self, response: Response, now: datetime) -> tuple[Checked, ...]:
        checks = (Checked(one, one.verify_response(response, now), False) for one in self.signing)
        return tuple(self._named(check) for check in checks if check.result.problem not in _ABSENT)

    def _challenge(self, response: Response, found: tuple[Offer, ...], signers: Signers, now: datetime) -> Step:
        handshake, asking = self._handshake, tuple(_key_of(offer) for offer in found)
        if handshake is not None and handshake.association is not None:
            if not found or handshake.association.key in asking:
                return _asked(handshake, response, now)  # refused by the server that it was for
            self._keep(handshake.association, signers)  # which let the request pass; now another one asks
            handshake = None
        elif handshake is not None and handshake.offer is not None:
            forgotten = any(association.key in asking for association in self._signing)
            if _key_of(handshake.offer) in asking or not forgotten:
                return _asked(handshake, response, now)
        for association in self._table.values():
            if association.key in asking and association not in self._signing and association.key not in signers.keys:
                self._handshake = None
                signers.add(association.key)
                return SendAgain(association.targetname)
        return self._new_handshake(response, asking, now)

    def _new_handshake(self, response: Response, asking: tuple[AssociationKey, ...], now: datetime) -> Step:
        disowned = [association for association in self._signing if association.key in asking]
        for association in disowned:  # all of them: after forking, one challenge speaks for several servers
            self._ended[association.key] = self._table.pop(association.key, association)
        self._fresh = [association for association in self._fresh if association not in disowned]
        gone = next((self._ended.pop(key) for key in asking if key in self._ended), None)
        self._handshakes += 1
        self._handshakes_in_all += 1
        if self._handshakes_in_all > MAX_HANDSHAKES_IN_ALL:
            return Stopped(StopReason.STARTED_OVER, f"challenged anew {MAX_HANDSHAKES_IN_ALL} times in all")
        if self._handshakes > MAX_HANDSHAKES:
            return Stopped(StopReason.STARTED_OVER, f"challenged {MAX_HANDSHAKES} times over, under ever new names")
        self._handshake = ClientHandshake(token_bytes=self._token_bytes, lifetime=self._lifetime)
        step = _asked(self._handshake, response, now)
        return replace(step, gone=gone) if isinstance(step, Challenged) else step

    def _answer(self, response: Response, signers: Signers, now: datetime) -> Step:
        checks = [
            Checked(association, association.verify_response(response, now), association in self._fresh)
            for association in self._signing
        ]
        if self._handshake is not None or not checks:
            handshake = self._handshake or ClientHandshake(token_bytes=self._token_bytes)
            step = handshake.receive(response, now)
            if not isinstance(step, Finished):
                return step
            self._keep(step.association, signers)
            checks.append(Checked(step.association, step.signature, True))
        passed = [check for check in checks if not check.fresh and check.result.problem in _ABSENT]
        if not any(check.fresh and check.result.trusted for check in checks):
            passed = []  # no other path was proven
        for check in passed:
            signers.keys.remove(check.association.key)
            if self._method == "REGISTER":
                self._table.pop(check.association.key, None)
        kept = tuple(self._named(check) for check in checks if check not in passed)
        return Answered(response, kept, tuple(check.association for check in passed))

    def _keep(self, association: SecurityAssociation, signers: Signers) -> None:
        self._table[association.key] = association
        self._fresh.append(association)
        self._handshake = None
        signers.add(association.key)

    def _named(self, check: Checked) -> Checked:
        """The check, with the association that made the signature where it is another one than it names."""
        if check.result.verdict is not Verdict.INVALID:
            return check
        for other in self._others(check.association):
            if other.made(check.result):
                detail = f"it names {check.association.targetname}, and {other.targetname} made it"
                changed = replace(check.result, problem=SignatureProblem.OTHER_SIGNER, detail=detail)
                return replace(check, result=changed)
        return check

    def _others(self, association: SecurityAssociation) -> Iterable[SecurityAssociation]:
        return (other for other in self._table.values() if other is not association)


def _asked(handshake: ClientHandshake, response: Response, now: datetime) -> Challenged | SendNext | Wait | Stopped:
    step = handshake.receive(response, now)
    if isinstance(step, Finished):
        raise ValueError("a challenge finishes no handshake")
    return step


def _key_of(offer: Offer) -> AssociationKey:
    return AssociationKey(offer.scheme, offer.realm, offer.targetname)
