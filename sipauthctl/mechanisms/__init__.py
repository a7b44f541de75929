"""NTLM and Kerberos behind one small interface: token in, token out, sign, verify. Nothing here knows SIP."""
