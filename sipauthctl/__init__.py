"""Why SIP sign-in works or fails on Office Communications Server, Lync and Skype for Business."""

__version__ = "0.1.0"
