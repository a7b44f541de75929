"""MIT's libkrb5 through ctypes: the few public functions that decrypt an AP-REQ and make the checksums of a MIC.

The Python packages gssapi and krb5 do not show them. All of it stands in krb5.h since release 1.10, and needs neither
those packages nor a compiler. The context has a configuration of its own: nothing in the environment and in the
configuration of this computer matters here, and nothing of them is changed.
"""

from __future__ import annotations

import ctypes
import tempfile
import weakref
from ctypes import POINTER, Structure, byref, c_char_p, c_int32, c_size_t, c_ubyte, c_uint, c_uint32, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

from sipauthctl.mechanisms.base import MechanismUnavailable

_FILE = "libkrb5.so.3"
_REMEDY = "Kerberos signatures are verified with MIT's libkrb5, which is not installed: apt install libkrb5-3."
_NAME_BYTES = 100

# A capture may be years old, and its keys of any type. Nothing is looked up on a network.
_CONFIGURATION = """[libdefaults]
    clockskew = 1000000000
    default_realm = NONE.INVALID
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    rdns = false
    allow_weak_crypto = true
    allow_rc4 = true
    permitted_enctypes = aes256-sha2 aes128-sha2 aes256-sha1 aes128-sha1 camellia256-cts camellia128-cts rc4
"""


class Data(Structure):
    """krb5_data."""

    _fields_ = (("magic", c_int32), ("length", c_uint), ("data", c_void_p))


class Keyblock(Structure):
    """krb5_keyblock."""

    _fields_ = (("magic", c_int32), ("enctype", c_int32), ("length", c_uint), ("contents", c_void_p))


class Checksum(Structure):
    """krb5_checksum."""

    _fields_ = (("magic", c_int32), ("checksum_type", c_int32), ("length", c_uint), ("contents", c_void_p))


class KeytabEntry(Structure):
    """krb5_keytab_entry."""

    _fields_ = (
        ("magic", c_int32),
        ("principal", c_void_p),
        ("timestamp", c_int32),
        ("vno", c_uint32),
        ("key", Keyblock),
    )


class Transited(Structure):
    """krb5_transited."""

    _fields_ = (("magic", c_int32), ("kind", c_ubyte), ("contents", Data))


class TicketPart(Structure):
    """The beginning of krb5_enc_tkt_part. Times are seconds since 1970, without a sign (they pass 2038)."""

    _fields_ = (
        ("magic", c_int32),
        ("flags", c_int32),
        ("session", c_void_p),
        ("client", c_void_p),
        ("transited", Transited),
        ("authtime", c_uint32),
        ("starttime", c_uint32),
        ("endtime", c_uint32),
    )


class EncryptedData(Structure):
    """krb5_enc_data."""

    _fields_ = (("magic", c_int32), ("enctype", c_int32), ("kvno", c_uint32), ("ciphertext", Data))


class Ticket(Structure):
    """krb5_ticket."""

    _fields_ = (
        ("magic", c_int32),
        ("server", c_void_p),
        ("enc_part", EncryptedData),
        ("decrypted", POINTER(TicketPart)),
    )


class Authenticator(Structure):
    """The beginning of krb5_authenticator."""

    _fields_ = (
        ("magic", c_int32),
        ("client", c_void_p),
        ("checksum", c_void_p),
        ("cusec", c_int32),
        ("ctime", c_uint32),
    )


class LibraryError(Exception):
    """A function of libkrb5 failed. `code` is its own, the text its words."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


_P = c_void_p
_WITH_CODE: dict[str, tuple[Any, ...]] = {
    "profile_init_path": (c_char_p, POINTER(_P)),
    "krb5_init_context_profile": (_P, c_int32, POINTER(_P)),
    "krb5_kt_resolve": (_P, c_char_p, POINTER(_P)),
    "krb5_kt_start_seq_get": (_P, _P, POINTER(_P)),
    "krb5_kt_next_entry": (_P, _P, POINTER(KeytabEntry), POINTER(_P)),
    "krb5_kt_end_seq_get": (_P, _P, POINTER(_P)),
    "krb5_free_keytab_entry_contents": (_P, POINTER(KeytabEntry)),
    "krb5_unparse_name": (_P, _P, POINTER(_P)),
    "krb5_enctype_to_name": (c_int32, c_uint, c_char_p, c_size_t),
    "krb5_decode_ticket": (POINTER(Data), POINTER(POINTER(Ticket))),
    "krb5_server_decrypt_ticket_keytab": (_P, _P, POINTER(Ticket)),
    "krb5_auth_con_init": (_P, POINTER(_P)),
    "krb5_auth_con_setflags": (_P, _P, c_int32),
    "krb5_rd_req": (_P, POINTER(_P), POINTER(Data), _P, _P, POINTER(c_int32), POINTER(POINTER(Ticket))),
    "krb5_rd_rep": (_P, _P, POINTER(Data), POINTER(_P)),
    "krb5_auth_con_getkey": (_P, _P, POINTER(POINTER(Keyblock))),
    "krb5_auth_con_getrecvsubkey": (_P, _P, POINTER(POINTER(Keyblock))),
    "krb5_auth_con_getauthenticator": (_P, _P, POINTER(POINTER(Authenticator))),
    "krb5_k_create_key": (_P, POINTER(Keyblock), POINTER(_P)),
    "krb5_k_make_checksum": (_P, c_int32, _P, c_int32, POINTER(Data), POINTER(Checksum)),
}
_WITHOUT_CODE: dict[str, tuple[Any, ...]] = {
    "profile_release": (_P,),
    "krb5_free_unparsed_name": (_P, _P),
    "krb5_auth_con_free": (_P, _P),
    "krb5_free_ticket": (_P, POINTER(Ticket)),
    "krb5_free_ap_rep_enc_part": (_P, _P),
    "krb5_free_keyblock": (_P, POINTER(Keyblock)),
    "krb5_free_authenticator": (_P, POINTER(Authenticator)),
    "krb5_free_checksum_contents": (_P, POINTER(Checksum)),
    "krb5_free_error_message": (_P, _P),
    "krb5_k_free_key": (_P, _P),
    "krb5_kt_close": (_P, _P),
}


class Library:
    """libkrb5 with a context of its own.

    Raises:
        AttributeError: it is too old to have all functions.
        LibraryError: it does not take the configuration.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        for names, result in ((_WITH_CODE, c_int32), (_WITHOUT_CODE, None)):
            for name, arguments in names.items():
                function = getattr(library, name)
                function.argtypes, function.restype = arguments, result
        library.krb5_get_error_message.argtypes = (_P, c_int32)
        library.krb5_get_error_message.restype = _P
        self.context = c_void_p()
        with tempfile.TemporaryDirectory(prefix="sipauthctl-krb5-") as folder:
            file = Path(folder, "krb5.conf")
            file.write_text(_CONFIGURATION, "ascii")
            profile = c_void_p()
            self.call("profile_init_path", bytes(file), byref(profile))
            self.call("krb5_init_context_profile", profile, 0, byref(self.context))
            library.profile_release(profile)

    def call(self, name: str, *arguments: Any) -> None:
        """Calls a function that gives an error code.

        Raises:
            LibraryError: it failed.
        """
        code = getattr(self._library, name)(*arguments)
        if code:
            raise LibraryError(code, self._words(code))

    def free(self, name: str, *arguments: Any) -> None:
        """Calls a function that gives nothing, with our context before the arguments."""
        getattr(self._library, name)(self.context, *arguments)

    def name(self, principal: Any) -> str:
        """A principal as text."""
        text = c_void_p()
        self.call("krb5_unparse_name", self.context, principal, byref(text))
        try:
            return _text(text)
        finally:
            self.free("krb5_free_unparsed_name", text)

    def type_name(self, enctype: int) -> str:
        """An encryption type by its name, such as `aes256-cts-hmac-sha1-96`."""
        buffer = ctypes.create_string_buffer(_NAME_BYTES)
        try:
            self.call("krb5_enctype_to_name", enctype, 0, buffer, _NAME_BYTES)
        except LibraryError:
            return f"number {enctype}"
        return buffer.value.decode("ascii", "replace")

    def _words(self, code: int) -> str:
        message = self._library.krb5_get_error_message(self.context, code)
        try:
            return _text(c_void_p(message))
        finally:
            self.free("krb5_free_error_message", message)


class Key:
    """A key that signs: its encryption type, and checksums with it. Its bytes are never shown."""

    def __init__(self, library: Library, block: Any) -> None:
        self._library = library
        self.enctype: int = block.contents.enctype
        self.contents = ctypes.string_at(block.contents.contents, block.contents.length)
        self._key = c_void_p()
        library.call("krb5_k_create_key", library.context, block, byref(self._key))
        weakref.finalize(self, library.free, "krb5_k_free_key", self._key)

    def checksum(self, usage: int, message: bytes, checksum_type: int = 0) -> bytes:
        """The keyed checksum over `message`, RFC 3961 4.

        Args:
            usage: the key usage.
            message: what it covers.
            checksum_type: by its number in RFC 3961; 0 for the one that belongs to the key.

        Raises:
            LibraryError: the type does not go with the key.
        """
        lib, made = self._library, Checksum()
        data = data_of(message)
        lib.call("krb5_k_make_checksum", lib.context, checksum_type, self._key, usage, byref(data), byref(made))
        try:
            return ctypes.string_at(made.contents, made.length)
        finally:
            lib.free("krb5_free_checksum_contents", byref(made))


def data_of(content: bytes) -> Data:
    """Bytes as the library takes them; they live as long as the structure."""
    pointer = c_char_p(content)
    data = Data(0, len(content), ctypes.cast(pointer, c_void_p))
    data.held = pointer
    return data


@cache
def loaded_library() -> Library:
    """The library, loaded once.

    Raises:
        MechanismUnavailable: it is not installed, or is too old.
    """
    try:
        return Library(ctypes.CDLL(_FILE))
    except (OSError, AttributeError, LibraryError):
        raise MechanismUnavailable(_REMEDY) from None


def _text(pointer: c_void_p) -> str:
    return ctypes.string_at(pointer).decode("utf-8", "replace") if pointer.value else ""
