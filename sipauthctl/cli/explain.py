"""`sipauthctl explain`: the catalogue."""

from __future__ import annotations

import difflib

import click

from sipauthctl.cli import completion
from sipauthctl.cli.main import GlobalOptions
from sipauthctl.findings import catalogue
from sipauthctl.report.console import stdout
from sipauthctl.report.findings import print_catalogue, print_entry


@click.command("explain")
@click.argument("finding", required=False, shell_complete=completion.findings)
@click.pass_obj
def command(options: GlobalOptions, finding: str | None) -> None:
    """Explain a finding, or list them all.

    FINDING is an id as the other commands print it, such as clock-skew.
    """
    console, entries = stdout(no_color=options.no_color), catalogue()
    if finding is None:
        print_catalogue(console, list(entries.values()))
        return
    if finding not in entries:
        near = difflib.get_close_matches(finding, entries, n=3)
        hint = f" Did you mean {' or '.join(near)}?" if near else " `sipauthctl explain` lists them."
        raise click.UsageError(f"There is no finding {finding!a}.{hint}")
    print_entry(console, entries[finding])
