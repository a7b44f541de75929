"""Active Directory by LDAP: what it says of an account, and whose a service principal name is. Read-only.

`session` and `queries` import the package ldap3, which not every installation has: ask
`availability.unavailable_reason()` before importing them. The other modules do not need it.
"""
