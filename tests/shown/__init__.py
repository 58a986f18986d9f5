"""What a browser shows of files before and after: seeded generators of small files, with Chromium as the judge."""
