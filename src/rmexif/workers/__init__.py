"""Worker processes: the pool, its sandbox and its limits."""
