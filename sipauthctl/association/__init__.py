"""MS-SIPAE without I/O: offers, the string to sign, the security association, both roles of the handshake."""
