"""Products that end TLS between client and server, by the authority that they sign with unless told otherwise."""

from __future__ import annotations

_PRODUCTS = {
    "avast! web/mail shield": "Avast",
    "avg web/mail shield": "AVG",
    "barracuda": "a Barracuda product",
    "bitdefender": "Bitdefender",
    "blue coat": "a Blue Coat proxy",
    "charles proxy": "Charles Proxy",
    "cisco umbrella": "Cisco Umbrella",
    "contentkeeper": "ContentKeeper",
    "do_not_trust_fiddler": "Fiddler",
    "drweb": "Dr.Web",
    "eset ssl filter": "ESET",
    "fireware": "a WatchGuard firewall",
    "forcepoint": "a Forcepoint product",
    "fortinet": "a Fortinet firewall",
    "goskope": "Netskope",
    "iboss": "iboss",
    "kaspersky": "Kaspersky",
    "mcafee web gateway": "McAfee Web Gateway",
    "menlo security": "Menlo Security",
    "mitmproxy": "mitmproxy",
    "netskope": "Netskope",
    "portswigger": "Burp Suite",
    "skyhigh": "Skyhigh Secure Web Gateway",
    "sonicwall": "a SonicWall firewall",
    "sophos": "a Sophos product",
    "untangle": "an Untangle firewall",
    "watchguard": "a WatchGuard firewall",
    "websense": "a Websense proxy",
    "zscaler": "Zscaler",
}


def inspection_product(issuer: str) -> str:
    """The product behind the issuer of a certificate, as the end of a sentence; empty for any other issuer.

    Args:
        issuer: its distinguished name, RFC 4514.
    """
    folded = issuer.lower()
    return next((product for marker, product in _PRODUCTS.items() if marker in folded), "")
