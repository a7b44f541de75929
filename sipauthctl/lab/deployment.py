"""The deployment in a box: an outbound proxy (hs1), a home server (hs2), their certificates and a name server."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.server import ServerAuthenticator
from sipauthctl.lab.acceptors import Acceptors
from sipauthctl.lab.accounts import Directory, accounts_with
from sipauthctl.lab.authority import Authority
from sipauthctl.lab.behaviour import RedirectTarget
from sipauthctl.lab.dns import NameServer
from sipauthctl.lab.events import LabEvent, Log
from sipauthctl.lab.kdc import Kdc, KdcSettings
from sipauthctl.lab.listener import Room, most_connections
from sipauthctl.lab.names import (
    DOMAIN_CONTROLLER,
    FOREIGN_HOST,
    HOME_HOST,
    PROXY_HOST,
    PROXY_HOSTS,
    REALM,
    SIP_DOMAIN,
    SPARE_HOST,
)
from sipauthctl.lab.netbios import NameService, NetbiosFlaw, member
from sipauthctl.lab.path import Path as ServerPath
from sipauthctl.lab.registrar import Registrar
from sipauthctl.lab.requests import message_to
from sipauthctl.lab.samba.domain import DomainSettings, SambaDomain
from sipauthctl.lab.samba.principals import principal_owner
from sipauthctl.lab.server import SipServer
from sipauthctl.lab.settings import LabSettings
from sipauthctl.lab.wire import port_contexts
from sipauthctl.lab.zone import deployment_zone
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.netbios.names import PORT as NETBIOS_PORT


@dataclass(frozen=True, slots=True)
class RunningServer:
    """One port of one server. `role` is `proxy` or `home`."""

    role: str
    host: str
    address: str
    port: int
    transport: str


class Deployment:
    """A running lab; an asynchronous context manager.

    Args:
        settings: what was chosen.
        log: called for each event, in order, from the event loop.
        now: the true time in UTC.
    """

    def __init__(
        self,
        settings: LabSettings,
        log: Log = lambda event: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.settings = settings
        self.servers: tuple[RunningServer, ...] = ()
        self.nameserver = ""
        self.name_services: tuple[NameService, ...] = ()
        self.domain: SambaDomain | None = None
        self.kdc: Kdc | SambaDomain | None = None
        accounts = accounts_with(settings.behaviour.first_account)
        names = None if settings.behaviour.workgroup else settings.domain_names
        self.directory = Directory(accounts, SIP_DOMAIN, names, self._principal_owner)
        self.authority = Authority()
        self.ca_file = Path()
        self.client_certificates: dict[str, Path] = {}
        """By SIP address: a certificate with its key, for TLS-DSK where that is offered."""
        self._log = log
        self._now = now
        self._acceptors = Acceptors(settings, self.directory, self.authority, now)
        self.proxy = self._registrar(PROXY_HOST)
        self.home = self._registrar(HOME_HOST)
        self.path = self._path()
        self._room = Room(most_connections())
        self._sip_servers: list[SipServer] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Deployment:
        """Starts everything.

        Raises:
            OSError: a port is taken.
            CannotStart: Kerberos or an Active Directory was chosen, and its KDC or controller cannot be started.
        """
        async with AsyncExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="sipauthctl-lab-"))
            self.ca_file = Path(folder) / "ca.pem"
            self.authority.write_certificate(self.ca_file)
            self._acceptors.folder = Path(folder)
            if Scheme.TLS_DSK in self.settings.offered:
                self._write_client_certificates(Path(folder))
            if self.settings.with_domain:
                self.domain = self.kdc = await stack.enter_async_context(self._samba_domain())
            elif Scheme.KERBEROS in self.settings.schemes:
                self.kdc = await stack.enter_async_context(Kdc(self._kdc_settings()))
            self._acceptors.kdc, self._acceptors.domain = self.kdc, self.domain
            running: list[RunningServer] = []
            for role, registrar in (("proxy", self.path or self.proxy), ("home", self.home)):
                running += await self._start(role, registrar, len(running), stack)
            self.servers = tuple(running)
            await self._start_name_server(stack)
            await self._start_netbios(stack)
            self._start_habits(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def server(self, role: str, transport: str) -> RunningServer:
        """The port of a role and transport."""
        return next(s for s in self.servers if (s.role, s.transport) == (role, transport))

    def certificate_pem(self, host: str) -> bytes:
        """The certificate of a running server as PEM, for clients that pin certificates.

        Raises:
            KeyError: no server of this deployment has that name.
        """
        return self.authority.certificate_pem(host)

    def forget(self) -> None:
        """Drops every association and registration, without a word to anybody."""
        for server in {*(self.path.servers if self.path else ()), self.proxy, self.home}:
            server.forget()

    async def restart(self) -> None:
        """What clients see of a restart: connections break, associations and registrations are gone."""
        self.forget()
        self._log(LabEvent(self._now(), self.home.host, "restarted", "associations and registrations are gone"))
        for server in self._sip_servers:
            await server.disconnect()

    async def send_message(self) -> int:
        """Sends a signed MESSAGE to every registered endpoint with an open connection; gives how many."""
        sender = self.directory.sip_uri(self.directory.accounts[1])
        bindings = {*self.home.bindings.current(self._now()), *self.proxy.bindings.current(self._now())}
        # At once, so that nobody waits for a client that does not read.
        sent = await asyncio.gather(
            *(
                server.send(message_to(binding, sender, self.home.host, secrets.token_bytes), binding.peer)
                for binding in bindings
                for server in self._sip_servers
            )
        )
        return sum(sent)

    def _write_client_certificates(self, folder: Path) -> None:
        for account in self.directory.accounts:
            path = folder / f"{account.user}.pem"
            path.touch(mode=0o600)
            self.authority.write_client_certificate(path, f"{account.user}@{SIP_DOMAIN}")
            self.client_certificates[self.directory.sip_uri(account)] = path

    def _start_habits(self, stack: AsyncExitStack) -> None:
        """What the servers do from time to time."""
        habits = (
            (self.settings.behaviour.restart_every, self.restart),
            (self.settings.message_every, self.send_message),
        )
        for seconds, habit in habits:
            if seconds is not None:
                task = asyncio.create_task(_every(seconds, habit))
                stack.callback(task.cancel)

    async def _start(
        self, role: str, registrar: Registrar | ServerPath, offset: int, stack: AsyncExitStack
    ) -> list[RunningServer]:
        settings = self.settings
        server = SipServer(registrar, settings.behaviour, now=self._now, log=self._log, room=self._room)
        stack.push_async_callback(server.stop)
        self._sip_servers.append(server)
        context = self.authority.server_context(registrar.host, settings.behaviour.certificate)
        running = []
        contexts = zip(("tls", "tcp"), port_contexts(context, settings.behaviour.wire), strict=True)
        for index, (transport, tls) in enumerate(contexts):
            wanted = settings.port + offset + index if settings.port else 0
            port = server.listen(settings.address, wanted, tls)
            running.append(RunningServer(role, registrar.host, settings.address, port, transport))
        return running

    async def _start_name_server(self, stack: AsyncExitStack) -> None:
        name_server = NameServer(
            deployment_zone(self.settings, self.server("proxy", "tls"), self.server("proxy", "tcp"), self.kdc)
        )
        stack.push_async_callback(name_server.stop)
        port = self.settings.port + len(self.servers) if self.settings.port else 0
        await name_server.start(self.settings.address, port)
        host, port = name_server.address
        self.nameserver = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    async def _start_netbios(self, stack: AsyncExitStack) -> None:
        """The NetBIOS names of the servers, and of the domain controller where there is one."""
        behaviour = self.settings.behaviour
        places = {PROXY_HOST: self.settings.address, HOME_HOST: self.settings.address}
        if self.kdc is not None:
            places[DOMAIN_CONTROLLER] = self.kdc.host_address
        services = []
        for host, address in places.items():
            if ":" in address:  # NetBIOS knows IPv4 alone
                continue
            controller = host == DOMAIN_CONTROLLER
            workgroup = behaviour.workgroup and not controller
            domain = self.settings.domain_names.netbios
            node = member(host, address, behaviour.netbios, domain, workgroup=workgroup, controller=controller)
            service = NameService(node, silent=behaviour.netbios is NetbiosFlaw.SILENT)
            stack.callback(service.stop)
            await service.start(NETBIOS_PORT if controller and self.domain is not None else 0)
            services.append(service)
        self.name_services = tuple(services)

    def _path(self) -> ServerPath | None:
        """The proxies in front of the home server; None where the one proxy redirects."""
        settings = self.settings
        if not settings.proxy_count:
            return None
        proxies = [self._registrar(host, HeaderFamily.PROXY) for host in PROXY_HOSTS]
        self.proxy = proxies[0]
        spare = self._registrar(SPARE_HOST, HeaderFamily.PROXY)
        return ServerPath(
            proxies[: settings.proxy_count],
            self.home,
            settings.behaviour,
            forked=settings.forked,
            spare=spare if settings.behaviour.path_change else None,
        )

    def _registrar(self, host: str, family: HeaderFamily | None = None) -> Registrar:
        settings = self.settings
        return Registrar(
            host,
            ServerAuthenticator(
                family=family or settings.family,
                realm=REALM,
                targetnames=self._acceptors.targetnames(host),
                version=self._version(host),
                acceptors=self._acceptors.of(host),
                token_bytes=secrets.token_bytes,
                lifetime=settings.sa_lifetime,
                idle=settings.sa_idle,
                sts_uri=f"https://{host}:443/CertProv/CertProvisioningService.svc",
            ),
            self.directory,
            settings.behaviour,
            redirect=self._redirect_of(host),
            now=self._now,
            token_bytes=secrets.token_bytes,
            log=self._log,
            longest_registration=settings.longest_registration,
        )

    def _version(self, host: str) -> int:
        behaviour = self.settings.behaviour
        chosen = behaviour.home_version if host == HOME_HOST else None
        return next(one for one in (chosen, behaviour.version, self.settings.version) if one is not None)

    def _redirect_of(self, host: str) -> Callable[[str], str] | None:
        """What makes the Contact of a server's 301; None for one that registers."""
        target = self.settings.behaviour.redirect_target
        if not self.settings.redirect or self.settings.proxy_count:
            return None
        if host == HOME_HOST:
            return (lambda transport: self._contact("proxy", transport)) if target is RedirectTarget.BACK else None
        if target is RedirectTarget.NOWHERE:
            return lambda transport: "tel:+15555550100"
        if target is RedirectTarget.FOREIGN:
            return lambda transport: f"sip:{FOREIGN_HOST}:5061;transport={transport}"
        if target is RedirectTarget.CLEARTEXT:
            return lambda transport: self._contact("home", "tcp")
        named = target is not RedirectTarget.NO_TRANSPORT
        return lambda transport: self._contact("home", transport, named=named)

    def _contact(self, role: str, transport: str, *, named: bool = True) -> str:
        server = self.server(role, transport)
        return f"sip:{server.host}:{server.port}{f';transport={transport}' if named else ''}"

    def _samba_domain(self) -> SambaDomain:
        behaviour = self.settings.behaviour
        settings = DomainSettings(
            self.directory.accounts,
            self._kdc_settings().hosts,
            behaviour.kdc,
            behaviour.spns,
            behaviour.directory,
            behaviour.directory_delay,
        )
        return SambaDomain(settings, self.authority)

    def _kdc_settings(self) -> KdcSettings:
        settings = self.settings
        return KdcSettings(
            accounts=self.directory.accounts,
            hosts=(*PROXY_HOSTS, HOME_HOST, SPARE_HOST) if self.path else (PROXY_HOST, HOME_HOST),
            key_type=settings.key_type,
            address=settings.address,
            flaw=settings.behaviour.kdc,
            realm=settings.domain_names.realm,
        )

    def _principal_owner(self, name: str) -> str:
        return "" if self.domain is None else principal_owner(self.domain.smb_conf, name)


async def _every(seconds: float, habit: Callable[[], Awaitable[object]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        await habit()
