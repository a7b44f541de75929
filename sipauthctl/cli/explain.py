"""`sipauthctl explain`: the catalogue, and what codes mean."""

from __future__ import annotations

import difflib

import click

from sipauthctl.cli import completion
from sipauthctl.cli.main import GlobalOptions
from sipauthctl.codes import find
from sipauthctl.findings import catalogue
from sipauthctl.report.console import stdout
from sipauthctl.report.findings import print_catalogue, print_codes, print_entry


@click.command("explain", context_settings={"ignore_unknown_options": True})
@click.argument("finding", required=False, metavar="[FINDING|CODE]", shell_complete=completion.findings)
@click.pass_obj
def command(options: GlobalOptions, finding: str | None) -> None:
    """Explain a finding or an error code, or list all findings.

    FINDING is an id as the other commands print it, such as clock-skew.

    CODE is a number of ms-diagnostics, an HRESULT, an SSPI code, an NTSTATUS or a Kerberos error: a decimal number
    (signed or not), a hexadecimal one, or a name, such as 1010, 0xC000006A, -1073741718 or SEC_E_LOGON_DENIED. If a
    number has several meanings, all are shown. A prefix selects one, as in kerberos:24: ms-diagnostics, hresult, sspi,
    ntstatus or kerberos.
    """
    console, entries = stdout(no_color=options.no_color), catalogue()
    if finding is None:
        print_catalogue(console, list(entries.values()))
    elif finding.lower() in entries:
        print_entry(console, entries[finding.lower()])
    elif found := find(finding):
        print_codes(console, found)
    else:
        raise click.UsageError(f"There is no finding and no known code {finding!a}.{_hint(finding)}")


def _hint(typed: str) -> str:
    near = difflib.get_close_matches(typed.lower(), catalogue(), n=3)
    if near:
        return f" Did you mean {' or '.join(near)}?"
    if any(letter.isdigit() for letter in typed):
        return " On Windows, `certutil -error CODE` knows more codes; [MS-OCER] 7 lists those of ms-diagnostics."
    return " `sipauthctl explain` lists the findings."
