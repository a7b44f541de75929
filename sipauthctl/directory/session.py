"""A connection to a domain controller: open, sign in, search. All of it blocks, within the limits given."""

from __future__ import annotations

import contextlib
import math
import re
import socket
import ssl
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


class Sealer(Protocol):
    """Kerberos by SASL, such as `mechanisms.kerberos.sasl.SaslClient`."""

    def first(self) -> bytes:
        """The first token."""

    def answer(self, token: bytes) -> bytes:
        """What to send to a token of the server."""

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
        except (LDAPException, OSError) as error:
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
    try:
        _open(connection)
        token = sealer.first()
        while True:
            result: dict[str, Any] = _negotiate(connection, None, token)
            if result["result"] != _SASL_IN_PROGRESS:
                break
            token = sealer.answer(result["saslCreds"] or b"")
    except (LDAPException, OSError) as error:
        _drop(connection)
        raise _broken(error) from None
    except BaseException:
        _drop(connection)
        raise
    if result["result"] != _SUCCESS:
        _drop(connection)
        raise BindRefused(f"{server.host} refuses the ticket: {result['description']}", str(result["message"]))
    connection.bound = True
    connection.socket = _Guarded(connection.socket, sealer)
    return DirectorySession(connection, "Kerberos, sealed")


def by_password(
    server: DirectoryServer, user: str, password: str, context: ssl.SSLContext, seconds: float
) -> DirectorySession:
    """Signs in with a password (simple bind), over TLS alone: LDAPS, or where that is closed StartTLS.

    Args:
        server: the certificate must be for its host, if `context` says so.
        user: `user@domain`, `DOMAIN\\user` or a distinguished name.
        password: not empty: that would be an anonymous bind, which succeeds whatever the password.
        context: whom to trust.
        seconds: limit for each step.

    Raises:
        DirectoryError: see the classes.
    """
    if not password:
        raise BindRefused("an empty password proves nothing", "")
    tls = _Tls(context, server.host)
    connection = _connection(server, seconds, tls=tls, user=user, password=password)
    try:
        how = _open_secure(connection, server, seconds)
        connection.bind(read_server_info=False)
    except (LDAPException, OSError) as error:
        _drop(connection)
        raise _broken(error) from None
    except BaseException:
        _drop(connection)
        raise
    result: dict[str, Any] = connection.result
    if result["result"] != _SUCCESS:
        _drop(connection)
        raise BindRefused(f"{server.host} refuses {user}: {result['description']}", str(result["message"]))
    return DirectorySession(connection, how)


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
        connection.socket = _Guarded(connection.socket)


def _drop(connection: Any) -> None:
    with contextlib.suppress(LDAPException, OSError):
        connection.strategy.close()


def _broken(error: Exception) -> DirectoryError:
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
        connection.socket = _Guarded(self._context.wrap_socket(tcp, server_hostname=self._host))


class _Guarded:
    """A socket that takes a bounded number of bytes, and seals and unseals where Kerberos protects the connection."""

    def __init__(self, inner: socket.socket | _Guarded, sealer: Sealer | None = None) -> None:
        self.socket: socket.socket = inner.socket if isinstance(inner, _Guarded) else inner
        self._sealer = sealer
        self._left = MAX_RECEIVED_BYTES

    def sendall(self, data: bytes) -> None:
        self.socket.sendall(self._sealer.seal(data) if self._sealer is not None else data)

    def recv(self, size: int) -> bytes:
        while True:
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
