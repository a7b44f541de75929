"""`sipauthctl doctor`: finds why sign-in fails and says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sipauthctl.cli import completion
from sipauthctl.cli.ending import ENDING
from sipauthctl.cli.errors import EXIT_PROBLEM
from sipauthctl.cli.fault_needs import check_doctor
from sipauthctl.cli.main import GlobalOptions
from sipauthctl.cli.output_files import CommandWithFiles
from sipauthctl.cli.parameters import sip_uri
from sipauthctl.cli.sign_in_options import check_combination, sign_in_options


def _known(ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """A Click callback: refuses what is no check."""
    if value:
        from sipauthctl.doctor.checks import CHECKS
        from sipauthctl.doctor.evidence import EVIDENCE

        known = [check.id for check in CHECKS]
        for id_ in value:
            if id_ == EVIDENCE:
                raise click.BadParameter(f"{id_!a} is no check to choose: --from FILE without SIP_URI takes it alone.")
            if id_ not in known:
                raise click.BadParameter(f"{id_!a} is not one of {', '.join(known)}.")
    return value


@click.command("doctor", cls=CommandWithFiles)
@click.argument("sip_uri", required=False, callback=sip_uri)
@sign_in_options(timeout=5.0)
@click.option(
    "--from",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Take a capture or log as evidence, too; without SIP_URI alone. Can be given several times.",
)
@click.option(
    "--only",
    multiple=True,
    callback=_known,
    metavar="CHECK",
    shell_complete=completion.checks,
    help="Run this check and what it needs; repeatable.",
)
@click.option("--list", "list_checks", is_flag=True, help="List the checks.")
@click.option(
    "--all-attempts", is_flag=True, help="Go on after a failed sign-in; several of them can lock the account."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    sip_uri: str | None,
    files: tuple[Path, ...],
    only: tuple[str, ...],
    list_checks: bool,
    all_attempts: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Find why sign-in fails, and say what to do.

    SIP_URI is the address of the user, such as sip:ned@litwareinc.com; without it that of the configuration, of the
    current Kerberos principal or of this computer's domain is taken. Without a password or tickets, all that can be
    seen without them is checked. Once credentials are refused, the run stops trying them, so that no account is
    locked. What was registered is taken back.

    Exit codes: 0 nothing wrong, 1 a problem was diagnosed, 2 wrong usage, 3 could not be carried out
    or its output not be written, 130 interrupted by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP.
    """
    options: GlobalOptions = ctx.obj
    if list_checks:
        from sipauthctl.cli.doctor_run import print_checks

        print_checks(no_color=options.no_color)
        return 0
    check_combination(given)
    check_doctor(given, sip_uri)
    from sipauthctl.cli.doctor_run import DoctorOptions, execute
    from sipauthctl.cli.register_request import Request

    from_file = ctx.get_parameter_source("sip_uri") is click.core.ParameterSource.DEFAULT_MAP
    chosen = DoctorOptions(
        files=files, only=only, all_attempts=all_attempts, user_from="the configuration" if from_file else ""
    )
    request = Request(sip_uri=sip_uri, **given)
    ended = execute(request, chosen, as_json=as_json, no_color=options.no_color, verbose=options.verbose)
    if ended.interrupted:
        return ENDING.exit_code
    return EXIT_PROBLEM if ended.failed else 0
