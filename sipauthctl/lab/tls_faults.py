"""Faults of certificates, TLS and what else a port may speak."""

from __future__ import annotations

from sipauthctl.lab.authority import CertificateFlaw
from sipauthctl.lab.fault import Fault, Need, changing
from sipauthctl.lab.wire import WireFlaw

TLS_FAULTS = (
    Fault(
        "tls-untrusted",
        "The certificates come from an authority that nobody trusts.",
        changing(certificate=CertificateFlaw.UNTRUSTED),
        needs=(Need.TLS,),
    ),
    Fault(
        "tls-name-mismatch",
        "The certificates name other hosts.",
        changing(certificate=CertificateFlaw.WRONG_NAME),
        needs=(Need.TLS,),
    ),
    Fault(
        "tls-expired",
        "The certificates have expired.",
        changing(certificate=CertificateFlaw.EXPIRED),
        needs=(Need.TLS,),
    ),
    Fault(
        "tls-too-old",
        "The servers speak TLS 1.1 at most.",
        changing(certificate=CertificateFlaw.OLD_TLS),
        needs=(Need.TLS,),
    ),
    Fault(
        "tls-no-common-cipher",
        "The servers accept only TLS 1.2 with one weak cipher suite, ECDHE-ECDSA-AES128-CCM8.",
        changing(certificate=CertificateFlaw.WEAK_CIPHER),
        needs=(Need.TLS,),
    ),
    Fault(
        "tls-intercepted",
        "The certificates come from an inspection product between client and server.",
        changing(certificate=CertificateFlaw.INTERCEPTED),
        needs=(Need.TLS,),
    ),
    Fault(
        "tls-self-signed",
        "The certificates are signed by themselves.",
        changing(certificate=CertificateFlaw.SELF_SIGNED),
        needs=(Need.TLS,),
    ),
    Fault(
        "tls-incomplete-chain",
        "The certificates come from an intermediate authority, whose own certificate is not sent.",
        changing(certificate=CertificateFlaw.INCOMPLETE_CHAIN),
        needs=(Need.TLS,),
    ),
    Fault(
        "tls-sip-domain-only",
        "The certificates name the SIP domain and no host.",
        changing(certificate=CertificateFlaw.SIP_DOMAIN_ONLY),
        needs=(Need.TLS,),
    ),
    Fault(
        "tls-not-yet-valid",
        "The certificates are valid from tomorrow on.",
        changing(certificate=CertificateFlaw.NOT_YET_VALID),
        needs=(Need.TLS,),
    ),
    Fault(
        "tls-expires-soon",
        "The certificates end in five days.",
        changing(certificate=CertificateFlaw.EXPIRES_SOON),
        needs=(Need.TLS,),
    ),
    Fault(
        "tls-weak-key",
        "The certificates have RSA keys of 1024 bits.",
        changing(certificate=CertificateFlaw.WEAK_KEY),
        needs=(Need.TLS,),
    ),
    Fault(
        "plain-on-tls-port",
        "The port for TLS speaks plain SIP.",
        changing(wire=WireFlaw.PLAIN_ON_TLS),
        needs=(Need.TLS,),
    ),
    Fault("tls-on-tcp-port", "The port for TCP speaks TLS.", changing(wire=WireFlaw.TLS_ON_TCP), needs=(Need.TCP,)),
    Fault(
        "mail-server",
        "A mail server on the SIP port, which speaks first.",
        changing(wire=WireFlaw.MAIL),
    ),
    Fault(
        "mute",
        "The servers take connections and say nothing at all, not even by TLS.",
        changing(wire=WireFlaw.MUTE),
    ),
    Fault(
        "tls-reset",
        "The servers reset the connection after the first message of TLS, as a firewall does.",
        changing(wire=WireFlaw.TLS_RESET),
        needs=(Need.TLS,),
    ),
    Fault(
        "reset",
        "The servers reset every connection at once.",
        changing(wire=WireFlaw.RESET),
    ),
)
