"""Batch runs, on the engines themselves and against a real S3 server on this machine."""
