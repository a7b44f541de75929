"""Finds why sign-in fails: one file a check, one runner, one verdict. Knows nothing of rendering."""
