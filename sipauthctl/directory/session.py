"""A connection to a domain controller: open, sign in, search. All of it blocks, within the limits given."""

from __future__ import annotations

import contextlib
import math
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import ldap3
from ldap3.core.exceptions import LDAPException
from ldap3.protocol.sasl.sasl import send_sasl_negotiation

from sipauthctl.directory.errors import BindRefused, DirectoryError, DirectorySilent, DirectoryUntrusted

MAX_RECEIVED_BYTES = 32 << 20
"""Of one session; the answers to its questions take some kilobytes."""
MAX_ENTRIES = 50
"""Of one search."""
MAX_TOKENS = 8
"""Of one bind; NTLM takes two, Kerberos three."""
_UNREADABLE = (RecursionError, ValueError, LookupError, TypeError, AttributeError, OverflowError)
"""What ldap3 raises, beside its own errors, for an answer that it cannot decode."""
_FAILURES = (LDAPException, OSError, *_UNREADABLE)
_CERTIFICATE = re.compile(r"certificate verify failed: ([^(]*)")  # OpenSSL's words, within ldap3's
_FOR_PROGRAMS = re.compile(r"^LDAP\w+ - |\[Errno -?\d+\] ")
_negotiate: Any = send_sasl_negotiation  # one request of a bind and its answer
_SUCCESS, _SIZE_LIMIT, _INVALID_CREDENTIALS, _NO_SUCH_OBJECT, _SASL_IN_PROGRESS = 0, 4, 49, 32, 14


@dataclass(frozen=True, slots=True)
class DirectoryServer:
    """A domain controller: its FQDN, which certificate or ticket must prove, its IP address, and its ports."""

    host: str
    address: str
    port: int = 389
    tls_port: int = 636


@dataclass(frozen=True, slots=True)
class Entry:
    """An object: its distinguished name, and its attributes by their names in small letters."""

    dn: str
    attributes: dict[str, tuple[bytes, ...]]

    def text(self, name: str) -> str:
        """The first value of an attribute, empty where it has none."""
        return next(iter(self.texts(name)), "")

    def texts(self, name: str) -> tuple[str, ...]:
        """All values of an attribute."""
        return tuple(value.decode("utf-8", "replace") for value in self.raws(name))

    def raw(self, name: str) -> bytes | None:
        """The first value as it is."""
        return next(iter(self.raws(name)), None)

    def raws(self, name: str) -> tuple[bytes, ...]:
        """All values as they are."""
        return self.attributes.get(name.lower(), ())


class SaslClient(Protocol):
    """The client's side of a SASL bind, such as `mechanisms.ntlm.sasl.NtlmSasl`."""

    def first(self) -> bytes:
        """The first token."""

    def answer(self, token: bytes) -> bytes:
        """What to send to a token of the server."""


class Sealer(SaslClient, Protocol):
    """One that also protects the connection, such as `mechanisms.kerberos.sasl.SaslClient`."""

    def seal(self, data: bytes) -> bytes:
        """For the wire."""

    def unseal(self, data: bytes) -> bytes:
        """From the wire."""


class DirectorySession:
    """A connection; one of the functions below opens it. Use it as a context manager.

    Args:
        connection: open and signed in.
    """

    def __init__(self, connection: ldap3.Connection, how: str) -> None:
        self._connection = connection
        self.how = how
        """How the connection is protected, for evidence."""

    def __enter__(self) -> DirectorySession:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection."""
        with contextlib.suppress(LDAPException, OSError):
            self._connection.unbind()

    def search(self, base: str, query: str, attributes: list[str], *, object_only: bool = False) -> list[Entry]:
        """The objects that a filter finds, at most `MAX_ENTRIES`; none where the base does not exist.

        Args:
            base: a distinguished name; empty for the server itself.
            query: an LDAP filter, RFC 4515; values in it must be escaped.
            attributes: what is asked for; an attribute that the schema lacks is just missing.
            object_only: the base itself, not what is below.

        Raises:
            DirectoryError: no answer, or a refusal.
        """
        scope = ldap3.BASE if object_only else ldap3.SUBTREE
        try:
            self._connection.search(base, query, scope, attributes=attributes, size_limit=MAX_ENTRIES)
        except _FAILURES as error:
            raise _broken(error) from None
        result: dict[str, Any] = self._connection.result
        if result["result"] not in (_SUCCESS, _SIZE_LIMIT, _NO_SUCH_OBJECT):
            raise DirectoryError(f"the directory refuses a search: {result['description']}")
        found = self._connection.response or []
        return [_entry(item) for item in found if item.get("type") == "searchResEntry"]


def by_kerberos(server: DirectoryServer, sealer: Sealer, seconds: float) -> DirectorySession:
    """Signs in by Kerberos; the connection is sealed by the ticket's key. Needs no certificate.

    Raises:
        DirectoryError: see the classes.
        MechanismError: no ticket can be had, or the server is another one.
    """
    connection = _connection(server, seconds, authentication=ldap3.SASL, sasl_mechanism=ldap3.GSSAPI)
    with _dropped_on_failure(connection):
        _open(connection)
        _accepted(_bind(connection, sealer), f"{server.host} refuses the ticket")
    connection.socket = _Guarded(connection.socket, seconds, sealer)
    return DirectorySession(connection, "Kerberos, sealed")


def by_ntlm(
    server: DirectoryServer, client: Callable[[bytes], SaslClient], context: ssl.SSLContext, seconds: float
) -> DirectorySession:
    """Signs in using NTLM, over TLS alone: LDAPS, or where that is closed StartTLS.

    Args:
        server: the certificate must be for its host.
        client: makes the client's side of the bind from the server's certificate (DER).
        context: whom to trust.
        seconds: limit for each step.

    Raises:
        DirectoryError: see the classes.
        MechanismError: the challenge cannot be used.
    """
    tls = _Tls(context, server.host)
    connection = _connection(server, seconds, tls=tls, authentication=ldap3.SASL, sasl_mechanism=ldap3.GSSAPI)
    connection.sasl_mechanism = "GSS-SPNEGO"  # which ldap3 knows no constant for
    with _dropped_on_failure(connection):
        how = _open_secure(connection, server, seconds)
        result = _bind(connection, client(connection.socket.socket.getpeercert(binary_form=True)))
        _accepted(result, f"{server.host} refuses the user")
    return DirectorySession(connection, f"NTLM over {how}")


def _bind(connection: Any, client: SaslClient) -> dict[str, Any]:
    """The exchange of tokens, RFC 4513 5.2, and what the server says at its end."""
    token = client.first()
    for _ in range(MAX_TOKENS):
        result: dict[str, Any] = _negotiate(connection, None, token)
        if result["result"] != _SASL_IN_PROGRESS:
            connection.bound = result["result"] == _SUCCESS
            return result
        token = client.answer(result["saslCreds"] or b"")
    raise DirectoryError("the directory asks for one token after the other")


def _accepted(result: dict[str, Any], otherwise: str) -> None:
    if result["result"] != _SUCCESS:
        raise BindRefused(f"{otherwise}: {result['description']}", str(result["message"]))


@contextlib.contextmanager
def _dropped_on_failure(connection: Any) -> Iterator[None]:
    try:
        yield
    except _FAILURES as error:
        _drop(connection)
        raise _broken(error) from None
    except BaseException:
        _drop(connection)
        raise


def _open_secure(connection: ldap3.Connection, server: DirectoryServer, seconds: float) -> str:
    try:
        connection.server = _server(server, seconds, connection.server.tls, use_ssl=True)
        _open(connection)
        return "LDAPS"
    except DirectorySilent:
        connection.server = _server(server, seconds, connection.server.tls)
        _open(connection)
    try:
        if not connection.start_tls(read_server_info=False):
            raise DirectoryUntrusted(f"{server.host} offers no TLS, and a password is sent over nothing else")
    except LDAPException as error:
        if not any(word in _words(error).lower() for word in ("ssl", "tls")):
            raise
        raise DirectoryUntrusted(f"{server.host} makes no TLS: {_words(error)}") from None
    return "StartTLS"


def _connection(server: DirectoryServer, seconds: float, tls: ldap3.Tls | None = None, **options: Any) -> Any:
    return ldap3.Connection(
        _server(server, seconds, tls),
        receive_timeout=math.ceil(seconds),
        auto_referrals=False,  # they would take the password to other servers
        read_only=True,
        check_names=False,
        **options,
    )


def _server(server: DirectoryServer, seconds: float, tls: ldap3.Tls | None, *, use_ssl: bool = False) -> ldap3.Server:
    port = server.tls_port if use_ssl else server.port
    return ldap3.Server(server.address, port, use_ssl=use_ssl, tls=tls, get_info=ldap3.NONE, connect_timeout=seconds)


def _open(connection: Any) -> None:
    """Connects; the socket is under guard from then on."""
    try:
        connection.open(read_server_info=False)
    except LDAPException as error:
        if connection.socket is not None:  # ldap3 leaves it open
            connection.socket.close()
        where = f"{connection.server.host} port {connection.server.port}"
        words = _words(error)
        refused = _CERTIFICATE.search(words)
        if refused is not None:
            raise DirectoryUntrusted(f"{where}: its certificate was refused: {refused[1].strip()}") from None
        raise DirectorySilent(f"{where}: {words}") from None
    if not isinstance(connection.socket, _Guarded):
        connection.socket = _Guarded(connection.socket, connection.server.connect_timeout)


def _drop(connection: Any) -> None:
    with contextlib.suppress(LDAPException, OSError):
        connection.strategy.close()


def _broken(error: Exception) -> DirectoryError:
    if not isinstance(error, LDAPException | OSError):
        return DirectorySilent("the directory gives an answer that cannot be read")
    return DirectorySilent(f"the directory does not answer: {_words(error)}")


def _words(error: Exception) -> str:
    """ldap3's words in one line, without what is for programs. They hold no credentials: none of its errors repeats a
    request."""
    return _FOR_PROGRAMS.sub("", " ".join(str(error).split()))[:200] or "no reason is given"


def _entry(item: dict[str, Any]) -> Entry:
    attributes = {name.lower(): tuple(values) for name, values in item["raw_attributes"].items()}
    return Entry(str(item["dn"]), attributes)


class _Tls(ldap3.Tls):
    """TLS as the rest of the program makes it: ldap3's own does not know our context."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        super().__init__(validate=ssl.CERT_NONE)  # the context has its own
        self._context = context
        self._host = host

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        tcp = connection.socket
        if isinstance(tcp, _Guarded):
            tcp = tcp.socket
        wrapped = self._context.wrap_socket(tcp, server_hostname=self._host)
        connection.socket = _Guarded(wrapped, connection.server.connect_timeout)


class _Guarded:
    """A socket that takes a bounded number of bytes and gives the answer to each request a limited time, however many
    pieces it comes in. It seals and unseals where Kerberos protects the connection."""

    def __init__(self, inner: socket.socket | _Guarded, seconds: float, sealer: Sealer | None = None) -> None:
        self.socket: socket.socket = inner.socket if isinstance(inner, _Guarded) else inner
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._sealer = sealer
        self._left = MAX_RECEIVED_BYTES

    def sendall(self, data: bytes) -> None:
        self._until = time.monotonic() + self._seconds
        self.socket.settimeout(self._seconds)
        self.socket.sendall(self._sealer.seal(data) if self._sealer is not None else data)

    def recv(self, size: int) -> bytes:
        while True:
            left = self._until - time.monotonic()
            if left <= 0:
                raise OSError(f"no whole answer within {self._seconds:g} s")
            self.socket.settimeout(left)
            data = self.socket.recv(size)
            self._left -= len(data)
            if self._left < 0:
                raise OSError("more bytes than a directory sends")
            if not data or self._sealer is None:
                return data
            unsealed = self._sealer.unseal(data)
            if unsealed:
                return unsealed

    def __getattr__(self, name: str) -> Any:
        return getattr(self.socket, name)
