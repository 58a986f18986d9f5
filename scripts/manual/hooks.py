"""What MkDocs does with each page: generated tables go in, options of the sample runner go out."""

from __future__ import annotations

import re
from typing import Any

from scripts.manual.blocks import without_options
from scripts.manual.tables import TABLES

MARK = re.compile(r"^<!-- table: (?P<name>[a-z]+) -->$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page as it is rendered; a table that no function makes is a KeyError, and ends the build."""
    return MARK.sub(lambda mark: TABLES[mark["name"]](), without_options(markdown))
