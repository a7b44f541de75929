"""`sipauthctl analyze`: rebuilds handshakes from captures and logs and verifies every signature."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from sipauthctl.cli.errors import EXIT_PROBLEM
from sipauthctl.cli.main import GlobalOptions
from sipauthctl.cli.output_files import CommandWithFiles, OutputPath
from sipauthctl.cli.parameters import duration


@click.command("analyze", cls=CommandWithFiles)
@click.argument("files", nargs=-1, required=True, type=click.Path(readable=False, allow_dash=True), metavar="FILE...")
@click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=False, path_type=Path),
    metavar="FILE",
    help="Password to verify NTLM with: one line, or lines of the form NAME:PASSWORD.",
)
@click.option(
    "--nt-hash-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="NT hash to verify NTLM with, in the same form.",
)
@click.option("--username", metavar="NAME", help="Whose the password or hash is; else it is tried for everybody.")
@click.option("--domain", metavar="NAME", default="", help="Domain of a user name that has none.")
@click.option(
    "--keytab",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Keytab of the service (sip/SERVER) to verify Kerberos with.",
)
@click.option(
    "--keylog",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="TLS key log (SSLKEYLOGFILE) to decrypt a capture with, and to verify TLS-DSK with.",
)
@click.option(
    "--decode-as",
    type=click.IntRange(1, 65535),
    multiple=True,
    metavar="PORT",
    help="Take this port of a capture for SIP.",
)
@click.option(
    "--sa-lifetime",
    callback=duration,
    metavar="TIME",
    help="How long the servers keep an association, to tell why they ask again.  [default: 8h]",
)
@click.option(
    "--html",
    type=OutputPath(),
    metavar="FILE",
    help="Write the result as one HTML file, too.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.pass_obj
def command(
    options: GlobalOptions,
    files: tuple[str, ...],
    password_file: Path | None,
    nt_hash_file: Path | None,
    username: str | None,
    domain: str,
    keytab: Path | None,
    keylog: Path | None,
    decode_as: tuple[int, ...],
    sa_lifetime: timedelta | None,
    html: Path | None,
    as_json: bool,
) -> int:
    """Rebuild handshakes from captures and logs and verify every signature.

    FILE is a capture (pcap, pcapng), a client log (uccapilog), a server trace (OCSLogger, CLS), a SIPE or SIPp log or
    plain SIP text, also packed with gzip; - is standard input. The kind is detected, and several files make one time
    line.

    Exit codes: 0 nothing is wrong, 1 a problem was diagnosed, 2 wrong usage, 3 an input cannot be read.
    """
    from sipauthctl.association.security_association import LIFETIME
    from sipauthctl.cli.analyze_run import execute, read_secrets

    secrets = read_secrets(password_file, nt_hash_file, username, domain, keytab, keylog)
    failed = execute(
        files,
        secrets,
        keylog,
        decode_as,
        html,
        lifetime=sa_lifetime or LIFETIME,
        as_json=as_json,
        no_color=options.no_color,
    )
    return EXIT_PROBLEM if failed else 0
