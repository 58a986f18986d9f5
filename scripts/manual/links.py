"""Check every link of the built manual, and of the Markdown files beside it; those to other sites are counted only."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[2]
BESIDE = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "examples/README.md")


class Anchors(HTMLParser):
    """The links and the identifiers of one page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect what the tag points to, and what points to it."""
        for name, value in attrs:
            if value and (name == "id" or (tag == "a" and name == "name")):
                self.names.add(value)
            if value and ((name == "href" and tag in ("a", "link")) or (name == "src" and tag in ("img", "script"))):
                self.links.append(value)


def dead_links(site: Path) -> tuple[list[str], set[str], int]:
    """What leads nowhere, what leads to other sites, and how many links were followed.

    Args:
        site: folder of the built manual.
    """
    pages = {page: Anchors(page.read_text()) for page in site.rglob("*.html") if page.name != "404.html"}
    dead, external, followed = [], set(), 0
    for page, anchors in pages.items():
        for link in anchors.links:
            address = urlsplit(link)
            if address.scheme or address.netloc:
                external.add(link)
                continue
            followed += 1
            target = (page.parent / unquote(address.path)).resolve() if address.path else page
            target = target / "index.html" if target.is_dir() else target
            lost = address.fragment and target in pages and unquote(address.fragment) not in pages[target].names
            if not target.is_file() or lost:
                dead.append(f"{page.relative_to(site)}: {link}")
    for name in BESIDE:
        links = re.findall(r"\]\(([^)#\s]+)", (ROOT / name).read_text())
        external.update(link for link in links if "://" in link)
        inside = [link for link in links if "://" not in link and not link.startswith("mailto:")]
        followed += len(inside)
        dead += [f"{name}: {link}" for link in inside if not ((ROOT / name).parent / link).exists()]
    return dead, external, followed


def main() -> None:
    """Print dead links and fail where there is one."""
    dead, external, followed = dead_links(Path(sys.argv[1]).resolve())
    print("\n".join(dead), file=sys.stderr, end="\n" if dead else "")
    print(f"{followed} links followed, {len(dead)} dead; {len(external)} addresses of other sites, not followed")
    sys.exit(1 if dead else 0)


if __name__ == "__main__":
    main()
