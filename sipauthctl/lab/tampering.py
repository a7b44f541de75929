"""Faults that change a finished response: what a broken or hostile server would send."""

from __future__ import annotations

import base64

from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.parameters import AuthParameters
from sipauthctl.lab.behaviour import Behaviour
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.sip.headers import Headers
from sipauthctl.sip.message import Response

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31m[bold red]owned[/bold red]\x9b31m\u202e"


def tamper(response: Response, behaviour: Behaviour) -> Response:
    """The response as the behaviour lets it out."""
    family = HeaderFamily.of_status(response.status)
    if family is not None:
        response = response.with_headers(_challenge(response.headers, family, behaviour))
    if behaviour.terminal_escapes:
        response = Response(
            status=response.status,
            reason=response.reason + ESCAPES,
            headers=response.headers.replace("Server", ESCAPES).add("ms-diagnostics", f'1;reason="{ESCAPES}"'),
        )
    return response


def _challenge(headers: Headers, family: HeaderFamily, behaviour: Behaviour) -> Headers:
    changed = []
    for field in headers:
        value = field.value
        if field.name == family.challenge:
            value = _offer(AuthParameters.parse(value), behaviour).format()
        changed.append((field.name, value))
    return Headers(changed)


def _offer(offer: AuthParameters, behaviour: Behaviour) -> AuthParameters:
    params = dict(offer.params)
    with_token = "gssapi-data" in params
    if behaviour.omit_targetname:
        params.pop("targetname", None)
    if behaviour.realm_in_token is not None and with_token:
        params["realm"] = behaviour.realm_in_token
    if behaviour.garbage_token and with_token and Scheme.parse(offer.scheme_text) is Scheme.NTLM:
        params["gssapi-data"] = base64.b64encode(b"this is no NTLM message at all, only text").decode("ascii")
    return AuthParameters(offer.scheme_text, tuple(params.items()))
