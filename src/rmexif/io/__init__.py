"""Bytes in and out: atomic writes, multipart bodies, a quiet standard error."""
