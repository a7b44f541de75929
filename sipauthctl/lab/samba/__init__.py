"""A real Active Directory behind the lab: one domain controller of Samba's, thrown away at the end."""
