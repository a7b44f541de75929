"""From what the user gave to a verifier for one association: NTLM by password or NT hash, Kerberos by its keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from sipauthctl.analysis.kerberos import KerberosVerifier
from sipauthctl.analysis.secrets import GivenSecret, Secrets
from sipauthctl.analysis.verifier import Deviation
from sipauthctl.analysis.words import Method, Sender
from sipauthctl.mechanisms.base import MalformedToken
from sipauthctl.mechanisms.kerberos.offline import NoKeyFits
from sipauthctl.mechanisms.kerberos.token import check_initial_token
from sipauthctl.mechanisms.ntlm.context import NtlmContext, Role
from sipauthctl.mechanisms.ntlm.deviations import KeyMaterial, find_deviation, lm_base_key
from sipauthctl.mechanisms.ntlm.keys import LmHashNeeded, check_response, check_response_v1, exported_session_key, mic
from sipauthctl.mechanisms.ntlm.messages import AuthenticateFacts, ChallengeFacts

_ROLES = {Sender.CLIENT: Role.INITIATOR, Sender.SERVER: Role.ACCEPTOR}
_NEAR_BYTES = 2


class NoKey(Enum):
    """Why an association has no verifier; the value is the detail of its signatures."""

    NO_SECRET = "no secret was given for this user"
    WRONG_SECRET = "the given secret does not fit the token of the client"
    NO_HANDSHAKE = "the handshake lies before the beginning of the input"
    NO_CHALLENGE = "the CHALLENGE of the handshake is not in the input"
    LM_HASH_NEEDED = "the given secret is right, and with NTLMv1 the key needs the LM hash too: give the password"
    ANONYMOUS = "the AUTHENTICATE is anonymous"
    REMOVED = "the token was taken out of this trace"
    DAMAGED = "the tokens of the handshake are damaged"
    NO_HELLOS = "the hellos of the TLS handshake are not in the input"
    NO_KEY_LOG = "no key log was given that has the secret of the TLS handshake"
    NOT_IN_KEY_LOG = "the key log does not have the secret of this TLS handshake"
    TLS_NOT_SUPPORTED = "keys of this version of TLS or cipher suite are not known here"
    NO_KEYTAB = "no keytab was given"
    KEYTAB_UNFIT = "the given keytab does not decrypt the ticket"
    NO_ANSWER = (
        "the context has mutual authentication, and the server's token, which brings its key, is not in the input"
    )
    TYPE_NOT_SUPPORTED = "signatures of this type of Kerberos key (DES, export) are not verified here"


@dataclass(frozen=True, slots=True)
class NtlmVerifier:
    """Both directions of an NTLM association, from its session key."""

    method: Method
    keys: KeyMaterial = field(repr=False)
    contexts: dict[Sender, NtlmContext] = field(repr=False)

    def verify(self, sender: Sender, data: bytes, signature: bytes) -> bool:
        """Whether `sender` made `signature` over `data`."""
        return self.contexts[sender.other].verify(data, signature)

    def deviation(self, sender: Sender, num: int, data: bytes, signature: bytes) -> Deviation | None:
        """The mistake in key or algorithm with which `sender` made it; None where no known one did."""
        found = find_deviation(self.keys, _ROLES[sender], num, data, signature)
        return None if found is None else Deviation(found.name, found.sentence)

    def nearly(self, sender: Sender, data: bytes, signature: bytes) -> bool:
        """Whether the right signature differs from this one in one or two bytes."""
        right = self.contexts[sender].sign(data)
        ignored = 0 if self.keys.extended_session_security else 8
        pairs = list(zip(right, signature, strict=False))
        differing = sum(a != b for a, b in (*pairs[:4], *pairs[max(4, ignored) :]))
        return len(signature) == len(right) and 0 < differing <= _NEAR_BYTES


@dataclass(frozen=True, slots=True)
class SecretCheck:
    """What came of the secrets for one AUTHENTICATE. `tampered` means: the proof holds, and the MIC does not."""

    verifier: NtlmVerifier | None
    problem: NoKey | None
    given: GivenSecret | None = None
    tampered: bool = False


def ntlm_verifier(secrets: Secrets, challenge: ChallengeFacts, authenticate: AuthenticateFacts) -> SecretCheck:
    """Tries the secrets that were given for this user, [MS-NLMP] 3.3.2.

    A wrong secret shows here, in the proof (NTProofStr), before any signature is looked at; so a signature that does
    not hold later is the message's fault, not the password's. Damage to the proof, to what it covers or to the
    CHALLENGE looks the same as a wrong secret.
    """
    if authenticate.version is None:
        return SecretCheck(None, NoKey.ANONYMOUS)
    candidates = secrets.candidates(authenticate.user, authenticate.domain)
    if not candidates:
        return SecretCheck(None, NoKey.NO_SECRET)
    check = check_response_v1 if authenticate.version == 1 else check_response
    for given in candidates:
        try:
            base_key = check(given.secret, challenge.server_challenge, authenticate)
        except LmHashNeeded:
            return SecretCheck(None, NoKey.LM_HASH_NEEDED, given)
        if base_key is None:
            continue
        try:
            session_key = exported_session_key(base_key, authenticate)
        except MalformedToken:
            return SecretCheck(None, NoKey.DAMAGED, given)
        keys = KeyMaterial(
            flags=authenticate.flags,
            session_key=session_key,
            session_base_key=base_key,
            encrypted_session_key=authenticate.encrypted_session_key,
            lm_base_key=lm_base_key(given.secret, challenge, authenticate),
        )
        contexts = {sender: NtlmContext(authenticate.flags, session_key, role) for sender, role in _ROLES.items()}
        tampered = authenticate.mic is not None and authenticate.mic != mic(
            session_key, challenge, authenticate.raw_without_mic
        )
        return SecretCheck(NtlmVerifier(given.method, keys, contexts), None, given, tampered)
    return SecretCheck(None, NoKey.WRONG_SECRET, candidates[0])


@dataclass(frozen=True, slots=True)
class KeytabCheck:
    """What came of the keytab for one AP-REQ. `unfit` says why it does not decrypt the ticket."""

    verifier: KerberosVerifier | None
    problem: NoKey | None
    unfit: NoKeyFits | None = None


def kerberos_verifier(secrets: Secrets, token: bytes) -> KeytabCheck:
    """The verifier for a Kerberos association, or why there is none.

    Raises:
        MalformedToken: the token is none of Kerberos, or is damaged.
    """
    check_initial_token(token)
    if secrets.kerberos is None:
        return KeytabCheck(None, NoKey.NO_KEYTAB)
    try:
        verifier = secrets.kerberos.verifier(token)
    except NoKeyFits as error:
        return KeytabCheck(None, NoKey.KEYTAB_UNFIT, error)
    if not verifier.supported:
        return KeytabCheck(verifier, NoKey.TYPE_NOT_SUPPORTED)
    return KeytabCheck(verifier, None if verifier.keys.complete else NoKey.NO_ANSWER)
