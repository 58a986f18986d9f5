"""FastAPI: an upload that is clean before the view sees it. Run: uvicorn fastapi_app:app"""

from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.responses import Response

from rmexif import Policy
from rmexif.integrations.starlette import CleanForm, ScrubbedForm

app = FastAPI()
avatar_form = ScrubbedForm(Policy(style="fill", output="jpeg"))


@app.get("/")
def alive() -> dict[str, bool]:
    return {"alive": True}


@app.post("/avatar", **avatar_form.openapi("file"))  # for /docs
async def avatar(form: Annotated[CleanForm, Depends(avatar_form)]) -> Response:
    image = form.image("file")  # image.data is clean; image.stats says what was done
    return Response(image.data, media_type=image.content_type)
