"""Rules that hold for a live run and for a capture alike; each takes plain protocol values and gives findings."""
