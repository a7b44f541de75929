"""The recorded session of Communicator 2007 R2 with Office Communications Server 2007 R2, as records."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

from sipauthctl.analysis.secrets import Secrets, password_secrets
from sipauthctl.capture.record import Address, Record
from tests.analysis import independent
from tests.association.test_recorded import COMMUNICATOR_REQUEST, OCS_RESPONSE
from tests.mechanisms.ntlm import recorded

GIVEN = Secrets(password_secrets(recorded.PASSWORD))
KEYS = independent.keys(recorded.CHALLENGE, recorded.AUTHENTICATE, recorded.PASSWORD)

CHALLENGE = (
    "SIP/2.0 407 Proxy Authentication Required\r\n"
    "Via: SIP/2.0/TLS 192.168.172.6:12723\r\n"
    "From: <sip:user@cosmo.local>;tag=3e49177a52;epid=c8ca638a15\r\n"
    "To: <sip:user@cosmo.local>;tag=5E61CCD925D17E043D9A74835A88F664\r\n"
    "Call-ID: 4037df9284354df39065195bd57a4b14\r\n"
    "CSeq: 2 REGISTER\r\n"
    'Proxy-Authenticate: NTLM opaque="2BDBAC9D", '
    f'gssapi-data="{base64.b64encode(recorded.CHALLENGE).decode()}", '
    'targetname="cosmo-ocs-r2.cosmo.local", realm="SIP Communications Service", version=4\r\n'
    "Content-Length: 0\r\n\r\n"
)
_CLIENT, _SERVER = Address("192.168.172.6", 12723), Address("192.168.172.20", 5061)
_TIME = datetime(2009, 8, 22, 12, 0, tzinfo=UTC)


def _record(place: int, text: str) -> Record:
    sent = not text.startswith("SIP/2.0")
    ends = (_CLIENT, _SERVER) if sent else (_SERVER, _CLIENT)
    time = _TIME + timedelta(milliseconds=20 * place)
    return Record(time, *ends, transport="tls", raw=text.encode(), input="ocs.pcap", place=place)


RECORDS = [_record(place, text) for place, text in enumerate((CHALLENGE, COMMUNICATOR_REQUEST, OCS_RESPONSE), 1)]
