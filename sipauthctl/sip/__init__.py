"""SIP text without I/O: messages, header values, URIs, stream framing (RFC 3261)."""
