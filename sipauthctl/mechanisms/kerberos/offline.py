"""From a service's keytab and the client's one token to the keys of the context, RFC 4120 3.2.3, without any server.

Captures are old, so neither the end of the ticket nor the time in the authenticator matters, and a token that was seen
before is no replay.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from ctypes import POINTER, byref, c_int32, c_void_p
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sipauthctl.mechanisms.base import MalformedToken, MechanismError
from sipauthctl.mechanisms.kerberos.libkrb5 import (
    Authenticator,
    Key,
    Keyblock,
    KeytabEntry,
    Library,
    LibraryError,
    Ticket,
    data_of,
    loaded_library,
)
from sipauthctl.mechanisms.kerberos.token import ap_reply, ap_request, ticket_of

_KEYTAB_END = -1765328202  # KRB5_KT_END
_MUTUAL_REQUIRED = 0x20000000  # AP_OPTS_MUTUAL_REQUIRED
_SHOWN_PRINCIPALS = 3


class NoKeyFits(MechanismError):
    """The keytab does not decrypt the ticket; `has_service` tells whether it has a key of that service at all."""

    def __init__(self, message: str, *, has_service: bool) -> None:
        super().__init__(message)
        self.has_service = has_service


@dataclass(frozen=True, slots=True)
class KeytabKey:
    """One entry of a keytab, without its key."""

    principal: str
    version: int
    enctype: int


@dataclass(slots=True)
class ContextKeys:
    """The keys under the MICs of one context: that of the ticket, and the subkeys that the sides chose, if any.

    `client` is who signs in, as `user@REALM`; `made` is when the token was made, by the client's clock, and `ends`
    when the ticket ends, both in UTC. With `mutual` authentication the server's token brings the last key: give it to
    `take_answer`.
    """

    client: str
    made: datetime
    ends: datetime
    mutual: bool
    session: Key = field(repr=False)
    initiator_subkey: Key | None = field(repr=False)
    acceptor_subkey: Key | None = field(default=None, repr=False)
    answered: bool = False
    _exchange: _Exchange | None = field(default=None, repr=False)

    @property
    def complete(self) -> bool:
        """Whether all keys are there."""
        return self.answered or not self.mutual

    @property
    def without_acceptor(self) -> Key:
        """The key where the acceptor chose none, RFC 4121 2."""
        return self.initiator_subkey or self.session

    def take_answer(self, token: bytes) -> None:
        """Takes the server's token, an AP-REP.

        Raises:
            MalformedToken: it is none, or does not answer this client's token.
        """
        if self._exchange is None:
            raise MalformedToken("the server sent a Kerberos token, where no mutual authentication was asked for")
        self.acceptor_subkey = self._exchange.read_answer(ap_reply(token))
        self.answered, self._exchange = True, None


class ServiceKeytab:
    """The keys of services.

    Args:
        path: a keytab.

    Raises:
        MechanismUnavailable: there is no libkrb5.
        MechanismError: the file cannot be read, is no keytab, or has no key.
    """

    def __init__(self, path: Path) -> None:
        self._library = loaded_library()
        self._keytab = c_void_p()
        name = b"FILE:" + bytes(path)
        try:
            self._library.call("krb5_kt_resolve", self._library.context, name, byref(self._keytab))
            weakref.finalize(self, self._library.free, "krb5_kt_close", self._keytab)
            self.keys = tuple(self._entries())
        except LibraryError as error:
            raise MechanismError(f"{path} is no keytab that can be read: {error}") from None
        if not self.keys:
            raise MechanismError(f"{path} is a keytab without any key")

    @property
    def principals(self) -> tuple[str, ...]:
        """Whose keys they are."""
        return tuple(dict.fromkeys(key.principal for key in self.keys))

    def open(self, token: bytes) -> ContextKeys:
        """Decrypts a client's token.

        Raises:
            MalformedToken: it is no Kerberos token, or is damaged.
            NoKeyFits: its ticket is for another service, or was made with another key.
        """
        request = ap_request(token)
        try:
            return _Exchange(self._library).read(request, self._keytab)
        except LibraryError as error:
            raise self._refusal(request, error) from None

    def _entries(self) -> Iterator[KeytabKey]:
        lib, cursor = self._library, c_void_p()
        lib.call("krb5_kt_start_seq_get", lib.context, self._keytab, byref(cursor))
        try:
            while True:
                entry = KeytabEntry()
                lib.call("krb5_kt_next_entry", lib.context, self._keytab, byref(entry), byref(cursor))
                yield KeytabKey(lib.name(entry.principal), entry.vno, entry.key.enctype)
                lib.call("krb5_free_keytab_entry_contents", lib.context, byref(entry))
        except LibraryError as error:
            if error.code != _KEYTAB_END:
                raise
        finally:
            lib.call("krb5_kt_end_seq_get", lib.context, self._keytab, byref(cursor))

    def _refusal(self, request: bytes, error: LibraryError) -> MechanismError:
        """Why an AP-REQ cannot be decrypted, by what its ticket says of itself."""
        lib, ticket = self._library, POINTER(Ticket)()
        damaged = MalformedToken(f"the Kerberos token is damaged ({error})")
        try:
            lib.call("krb5_decode_ticket", byref(data_of(ticket_of(request))), byref(ticket))
        except LibraryError:
            return damaged
        try:
            lib.call("krb5_server_decrypt_ticket_keytab", lib.context, self._keytab, ticket)
            return MalformedToken("the Kerberos token is damaged: its ticket decrypts, its authenticator does not")
        except LibraryError:
            part = ticket.contents.enc_part
            return self._no_key(KeytabKey(lib.name(ticket.contents.server), part.kvno, part.enctype))
        finally:
            lib.free("krb5_free_ticket", ticket)

    def _no_key(self, wanted: KeytabKey) -> NoKeyFits:
        own = [key for key in self.keys if key.principal == wanted.principal]
        if not own:
            shown = ", ".join(self.principals[:_SHOWN_PRINCIPALS])
            more = len(self.principals) - _SHOWN_PRINCIPALS
            whose = shown + (f" and {more} more" if more > 0 else "")
            return NoKeyFits(f"the ticket is for {wanted.principal}, the keytab is of {whose}", has_service=False)
        versions = {key.version for key in own}
        if wanted.version not in versions:
            older = "older" if max(versions) < wanted.version else "newer"
            words = (
                f"the ticket was made with version {wanted.version} of the key of {wanted.principal}, the keytab has "
                f"version {max(versions)}: it is {older}"
            )
        elif wanted.enctype not in {key.enctype for key in own}:
            types = ", ".join(dict.fromkeys(self._library.type_name(key.enctype) for key in own))
            asked = self._library.type_name(wanted.enctype)
            words = f"the ticket was made with a key of type {asked}, the keytab has {types} for {wanted.principal}"
        else:
            words = (
                f"the keytab has another key of {wanted.principal} with the same version {wanted.version}, or the "
                "ticket is damaged"
            )
        return NoKeyFits(words, has_service=True)


class _Exchange:
    """One AP exchange in the terms of libkrb5."""

    def __init__(self, lib: Library) -> None:
        self._library = lib
        self._auth = c_void_p()
        lib.call("krb5_auth_con_init", lib.context, byref(self._auth))
        # No watch on times, and so no replay cache.
        lib.call("krb5_auth_con_setflags", lib.context, self._auth, 0)

    def __del__(self) -> None:
        self._library.free("krb5_auth_con_free", self._auth)

    def read(self, request: bytes, keytab: c_void_p) -> ContextKeys:
        lib, ticket, options = self._library, POINTER(Ticket)(), c_int32()
        data = data_of(request)
        call = (lib.context, byref(self._auth), byref(data), None, keytab, byref(options), byref(ticket))
        lib.call("krb5_rd_req", *call)
        ends = _time(ticket.contents.decrypted.contents.endtime)
        lib.free("krb5_free_ticket", ticket)
        mutual = bool(options.value & _MUTUAL_REQUIRED)
        session = self._key("krb5_auth_con_getkey")
        if session is None:
            raise MalformedToken("the Kerberos token is damaged: its ticket has no session key")
        subkey = self._key("krb5_auth_con_getrecvsubkey")
        client, made = self._authenticator()
        return ContextKeys(client, made, ends, mutual, session, subkey, _exchange=self if mutual else None)

    def read_answer(self, reply: bytes) -> Key | None:
        """The acceptor's subkey, None where it chose none."""
        lib, part = self._library, c_void_p()
        try:
            lib.call("krb5_rd_rep", lib.context, self._auth, byref(data_of(reply)), byref(part))
        except LibraryError as error:
            raise MalformedToken(f"the server's token does not answer the client's ({error})") from None
        lib.free("krb5_free_ap_rep_enc_part", part)
        return self._key("krb5_auth_con_getrecvsubkey")

    def _key(self, name: str) -> Key | None:
        lib, block = self._library, POINTER(Keyblock)()
        lib.call(name, lib.context, self._auth, byref(block))
        if not block:
            return None
        try:
            return Key(lib, block)
        finally:
            lib.free("krb5_free_keyblock", block)

    def _authenticator(self) -> tuple[str, datetime]:
        lib, authenticator = self._library, POINTER(Authenticator)()
        lib.call("krb5_auth_con_getauthenticator", lib.context, self._auth, byref(authenticator))
        try:
            return lib.name(authenticator.contents.client), _time(authenticator.contents.ctime)
        finally:
            lib.free("krb5_free_authenticator", authenticator)


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
