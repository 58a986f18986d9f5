"""Worker processes: the pool, what a process does before its first image, its sandbox and its limits."""
