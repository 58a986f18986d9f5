"""``python -m rmexif``."""

from rmexif.cli import main

main()
