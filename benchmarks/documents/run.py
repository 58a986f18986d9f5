"""How well lines that identify somebody are found among lines that do not: a synthetic set, drawn here.

    python -m benchmarks.documents.run [--pages 24] [--seed 1] [--font FILE ...] [--out FOLDER]

Each page has lines of every kind of ``identifiers`` and lines that only look like one: dates, amounts, wrong check
digits, plain words. Numbers and their check digits are made by the arithmetic below, not by the detector's. Pages differ
in size of type (16 to 40 px), slant, light, noise and JPEG quality. A line is covered where at least 80 % of its ink lies
in the masks; one that says nothing is touched where more than 20 % does. ``--font`` takes other fonts than Pillow's own.
"""

from __future__ import annotations

import argparse
import io
import random
import string
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from rmexif import Policy
from rmexif.detectors import Documents
from rmexif.redaction import mask_of

COVERED, TOUCHED = 0.8, 0.2  # of a line's ink
LINES, LEADING, MARGIN = 14, 2.2, 40  # lines of a page; of the size of type; px
WORDS = ("garden", "party", "at", "noon", "river", "window", "quiet", "market", "letter", "winter", "paper", "table")
NAMES = ("ERIKSSON<<ANNA<MARIA", "MUELLER<<JAN", "OKAFOR<<CHIDI<EZE", "NGUYEN<<THI<HOA", "DA<SILVA<<JOAO")
LAYOUTS = ("AA-AA 9999", "AA99 AAA", "AA-999-AA", "9999 AAA", "99-AAA-9", "9AAA999", "AAA9A99", "AA 99 AA 9999")


def luhn(digits: str) -> str:
    """The digit that makes the sum over every second one, doubled and cast out, a multiple of ten."""
    total = 0
    for place, sign in enumerate(reversed(digits)):
        value = int(sign) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def card(rng: random.Random, shift: int = 0) -> str:
    body = rng.choice("3456") + "".join(rng.choices(string.digits, k=14))
    number = body + str((int(luhn(body)) + shift) % 10)
    return rng.choice(("", "Card ")) + " ".join(number[at : at + 4] for at in range(0, 16, 4))


def iban(rng: random.Random, shift: int = 0) -> str:
    country, account = rng.choice(
        (
            ("DE", "".join(rng.choices(string.digits, k=18))),
            ("GB", "".join(rng.choices(string.ascii_uppercase, k=4)) + "".join(rng.choices(string.digits, k=14))),
            ("NL", "".join(rng.choices(string.ascii_uppercase, k=4)) + "".join(rng.choices(string.digits, k=10))),
        )
    )
    value = 0
    for sign in account + country + "00":
        value = value * (10 if sign.isdigit() else 100) + (int(sign) if sign.isdigit() else ord(sign) - 55)
    text = f"{country}{(98 - value % 97 + shift - 2) % 97 + 2:02d}{account}"
    return rng.choice(("", "IBAN ")) + " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def zone(rng: random.Random) -> list[str]:
    """The two lines of a passport (ICAO 9303, part 4)."""

    def check(field: str) -> str:
        order = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        return str(sum(max(0, order.find(sign)) * (7, 3, 1)[place % 3] for place, sign in enumerate(field)) % 10)

    def date(first: int, last: int) -> str:
        return f"{rng.randint(first, last):02d}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}"

    number = rng.choice(string.ascii_uppercase) + "".join(rng.choices(string.digits, k=8))
    born, ends, own = date(40, 99), date(26, 35), "<" * 14
    first = f"P<UTO{rng.choice(NAMES)}".ljust(44, "<")
    head = f"{number}{check(number)}UTO{born}{check(born)}{rng.choice('MF')}{ends}{check(ends)}{own}<"
    return [first, head + check(head[:10] + head[13:20] + head[21:43])]


def email(rng: random.Random) -> str:
    return f"{rng.choice(WORDS)}.{rng.choice(WORDS)}{rng.randint(1, 99)}@example.{rng.choice(('org', 'com', 'net'))}"


def phone(rng: random.Random) -> str:
    digits = [str(rng.randint(0, 9)) for _ in range(10)]
    forms = ("+49 {} {}", "({}) {}", "0{}/{}", "+1-{}-{}")
    return rng.choice(("", "Tel. ")) + rng.choice(forms).format("".join(digits[:3]), "".join(digits[3:]))


def plate(rng: random.Random) -> str:
    kinds = {"A": "ABCDEFGHJKLMNPRSTUVWXYZ", "9": string.digits}
    return "".join(rng.choice(kinds.get(sign, sign)) for sign in rng.choice(LAYOUTS))


def plain(rng: random.Random) -> str:
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1960, 2030)
    return rng.choice(
        (
            " ".join(rng.choices(WORDS, k=4)),
            f"{day:02d}.{month:02d}.{year}",
            f"{year}-{month:02d}-{day:02d}",
            f"Total {rng.randint(1, 9)},{rng.randint(100, 999)}.{rng.randint(10, 99)} EUR",
            f"page {rng.randint(1, 40)} of 40",
            f"{rng.randint(1, 12)}:{rng.randint(10, 59)} - {rng.randint(13, 23)}:00",
        )
    )


KINDS = {
    "email": lambda rng: [email(rng)],
    "phone": lambda rng: [phone(rng)],
    "iban": lambda rng: [iban(rng)],
    "card": lambda rng: [card(rng)],
    "mrz": zone,
    "plate": lambda rng: [plate(rng)],
}
DECOYS = {
    "plain": plain,
    "wrong IBAN": lambda rng: iban(rng, 1),
    "wrong card": lambda rng: card(rng, 1),
}


def page(rng: random.Random, fonts: list[Path]) -> tuple[np.ndarray, list[tuple[str, str, np.ndarray]]]:
    """A picture, and for every line its kind, its text and where its ink is."""
    size = rng.choice((16, 20, 26, 32, 40))
    font = ImageFont.truetype(str(rng.choice(fonts)), size) if fonts else ImageFont.load_default(size)
    rows = [(kind, line) for kind, make in KINDS.items() for line in make(rng)]
    rows += [(kind, make(rng)) for kind, make in DECOYS.items()]
    rows += [("plain", plain(rng)) for _ in range(LINES - len(rows))]
    rng.shuffle(rows)
    width = 2 * MARGIN + int(max(font.getlength(line) for _, line in rows))
    shape = (width, 2 * MARGIN + int(LINES * LEADING * size))
    slant = rng.uniform(-1, 1)  # more, and the upright boxes of neighbours share their ink
    paper, ink = rng.randint(190, 255), rng.randint(0, 70)
    sheet = Image.new("L", shape, paper)
    marks = []
    for number, (kind, line) in enumerate(rows):
        place = (MARGIN, MARGIN + number * LEADING * size)
        ImageDraw.Draw(sheet).text(place, line, fill=ink, font=font)
        mask = Image.new("L", shape)
        ImageDraw.Draw(mask).text(place, line, fill=255, font=font)
        marks.append((kind, line, np.asarray(mask.rotate(slant, Image.Resampling.BILINEAR, expand=True)) > 127))
    sheet = sheet.rotate(slant, Image.Resampling.BICUBIC, expand=True, fillcolor=paper)
    pixels = np.asarray(sheet.filter(ImageFilter.GaussianBlur(rng.uniform(0, size / 40)))).astype(np.float32)
    pixels += np.linspace(0, rng.uniform(-60, 0), pixels.shape[1])[None]  # light from one side
    pixels += np.random.default_rng(rng.getrandbits(32)).normal(0, rng.uniform(0, 6), pixels.shape)
    out = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).convert("RGB").save(out, "JPEG", quality=rng.randint(60, 95))
    return np.asarray(Image.open(out)), marks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--font", type=Path, action="append", default=[])
    parser.add_argument("--out", type=Path, help="where the pages go, with what was found in red")
    options = parser.parse_args()
    rng, policy, finder = random.Random(options.seed), Policy(), Documents()
    tally: dict[str, list[bool]] = defaultdict(list)
    missed, spent = [], 0.0
    for number in range(options.pages):
        picture, marks = page(rng, options.font)
        start = time.perf_counter()
        found = finder.detect(picture)
        spent += time.perf_counter() - start
        cover = np.zeros(picture.shape[:2], bool)
        for detection in found:
            region = mask_of(detection, policy, *picture.shape[:2]).region
            cover[region.top : region.bottom, region.left : region.right] = True
        for kind, line, ink in marks:
            share = float(cover[ink].mean()) if ink.any() else 1.0
            tally[kind].append(share >= COVERED if kind in KINDS else share > TOUCHED)
            if tally[kind][-1] is not (kind in KINDS):
                missed.append((number, kind, line))
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
            shown = picture.copy()
            shown[cover] = shown[cover] // 2 + np.array([127, 0, 0], np.uint8)
            Image.fromarray(shown).save(options.out / f"page-{number:02d}.png")
    print("| kind | lines | covered or, of decoys, touched |\n|---|---|---|")
    for kind in (*KINDS, *DECOYS):
        print(f"| {kind} | {len(tally[kind])} | {np.mean(tally[kind]):.3f} |")
    wanted, others = ([hit for kind in names for hit in tally[kind]] for names in (KINDS, DECOYS))
    print(
        f"covered {np.mean(wanted):.3f} of {len(wanted)} lines; touched {np.mean(others):.3f} of {len(others)} others; "
        f"{spent / options.pages:.2f} s a page"
    )
    for number, kind, line in missed[:20]:
        print(f"  page {number}: {kind}: {line}")


if __name__ == "__main__":
    main()
