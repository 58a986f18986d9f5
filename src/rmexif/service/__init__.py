"""The HTTP service: images in, clean images out, nothing on disk, nothing in a log.

``rmexif serve``, or ``create_app()`` for a server of your own. Starlette, uvicorn and worker processes; the extra is
``rmexif[serve]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rmexif.errors import MissingDependency

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from rmexif.service.settings import Settings

__all__ = ["create_app", "serve", "server_options"]


def create_app(settings: Settings | None = None) -> Starlette:
    """The ASGI application.

    Args:
        settings: how it behaves; read from the environment (``RMEXIF_*``) where not given.

    Raises:
        MissingDependency: the extra is not installed.
        InvalidPolicy: a setting has a value that is not allowed.
    """
    try:
        from rmexif.service.app import build
    except ModuleNotFoundError as error:
        raise MissingDependency(f"{error.name} is not installed: pip install 'rmexif[serve]'") from error
    from rmexif.service.settings import Settings

    return build(settings or Settings.from_environment())


def serve(settings: Settings | None = None) -> None:
    """Run the service until a signal stops it; requests under way are finished first.

    Raises:
        MissingDependency: the extra is not installed.
        InvalidPolicy: a setting has a value that is not allowed.
    """
    from rmexif.service.settings import Settings

    settings = settings or Settings.from_environment()
    app = create_app(settings)
    import uvicorn

    uvicorn.run(app, host=settings.host, port=settings.port, **server_options(settings))


def server_options(settings: Settings) -> dict[str, Any]:
    """How uvicorn serves: no log of people, headers of the proxies that are named, bounded connections."""
    from rmexif.service.connections import protocol

    return {
        "access_log": False,  # it would hold addresses and times of people
        "log_level": "info" if settings.log_level == "info" else "warning",
        "server_header": False,
        "proxy_headers": bool(settings.proxies),
        "forwarded_allow_ips": settings.proxies or None,
        "ws": "none",
        "http": protocol(settings),
        "h11_max_incomplete_event_size": 32 << 10,
        "timeout_keep_alive": 5,
        "timeout_graceful_shutdown": int(settings.shutdown_seconds),
        "limit_concurrency": settings.connections + 1,  # that no idle one could be closed for
        "backlog": settings.connections,
    }
