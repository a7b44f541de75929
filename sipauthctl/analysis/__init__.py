"""Records in, handshakes and verdicts out; explains a wrong signature."""
