"""What everything in the lab is called."""

from __future__ import annotations

SIP_DOMAIN = "litwareinc.com"
NETBIOS_DOMAIN = "LITWAREINC"
KERBEROS_REALM = "LITWAREINC.COM"
REALM = "SIP Communications Service"
PROXY_HOST = f"hs1.{SIP_DOMAIN}"
HOME_HOST = f"hs2.{SIP_DOMAIN}"
