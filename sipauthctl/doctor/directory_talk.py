"""A talk with the directory: finds a domain controller, signs in by the safest way there is, and looks up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sipauthctl.directory.availability import unavailable_reason
from sipauthctl.directory.errors import BindRefused, DirectoryError, DirectorySilent, DirectoryUntrusted
from sipauthctl.doctor.case import Case
from sipauthctl.doctor.kerberos import kerberos_login, note_failure, principals
from sipauthctl.doctor.this_machine import realms_of, trust_of
from sipauthctl.mechanisms.base import MechanismError, Scheme
from sipauthctl.mechanisms.kerberos.blocking import in_thread
from sipauthctl.mechanisms.kerberos.errors import KerberosFailure
from sipauthctl.network.discovery import order
from sipauthctl.network.tls import TlsPolicy
from sipauthctl.probe.realms import NoLogon
from sipauthctl.trust import (
    REMEDY,
    Clearance,
    Credential,
    Destination,
    Origin,
    Trust,
    Withheld,
)

if TYPE_CHECKING:
    from sipauthctl.directory.queries import DirectoryFacts, Question
    from sipauthctl.directory.session import DirectoryServer, DirectorySession
    from sipauthctl.mechanisms.kerberos.credentials import KerberosLogin

MAX_SERVERS = 2
TALK_STEPS = 2
"""How many of the user's time limits a talk with one server may take."""
LOGON_FAILURE = 0x52E  # ERROR_LOGON_FAILURE, [MS-ERREF] 2.2
_SERVICES = ("_ldap._tcp.dc._msdcs", "_ldap._tcp")


class NoDirectory(Exception):
    """It was not asked; the text is one sentence without a final dot."""


class LogonRefused(Exception):
    """The KDC does not sign the user in, which counts as a failed sign-in; `failure` has its words."""

    def __init__(self, failure: KerberosFailure) -> None:
        super().__init__(str(failure))
        self.failure = failure


async def ask_directory(case: Case) -> DirectoryFacts:
    """What the directory has on the user and on the service principal names that were offered.

    Raises:
        NoDirectory: there is none, or it could not be asked.
        BindRefused: it does not let the user in. A wrong password is reported as a failed sign-in.
        LogonRefused: see there.
    """
    reason = unavailable_reason()
    if reason is not None:
        raise NoDirectory(reason)
    problems = []
    for domain, server, cleared in await find_servers(case):
        try:
            return await _ask_one(case, domain, server, cleared)
        except (DirectorySilent, TimeoutError) as error:
            words = str(error) or f"not finished within {TALK_STEPS * case.step_seconds:g} s"
            problems.append(f"{server.host}: {words}")
        except BindRefused as error:
            if error.reason == LOGON_FAILURE:
                case.attempts.failed("the directory refused the password")
            raise
        except (DirectoryError, MechanismError) as error:
            raise NoDirectory(f"{server.host}: {error}") from None
    raise NoDirectory("; ".join(problems) or await _no_server(case))


async def _no_server(case: Case) -> str:
    domain = (await realms_of(case)).untrusted_domain
    if domain:
        return f"only the server's challenge names {domain}, so it was not asked (--trust-domain {domain} allows it)"
    return "no domain controller is known by DNS"


async def find_servers(case: Case) -> list[tuple[str, DirectoryServer, Clearance]]:
    """The domain controllers of the user's domain, each with the domain and the leave to send a ticket.

    Only hosts that may have one count: DNS proves nothing, but a certificate or a ticket for such a name does.
    """
    from sipauthctl.directory.session import DirectoryServer

    trust = await trust_of(case)

    for principal in principals(case, await realms_of(case)):
        domain = principal.realm.lower()
        records = case.ldap_servers.get(domain, ())
        for service in _SERVICES:
            records = records or await case.tools.resolver.services(f"{service}.{domain}")
        found = []
        for target in order(records, case.tools.rng):
            host = target.target.lower()
            addresses = await case.tools.resolver.addresses(host)
            cleared = trust.clear(Credential.SERVICE_TICKET, Destination(host, Origin.DNS))
            if addresses and isinstance(cleared, Clearance):
                found.append((domain, DirectoryServer(host, addresses[0], target.port), cleared))
        if found:
            return found[:MAX_SERVERS]
    return []


async def _ask_one(case: Case, domain: str, server: DirectoryServer, cleared: Clearance) -> DirectoryFacts:
    """Kerberos first: it proves the server, seals the connection and shows nobody the password."""
    from sipauthctl.directory.queries import look_up

    question, reason = _question(case, domain), "the KDC refuses the account"
    if case.kdc is None or not case.kdc.refuses:
        try:
            login = await kerberos_login(case, case.asked.probe.logon_name)
            by_kerberos = _kerberos_way(login, server, cleared, case.step_seconds)
            return await _talk(case, by_kerberos, lambda session: look_up(session, question))
        except NoLogon as error:
            reason = str(error)
        except MechanismError as error:
            note_failure(case, error)
            if isinstance(error, KerberosFailure) and case.attempts.refusal is not None:
                raise LogonRefused(error) from None
            reason = str(error)
    password = case.asked.credentials.password
    if password is None:
        raise NoDirectory(f"no ticket for the directory: {reason}")
    by_ntlm = _ntlm_way(case, server, password, await trust_of(case))
    try:
        return await _talk(case, by_ntlm, lambda session: look_up(session, question))
    except DirectoryUntrusted as error:
        raise NoDirectory(f"{server.host}: {error}; no ticket either: {reason}") from None


async def _talk(
    case: Case, way: Callable[[], DirectorySession], work: Callable[[DirectorySession], DirectoryFacts]
) -> DirectoryFacts:
    def talk() -> DirectoryFacts:
        with way() as session:
            return work(session)

    return await in_thread(talk, TALK_STEPS * case.step_seconds)


def _kerberos_way(
    login: KerberosLogin, server: DirectoryServer, cleared: Clearance, seconds: float
) -> Callable[[], DirectorySession]:
    from sipauthctl.directory.session import by_kerberos
    from sipauthctl.mechanisms.kerberos.sasl import SaslClient

    return lambda: by_kerberos(server, SaslClient(login, f"ldap/{server.host}", cleared), seconds)


def _ntlm_way(case: Case, server: DirectoryServer, password: str, trust: Trust) -> Callable[[], DirectorySession]:
    from sipauthctl.directory.session import by_ntlm
    from sipauthctl.mechanisms.ntlm.sasl import NtlmSasl

    # Whatever the user allows for SIP: only a certificate that proves the domain controller is taken.
    context, user = TlsPolicy(case.asked.probe.policy.ca_file).context(), case.asked.probe.logon_name.text

    def client(certificate: bytes) -> NtlmSasl:
        """Called once TLS has proven the host."""
        cleared = trust.clear(Credential.NTLM_RESPONSE, Destination(server.host, Origin.DNS, proven=True))
        if isinstance(cleared, Withheld):
            words = f"no {Credential.NTLM_RESPONSE.value} is sent to {server.host}"
            raise NoDirectory(f"{words} ({REMEDY[cleared]} allows it)")
        return NtlmSasl(user, password, cleared, certificate)

    return lambda: by_ntlm(server, client, context, case.step_seconds)


def _question(case: Case, domain: str) -> Question:
    from sipauthctl.directory.queries import Question

    name, user = case.asked.probe.logon_name, case.asked.probe.user
    plain, at, suffix = name.user.partition("@")
    names = (name.user, plain) if at and suffix.lower() == domain else (name.user,)
    offers = case.server.offers if case.server is not None else ()
    spns = (offer.targetname for offer in offers if offer.scheme is Scheme.KERBEROS and offer.targetname)
    return Question(names, f"sip:{user.user}@{user.host}", tuple(dict.fromkeys(spns)))
