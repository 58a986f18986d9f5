"""Flask: request.files holds clean images only. Run: python flask_app.py 8000"""

import sys

from flask import Flask, Response, abort, request

from rmexif import Policy
from rmexif.integrations.flask import init_app

app = Flask(__name__)
init_app(app, Policy(style="fill", output="jpeg"))


@app.get("/")
def alive() -> dict[str, bool]:
    return {"alive": True}


@app.post("/avatar")
def avatar() -> Response:
    image = request.files.get("file")  # clean, with a neutral name; image.rmexif_stats says what was done
    if not image:  # the field is missing, or nothing was chosen
        abort(422)
    return Response(image.read(), mimetype=image.mimetype)


if __name__ == "__main__":
    app.run(port=int(sys.argv[1]), threaded=True)
