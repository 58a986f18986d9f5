"""Which names the service answers to, and whose pages may send it images.

A page from elsewhere can have a browser send a form to any address that the browser reaches, and DNS rebinding turns
a name of an attacker's into such an address. So a request must name a host that is ours, and a browser must say that
the page is ours too (Fetch Metadata, ``Origin``: RFC 6454). Whoever is no browser sends neither, and is let in.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rmexif.errors import RmexifError
from rmexif.service.head_check import HeadCheck

if TYPE_CHECKING:
    from starlette.datastructures import Headers
    from starlette.types import ASGIApp

    from rmexif.service.refusals import Refusals
    from rmexif.service.settings import Settings

__all__ = ["CrossSite", "KnownOrigins", "WrongHost"]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110, 9.2.1
DEFAULT_PORTS = {"http": 80, "https": 443}
ANY = "*"
HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::[0-9]*)?")  # RFC 9110, 7.2; names are ASCII


class WrongHost(RmexifError):
    """The request is for another host."""

    code = "wrong_host"
    status_hint = 421


class CrossSite(RmexifError):
    """A browser sends it for a page of another site."""

    code = "cross_site"
    status_hint = 403


class KnownOrigins(HeadCheck):
    """Lets requests through that name a known host and come from no foreign page.

    Args:
        app: the application behind.
        refusals: makes answers of errors.
        settings: the hosts and origins.
    """

    def __init__(self, app: ASGIApp, refusals: Refusals, settings: Settings) -> None:
        super().__init__(app, refusals)
        self._hosts = frozenset({"localhost", settings.host.lower(), *settings.listed("allowed_hosts")})
        self._origins = frozenset(settings.listed("allowed_origins"))

    def check(self, method: str, headers: Headers) -> None:
        """Raise WrongHost or CrossSite."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_known(hosts[0]):
            raise WrongHost("Host must be an address, localhost or one of RMEXIF_ALLOWED_HOSTS")
        if method not in SAFE_METHODS and not self._is_same_site(headers, hosts[0]):
            raise CrossSite("Origin must be that of the service or one of RMEXIF_ALLOWED_ORIGINS")

    def _is_known(self, host: str) -> bool:
        """Whether it is a name of ours; an address cannot be rebound."""
        found = HOST.fullmatch(host.lower())
        name = found["name"].removesuffix(".") if found else ""
        return bool(found) and (ANY in self._hosts or name in self._hosts or _is_address(name.strip("[]")))

    def _is_same_site(self, headers: Headers, host: str) -> bool:
        origins, site = headers.getlist("origin"), headers.get("sec-fetch-site")
        if origins and self._origins.intersection({ANY, *(origin.lower() for origin in origins)}):
            return len(origins) == 1
        if site is not None:  # what no script of a page can set
            return site in ("same-origin", "none")
        if not origins:
            return True
        scheme = urlsplit(origins[0]).scheme
        same = _authority(origins[0]) == _authority(f"{scheme}://{host}")
        return len(origins) == 1 and same and scheme in DEFAULT_PORTS


def _authority(url: str) -> tuple[str, int | None]:
    """Name and port of a URL; no name where it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return "", None
    if parts.username is not None or parts.path or parts.query or parts.fragment:
        return "", None
    return (parts.hostname or "").removesuffix("."), port


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
