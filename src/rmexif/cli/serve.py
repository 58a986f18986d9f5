"""``rmexif serve``: the HTTP service and its page."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import click

from rmexif.cli.failure import cli_errors

__all__ = ["serve_command"]


@click.command("serve")
@click.option("--host", metavar="ADDRESS", help="Address to listen on; RMEXIF_HOST or 127.0.0.1 by default.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    help="Port to listen on; RMEXIF_PORT or 8000 by default.",
)
@click.option(
    "--workers",
    type=click.IntRange(0),
    metavar="N",
    help="Worker processes; as many as processors by default.",
)
def serve_command(**options: Any) -> None:
    """Run the HTTP service and its page.

    It takes the extra rmexif[serve]. Settings come from RMEXIF_* variables, which docs/http.md lists.
    """
    from rmexif.service import serve
    from rmexif.service.settings import Settings

    with cli_errors("serve"):
        settings = Settings.from_environment(**options)
        if find_spec("uvicorn") and settings.port:
            host = f"[{settings.host}]" if ":" in settings.host else settings.host
            click.echo(f"rmexif: starting on http://{host}:{settings.port}/, Ctrl-C stops it", err=True)
        serve(settings)
