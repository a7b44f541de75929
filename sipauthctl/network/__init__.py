"""TCP, TLS and DNS, as evidence: knows nothing of authentication."""
