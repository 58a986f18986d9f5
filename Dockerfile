# The service. Build: docker build -t rmexif .   Run: docker compose up
# Each RUN that matters is also a step of scripts/image-steps, which CI runs where there is no engine.
# The base image. A tag moves: for an image that can be built again, name what was tested by its digest, which only a
# registry can tell (docker buildx imagetools inspect python:3.12-slim):
#   docker build --build-arg BASE=python@sha256:... -t rmexif .
ARG BASE=python:3.12-slim
FROM ${BASE} AS build
WORKDIR /src
COPY pyproject.toml build_native.py hatch_build.py README.md LICENSE NOTICE ./
COPY locks locks
COPY share share
COPY src src
# Every distribution by version and hash; without a C compiler here, the core is built by the one that ziglang brings.
RUN python -m venv /opt/build \
 && /opt/build/bin/python -m pip install --no-cache-dir --require-hashes -r locks/build.txt \
 && /opt/build/bin/python -m pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /opt/wheel . \
 && python -m venv /opt/rmexif \
 && /opt/rmexif/bin/python -m pip install --no-cache-dir --require-hashes -r locks/service.txt \
 && /opt/rmexif/bin/python -m pip install --no-cache-dir --no-deps /opt/wheel/rmexif-*.whl \
 && /opt/rmexif/bin/python -m compileall -q /opt/rmexif/lib

FROM ${BASE}
COPY --from=build /opt/rmexif /opt/rmexif
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin rmexif
USER 10001:10001
ENV PATH=/opt/rmexif/bin:$PATH \
    HOME=/nonexistent \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ORT_DISABLE_TELEMETRY=1 \
    RMEXIF_HOST=0.0.0.0 \
    RMEXIF_PORT=8000
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=9).read()"]
CMD ["rmexif", "serve"]
