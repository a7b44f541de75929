"""Records contexts of MIT's GSS-API with short tickets, for tests that need neither a KDC nor today's clock.

    python -m tests.mechanisms.kerberos.record > tests/mechanisms/kerberos/contexts.json

Each context: the keytab of the service, the client's token, the server's where there is one, and MIC tokens of both
sides over `MESSAGES`. Keys and principals exist nowhere else.
"""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import Any

from sipauthctl.lab.kdc import Kdc, KdcSettings, KeyType
from tests.mechanisms.kerberos.harness import acceptor, gssapi, krb5, with_kdc

TYPES = (
    "aes256-cts-hmac-sha1-96",
    "aes128-cts-hmac-sha1-96",
    "aes256-cts-hmac-sha384-192",
    "aes128-cts-hmac-sha256-128",
    "arcfour-hmac",
)
MESSAGES = ("<Kerberos><8A59CE2B><1>", "", "<sip:ned@litwareinc.com>" * 40)
SERVICE = "sip/hs1.litwareinc.com"
_LIFE_SECONDS = 60


async def _record(kdc: Kdc, type_: str) -> list[dict[str, Any]]:
    await kdc.administer(f"setstr {SERVICE} session_enctypes {type_}")
    context = krb5.init_context()
    options = krb5.get_init_creds_opt_alloc(context)
    krb5.get_init_creds_opt_set_tkt_life(options, _LIFE_SECONDS)
    ned = krb5.parse_name_flags(context, b"ned")
    ticket = krb5.get_init_creds_password(context, ned, options, password=b"Litware-Ned-1")
    cache = krb5.cc_new_unique(context, b"MEMORY")
    krb5.cc_initialize(context, cache, ticket.client)
    krb5.cc_store_cred(context, cache, ticket)
    mechanism, name_type = gssapi.MechType.kerberos, gssapi.NameType.kerberos_principal
    store = {"ccache": f"MEMORY:{cache.name.decode()}"}
    credentials = gssapi.Credentials(usage="initiate", mechs=[mechanism], store=store)
    found = []
    for mutual in (False, True):
        flags = gssapi.RequirementFlag.integrity
        if mutual:
            flags |= gssapi.RequirementFlag.mutual_authentication
        name = gssapi.Name(f"{SERVICE}@", name_type)
        client = gssapi.SecurityContext(name=name, creds=credentials, usage="initiate", mech=mechanism, flags=flags)
        token = client.step()
        server = gssapi.SecurityContext(creds=acceptor(kdc)._credentials(), usage="accept")
        answer = server.step(token)
        if mutual:
            client.step(answer)
        mics = {
            who: [side.get_signature(message.encode()).hex() for message in MESSAGES]
            for who, side in (("client", client), ("server", server))
        }
        keytab = kdc.keytab.read_bytes().hex()
        both = {"token": token.hex(), "answer": answer.hex() if mutual else None}
        found.append({"type": type_, "mutual": mutual, "keytab": keytab, **both, "mics": mics})
    return found


def main() -> None:
    contexts: list[dict[str, Any]] = []
    for type_ in TYPES:
        # The lab knows fewer types; RC4 by its own name, since that must be allowed.
        key_type: Any = KeyType.RC4 if type_ == KeyType.RC4.value else SimpleNamespace(value=type_)
        settings = KdcSettings(key_type=key_type)
        contexts += with_kdc(lambda kdc, type_=type_: _record(kdc, type_), settings)  # type: ignore[misc]
    json.dump(contexts, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
