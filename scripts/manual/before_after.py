"""Draw docs/before-after.jpg: the photograph of examples/ as it came and as it leaves, with what is found in it."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from rmexif import Policy, inspect, scrub, strip

ROOT = Path(__file__).resolve().parents[2]
SIDE, LINES, LINE = 360, 6, 20  # px of a picture; lines of text below it; px of a line
INK, PAPER, ALARM, CALM = "#1c1c1c", "#ffffff", "#b3261e", "#1b6e3c"


def panel(raw: bytes, title: str) -> Image.Image:
    """One picture with its findings below.

    Args:
        raw: an image file.
        title: above the findings.
    """
    found = inspect(raw, values=True).findings
    first = {item.category: item.value for item in reversed(found) if item.value}
    texts = [f"{category.value}: {value}" for category, value in first.items()]
    sheet = Image.new("RGB", (SIDE, SIDE + (LINES + 1) * LINE + 12), PAPER)
    with Image.open(BytesIO(raw)) as picture:
        sheet.paste(picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS))
    draw = ImageDraw.Draw(sheet)
    draw.text((4, SIDE + 6), f"{title}: {len(found)} findings", ALARM if found else CALM, ImageFont.load_default(17))
    for number, text in enumerate(texts[:LINES]):
        place = (4, SIDE + 8 + (number + 1) * LINE)
        draw.text(place, text.replace("\n", " ")[:50], INK, ImageFont.load_default(14))
    return sheet


def main() -> None:
    """Write the picture, which is stripped as well."""
    raw = (ROOT / "examples/astronaut.jpg").read_bytes()
    clean, _ = scrub(raw, Policy(seed=1))
    panels = [panel(raw, "before"), panel(clean, "after")]
    sheet = Image.new("RGB", (2 * SIDE + 20, panels[0].height), PAPER)
    for number, picture in enumerate(panels):
        sheet.paste(picture, (number * (SIDE + 20), 0))
    coded = BytesIO()
    sheet.save(coded, "JPEG", quality=76)
    (ROOT / "docs/before-after.jpg").write_bytes(strip(coded.getvalue())[0])


if __name__ == "__main__":
    main()
