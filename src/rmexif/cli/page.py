"""``rmexif page``: the page in a browser, on this machine, for as long as its tab is open."""

from __future__ import annotations

import threading
import webbrowser

import click

from rmexif.cli.failure import NOT_ALLOWED, Failure, cli_errors
from rmexif.errors import MissingDependency

__all__ = ["page_command"]


@click.command("page")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    default=0,
    help="Port to listen on; a free one by default.",
)
@click.option("--browser/--no-browser", "opens", default=True, help="Open the browser, or print the address.")
def page_command(port: int, opens: bool) -> None:
    """Open the page in the browser; it ends with its tab.

    Pictures stay on this machine. The address holds a fresh secret that no other page and no other user knows; on a
    machine with other users take --no-browser, since they can see the command that opens a browser.
    """
    with cli_errors("page"):
        try:
            from rmexif.service.tabs import serve_tabs
        except ModuleNotFoundError as error:
            raise MissingDependency(f"{error.name} is not installed: pip install 'rmexif[serve]'") from error
        try:
            serve_tabs(port, _open if opens else click.echo)
        except OSError as error:
            raise Failure(f"page: port {port} cannot be had: {error.strerror}", NOT_ALLOWED) from error


def _open(address: str) -> None:
    """Have a browser open it; print it where there is none."""

    def go() -> None:
        if not webbrowser.open(address):
            click.echo(address)

    threading.Thread(target=go, daemon=True).start()
