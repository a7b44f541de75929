"""A throw-away MIT KDC: its own directory, an unprivileged port, the lab's accounts and services."""

from __future__ import annotations

import asyncio
import secrets
import socket
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType

from sipauthctl.lab.accounts import ACCOUNTS, Account, AccountState
from sipauthctl.lab.errors import CannotStart
from sipauthctl.lab.kdc_impostor import SkewedKdc
from sipauthctl.lab.names import HOME_HOST, KERBEROS_REALM, PROXY_HOST, SIP_DOMAIN
from sipauthctl.lab.starting import bound
from sipauthctl.lab.stopping import stop
from sipauthctl.mechanisms.kerberos.configuration import NO_DNS, client_configuration
from sipauthctl.programs import child_environment, find_program

SHORT_TICKET = "1 minute"
START_TIME_LIMIT = 10.0  # seconds, for each of the three programs
_PROGRAMS = ("krb5kdc", "kdb5_util", "kadmin.local")
_READY = b"starting..."
_NOT_PERMITTED = "camellia256-cts-cmac"
_COMPLAINTS = (b" while ", b"usage: ", b"Unknown request")  # kadmin.local exits with 0 whatever its commands did
_LONG_AGO = "2020-01-01 00:00:00 UTC"


class KdcError(CannotStart):
    """The KDC cannot be started; the text says why."""


class KeyType(str, Enum):
    """The encryption type of every key, by the name that MIT gives it."""

    AES256 = "aes256-cts-hmac-sha1-96"
    AES128 = "aes128-cts-hmac-sha1-96"
    RC4 = "arcfour-hmac"


class KdcFlaw(Enum):
    """What is wrong with the KDC, on purpose."""

    UNREACHABLE = "unreachable"  # nothing listens on its port
    CLOCK_SKEW = "clock-skew"  # it refuses every request for its time
    SPN_NOT_REGISTERED = "spn-not-registered"
    STALE_KEYTAB = "stale-keytab"  # the services' keys changed after the keytab was written
    ETYPE_MISMATCH = "etype-mismatch"  # the services take session keys of a type that the KDC does not permit
    RC4_TICKETS = "rc4-tickets"  # the services have RC4 keys only
    SHORT_TICKETS = "short-tickets"  # tickets for the services end after a minute


@dataclass(frozen=True, slots=True)
class KdcSettings:
    """Options of the KDC. `hosts` are those with a service `sip/HOST`; port 0 lets the system pick."""

    accounts: tuple[Account, ...] = ACCOUNTS
    hosts: tuple[str, ...] = (PROXY_HOST, HOME_HOST)
    key_type: KeyType = KeyType.AES256
    address: str = "127.0.0.1"
    port: int = 0
    flaw: KdcFlaw | None = None
    realm: str = KERBEROS_REALM


class Kdc:
    """A running KDC; an asynchronous context manager.

    Args:
        settings: what was chosen.
    """

    def __init__(self, settings: KdcSettings) -> None:
        self.settings = settings
        self.realm = settings.realm
        self.folder = Path()
        self.port = 0
        self._stack = AsyncExitStack()

    @staticmethod
    def missing() -> str | None:
        """One sentence on what to install before a KDC can run here; None when all is there."""
        absent = [program for program in _PROGRAMS if find_program(program) is None]
        if not absent:
            return None
        return f"The lab's KDC needs {', '.join(absent)} of MIT Kerberos: apt install krb5-kdc krb5-admin-server."

    @property
    def configuration(self) -> Path:
        """The krb5.conf for clients, and for the servers of the lab."""
        return self.folder / "krb5.conf"

    @property
    def keytab(self) -> Path:
        """The keys of the services."""
        return self.folder / "sip.keytab"

    def principal(self, host: str) -> str:
        """The service of a host, as it stands in the keytab."""
        return f"sip/{host}@{self.realm}"

    @property
    def replay_cache(self) -> Path:
        """A place for the services' replay cache, which goes when the KDC goes."""
        return self.folder / "replay"

    @property
    def host_address(self) -> str:
        """Its address alone."""
        return self.settings.address

    @property
    def address(self) -> str:
        """Where it listens by UDP and TCP, as `ADDRESS:PORT`."""
        return f"{self.settings.address}:{self.port}"

    async def __aenter__(self) -> Kdc:
        """Starts it.

        Raises:
            KdcError: a program is missing or fails, or the port is taken.
        """
        problem = self.missing()
        if problem is not None:
            raise KdcError(problem)
        async with AsyncExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="sipauthctl-kdc-"))
            self.folder = Path(folder)
            self.port = self.settings.port or _free_port(self.settings.address)
            self._configure()
            await self._populate()
            await self._listen(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def administer(self, *commands: str) -> None:
        """Runs commands of kadmin.local, given on its standard input.

        Raises:
            KdcError: one of them fails; nothing of the commands is repeated, as they hold passwords.
        """
        await self._run("kadmin.local", "\n".join((*commands, "")))

    def _configure(self) -> None:
        settings, folder = self.settings, self.folder
        # libkrb5 1.21 and later need the option; earlier versions do not know it and ignore it.
        rc4 = settings.key_type is KeyType.RC4 or settings.flaw is KdcFlaw.RC4_TICKETS
        more = ("allow_rc4 = true",) if rc4 else ()
        client = client_configuration(self.realm, [(settings.address, self.port)], *NO_DNS, *more)
        domains = f"[domain_realm]\n    {SIP_DOMAIN} = {self.realm}\n    .{SIP_DOMAIN} = {self.realm}\n"
        self.configuration.write_text(client + domains, "ascii")
        listen = f"[{settings.address}]:{self.port}" if ":" in settings.address else self.address
        (folder / "kdc.conf").write_text(
            f"""[libdefaults]
    permitted_enctypes = {KeyType.AES256.value} {settings.key_type.value}{f" {KeyType.RC4.value}" if rc4 else ""}
[logging]
    kdc = FILE:{folder}/kdc.log
[realms]
    {self.realm} = {{
        kdc_listen = {listen}
        kdc_tcp_listen = {listen}
        database_name = {folder}/principal
        key_stash_file = {folder}/stash
        acl_file = {folder}/acl
        supported_enctypes = {settings.key_type.value}:normal
    }}
""",
            "ascii",
        )

    async def _populate(self) -> None:
        master = secrets.token_hex(16)
        await self._run("kdb5_util", f"{master}\n{master}\n", "create", "-s")
        await self.administer(*(_principal(account) for account in self.settings.accounts), *self._services())

    def _services(self) -> list[str]:
        flaw = self.settings.flaw
        if flaw is KdcFlaw.SPN_NOT_REGISTERED:
            return []
        options = f' -maxlife "{SHORT_TICKET}"' if flaw is KdcFlaw.SHORT_TICKETS else ""
        if flaw is KdcFlaw.RC4_TICKETS:
            options = f" -e {KeyType.RC4.value}:normal"
        names = [f"sip/{host}" for host in self.settings.hosts]
        commands = [f"add_principal -randkey{options} {name}" for name in names]
        commands += [f"ktadd -norandkey -k {self.keytab} {name}" for name in names]
        if flaw is KdcFlaw.STALE_KEYTAB:
            commands += [f"change_password -randkey {name}" for name in names]
        if flaw is KdcFlaw.ETYPE_MISMATCH:
            commands += [f"set_string {name} session_enctypes {_NOT_PERMITTED}" for name in names]
        return commands

    async def _listen(self, stack: AsyncExitStack) -> None:
        if self.settings.flaw is KdcFlaw.UNREACHABLE:
            return
        if self.settings.flaw is KdcFlaw.CLOCK_SKEW:
            impostor = SkewedKdc(self.realm)
            stack.push_async_callback(impostor.stop)
            await impostor.start(self.settings.address, self.port)
            return
        process = await self._start("krb5kdc", "-n")
        stack.push_async_callback(stop, process)
        output = b""
        try:
            async with asyncio.timeout(START_TIME_LIMIT):
                while _READY not in output:
                    line = await process.stderr.readline() if process.stderr is not None else b""
                    if not line:
                        await process.wait()
                        raise KdcError(f"krb5kdc does not start on {self.address}: {self._last_words()}")
                    output += line
        except TimeoutError:
            raise KdcError(f"krb5kdc is not ready after {START_TIME_LIMIT:g} s") from None

    def _last_words(self) -> str:
        """The end of krb5kdc's log, without the time and the like before it."""
        try:
            line = _last_line((self.folder / "kdc.log").read_bytes())
        except OSError:
            line = ""
        return line.partition("): ")[2] or line or "it gives no reason"

    async def _run(self, program: str, text: str, *arguments: str) -> None:
        """Runs a program to its end with `text` as its input."""
        process = await self._start(program, *arguments, with_input=True)
        try:
            async with asyncio.timeout(START_TIME_LIMIT):
                _, output = await process.communicate(text.encode())
        except TimeoutError:
            raise KdcError(f"{program} does not end within {START_TIME_LIMIT:g} s") from None
        finally:
            await stop(process)
        complaints = [line for line in output.splitlines() if any(word in line for word in _COMPLAINTS)]
        if process.returncode or complaints:
            raise KdcError(f"{program} fails: {_last_line(complaints[0] if complaints else output)}")

    async def _start(self, program: str, *arguments: str, with_input: bool = False) -> Process:
        environment = child_environment(
            KRB5_CONFIG=str(self.configuration), KRB5_KDC_PROFILE=str(self.folder / "kdc.conf")
        )
        return await asyncio.create_subprocess_exec(
            *bound(find_program(program) or program, "-r", self.realm, *arguments),
            stdin=PIPE if with_input else DEVNULL,
            stdout=DEVNULL,  # kadmin.local repeats its commands there
            stderr=PIPE,
            env=environment,
            cwd=self.folder,
        )


def _principal(account: Account) -> str:
    """The command that adds an account. A locked account looks to clients as a disabled one does.

    MIT's KDC knows neither hours nor workstations.
    """
    options = {
        AccountState.DISABLED: "-allow_tix ",
        AccountState.LOCKED_OUT: "-allow_tix ",
        AccountState.EXPIRED: f'-expire "{_LONG_AGO}" ',
        AccountState.PASSWORD_EXPIRED: f'-pwexpire "{_LONG_AGO}" ',
        AccountState.PASSWORD_MUST_CHANGE: "+needchange ",
    }.get(account.state, "")
    # Without pre-authentication a KDC would not notice a wrong password.
    return f"add_principal +requires_preauth {options}-pw {_quoted(account.password)} {_quoted(account.user)}"


def _quoted(text: str) -> str:
    """One argument in a line of kadmin.local."""
    return '"' + text.replace('"', '""') + '"'


def _last_line(output: bytes) -> str:
    lines = [line for line in output.decode("utf-8", "backslashreplace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def _free_port(address: str) -> int:
    """A port that is free for both UDP and TCP just now."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for _ in range(20):
        with socket.socket(family, socket.SOCK_STREAM) as tcp, socket.socket(family, socket.SOCK_DGRAM) as udp:
            tcp.bind((address, 0))
            port = int(tcp.getsockname()[1])
            try:
                udp.bind((address, port))
            except OSError:
                continue
            return port
    raise KdcError(f"no port of {address} is free for both UDP and TCP")
