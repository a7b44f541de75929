"""What this computer's own settings say of its domain, its Kerberos and its NetBIOS. Reads files; asks nobody."""
