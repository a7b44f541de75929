"""How the lab's servers behave. The defaults are those of Office Communications Server 2007 R2; faults change them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from sipauthctl.lab.accounts import AccountState
from sipauthctl.lab.authority import CertificateFlaw
from sipauthctl.lab.diagnostics import GivenAnswer
from sipauthctl.lab.kdc import KdcFlaw
from sipauthctl.lab.netbios import NetbiosFlaw
from sipauthctl.lab.wire import WireFlaw


class DateHeader(Enum):
    """The Date of a challenge."""

    PRESENT = "present"
    ABSENT = "absent"
    MALFORMED = "malformed"


class AnswerSignature(Enum):
    """How answers are signed."""

    RIGHT = "right"
    MISSING = "missing"
    WRONG = "wrong"
    REPLAYED = "replayed"  # every answer carries snum 1
    SKIPPING = "skipping"  # numbers are left out after the first
    RESET = "reset"  # each refresh is answered with snum 1 again


class RedirectTarget(Enum):
    """Where the proxy's 301 points."""

    HOME = "home"
    FOREIGN = "foreign"  # a host outside the SIP domain
    BACK = "back"  # the home server redirects again, to the proxy
    CLEARTEXT = "cleartext"  # from TLS to plain TCP
    NOWHERE = "nowhere"  # a Contact that cannot be used
    NO_TRANSPORT = "no-transport"  # a Contact that leaves it at the transport in use


class Impostor(Enum):
    """Something else than a server of this family."""

    DIGEST = "digest"
    HTTP = "http"
    NO_CHALLENGE = "no-challenge"
    NO_OFFERS = "no-offers"


class Damage(Enum):
    """What happens to answers on their way out."""

    SILENT = "silent"
    TRUNCATED = "truncated"
    OVERSIZED = "oversized"


class NameServerFlaw(Enum):
    """What is wrong in DNS."""

    NO_SRV = "no-srv"  # nothing at all for the SIP domain
    UNRESOLVABLE_TARGET = "unresolvable-target"
    FOREIGN_TARGET = "foreign-target"
    DEAD_PORT = "dead-port"
    DEAD_SERVER_FIRST = "dead-server-first"  # the right server has the worse priority
    ALIAS_TARGET = "alias-target"
    AUTODISCOVER_ONLY = "autodiscover-only"  # nothing but lyncdiscover.DOMAIN
    NO_DOMAIN_RECORDS = "no-domain-records"  # those of the SIP servers alone
    NO_SUCH_DOMAIN = "no-such-domain"
    SILENT = "silent"
    REFUSES = "refuses"
    FAILS = "fails"


class SpnFlaw(Enum):
    """What is wrong with the servers' service principal names in the directory."""

    DUPLICATE = "duplicate"  # another account has them too
    WRONG_ACCOUNT = "wrong-account"  # another account has them instead


class DirectoryFlaw(Enum):
    """What is wrong with LDAP."""

    UNREACHABLE = "unreachable"  # nothing listens on its ports
    DIES = "dies"  # with the first logon to it


@dataclass(frozen=True, slots=True)
class Behaviour:
    """All that can be made to go wrong. `delay` is in seconds, per answer."""

    clock_offset: timedelta = timedelta()
    date: DateHeader = DateHeader.PRESENT
    workgroup: bool = False
    signature: AnswerSignature = AnswerSignature.RIGHT
    redirect_signature: AnswerSignature = AnswerSignature.RIGHT
    unsigned_requests: bool = False  # of the server
    redirect_target: RedirectTarget = RedirectTarget.HOME
    kerberos_targetname: str | None = None  # `{host}` stands for the server's name
    realm_in_token: str | None = None
    omit_targetname: bool = False
    version: int | None = None
    home_version: int | None = None  # of the home server, where it differs
    legacy_auth_off: bool = False  # TLS-DSK is offered, and nothing else
    short_keys: bool = False
    garbage_token: bool = False
    reject_all: bool = False
    tell_logon_status: bool = False
    terminal_escapes: bool = False
    seen_address: str | None = None  # what the servers note in Via instead of the client's address
    delay: float = 0.0
    damage: Damage | None = None
    impostor: Impostor | None = None
    certificate: CertificateFlaw | None = None
    wire: WireFlaw | None = None
    netbios: NetbiosFlaw | None = None
    name_server: NameServerFlaw | None = None
    kdc: KdcFlaw | None = None
    first_account: AccountState | None = None  # instead of active
    spns: SpnFlaw | None = None
    directory: DirectoryFlaw | None = None
    directory_delay: float = 0.0

    @property
    def needs_domain(self) -> bool:
        """Whether only an Active Directory can show this."""
        return self.spns is not None or self.directory is not None or bool(self.directory_delay)

    forgets_association: bool = False  # once, at the first REGISTER under it
    wrong_proxy_signs: bool = False
    replay_after_refresh: bool = False
    path_change: bool = False
    granted_expires: int | None = None  # in seconds
    first_answer: GivenAnswer | None = None  # instead of the challenge
    final_answer: GivenAnswer | None = None  # to right credentials
    refresh_answer: GivenAnswer | None = None
    restart_every: float | None = None  # in seconds
