"""Whom a connection belongs to: one address, or the /64 that one subscriber has (RFC 6177)."""

from __future__ import annotations

import ipaddress

__all__ = ["client_of"]

SUBSCRIBER_BITS = 64


def client_of(address: tuple[str, int] | None) -> str:
    """What counts as one client.

    Args:
        address: of the other end; None where the transport has none.
    """
    if address is None:
        return ""
    try:
        parsed = ipaddress.ip_address(address[0].partition("%")[0])
    except ValueError:
        return address[0]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, SUBSCRIBER_BITS), strict=False))
    return str(parsed)
