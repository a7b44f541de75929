"""The deployment in a box: outbound proxy, home server, DNS, certificates, accounts and faults."""
