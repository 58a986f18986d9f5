"""The options that stand for fields of Policy; one list, used by every command that scrubs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from rmexif.policy import Policy

__all__ = ["folder_options", "folder_settings", "policy_from", "policy_options"]


class Region(click.ParamType[Any]):
    """``X,Y,W,H`` in px of the upright picture."""

    name = "X,Y,W,H"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """``(left, top, right, bottom)``."""
        if isinstance(value, tuple):
            return value
        try:
            x, y, width, height = (int(part) for part in str(value).split(","))
        except ValueError:
            self.fail("a region is four whole numbers, X,Y,W,H, in px", param, ctx)
        return x, y, x + width, y + height


STYLES = ("blur", "fill", "solid", "pixelate", "gaussian")
REGION = Region()

OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--faces/--no-faces", default=True, help="Search for faces and redact them.", show_default=True),
    click.option(
        "--style", type=click.Choice(STYLES), default="blur", show_default=True, help="How faces are redacted."
    ),
    click.option(
        "--recall",
        type=click.Choice(("balanced", "high", "max")),
        default="balanced",
        show_default=True,
        help="How much is searched.",
    ),
    click.option(
        "--min-confidence", type=click.FloatRange(0, 1), help="Lowest score of a face; the plan's own by default."
    ),
    click.option(
        "--margin",
        type=click.FloatRange(0, 4),
        default=0.25,
        show_default=True,
        help="Added around a face, as a fraction of its size.",
    ),
    click.option("--allow-weak", is_flag=True, help="Allow a style that a recogniser may see through."),
    click.option("--region", "regions", type=REGION, multiple=True, help="Redact this region too (repeatable)."),
    click.option(
        "--keep-region", "keep_regions", type=REGION, multiple=True, help="Leave faces in this region (repeatable)."
    ),
    click.option(
        "--stealth/--no-stealth", default=True, show_default=True, help="0.99x with a fresh crop on every run."
    ),
    click.option("--quality", type=click.IntRange(1, 100), default=92, show_default=True, help="For lossy formats."),
    click.option(
        "--frames",
        type=click.Choice(("all", "first", "refuse")),
        default="all",
        show_default=True,
        help="Of an animation or of pages.",
    ),
    click.option("--seed", type=click.IntRange(0), help="Make a run repeatable; without it every run is different."),
    click.option("--max-bytes", type=click.IntRange(1), help="Refuse larger files."),
    click.option("--max-pixels", type=click.IntRange(1), help="Refuse larger pictures (all frames together)."),
)


FOLDER_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--workers", type=click.IntRange(1), help="Many images: how many at once."),
    click.option(
        "--pool", type=click.Choice(("thread", "process")), default="thread", show_default=True, help="What works."
    ),
    click.option(
        "--deadline", type=click.FloatRange(0, min_open=True), help="Seconds for one image; implies processes."
    ),
    click.option("--sandbox", is_flag=True, help="Work without network and writing (Linux); implies processes."),
    click.option("--lock-memory", is_flag=True, help="Keep originals out of the swap, or refuse (Linux)."),
    click.option("--json-lines", is_flag=True, help="Many images: one line of JSON for each."),
    click.option("--continue", "resume", is_flag=True, help="Leave out what has a clean output already."),
    click.option("--in-place", is_flag=True, help="Replace each file by its clean form; the original is gone."),
    click.option("--neutral-names", is_flag=True, help="Call outputs by random names."),
    click.option("--neutral-times", is_flag=True, help="Give outputs the file time 2000-01-01."),
)


def folder_options(command: Any) -> Any:
    """Add the options for many images to a command."""
    for option in reversed(FOLDER_OPTIONS):
        command = option(command)
    return command


def folder_settings(options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """What the options for many images say, and the options that are left."""
    from dataclasses import fields

    from rmexif.cli.folder import Settings

    own = {item.name for item in fields(Settings)}
    rest = {name: value for name, value in options.items() if name not in own}
    return Settings(**{name: value for name, value in options.items() if name in own}), rest


def policy_options(command: Any) -> Any:
    """Add the options to a command."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def policy_from(options: dict[str, Any], output: str | None) -> Policy:
    """A policy out of parsed options.

    Raises:
        InvalidPolicy: an option has a value that is not allowed.
    """
    from rmexif.policy import Policy
    from rmexif.types import Limits

    fields = {name: value for name, value in options.items() if not name.startswith("max_")}
    limits = {name: value for name, value in options.items() if name.startswith("max_") and value is not None}
    return Policy(**fields, output=output, limits=Limits(**limits))
