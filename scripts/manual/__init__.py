"""The manual: its generated tables, its links, and the samples that it prints."""
