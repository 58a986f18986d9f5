"""Adapters: uploads that would be spooled to a disk stay in memory, and only scrubbed bytes are handed on.

``starlette`` (and FastAPI), ``flask`` (and Werkzeug), ``django``; each imports its framework, and no other.
"""

import os

# Some builds of onnxruntime keep a data base of telemetry and send it; read when the library is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
