"""Kerberos 5 by GSS-API (RFC 4120, RFC 4121), on MIT's libkrb5.

`initiator`, `acceptor` and `credentials` import the packages gssapi and krb5, which not every installation has: ask
`availability.unavailable_reason()` before importing them. The other modules need neither.
"""
