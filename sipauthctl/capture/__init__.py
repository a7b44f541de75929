"""Readers of captures and logs: whatever the kind, they yield the same records."""
