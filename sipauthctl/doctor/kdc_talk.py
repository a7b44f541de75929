"""A talk with a KDC: what it says of an account to anybody, and then to whoever knows the password."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from sipauthctl.association.clock import ClockReading, read_clock
from sipauthctl.doctor.case import Case
from sipauthctl.doctor.this_machine import realms_of
from sipauthctl.mechanisms.kerberos.as_exchange import (
    CLIENT_UNKNOWN,
    PREAUTH_FAILED,
    PREAUTH_REQUIRED,
    RESPONSE_TOO_BIG,
    TICKET,
    WRONG_REALM,
    KdcAnswer,
    MalformedAnswer,
    as_request,
    read_answer,
    timestamp_kind,
)
from sipauthctl.mechanisms.kerberos.names import KerberosName
from sipauthctl.mechanisms.kerberos.preauth import encrypted_timestamp, usable
from sipauthctl.network import kdc
from sipauthctl.network.datagrams import NoAnswer
from sipauthctl.probe.realms import KdcPlace, Realm
from sipauthctl.trust import REMEDY, Clearance, Origin

MAX_REFERRALS = 2


@dataclass(frozen=True, slots=True)
class KdcTalk:
    """What a KDC said.

    Attributes:
        name: who was asked for.
        place: which KDC.
        by: `UDP` or `TCP`.
        answer: to the question that anybody may ask.
        clock: its clock minus this computer's, None where it told no time.
        proof: its answer to the proof of the password, None where none was given.
    """

    name: KerberosName
    place: KdcPlace
    by: str
    answer: KdcAnswer
    clock: ClockReading | None
    proof: KdcAnswer | None = None

    @property
    def last(self) -> KdcAnswer:
        """The answer that tells most."""
        return self.proof or self.answer

    @property
    def refuses(self) -> bool:
        """Whether it gives the user no ticket."""
        return self.last.code not in (TICKET, PREAUTH_REQUIRED)


class NoKdc(Exception):
    """Nobody was found to ask, or nobody answered; the text says why. `silent` are those that did not answer."""

    def __init__(self, message: str, realm: str, silent: tuple[KdcPlace, ...] = ()) -> None:
        super().__init__(message)
        self.realm = realm
        self.silent = silent


async def ask_about(case: Case, names: tuple[KerberosName, ...]) -> KdcTalk:
    """The talk about the first of the names that a KDC knows, else about the first one.

    A referral is followed to a realm within the domains that the user or this computer named: a KDC proves nothing to
    somebody whose password it does not know.

    Raises:
        NoKdc: none was asked with success.
    """
    unknown: KdcTalk | None = None
    problem: NoKdc | None = None
    waiting, referrals, realms = list(names), 0, await realms_of(case)
    while waiting:
        name = waiting.pop(0)
        realm = await realms.find(name.realm)
        if realm.proxied:
            raise NoKdc(
                f"krb5.conf names only an HTTPS proxy for {realm.name}, which libkrb5 alone can ask", realm.name
            )
        try:
            talk = await _ask(case, name, realm)
        except NoKdc as error:
            problem = error if problem is None or (error.silent and not problem.silent) else problem
            continue
        elsewhere = talk.answer.code == WRONG_REALM and talk.answer.realm != name.realm
        if (
            elsewhere
            and referrals < MAX_REFERRALS
            and realms.trust.named_by(talk.answer.realm, Origin.PEER) is not None
        ):
            referrals += 1
            waiting.insert(0, KerberosName(name.user, talk.answer.realm, name.enterprise))
        elif talk.answer.code in (CLIENT_UNKNOWN, WRONG_REALM):
            unknown = unknown or talk
        else:
            return talk
    if unknown is not None:
        return unknown
    raise problem or NoKdc("no realm is known for the user", "")


async def prove(case: Case, talk: KdcTalk, password: str) -> KdcAnswer | None:
    """The KDC's answer to the proof of a password; None where it asks for none, or for one that cannot be made here.

    The timestamp is by the KDC's own clock, so that a clock that is off hides nothing else. A wrong password counts
    as a failed sign-in, and is reported as one.

    Raises:
        NoKdc: no answer came.
    """
    key_type = next((item for item in talk.answer.key_types if usable(item)), None)
    if talk.answer.code != PREAUTH_REQUIRED or key_type is None or case.attempts.refusal is not None:
        return None
    realm, credential = talk.name.realm, timestamp_kind(key_type.etype)
    cleared = (await realms_of(case)).clear(credential, realm)
    if not isinstance(cleared, Clearance):
        raise NoKdc(f"the {credential.value} is not sent to {talk.place.host} ({REMEDY[cleared]} allows it)", realm)
    time = case.tools.now()
    if talk.clock is not None:
        time += talk.clock.offset
    try:
        random = case.tools.token_bytes
        stamp = await asyncio.to_thread(encrypted_timestamp, key_type, password, time, random, cleared)
    except ValueError as error:
        raise NoKdc(f"{talk.place.host}: {error}", talk.name.realm) from None
    request = as_request(talk.name, _nonce(case), timestamp=stamp, workstation=case.asked.probe.workstation)
    _, answer = await _exchange(case, talk.place, request, talk.name.realm)
    if answer.code == PREAUTH_FAILED:
        case.attempts.failed("the KDC refused the password")
    return answer


async def _ask(case: Case, name: KerberosName, realm: Realm) -> KdcTalk:
    """Asks the KDCs of a realm at the same time; the first answer counts."""
    if not realm.kdcs:
        raise NoKdc(f"no KDC of {realm.name} is known by {realm.source}", realm.name)
    tasks = [asyncio.ensure_future(_ask_one(case, name, place)) for place in realm.kdcs]
    problems = []
    try:
        for task in asyncio.as_completed(tasks):
            try:
                return await task
            except NoKdc as error:
                problems.append(str(error))
    finally:
        for task in tasks:
            task.cancel()
    raise NoKdc("; ".join(problems), realm.name, realm.kdcs)


async def _ask_one(case: Case, name: KerberosName, place: KdcPlace) -> KdcTalk:
    answered, answer = await _exchange(case, place, as_request(name, _nonce(case)), name.realm)
    timed, time = answered, answer.time
    if answer.code == TICKET:
        # A ticket shows no clock; the refusal of a service that cannot exist does.
        request = as_request(name, _nonce(case), service=("krbtgt", "NOWHERE.INVALID"))
        timed, refusal = await _exchange(case, place, request, name.realm)
        time = refusal.time
    clock = None
    if time is not None:
        # Whole seconds: within one, MIT's KDC counts the microseconds of its answers up instead of reading them.
        clock = read_clock(time.replace(microsecond=0), timed.sent, timed.received)
    return KdcTalk(name, place, answered.by, answer, clock)


async def _exchange(case: Case, place: KdcPlace, request: bytes, realm: str) -> tuple[kdc.Answered, KdcAnswer]:
    try:
        answered = await kdc.ask(
            place.address,
            place.port,
            request,
            seconds=case.step_seconds,
            now=case.tools.now,
            settles=_settles,
        )
        return answered, read_answer(answered.data)
    except NoAnswer as error:
        raise NoKdc(f"{place.host}: {error}", realm, (place,)) from None
    except MalformedAnswer as error:
        raise NoKdc(f"{place.host} port {place.port}: {error}", realm, (place,)) from None


def _settles(data: bytes) -> bool:
    """Whether an answer by UDP is the last word; one that is none lets TCP try."""
    try:
        return read_answer(data).code != RESPONSE_TOO_BIG
    except MalformedAnswer:
        return False


def _nonce(case: Case) -> int:
    return int.from_bytes(case.tools.token_bytes(4), "big") & 0x7FFFFFFF
