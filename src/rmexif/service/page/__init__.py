"""The page, put together from its three files into one answer, under a policy that lets nothing else run."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

__all__ = ["assemble", "policy_for"]


def assemble() -> tuple[str, str]:
    """The page and its Content-Security-Policy."""
    html, style, script = (files(__name__).joinpath(f"page.{end}").read_text("utf-8") for end in ("html", "css", "js"))
    page = html.replace("/*STYLE*/", style).replace("/*SCRIPT*/", script)
    return page, policy_for(style, script)


def policy_for(style: str, script: str | None = None) -> str:
    """A policy under which exactly these two run; pictures may come from memory, questions go to this server only."""
    rules = ["default-src 'none'", f"style-src {_hash(style)}", "img-src blob: data:", "base-uri 'none'"]
    if script is not None:
        rules += [f"script-src {_hash(script)}", "connect-src 'self'"]
    return "; ".join([*rules, "form-action 'none'", "frame-ancestors 'none'"])


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
