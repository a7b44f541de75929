"""The files that a domain controller reads, and the loopback address that is its own."""

from __future__ import annotations

import os
import random
import socket
from pathlib import Path

from sipauthctl.lab.errors import CannotStart
from sipauthctl.lab.names import DOMAIN_CONTROLLER, KERBEROS_REALM, NETBIOS_DOMAIN

KDC_PORT, LDAP_PORT, LDAPS_PORT, CATALOGUE_PORT = 88, 389, 636, 3268
_TRIES = 20
_SOCKET_PATH_BYTES = 107  # unix(7), without the final zero
_LONGEST_SOCKET = "/state/winbindd_privileged/pipe"


def check_length(folder: Path) -> None:
    """Makes sure that the paths of Samba's sockets in `folder` are not too long.

    Raises:
        CannotStart: they are.
    """
    if len(os.fsencode(folder)) + len(_LONGEST_SOCKET) > _SOCKET_PATH_BYTES:
        raise CannotStart(f"The paths of Samba's sockets in {folder} would be too long; set TMPDIR to a shorter one")


def smb_conf(folder: Path, address: str, services: list[str]) -> str:
    """smb.conf: everything lies in `folder`, and only `address` is listened on, by `services` among others.

    LDAP cannot be moved to another port, so the address has to be the controller's own. The mask is narrow because
    Samba listens on the broadcast address too. As in Active Directory, TLS replaces the signing of a SASL bind.
    """
    return f"""[global]
    netbios name = {DOMAIN_CONTROLLER.split(".")[0].upper()}
    workgroup = {NETBIOS_DOMAIN}
    realm = {KERBEROS_REALM}
    server role = active directory domain controller
    server services = {", ".join(("rpc", "winbindd", *services))}
    interfaces = {address}/30
    bind interfaces only = yes
    private dir = {folder}/private
    state directory = {folder}/state
    cache directory = {folder}/cache
    lock directory = {folder}/lock
    pid directory = {folder}/lock
    binddns dir = {folder}/bind-dns
    ncalrpc dir = {folder}/ncalrpc
    ntp signd socket directory = {folder}/ntp-signd
    usershare path = {folder}/usershares
    log file = {folder}/log.%m
    logging = file
    tls certfile = {folder}/ldap.pem
    tls keyfile = {folder}/ldap.key
    tls cafile = {folder}/ldap-ca.pem
    ldap server require strong auth = allow_sasl_over_tls
    dsdb:schema update allowed = yes
[sysvol]
    path = {folder}/state/sysvol
    read only = no
"""


def own_address() -> str:
    """A loopback address on which nobody serves Kerberos or LDAP. Every address under 127/8 is there on Linux.

    Raises:
        CannotStart: none was found.
    """
    problem: OSError | None = None
    for _ in range(_TRIES):
        # The second address of a network of four.
        network = random.randrange(64 << 14, 128 << 14)  # any will do  # noqa: S311  # nosec B311
        address = f"127.{network >> 14}.{network >> 6 & 255}.{4 * (network & 63) + 2}"
        try:
            for port in (KDC_PORT, LDAP_PORT, LDAPS_PORT):
                with socket.create_server((address, port)):
                    pass
        except OSError as error:
            problem = error
            continue
        return address
    reason = problem.strerror if problem is not None else "no address"
    raise CannotStart(f"no loopback address has the ports of a domain controller free: {reason}")
