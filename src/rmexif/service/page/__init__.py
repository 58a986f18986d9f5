"""The files of the page, and the policy under which nothing else runs."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

__all__ = ["INDEX", "POLICY", "load", "policy_for"]

INDEX = "index.html"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}


def load() -> dict[str, tuple[bytes, str]]:
    """Every file of the page by its name: its bytes and its content type."""
    found = {}
    for item in files(__name__).iterdir():
        end = "." + item.name.rpartition(".")[2]
        if end in TYPES:
            found[item.name] = item.read_bytes(), TYPES[end]
    return found


def policy_for(style: str) -> str:
    """A policy for a page without script that has exactly this style."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    rules = ("default-src 'none'", f"style-src 'sha256-{digest}'", "img-src data:", "base-uri 'none'")
    return "; ".join([*rules, "form-action 'none'", "frame-ancestors 'none'"])
