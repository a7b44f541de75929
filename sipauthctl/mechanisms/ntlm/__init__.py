"""Connectionless NTLM ([MS-NLMP]) on the message and crypto primitives of pyspnego."""
