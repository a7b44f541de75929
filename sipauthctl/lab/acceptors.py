"""How the servers of a deployment verify what their clients give, one mechanism for each scheme that they offer."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sipauthctl.lab.accounts import Directory, RefuseAll
from sipauthctl.lab.authority import Authority
from sipauthctl.lab.kdc import Kdc
from sipauthctl.lab.samba.domain import SambaDomain
from sipauthctl.lab.samba.logon import DomainLogon
from sipauthctl.lab.settings import LabSettings
from sipauthctl.mechanisms.base import Acceptor, Scheme
from sipauthctl.mechanisms.ntlm.acceptor import OCS_2007_R2_FLAGS, AcceptorOptions, NtlmAcceptor, ResponseChecker
from sipauthctl.mechanisms.ntlm.messages import Flags, TargetNames


class Acceptors:
    """Makes them. The `kdc`, the `domain` and, for the keys of TLS-DSK, the `folder` are set when the lab starts.

    Args:
        settings: what was chosen.
        directory: knows the accounts, where no domain does.
        authority: certifies the servers.
        now: the true time in UTC.
    """

    def __init__(
        self, settings: LabSettings, directory: Directory, authority: Authority, now: Callable[[], datetime]
    ) -> None:
        self.kdc: Kdc | SambaDomain | None = None
        self.domain: SambaDomain | None = None
        self.folder = Path()
        self._settings = settings
        self._directory = directory
        self._authority = authority
        self._now = now
        self._tls_dsk_contexts: dict[str, ssl.SSLContext] = {}

    def of(self, host: str) -> dict[Scheme, Callable[[], Acceptor]]:
        """Those of one server, by scheme."""
        makers: dict[Scheme, Callable[[], Acceptor]] = {
            Scheme.NTLM: lambda: self._ntlm(host),
            Scheme.KERBEROS: lambda: self._kerberos(host),
            Scheme.TLS_DSK: lambda: self._tls_dsk(host),
        }
        return {scheme: makers[scheme] for scheme in self._settings.offered}

    def targetnames(self, host: str) -> dict[Scheme, str]:
        """How the offers of one server name it, by scheme."""
        names = {Scheme.NTLM: host, Scheme.KERBEROS: f"sip/{host}", Scheme.TLS_DSK: host}
        chosen = {scheme: names[scheme] for scheme in self._settings.offered}
        spn = self._settings.behaviour.kerberos_targetname
        if spn is None:
            return chosen
        chosen.pop(Scheme.KERBEROS, None)
        return {Scheme.KERBEROS: spn.format(host=host), **chosen}

    def _kerberos(self, host: str) -> Acceptor:
        from sipauthctl.mechanisms.kerberos.acceptor import KerberosAcceptor

        if self.kdc is None:
            raise ValueError("the deployment has not been started")
        kdc = self.kdc
        return KerberosAcceptor(kdc.keytab, kdc.principal(host), replay_cache=kdc.replay_cache, now=self._now)

    def _tls_dsk(self, host: str) -> Acceptor:
        from sipauthctl.mechanisms.tls_dsk.acceptor import TlsDskAcceptor

        key_log = self.folder / "tls-dsk-keys.txt"
        if host not in self._tls_dsk_contexts:
            self._tls_dsk_contexts[host] = self._authority.tls_dsk_context(host, key_log)
        return TlsDskAcceptor(self._tls_dsk_contexts[host], key_log)

    def _ntlm(self, host: str) -> Acceptor:
        behaviour = self._settings.behaviour
        flags = OCS_2007_R2_FLAGS
        if not self._settings.extended_session_security:
            flags &= ~Flags.extended_session_security
        if behaviour.short_keys:
            flags &= ~Flags.key_128
        computer, domain = host.split(".")[0], self._settings.domain_names
        names = (
            TargetNames(netbios_computer=computer.upper(), dns_computer=computer)
            if behaviour.workgroup
            else TargetNames(domain.netbios, computer.upper(), domain.dns, f"{computer}.{domain.dns}", domain.dns)
        )
        return NtlmAcceptor(
            self._checker(),
            names,
            options=AcceptorOptions(flags=flags),
            now=lambda: self._now() + behaviour.clock_offset,
            token_bytes=secrets.token_bytes,
        )

    def _checker(self) -> ResponseChecker:
        if self._settings.behaviour.reject_all:
            return RefuseAll()
        domain = self.domain
        return self._directory if domain is None else DomainLogon(domain.run_folder, domain.smb_conf)
