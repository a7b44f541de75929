"""TLS-DSK: a TLS handshake with certificates on both sides, carried in gssapi-data; its keys sign SIP messages."""
