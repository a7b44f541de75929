"""What the shell completes beside options: the names of findings, checks and faults."""

from __future__ import annotations

import click


def findings(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Ids of the catalogue."""
    from sipauthctl.findings import catalogue

    return [id_ for id_ in catalogue() if id_.startswith(incomplete)]


def checks(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Ids of the doctor's checks."""
    from sipauthctl.doctor.checks import CHECKS

    return [check.id for check in CHECKS if check.id.startswith(incomplete)]


def faults(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of the lab's faults; none without the packages of the extra `lab`."""
    try:
        from sipauthctl.lab.faults import FAULTS
    except ImportError:
        return []
    # What demands a value is given with the sign that comes before it.
    names = (f"{name}=" if fault.value is not None else name for name, fault in FAULTS.items())
    return [name for name in names if name.startswith(incomplete)]
