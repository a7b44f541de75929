"""The NetBIOS name service over UDP, RFC 1001 and 1002: names and packets, without I/O."""
