"""``rmexif integrate nautilus|dolphin|finder|sendto``: an entry in the menu of a file manager's right click."""

from __future__ import annotations

import os
import plistlib
import shlex
import shutil
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rmexif.cli.failure import CANNOT_CREATE, NO_INPUT, Failure, printable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MANAGERS", "Manager", "integrate_command"]

TITLE = "Clean with rmexif"
TYPES = ("jpeg", "png", "webp", "gif", "tiff", "bmp", "avif", "heic", "heif", "jxl")


@dataclass(frozen=True, slots=True)
class Manager:
    """One file manager.

    Args:
        place: where its entry lies, a file or a folder.
        files: what lies there, by the path below the place ("" for a file).
    """

    place: Callable[[], Path]
    files: Callable[[], dict[str, bytes]]


def _program() -> list[str]:
    """The command that runs this installation."""
    return [sys.executable, "-m", "rmexif", "scrub", "--force", "--"]


def _data_home() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")


def _loop() -> str:
    """A line for sh: each argument is cleaned into a file beside it; the exit code is the last failure's."""
    return f'code=0; for file do {shlex.join(_program())} "$file" || code=$?; done; exit $code'


def _nautilus() -> dict[str, bytes]:
    return {"": f"#!/bin/sh\n# {TITLE}: the clean copy lies beside each picture\n{_loop()}\n".encode()}


def _dolphin() -> dict[str, bytes]:
    """A desktop entry: Exec's text is escaped once as an argument, once as a value (Desktop Entry Specification, 7)."""
    argument = _loop()
    for character in '\\"`$':
        argument = argument.replace(character, f"\\{character}")
    value = argument.replace("\\", "\\\\").replace("%", "%%")
    lines = (
        "[Desktop Entry]",
        "Type=Service",
        f"MimeType={''.join(f'image/{name};' for name in TYPES)}",
        "Actions=clean;",
        "X-KDE-ServiceTypes=KonqPopupMenu/Plugin",
        "",
        "[Desktop Action clean]",
        f"Name={TITLE}",
        "Name[de]=Mit rmexif säubern",
        "Name[es]=Limpiar con rmexif",
        "Name[fr]=Nettoyer avec rmexif",
        "Icon=image-x-generic",
        f'Exec=/bin/sh -c "{value}" rmexif %F',
    )
    return {"": "\n".join((*lines, "")).encode()}


def _shell_action() -> dict[str, object]:
    """Automator's action that runs a shell script over files."""
    return {
        "AMActionVersion": "2.0.3",
        "AMAccepts": {"Container": "List", "Optional": True, "Types": ["com.apple.cocoa.path"]},
        "AMProvides": {"Container": "List", "Types": ["com.apple.cocoa.path"]},
        "AMApplication": ["Automator"],
        "ActionBundlePath": "/System/Library/Automator/Run Shell Script.action",
        "ActionName": "Run Shell Script",
        "ActionParameters": {
            "COMMAND_STRING": _loop(),
            "CheckedForUserDefaultShell": True,
            "inputMethod": 1,
            "shell": "/bin/sh",
            "source": "",
        },
        "BundleIdentifier": "com.apple.RunShellScript",
        "CFBundleVersion": "2.0.3",
        "Class Name": "RunShellScriptAction",
        **{name: str(uuid.uuid5(uuid.NAMESPACE_DNS, name)).upper() for name in ("InputUUID", "OutputUUID", "UUID")},
    }


def _finder() -> dict[str, bytes]:
    """A Quick Action: one shell script over the selected files."""
    about = {
        "serviceApplicationBundleID": "com.apple.finder",
        "serviceInputTypeIdentifier": "com.apple.Automator.fileSystemObject.image",
        "serviceOutputTypeIdentifier": "com.apple.Automator.nothing",
        "workflowTypeIdentifier": "com.apple.Automator.servicesMenu",
    }
    flow = {
        "AMApplicationVersion": "2.10",
        "AMDocumentVersion": "2",
        "actions": [{"action": _shell_action(), "isViewVisible": True}],
        "connectors": {},
        "workflowMetaData": about,
    }
    service = {
        "NSMenuItem": {"default": TITLE},
        "NSMessage": "runWorkflowAsService",
        "NSRequiredContext": {"NSApplicationIdentifier": "com.apple.finder"},
        "NSSendFileTypes": ["public.image"],
    }
    return {
        "Contents/Info.plist": plistlib.dumps({"NSServices": [service]}),
        "Contents/document.wflow": plistlib.dumps(flow),
    }


def _sendto() -> dict[str, bytes]:
    program = " ".join(f'"{part}"' for part in _program()).replace("%", "%%")
    lines = ("@echo off", ":next", 'if "%~1"=="" exit /b', f'{program} "%~1"', "shift", "goto next", "")
    return {"": "\r\n".join(lines).encode()}


MANAGERS = {
    "nautilus": Manager(lambda: _data_home() / "nautilus" / "scripts" / TITLE, _nautilus),
    "dolphin": Manager(lambda: _data_home() / "kio" / "servicemenus" / "rmexif.desktop", _dolphin),
    "finder": Manager(lambda: Path.home() / "Library" / "Services" / f"{TITLE}.workflow", _finder),
    "sendto": Manager(
        lambda: (
            Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
            / "Microsoft"
            / "Windows"
            / "SendTo"
            / f"{TITLE}.cmd"
        ),
        _sendto,
    ),
}


@click.command("integrate")
@click.argument("manager", type=click.Choice(tuple(MANAGERS)))
@click.option("--remove", is_flag=True, help="Take the entry away again.")
def integrate_command(manager: str, remove: bool) -> None:
    """Add an entry to the right-click menu of a file manager.

    The entry cleans the selected pictures; each clean copy lies beside its picture, as NAME.scrubbed.EXT, in the place
    of an older one. Nautilus (GNOME) shows it under Scripts, Dolphin (KDE) under Actions, Finder (macOS) under Quick
    Actions, Windows under Send to.
    """
    row = MANAGERS[manager]
    place = row.place()
    try:
        if remove:
            _remove(place)
        else:
            _write(place, row.files())
    except OSError as error:
        raise Failure(f"{printable(str(place))}: cannot be written: {error.strerror}", CANNOT_CREATE) from error
    click.echo(f"{'removed' if remove else 'written'}: {printable(str(place))}")


def _write(place: Path, contents: dict[str, bytes]) -> None:
    for below, data in contents.items():
        target = place / below if below else place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        target.chmod(0o755 if not below else 0o644)  # file managers run a single file only where it is executable


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    elif place.exists():
        place.unlink()
    else:
        raise Failure(f"{printable(str(place))}: there is no entry to take away", NO_INPUT)
