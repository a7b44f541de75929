"""Where a client's Kerberos credentials come from: a password, a keytab or a credential cache.

Whatever the source, the tickets are held in a private cache in memory. Nothing is written to a disk, and the user's
own cache stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import gssapi
import krb5

from sipauthctl.mechanisms.kerberos.as_exchange import ETYPES, RC4, timestamp_kind
from sipauthctl.mechanisms.kerberos.configuration import use_configuration
from sipauthctl.mechanisms.kerberos.errors import PREAUTH_FAILED, KerberosCause, KerberosFailure, Phase, failure
from sipauthctl.mechanisms.kerberos.names import KerberosName, chosen_realm
from sipauthctl.mechanisms.kerberos.translation import translated
from sipauthctl.trust import Clearance, NotCleared, unwatched


@dataclass(frozen=True, slots=True)
class PasswordSource:
    """A ticket-granting ticket is fetched with a password, by the types of keys that are cleared."""

    name: KerberosName
    password: str = field(repr=False)
    cleared: tuple[Clearance, ...]


@dataclass(frozen=True, slots=True)
class KeytabSource:
    """The same with a key."""

    path: Path
    name: KerberosName
    cleared: tuple[Clearance, ...]


@dataclass(frozen=True, slots=True)
class CacheSource:
    """The tickets of a credential cache: a path, or `TYPE:name` as libkrb5 takes it; None for the user's default."""

    cache: str | None = None


CredentialSource = PasswordSource | KeytabSource | CacheSource


def default_realm() -> str:
    """The default realm of krb5.conf, empty where nobody chose one."""
    try:
        return chosen_realm(_text(krb5.get_default_realm(krb5.init_context())))
    except krb5.Krb5Error:
        return ""


def cache_principal(cache: str | None) -> str | None:
    """Whose tickets a credential cache holds, as `user@REALM`; None where there is no such cache.

    Args:
        cache: as in `CacheSource`.
    """
    try:
        principal, tickets = _read_cache(krb5.init_context(), CacheSource(cache))
        return _text(principal.name) if tickets else None
    except krb5.Krb5Error:
        return None


def keytab_principal(path: Path) -> str | None:
    """The first principal of a keytab, as `user@REALM`; None where it has no key or cannot be read."""
    try:
        keytab = krb5.kt_resolve(krb5.init_context(), b"FILE:" + bytes(path))
        return next((_text(entry.principal.name) for entry in keytab), None)
    except krb5.Krb5Error:
        return None


class KerberosLogin:
    """One user's credentials for one run, fetched when they are first needed and shared by all initiators.

    A logon that failed is not tried again, since each try may count towards a lockout; tickets that have ended are
    fetched anew. Use it as a context manager:
    at the end the tickets are forgotten.

    Args:
        source: see there.
        configuration: of `first_ticket_configuration`, which must last as long; not needed for tickets.
        witness: is told each ticket at the start: a KDC gets the ticket-granting ticket, and can quote it in an error.
    """

    def __init__(
        self,
        source: CredentialSource,
        configuration: str | None = None,
        witness: Callable[[bytes], object] = unwatched,
    ) -> None:
        self.source = source
        self._witness = witness
        self._configuration = configuration
        self.client: str | None = None
        """Who signs in, as `user@REALM`, once that is known."""
        self._context: krb5.Context | None = None
        self._cache: krb5.CCache | None = None
        self._failure: KerberosFailure | None = None

    def __enter__(self) -> KerberosLogin:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Forgets the tickets."""
        if self._context is not None and self._cache is not None:
            krb5.cc_destroy(self._context, self._cache)
        self._context = self._cache = None

    def renew(self) -> None:
        """Forgets tickets that have ended: the next credentials come from the source again."""
        self.close()
        self._failure = None

    def credentials(self) -> gssapi.Credentials:
        """The credentials as GSS-API takes them. Blocks while the KDC is asked.

        Raises:
            KerberosFailure: there are none.
        """
        if self._failure is not None:
            raise self._failure
        try:
            cache = self._cache or self._fetch()
            with translated(Phase.LOGON, self._doing()):
                return gssapi.Credentials(
                    usage="initiate", mechs=[gssapi.MechType.kerberos], store={"ccache": _full_name(cache)}
                )
        except KerberosFailure as error:
            if isinstance(self.source, KeytabSource):
                error.keytab = str(self.source.path)
            self._failure = error
            raise

    def _fetch(self) -> krb5.CCache:
        with translated(Phase.LOGON, self._doing()):
            with nullcontext() if self._configuration is None else use_configuration(self._configuration):
                context = krb5.init_context()
            if isinstance(self.source, CacheSource):
                client, tickets = _read_cache(context, self.source)
            else:
                tickets = [self._ask(context, self.source)]
                client = tickets[0].client
            cache = krb5.cc_new_unique(context, b"MEMORY")
            krb5.cc_initialize(context, cache, client)
            for ticket in tickets:
                self._witness(ticket.ticket)
                krb5.cc_store_cred(context, cache, ticket)
        self.client = _text(client.name)
        self._context, self._cache = context, cache
        return cache

    def _ask(self, context: krb5.Context, source: PasswordSource | KeytabSource) -> krb5.Creds:
        try:
            return _ask(context, source)
        except krb5.Krb5Error as error:
            no_password = isinstance(source, PasswordSource) and not source.password
            if error.err_code != PREAUTH_FAILED or RC4 in _key_types(source) or no_password:
                raise
            words = "the KDC takes none of the AES keys; --allow-rc4 allows an RC4 key"
            raise failure(KerberosCause.ETYPE_UNSUPPORTED, error.err_code, self._doing(), words) from None

    def _doing(self) -> str:
        source = self.source
        if isinstance(source, PasswordSource):
            return f"signing in {source.name.text} with a password"
        if isinstance(source, KeytabSource):
            return f"signing in {source.name.text} with the keytab {source.path}"
        return (
            f"reading the credential cache {source.cache}" if source.cache else "reading the default credential cache"
        )


def _ask(context: krb5.Context, source: PasswordSource | KeytabSource) -> krb5.Creds:
    """The AS exchange, RFC 4120 3.1."""
    options = krb5.get_init_creds_opt_alloc(context)
    krb5.get_init_creds_opt_set_etype_list(options, _key_types(source))
    if isinstance(source, PasswordSource):
        if "\0" in source.password:  # libkrb5 would take what stands before it
            raise failure(KerberosCause.WRONG_PASSWORD, 0, f"signing in {source.name.text}", "it has a NUL character")
        principal = _principal(context, source.name)
        krb5.get_init_creds_opt_set_canonicalize(options, source.name.enterprise)
        password = source.password.encode("utf-8", "surrogateescape")
        return krb5.get_init_creds_password(context, principal, options, password=password)
    keytab = krb5.kt_resolve(context, b"FILE:" + bytes(source.path))
    if next(iter(keytab), None) is None:  # libkrb5 takes one that it cannot read for one without the right key
        raise failure(KerberosCause.NO_TICKET, 0, f"signing in with the keytab {source.path}", "it has no key at all")
    principal = _principal(context, source.name)
    krb5.get_init_creds_opt_set_canonicalize(options, source.name.enterprise)
    return krb5.get_init_creds_keytab(context, principal, options, keytab=keytab)


def _key_types(source: PasswordSource | KeytabSource) -> list[int]:
    """Those that may prove the password.

    Raises:
        NotCleared: there are none; libkrb5 would take an empty list for its own.
    """
    cleared = {one.credential for one in source.cleared}
    types = [etype for etype in ETYPES if timestamp_kind(etype) in cleared]
    if not types:
        raise NotCleared("no timestamp is cleared")
    return types


def _principal(context: krb5.Context, name: KerberosName) -> krb5.Principal:
    flags = krb5.PrincipalParseFlags.enterprise if name.enterprise else krb5.PrincipalParseFlags.none
    return krb5.parse_name_flags(context, name.text.encode("utf-8", "surrogateescape"), flags)


def _read_cache(context: krb5.Context, source: CacheSource) -> tuple[krb5.Principal, list[krb5.Creds]]:
    if source.cache is None:
        cache = krb5.cc_default(context)
    else:
        cache = krb5.cc_resolve(context, source.cache.encode("utf-8", "surrogateescape"))
    return krb5.cc_get_principal(context, cache), list(cache)


def _full_name(cache: krb5.CCache) -> str:
    return f"{_text(cache.cache_type)}:{_text(cache.name)}"


def _text(name: bytes | None) -> str:
    return (name or b"").decode("utf-8", "surrogateescape")
