"""Drives the client role over the network: discovery, handshake, redirect, de-registration."""
