"""Each source of this computer's settings, laid out in a folder of its own."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipauthctl.lab.kdc import Kdc, KdcSettings
from sipauthctl.machine.keytab import principals, read_keytab
from sipauthctl.machine.krb5_conf import read_krb5_conf
from sipauthctl.machine.samba_conf import read_samba_conf
from sipauthctl.machine.sssd import JoinedDomain, ask_realmd, read_sssd_conf
from tests.external import DEMANDED

KRB5 = """
# from the fleet
includedir /etc/krb5.conf.d/
[libdefaults]
    default_realm = LITWAREINC.COM
    dns_lookup_kdc = false
[realms]
    litwareinc.com = {
        kdc = dc1.litwareinc.com
        kdc = [2001:db8::1]:8888
        auth_to_local = {
            RULE = x
        }
        kdc = dc2.litwareinc.com:88
    }
[domain_realm]
    .eu.litwareinc.com = EU.LITWAREINC.COM
"""


def write(root: Path, path: str, text: str | bytes) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


class TestKrb5Conf:
    def test_realm_and_kdcs(self, tmp_path: Path) -> None:
        write(tmp_path, "etc/krb5.conf", KRB5)
        write(tmp_path, "etc/krb5.conf.d/eu", "[realms]\nEU.LITWAREINC.COM = {\nkdc = dc.eu.litwareinc.com\n}\n")
        write(tmp_path, "etc/krb5.conf.d/eu.rpmnew", "[libdefaults]\ndefault_realm = OLD.INVALID\n")
        conf = read_krb5_conf(tmp_path, {})
        assert conf.default_realm == "LITWAREINC.COM"
        assert conf.kdcs["LITWAREINC.COM"] == ["dc1.litwareinc.com", "[2001:db8::1]:8888", "dc2.litwareinc.com:88"]
        assert conf.kdcs["EU.LITWAREINC.COM"] == ["dc.eu.litwareinc.com"]

    @pytest.mark.parametrize(
        "text",
        [
            "[realms]\nA.COM =\n  {\n kdc = dc.a.com\n}\n",
            "[realms]\nA.COM = {\nauth_to_local_names =\n{\n x = y\n}\nkdc = dc.a.com\n}\n",
            "include\t/other\n",
            "includedir \t /folder\n",
            "[realms]\ninclude /defaults\nA.COM = {\nkdc = dc.a.com\n}\n",
        ],
        ids=[
            "brace-on-its-own-line",
            "section-within-a-realm",
            "include-tab",
            "includedir-tab",
            "include-in-a-section",
        ],
    )
    def test_each_layout_that_libkrb5_reads_names_the_kdc(self, tmp_path: Path, text: str) -> None:
        write(tmp_path, "etc/krb5.conf", text)
        for path in ("other", "folder/a.conf"):
            write(tmp_path, path, "[realms]\nA.COM = {\nkdc = dc.a.com\n}\n")
        write(tmp_path, "defaults", "[libdefaults]\ndefault_realm = B.COM\n")
        assert read_krb5_conf(tmp_path, {}).kdcs == {"A.COM": ["dc.a.com"]}

    def test_the_environment_names_another_file(self, tmp_path: Path) -> None:
        write(tmp_path, "etc/krb5.conf", KRB5)
        other = write(tmp_path, "other.conf", "[libdefaults]\n default_realm=CONTOSO.COM\n")
        assert read_krb5_conf(tmp_path, {"KRB5_CONFIG": str(other)}).default_realm == "CONTOSO.COM"

    def test_a_file_that_includes_itself_ends(self, tmp_path: Path) -> None:
        write(tmp_path, "etc/krb5.conf", "include /etc/krb5.conf\n[libdefaults]\ndefault_realm = A.COM\n")
        assert read_krb5_conf(tmp_path, {}).default_realm == "A.COM"

    def test_none_is_empty(self, tmp_path: Path) -> None:
        conf = read_krb5_conf(tmp_path, {})
        assert (conf.default_realm, conf.kdcs, conf.files) == ("", {}, [])

    @pytest.mark.external
    @pytest.mark.skipif(Kdc.missing() is not None and not DEMANDED, reason=str(Kdc.missing()))
    def test_the_file_of_a_lab_leads_to_its_kdc(self) -> None:
        import asyncio

        async def main() -> tuple[list[str], str]:
            async with Kdc(KdcSettings()) as kdc:
                conf = read_krb5_conf(Path("/"), {"KRB5_CONFIG": str(kdc.configuration)})
                return conf.kdcs[conf.default_realm], kdc.address

        kdcs, address = asyncio.run(main())
        assert kdcs == [address]


class TestSambaConf:
    def test_a_member(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            "etc/samba/smb.conf",
            "[global]\n  Security = ADS\n  realm=LITWAREINC.COM\n workgroup = LITWAREINC\n disable netbios = Yes\n"
            "[homes]\n security = user\n",
        )
        conf = read_samba_conf(tmp_path)
        assert conf is not None and conf.in_domain and conf.netbios_disabled
        assert (conf.realm, conf.workgroup) == ("LITWAREINC.COM", "LITWAREINC")

    def test_debians_own_file_is_no_member(self, tmp_path: Path) -> None:
        text = "[global]\n   workgroup = WORKGROUP\n   server role = standalone server\n;  disable netbios = yes\n"
        write(tmp_path, "etc/samba/smb.conf", text)
        conf = read_samba_conf(tmp_path)
        assert conf is not None and not conf.in_domain and not conf.netbios_disabled

    def test_none(self, tmp_path: Path) -> None:
        assert read_samba_conf(tmp_path) is None


class TestSssd:
    def test_directory_domains_alone(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            "etc/sssd/sssd.conf",
            "[sssd]\ndomains = corp, files\n[domain/corp]\nid_provider = ad\nad_domain = litwareinc.com\n"
            "krb5_realm = LITWAREINC.COM\n[domain/files]\nid_provider = files\n",
        )
        write(tmp_path, "etc/sssd/conf.d/eu.conf", "[domain/eu.litwareinc.com]\nid_provider = ad\n")
        assert read_sssd_conf(tmp_path) == (
            JoinedDomain("litwareinc.com", "LITWAREINC.COM"),
            JoinedDomain("eu.litwareinc.com"),
        )

    @pytest.mark.parametrize("text", ["id_provider = ad", "[domain/x\n", "\xff[domain/x]\nid_provider"])
    def test_a_damaged_file_tells_nothing(self, tmp_path: Path, text: str) -> None:
        write(tmp_path, "etc/sssd/sssd.conf", text)
        assert read_sssd_conf(tmp_path) == ()

    def test_realmd(self, tmp_path: Path) -> None:
        program = write(
            tmp_path,
            "usr/sbin/realm",
            "#!/bin/sh\ncat <<END\nlitwareinc.com\n  type: kerberos\n  realm-name: LITWAREINC.COM\n"
            "  domain-name: litwareinc.com\n  configured: kerberos-member\n  server-software: active-directory\n"
            "other.com\n  realm-name: OTHER.COM\n  domain-name: other.com\n  configured: no\n"
            "  server-software: active-directory\nEND\n",
        )
        program.chmod(0o755)
        assert ask_realmd(tmp_path) == (JoinedDomain("litwareinc.com", "LITWAREINC.COM"),)

    def test_without_realmd(self, tmp_path: Path) -> None:
        assert ask_realmd(tmp_path) == ()


class TestKeytab:
    @pytest.mark.external
    def test_one_that_mit_wrote(self, tmp_path: Path) -> None:
        file = tmp_path / "etc/krb5.keytab"
        file.parent.mkdir()
        commands = "".join(
            f"addent -password -p {name} -k 2 -e aes256-cts\nsecret\n"
            for name in ("host/ws1.litwareinc.com@LITWAREINC.COM", "WS1$@LITWAREINC.COM")
        )
        subprocess.run(["ktutil"], input=f"{commands}wkt {file}\n".encode(), check=True, capture_output=True)
        assert read_keytab(tmp_path) == ("host/ws1.litwareinc.com@LITWAREINC.COM", "WS1$@LITWAREINC.COM")

    def test_the_old_format(self) -> None:
        parts = [b"LITWAREINC.COM", b"host", b"ws1"]
        entry = struct.pack("=H", 3) + b"".join(struct.pack("=H", len(part)) + part for part in parts)
        hole = struct.pack("=i", -4) + bytes(4)
        data = b"\x05\x01" + hole + struct.pack("=i", len(entry)) + entry
        assert list(principals(data)) == ["host/ws1@LITWAREINC.COM"]

    @given(st.binary(max_size=200))
    def test_damage_gives_what_stands_before_it(self, data: bytes) -> None:
        assert all("@" in name for name in principals(b"\x05\x02" + data))
