"""Adapters: uploads that would be spooled to a disk stay in memory, and only scrubbed bytes are handed on.

``starlette`` (and FastAPI), ``flask`` (and Werkzeug), ``django``; each imports its framework, and no other.
"""
