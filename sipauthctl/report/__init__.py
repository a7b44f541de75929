"""Renders results: console, JSON, call-flow ladder. Knows nothing of how results came about."""
