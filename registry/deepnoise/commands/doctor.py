"""`deepnoise doctor`: what works here, and the one command that mends what does not."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLE = "Example: deepnoise doctor --json"


def run(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check this installation; exits with 1 where something is wrong."""
    from dataclasses import asdict

    from deepnoise.console import print_json, print_table
    from deepnoise.diagnosis import diagnose

    findings = diagnose()
    if json:
        print_json([asdict(finding) for finding in findings])
    else:
        marks = {True: "ok", False: "WRONG"}
        rows = [[marks[one.works], one.subject, one.found, one.remedy] for one in findings]
        print_table("deepnoise doctor", ["", "what", "found", "what to do"], rows)
    if not all(finding.works for finding in findings):
        raise typer.Exit(1)
