"""The commands and the group that they form; a command's module is imported when it is the one that runs."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

from rmexif import __version__
from rmexif.cli.failure import IO_ERROR, USAGE, Failure, cli_errors, printable
from rmexif.errors import missing_package
from rmexif.io.engine import choose_engine, engine_text
from rmexif.io.quiet_stderr import discard_stdout

__all__ = ["BARE", "COMMANDS", "cli"]

COMMANDS = ("batch", "inspect", "integrate", "page", "scrub", "serve", "strip", "verify", "watch")
# NAME_command in the module of the same name
BARE = "scrub"  # what runs where no command is named
INTERRUPTED = 130  # exit code of a shell's command that SIGINT ended


class Group(click.Group):
    """A group whose bare form is a command: ``rmexif photo.jpg`` is ``rmexif scrub photo.jpg``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the bare form's name in front of anything that is no command and no option of the group."""
        own = {"--help", "-h", "--version"}
        if args and args[0] in ("help", "version") and not os.path.exists(args[0]):
            args = [*args[1:2], "--help"] if args[0] == "help" else ["--version"]
        if args and args[0] not in COMMANDS and args[0] not in own:
            self._refuse_misspelt(args[0])
            args = [BARE, *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, in the order of ``--help``."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by its name; its module is imported here."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"rmexif.cli.{cmd_name}"), f"{cmd_name}_command")
        return command

    def _refuse_misspelt(self, word: str) -> None:
        """Refuse a word that is nearly a command, and no file.

        Raises:
            UsageError: with the command that was meant.
        """
        if not word.isalpha() or os.path.exists(word):
            return
        from difflib import get_close_matches

        if near := get_close_matches(word, COMMANDS, 1):
            raise click.UsageError(f"no command and no file is called {word}. Did you mean: rmexif {near[0]}")

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run and exit, with the codes of sysexits.h."""
        code: int | None
        try:
            with cli_errors("rmexif"):
                choose_engine()
            code = super().main(*args, **(extra | {"standalone_mode": False}))
        except click.Abort:
            code = INTERRUPTED
        except click.UsageError as error:
            error.show()
            code = USAGE
        except ModuleNotFoundError as error:
            missing = missing_package(error)
            click.echo(f"rmexif: {missing}", err=True)
            code = missing.exit_code
        except Failure as failure:
            click.echo(f"rmexif: {failure}", err=True)
            code = failure.code
        except BrokenPipeError:
            discard_stdout()
            code = IO_ERROR
        except OSError as error:  # what reads and writes files answers for itself: this is a disk behind the output
            discard_stdout()
            place = printable(str(error.filename or "standard output"))
            click.echo(f"rmexif: {place}: {error.strerror}", err=True)
            code = IO_ERROR
        sys.exit(code or 0)


def _print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    """The version, and whether the native core runs."""
    if wanted:
        click.echo(f"rmexif {__version__} ({engine_text()})")
        context.exit()


@click.group(
    cls=Group,
    subcommand_metavar="FILE... | COMMAND ...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
def cli() -> None:
    """Make images safe to hand out: metadata gone, faces redacted, in memory.

    \b
    rmexif photo.jpg                    writes photo.scrubbed.jpg
    rmexif photo.jpg -o clean.png       converts on the way
    rmexif photos/ -o clean/            a folder, keeping the tree
    rmexif --dry-run photo.jpg          says what would be found, writes nothing
    rmexif strip photo.jpg              metadata only, pixels untouched
    rmexif verify photos/               exit code 1 if anything identifies

    rmexif FILE is short for rmexif scrub FILE: rmexif scrub --help lists its options.

    What it cannot remove: what the scene itself shows, watermarks in the pixels, the noise of the sensor.
    """  # noqa: D301 - \b is click's mark of a paragraph that is not wrapped
