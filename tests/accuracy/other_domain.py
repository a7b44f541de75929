"""Deployments whose Active Directory domain is not the SIP domain: CORP, ad.fabrikam.local, where users have
litwareinc.com in their SIP address and as the suffix of their user principal name."""

from __future__ import annotations

from typing import Any

from sipauthctl.lab.names import DomainNames
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.sip.uri import SipUri
from tests.accuracy.examination import BOTH, Row

_NAMES = DomainNames("CORP", "ad.fabrikam.local")
_NTLM: dict[str, Any] = {"lab": {"schemes": (Scheme.NTLM,), "domain_names": _NAMES}}
_BOTH: dict[str, Any] = {"lab": {"schemes": BOTH, "domain_names": _NAMES}}
_WRONG: dict[str, Any] = {"password": "wrong"}
_NOT_TOLD = "Nobody tells more than that the credentials are refused; the names are usual."


def _row(name: str, expected: str | None, logon: str, **more: Any) -> Row:
    return Row("other domain", name, expected, logon=logon, **more)


OTHER_DOMAIN = (
    _row("wrong password, UPN", "credentials-refused", "ned@litwareinc.com", reason=_NOT_TOLD, **_WRONG, **_NTLM),
    _row("wrong password, CORP", "credentials-refused", "CORP\\ned", reason=_NOT_TOLD, **_WRONG, **_NTLM),
    _row("wrong password, child domain", "credentials-refused", "EMEA\\ned", reason=_NOT_TOLD, **_WRONG, **_NTLM),
    _row("wrong password, both, CORP", "wrong-password", "CORP\\ned", **_WRONG, **_BOTH),
    _row("wrong password, both, FQDN", "wrong-password", "ad.fabrikam.local\\ned", **_WRONG, **_BOTH),
    _row(
        "the first label of the DNS domain for its NetBIOS name",
        "netbios-name-mismatch",
        "AD\\ned",
        reason="The domain whose DNS name begins so is called CORP; no other one can be called AD.",
        **_NTLM,
    ),
    _row(
        "SIP address that is no UPN",
        "credentials-refused",
        "zoe@litwareinc.com",
        options={"user": SipUri.parse("sip:zoe@litwareinc.com")},
        tells="logon-name-is-sip-address",
        undecidable="a wrong password looks the same where no KDC is asked",
        **_NTLM,
    ),
)

OTHER_DOMAIN_HEALTHY = (
    _row("UPN", None, "ned@litwareinc.com", **_NTLM),
    _row("CORP", None, "CORP\\ned", **_NTLM),
    _row("FQDN", None, "ad.fabrikam.local\\ned", **_NTLM),
    _row("both, CORP", None, "CORP\\ned", **_BOTH),
    _row("both, FQDN", None, "ad.fabrikam.local\\ned", **_BOTH),
)
