"""The detector finds genuine secrets, made by other programs or let out by the user's own options."""

from __future__ import annotations

import asyncio
import base64
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import ldap3
import pytest
import spnego

from tests.cli.program import environment, sipauthctl
from tests.external import DEMANDED
from tests.hostile.leaks import Kind, Leak, Secret, find_leaks
from tests.hostile.peers import Directory, Kdc, Recorder, Services
from tests.hostile.sip_peer import CONNECTIONLESS, FLAGS, OWN_NAMES, SERVER_CHALLENGE, challenge, pairs
from tests.hostile.world import PASSWORD, TCP, TLS, Scenario, play
from tests.mechanisms.kerberos.recorded import context
from tests.network.peers import Authority

SECRET = Secret(PASSWORD, (SERVER_CHALLENGE,), (("LITWAREINC.COMned", 4096),))
NT_HASH = bytes.fromhex("2999849e4edb6597d1bc0ff4772a0aa3")  # of PASSWORD, by OpenSSL: MD4 of its UTF-16


def kinds(data: bytes) -> dict[Kind, bool]:
    return {leak.kind: leak.proven for leak in find_leaks(data, SECRET)}


@pytest.mark.parametrize(
    "spelling",
    [
        PASSWORD.encode(),
        PASSWORD.encode("utf-16-le"),
        PASSWORD.encode("utf-16-be"),
        PASSWORD.encode().hex().encode(),
        PASSWORD.encode().hex().upper().encode(),
        base64.b64encode(PASSWORD.encode()),
        base64.b64encode(b"ned:" + PASSWORD.encode()),
        base64.b64encode(b"\0ned\0" + PASSWORD.encode()),
        base64.b64encode(PASSWORD.encode("utf-16-le")),
        PASSWORD.encode("utf-16-le").hex().encode(),
        quote("Litware/Ned 1", safe="").encode(),
    ],
)
def test_the_password_in_any_spelling(spelling: bytes) -> None:
    password = "Litware/Ned 1" if b"%" in spelling else PASSWORD
    assert find_leaks(b"x" + spelling + b"\r\n", Secret(password)) == {Leak(Kind.PASSWORD)}


@pytest.mark.parametrize("spelling", [NT_HASH, NT_HASH.hex().encode(), base64.b64encode(b"\x01" + NT_HASH)])
def test_the_nt_hash(spelling: bytes) -> None:
    assert kinds(b"\r\n" + spelling + b"\r\n") == {Kind.NT_HASH: True}


def authenticate(password: str = PASSWORD, **options: int) -> bytes:
    """What pyspnego answers to the attacker's CHALLENGE."""
    client = spnego.client("LITWAREINC\\ned", password, protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
    client.step()
    token = client.step(challenge(pairs(OWN_NAMES), flags=FLAGS & ~CONNECTIONLESS))
    assert token is not None
    return token


def test_an_ntlm_response_of_another_program() -> None:
    token = authenticate()
    assert kinds(token) == {Kind.NTLM_RESPONSE: True}
    header = b'Authorization: NTLM gssapi-data="%s", version=4\r\n' % base64.b64encode(token)
    assert kinds(header) == {Kind.NTLM_RESPONSE: True}


def test_an_ntlm_response_of_another_password_is_reported_and_not_proven() -> None:
    assert kinds(authenticate("another")) == {Kind.NTLM_RESPONSE: False}


def test_an_ntlm_response_of_version_1() -> None:
    # [MS-NLMP] 4.2.2.2.1 and 4.2.3: the password is "Password", the server's challenge 0123456789abcdef.
    token = bytes.fromhex(
        "4e544c4d5353500003000000180018006c00000018001800840000000c000c00480000000800080054000000100010005c000000"
        "000000009c000000358280e20501280a0000000f44006f006d00610069006e00550073006500720043004f004d00500055005400"
        "45005200aaaaaaaaaaaaaaaa000000000000000000000000000000007537f803ae367128ca458204bde7caf81e97ed2683267232"
    )
    secret = Secret("Password", (bytes.fromhex("0123456789abcdef"),))
    assert find_leaks(token, secret) == {Leak(Kind.NTLM_RESPONSE, True, "version 1")}


def test_a_ntlm_message_without_a_response_is_none() -> None:
    assert kinds(b"NTLMSSP\0\x01\0\0\0" + bytes(32)) == {}
    assert kinds(challenge(pairs(OWN_NAMES))) == {}


def test_a_ticket() -> None:
    token = context().token
    assert kinds(token) == {Kind.TICKET: False}
    assert kinds(b'gssapi-data="%s"' % base64.b64encode(token)) == {Kind.TICKET: False}


def test_a_simple_bind_of_another_program(authority: Authority) -> None:
    async def scenario() -> bytes:
        recorder = Recorder()
        services = Services("127.0.0.1", recorder)
        context = authority.context("localhost")
        port = await services.listen("ldap", Directory(context).serve)
        secure = await services.listen("ldaps", Directory(context).serve, 0, context)

        def bind(number: int, *, use_ssl: bool, start_tls: bool = False) -> None:
            server = ldap3.Server("127.0.0.1", number, use_ssl=use_ssl, get_info=ldap3.NONE)
            connection = ldap3.Connection(server, "ned@litwareinc.com", PASSWORD)
            if start_tls:
                connection.start_tls()
            connection.bind()
            connection.unbind()

        await asyncio.to_thread(bind, port, use_ssl=False)
        await asyncio.to_thread(bind, secure, use_ssl=True)
        await asyncio.to_thread(bind, port, use_ssl=False, start_tls=True)
        await services.stop()
        for record in recorder.records:
            assert kinds(bytes(record.data)) == {Kind.SIMPLE_BIND: True, Kind.PASSWORD: True}
        return recorder.records[-1].data

    asyncio.run(scenario())


_KINIT = """
import sys, krb5
context = krb5.init_context()
name = krb5.parse_name_flags(context, b"ned@LITWAREINC.COM")
try:
    krb5.get_init_creds_password(context, name, krb5.get_init_creds_opt_alloc(context), sys.argv[1].encode())
except krb5.Krb5Error:
    pass
"""


@pytest.mark.parametrize("etype", [17, 18, 23])
def test_an_encrypted_timestamp_of_another_program(etype: int, tmp_path: Path) -> None:
    if not DEMANDED:
        pytest.importorskip("krb5")
    kdc = Kdc("LITWAREINC.COM", etype, "LITWAREINC.COMned", 4096)

    async def scenario() -> dict[Kind, bool]:
        recorder = Recorder()
        services = Services("127.0.0.1", recorder)
        port = await services.listen_datagrams("kdc", kdc.answer)
        configuration = tmp_path / "krb5.conf"
        configuration.write_text(
            "[libdefaults]\nallow_weak_crypto = true\nallow_rc4 = true\ndns_lookup_kdc = false\n"
            f"[realms]\nLITWAREINC.COM = {{\nkdc = 127.0.0.1:{port}\n}}\n"
        )
        command = [sys.executable, "-c", _KINIT, PASSWORD]
        changed = environment(KRB5_CONFIG=str(configuration))
        await asyncio.to_thread(subprocess.run, command, env=changed, check=True, timeout=60)
        await services.stop()
        found: dict[Kind, bool] = {}
        for record in recorder.records:
            found |= kinds(bytes(record.data))
        return found

    kind = Kind.TIMESTAMP_RC4 if etype == 23 else Kind.TIMESTAMP_AES
    assert asyncio.run(scenario()) == {kind: True}


# The program itself, told by its user to give something away: what the other tests look for does arrive.


def test_cleartext_lets_the_response_out(authority: Authority, tmp_path: Path) -> None:
    scenario = Scenario(options=TCP + " --allow-cleartext")
    outcome = play(scenario, authority, tmp_path)
    assert outcome.leaks["sip tcp"] == {Leak(Kind.NTLM_RESPONSE, True, "version 2")}
    with pytest.raises(AssertionError, match=r"the attacker got .*an NTLM response"):
        outcome.judge(scenario)


@pytest.mark.slow
def test_an_unverified_certificate_lets_the_response_out(authority: Authority, tmp_path: Path) -> None:
    outcome = play(Scenario(options=TLS + " --no-verify", certificate=""), authority, tmp_path)
    assert outcome.leaks["sip tls"] == {Leak(Kind.NTLM_RESPONSE, True, "version 2")}


@pytest.mark.slow
def test_a_trusted_domain_gets_the_response(authority: Authority, tmp_path: Path) -> None:
    if "--trust-domain" not in sipauthctl("register", "--help").out:
        pytest.skip("there is no option --trust-domain")
    zone = "_sipinternaltls._tcp.litwareinc.com. 9 IN SRV 0 0 {tls} evil.fabrikam.com."
    scenario = Scenario(options="--trust-domain fabrikam.com", zone=zone, certificate="evil.fabrikam.com")
    outcome = play(scenario, authority, tmp_path)
    assert outcome.leaks["sip tls"] == {Leak(Kind.NTLM_RESPONSE, True, "version 2")}


@pytest.mark.slow
@pytest.mark.parametrize(("etype", "kind"), [(18, Kind.TIMESTAMP_AES), (23, Kind.TIMESTAMP_RC4)])
def test_a_kdc_that_the_user_names_gets_a_timestamp(
    etype: int, kind: Kind, authority: Authority, tmp_path: Path
) -> None:
    kdc = Kdc("LITWAREINC.COM", etype, "LITWAREINC.COMned", 4096)
    options = TLS + " --kdc {address}:{kdc} --only kdc"
    scenario = Scenario(command="doctor", options=options, logon="ned@litwareinc.com", kdc=kdc)
    outcome = play(scenario, authority, tmp_path)
    assert outcome.leaks["kdc udp"] == {Leak(kind, True, f"etype {etype}")}
