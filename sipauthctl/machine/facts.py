"""All that this computer's settings tell, gathered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sipauthctl.machine.files import is_hidden
from sipauthctl.machine.keytab import PATH as KEYTAB_PATH
from sipauthctl.machine.keytab import read_keytab
from sipauthctl.machine.krb5_conf import Krb5Conf, read_krb5_conf
from sipauthctl.machine.samba_conf import PATH as SAMBA_PATH
from sipauthctl.machine.samba_conf import read_samba_conf
from sipauthctl.machine.sssd import SSSD_PATH, JoinedDomain, ask_realmd, read_sssd_conf
from sipauthctl.machine.windows import Registry, read_registry
from sipauthctl.mechanisms.kerberos.names import chosen_realm


@dataclass(frozen=True, slots=True)
class Membership:
    """A domain that this computer is joined to; one of the names may be empty. `source` tells where that stands."""

    dns_domain: str
    netbios_domain: str
    source: str


@dataclass(frozen=True, slots=True)
class Machine:
    """What the settings say.

    Attributes:
        memberships: the domains that it is joined to, as each source has it; none where no source knows any.
        looked_at: the sources that could be read, whether or not they name a domain.
        unread: those that are not this user's to read.
        krb5: its krb5.conf, where a default realm is no proof of being joined.
        netbios_disabled: where it stands that NetBIOS is disabled, empty where it is not.
        xp_home: the name of the Windows edition where it is XP Home, else empty.
    """

    memberships: tuple[Membership, ...]
    looked_at: tuple[str, ...]
    krb5: Krb5Conf
    unread: tuple[str, ...] = ()
    netbios_disabled: str = ""
    xp_home: str = ""

    @property
    def domains(self) -> tuple[str, ...]:
        """DNS names of the domains that the settings name: those it is joined to, then that of the default realm."""
        names = (*(membership.dns_domain for membership in self.memberships), chosen_realm(self.krb5.default_realm))
        return tuple(dict.fromkeys(name.lower() for name in names if name))

    @property
    def in_workgroup(self) -> bool | None:
        """Whether it is joined to no domain; None where that may stand in what could not be read."""
        return False if self.memberships else None if self.unread else True


def read_machine(root: Path, environ: Mapping[str, str], registry: Registry | None) -> Machine:
    """Gathers the facts. May take some seconds, where realmd has to be asked.

    Args:
        root: the file system's root.
        environ: the environment variables.
        registry: that of Windows, None elsewhere.
    """
    if registry is not None:
        return _windows(registry, read_krb5_conf(root, environ))
    krb5 = read_krb5_conf(root, environ)
    joined = [_of(entry, f"/{SSSD_PATH}") for entry in read_sssd_conf(root)]
    joined += [_of(entry, "realm list") for entry in ask_realmd(root)]
    samba = read_samba_conf(root)
    if samba is not None and samba.in_domain:
        joined.append(Membership(samba.realm.lower(), samba.workgroup.upper(), f"/{SAMBA_PATH}"))
    hosts = [name for name in read_keytab(root) if name.startswith("host/") or name.partition("@")[0].endswith("$")]
    realms = dict.fromkeys(name.rpartition("@")[2] for name in hosts)
    joined += [Membership(realm.lower(), "", f"/{KEYTAB_PATH}") for realm in realms]
    disabled = f"/{SAMBA_PATH}: disable netbios = yes" if samba is not None and samba.netbios_disabled else ""
    paths = (SSSD_PATH, SAMBA_PATH, KEYTAB_PATH)
    unread = tuple(f"/{path}" for path in paths if is_hidden(root / path))
    sources = tuple(f"/{path}" for path in paths if f"/{path}" not in unread and (root / path).is_file())
    return Machine(tuple(joined), sources, krb5, unread, netbios_disabled=disabled)


def _windows(registry: Registry, krb5: Krb5Conf) -> Machine:
    facts = read_registry(registry)
    source = "registry"
    joined = (Membership(facts.dns_domain, facts.netbios_domain, source),) if facts.dns_domain else ()
    return Machine(
        joined,
        (source,),
        krb5,
        netbios_disabled="registry: NetbiosOptions = 2 on every network adapter" if facts.netbios_disabled else "",
        xp_home=facts.product if facts.xp_home else "",
    )


def _of(entry: JoinedDomain, source: str) -> Membership:
    return Membership((entry.domain or entry.realm).lower(), "", source)
