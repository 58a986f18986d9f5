"""Django in one file: the upload handler keeps files in memory and scrubs them. Run: python django_app.py 8000"""

import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server

from django import forms
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from rmexif import Policy

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for this example",
    FILE_UPLOAD_HANDLERS=["rmexif.integrations.django.ScrubUploadHandler"],
    MIDDLEWARE=["rmexif.integrations.django.RefusalMiddleware"],  # put the CSRF middleware below it
    RMEXIF_POLICY=Policy(style="fill", output="jpeg"),
)

from rmexif.integrations.django import ScrubbedImageField, validate_clean  # noqa: E402


class AvatarForm(forms.Form):
    file = ScrubbedImageField(validators=[validate_clean])


def alive(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"alive": True})


def avatar(request: HttpRequest) -> HttpResponse:
    form = AvatarForm(request.POST, request.FILES)
    if not form.is_valid():
        return JsonResponse({"errors": form.errors}, status=400)
    image = form.cleaned_data["file"]
    return HttpResponse(image.read(), content_type=image.content_type)


urlpatterns = [path("", alive), path("avatar", avatar)]
application = get_wsgi_application()


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


if __name__ == "__main__":
    make_server("127.0.0.1", int(sys.argv[1]), application, server_class=Server).serve_forever()
