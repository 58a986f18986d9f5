"""Starlette: the same with a plain function. Run: uvicorn starlette_app:app"""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rmexif.integrations.starlette import scrubbed_form


async def alive(request: Request) -> Response:
    return JSONResponse({"alive": True})


async def avatar(request: Request) -> Response:
    image = (await scrubbed_form(request)).image("file")
    return Response(image.data, media_type=image.content_type)


async def refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"detail": error.detail}, error.status_code)


app = Starlette(
    routes=[Route("/", alive), Route("/avatar", avatar, methods=["POST"])], exception_handlers={HTTPException: refused}
)
