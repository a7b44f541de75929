"""A running domain controller: provisioned, filled, started, and gone without a trace at the end."""

from __future__ import annotations

import json
import secrets
import tempfile
from asyncio.subprocess import Process
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from sipauthctl.lab.accounts import ACCOUNTS, Account, AccountState
from sipauthctl.lab.authority import Authority
from sipauthctl.lab.behaviour import DirectoryFlaw, SpnFlaw
from sipauthctl.lab.errors import CannotStart
from sipauthctl.lab.kdc import KdcFlaw
from sipauthctl.lab.kdc_impostor import SkewedKdc
from sipauthctl.lab.names import (
    DOMAIN_CONTROLLER,
    HOME_HOST,
    KERBEROS_REALM,
    NETBIOS_DOMAIN,
    PROXY_HOST,
    SIP_DOMAIN,
)
from sipauthctl.lab.relay import Relay
from sipauthctl.lab.samba.configuration import (
    CATALOGUE_PORT,
    KDC_PORT,
    LDAP_PORT,
    LDAPS_PORT,
    check_length,
    own_address,
    smb_conf,
)
from sipauthctl.lab.samba.ldap_logon import begins_logon
from sipauthctl.lab.samba.processes import Programs
from sipauthctl.lab.samba.programs import interpreter, missing, within
from sipauthctl.lab.stopping import stop_by_input
from sipauthctl.mechanisms.kerberos.configuration import NO_DNS, client_configuration

ADMINISTRATOR = Account("Administrator", "Administrator", "Litware-Admin-1")
SERVICE_ACCOUNT, FORMER_SERVICE_ACCOUNT = "RTCService", "OldRTCService"
NO_KDC = (KdcFlaw.UNREACHABLE, KdcFlaw.CLOCK_SKEW)
"""With these the port of Kerberos is not Samba's."""

_KEY_TYPES = {KdcFlaw.ETYPE_MISMATCH: 0x03, KdcFlaw.RC4_TICKETS: 0x04}  # DES alone, RC4 alone


@dataclass(frozen=True, slots=True)
class DomainSettings:
    """Options of the domain. `delay` is in seconds, before each answer of LDAP and Kerberos."""

    accounts: tuple[Account, ...] = ACCOUNTS
    hosts: tuple[str, ...] = (PROXY_HOST, HOME_HOST)
    kdc: KdcFlaw | None = None
    spns: SpnFlaw | None = None
    directory: DirectoryFlaw | None = None
    delay: float = 0.0


class SambaDomain:
    """A running domain controller; an asynchronous context manager.

    Args:
        settings: what was chosen.
        authority: issues the certificate for LDAP by TLS.
    """

    def __init__(self, settings: DomainSettings, authority: Authority) -> None:
        self.settings = settings
        self.realm = KERBEROS_REALM
        self.address = ""
        self._server = ""  # another one where a relay stands in front
        self._flaw = settings.directory
        self.folder = Path()
        self._authority = authority
        self._stack = AsyncExitStack()

    @property
    def configuration(self) -> Path:
        """The krb5.conf for clients, and for the servers of the lab."""
        return self.folder / "krb5.conf"

    @property
    def keytab(self) -> Path:
        """The keys of the SIP servers."""
        return self.folder / "sip.keytab"

    @property
    def replay_cache(self) -> Path:
        """A place for the services' replay cache, which goes when the domain goes."""
        return self.folder / "replay"

    @property
    def smb_conf(self) -> Path:
        """What Samba's programs need to find this domain."""
        return self.folder / "smb.conf"

    @property
    def run_folder(self) -> Path:
        """What stands in the place of /run/samba for this domain's programs."""
        return self.folder / "run"

    @property
    def host_address(self) -> str:
        """Its address, at which it has the ports of a real one."""
        return self.address

    @property
    def port(self) -> int:
        """Where it answers Kerberos."""
        return KDC_PORT

    def principal(self, host: str) -> str:
        """The service of a host, as it stands in the keytab."""
        return f"sip/{host}@{self.realm}"

    async def __aenter__(self) -> SambaDomain:
        """Starts it; about six seconds.

        Raises:
            CannotStart: something stands in the way, or one of Samba's programs fails.
        """
        problem = missing()
        if problem is not None:
            raise CannotStart(problem.removesuffix("."))
        if self.settings.kdc is KdcFlaw.SHORT_TICKETS:
            raise CannotStart("Samba cannot issue tickets for a minute; leave out --directory samba")
        async with AsyncExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="sipauthctl-samba-"))
            self.folder = Path(folder)
            check_length(self.folder)
            self.address = self._server = own_address()
            if self._flaw is DirectoryFlaw.DIES or self.settings.delay:
                self._server = own_address()
            await self._provision()
            self._configure()
            await self._populate()
            await self._listen(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _provision(self) -> None:
        empty = self.folder / "empty.conf"
        empty.touch()
        await Programs(self.folder, self.configuration).run(
            (
                "samba-tool",
                *("domain", "provision", f"--configfile={empty}", f"--targetdir={self.folder}"),
                *(f"--realm={KERBEROS_REALM}", f"--domain={NETBIOS_DOMAIN}", "--server-role=dc"),
                *(f"--host-name={DOMAIN_CONTROLLER.split('.')[0]}", f"--host-ip={self._server}"),
                "--dns-backend=NONE",
            )
        )

    def _configure(self) -> None:
        for name in ("run", "cache", "lock", "ncalrpc", "ntp-signd", "usershares"):
            (self.folder / name).mkdir(exist_ok=True)
        services = [] if self.settings.kdc in NO_KDC else ["kdc"]
        services += [] if self._flaw is DirectoryFlaw.UNREACHABLE else ["ldap", "cldap"]
        self.smb_conf.write_text(smb_conf(self.folder, self._server, services), "ascii")
        client = client_configuration(self.realm, [(self.address, None)], *NO_DNS)
        domains = f"[domain_realm]\n    {SIP_DOMAIN} = {self.realm}\n    .{SIP_DOMAIN} = {self.realm}\n"
        self.configuration.write_text(client + domains, "ascii")
        self._authority.write_server_files(DOMAIN_CONTROLLER, self.folder / "ldap.pem", self.folder / "ldap.key")
        self._authority.write_certificate(self.folder / "ldap-ca.pem")

    async def _populate(self) -> None:
        script = Path(__file__).with_name("population.py")
        await Programs(self.folder, self.configuration).run(
            (interpreter(), "-I", str(script)), json.dumps(self._contents())
        )

    def _contents(self) -> dict[str, Any]:
        settings = self.settings
        spns = [f"sip/{host}" for host in settings.hosts]
        owners = {SERVICE_ACCOUNT: spns}
        if settings.spns is SpnFlaw.DUPLICATE:
            owners[FORMER_SERVICE_ACCOUNT] = spns
        elif settings.spns is SpnFlaw.WRONG_ACCOUNT:
            owners = {SERVICE_ACCOUNT: [], FORMER_SERVICE_ACCOUNT: spns}
        if settings.kdc is KdcFlaw.SPN_NOT_REGISTERED:
            owners = {SERVICE_ACCOUNT: []}
        partition = ",".join(f"DC={label.upper()}" for label in SIP_DOMAIN.split("."))
        return {
            "configuration": str(self.smb_conf),
            "database": f"{self.folder}/private/sam.ldb.d/{partition}.ldb",
            "controller": DOMAIN_CONTROLLER,
            "administrator": {"user": ADMINISTRATOR.user, "password": ADMINISTRATOR.password},
            "accounts": [_entry(account) for account in settings.accounts],
            "service": {
                "user": SERVICE_ACCOUNT,
                "former": FORMER_SERVICE_ACCOUNT,
                "password": f"Lab-{secrets.token_hex(16)}",
            },
            "spns": spns,
            "owners": owners,
            "encryption_types": _KEY_TYPES.get(settings.kdc) if settings.kdc is not None else None,
            "keytab": str(self.keytab),
            "stale": settings.kdc is KdcFlaw.STALE_KEYTAB,
        }

    async def _listen(self, stack: AsyncExitStack) -> None:
        if self.settings.kdc is KdcFlaw.CLOCK_SKEW:
            impostor = SkewedKdc(self.realm)
            stack.push_async_callback(impostor.stop)
            await impostor.start(self.address, KDC_PORT)
        programs = Programs(self.folder, self.configuration)
        command = within(
            self.run_folder,
            *("samba", "--interactive", "--no-process-group", "--model=single", f"--configfile={self.smb_conf}"),
            own_processes=True,
        )
        process = await programs.start(command)
        stack.push_async_callback(stop_by_input, process)
        places = [(self._server, port) for port in self._ldap_ports]
        await programs.until_listening(process, [self.run_folder / "winbindd/pipe", *places])
        if self.address != self._server:
            await self._put_in_front(process, stack)

    @property
    def _ldap_ports(self) -> tuple[int, ...]:
        """By TCP; the first is also that by UDP."""
        unreachable = self._flaw is DirectoryFlaw.UNREACHABLE
        return () if unreachable else (LDAP_PORT, LDAPS_PORT, CATALOGUE_PORT)

    async def _put_in_front(self, process: Process, stack: AsyncExitStack) -> None:
        """A relay at the address that clients know."""

        async def die(port: int, number: int, data: bytes) -> None:
            if self._flaw is DirectoryFlaw.DIES and begins_logon(port, number, data):
                relay.stop_listening()  # before the client sees its connection break
                await stop_by_input(process)
                relay.close()

        relay = Relay(self.address, self._server, delay=self.settings.delay, on_request=die)
        stack.push_async_callback(relay.stop)
        kerberos = () if self.settings.kdc in NO_KDC else (KDC_PORT,)
        ldap = self._ldap_ports
        await relay.start(tcp=(*kerberos, *ldap), udp=(*kerberos, *ldap[:1]))


def _entry(account: Account) -> dict[str, Any]:
    address = f"{account.user}@{SIP_DOMAIN}"
    return {
        "user": account.user,
        "display_name": account.display_name,
        "password": account.password,
        "mail": address,
        "sip_uri": None if account.state is AccountState.NOT_ENABLED else f"sip:{address}",
        "state": account.state.value,
    }
