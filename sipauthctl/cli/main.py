"""The program: global options, the commands (each loaded when it is run), and how errors reach the user."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from sipauthctl import __version__
from sipauthctl.cli.ending import ENDING
from sipauthctl.cli.errors import EXIT_FAILED, CannotRun
from sipauthctl.cli.output_files import UNWRITTEN
from sipauthctl.cli.password import take_from_environment
from sipauthctl.cli.streams import Streams
from sipauthctl.unexpected import place_of

VARIABLE = "SIPAUTHCTL_CONFIG"
"""The environment variable that names the configuration file."""

COMMANDS = {
    "register": "Sign in to a server and show each step of the handshake.",
    "doctor": "Find why sign-in fails, and say what to do.",
    "analyze": "Rebuild handshakes from captures and logs and verify every signature.",
    "lab": "Run a whole deployment on this computer to test against.",
    "explain": "Explain a finding or an error code, or list all findings.",
}


@dataclass(frozen=True, slots=True)
class GlobalOptions:
    """What stands before the command."""

    no_color: bool
    verbose: bool


class LazyGroup(click.Group):
    """Knows its commands by name and imports the module of one only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the help text."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"sipauthctl.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar=VARIABLE,
    metavar="FILE",
    help=f"Configuration file in TOML; else the one that {VARIABLE} names.",
)
@click.option("--profile", metavar="NAME", help="Take options from this profile of the configuration file.")
@click.option("--no-color", is_flag=True, help="Do not colour the output; NO_COLOR does the same.")
@click.option("-v", "--verbose", is_flag=True, help="Say more on stderr: DNS and TLS.")
@click.pass_context
def cli(ctx: click.Context, config: Path | None, profile: str | None, no_color: bool, verbose: bool) -> None:
    """Tell why sign-in to Microsoft's SIP servers works or fails.

    Exit codes: 0 nothing is wrong, 1 a problem was diagnosed, 2 wrong usage, 3 the command could not be carried out
    or its output not be written, 130 interrupted by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP.
    """
    import logging  # not for `sipauthctl --help`

    logging.getLogger().addHandler(logging.NullHandler())  # libraries log tracebacks
    ctx.obj = GlobalOptions(no_color=no_color, verbose=verbose)
    if config is not None or profile is not None:
        from sipauthctl.cli.config import default_map

        ctx.default_map = default_map(config, profile)


def run() -> None:
    """The console script: like Click's own, with this program's exit codes and no traceback for anybody."""
    ENDING.listen()
    sys.exit(main(sys.argv[1:]))


def main(args: list[str]) -> int:
    """Runs the program; gives the exit code."""
    streams = Streams()
    streams.guard()
    take_from_environment()
    code = _command(args)
    sys.stdout.flush()
    for sentence in UNWRITTEN:
        _show(CannotRun(sentence))
    if streams.lost:
        _show(CannotRun(f"the output cannot be written: {streams.lost}."))
    return EXIT_FAILED if streams.failed or (UNWRITTEN and code == 0) else code


def _command(args: list[str]) -> int:
    try:
        try:
            result: Any = cli.main(args, prog_name="sipauthctl", standalone_mode=False)
            return result if isinstance(result, int) else 0
        finally:
            ENDING.over()
    except click.exceptions.Abort:
        click.echo("Interrupted.", err=True)
        return ENDING.exit_code
    except click.ClickException as error:
        _show(error)
        return error.exit_code
    except SystemExit:  # nobody reads the output; Click, too, exits by itself
        return EXIT_FAILED
    except Exception as error:  # the last resort
        what = f"version {__version__}, {place_of(error)}"
        click.echo(f"Error: sipauthctl failed unexpectedly ({what}). Please report this.", err=True)
        return EXIT_FAILED


def _show(error: click.ClickException) -> None:
    """Shows an error, in which nothing acts on the terminal: names of files are anybody's."""
    from sipauthctl.report.text import safe

    lines = [error.message] if isinstance(error, CannotRun) else error.message.split("\n")
    error.message = "\n".join(map(safe, lines))  # type: ignore[misc]  # final for Click alone
    error.show()
