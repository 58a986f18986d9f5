"""What Chromium shows of a file: its size, and every frame over black and over white, with durations and repetitions.

The still comes through an ``<img>`` (turned and colour-managed as on a page), frames through ImageDecoder; both are drawn
on an opaque sRGB canvas, so that what differs in memory and looks alike is alike.
"""

from __future__ import annotations

import base64
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["Shown", "Viewer", "viewer"]

ORIGIN = "http://localhost/"  # a secure context, which ImageDecoder asks for; answered from here
AT_A_TIME = 16  # files that one call shows
SCRIPT = """async (files) => {
    const text = (bytes) => {
        let out = "";
        for (let at = 0; at < bytes.length; at += 32768)
            out += String.fromCharCode(...bytes.subarray(at, at + 32768));
        return btoa(out);
    };
    const drawn = (source, width, height) => ["#000", "#fff"].map((ground) => {
        const canvas = new OffscreenCanvas(width, height);
        const context = canvas.getContext("2d", {colorSpace: "srgb", alpha: false, willReadFrequently: true});
        context.fillStyle = ground;
        context.fillRect(0, 0, width, height);
        context.drawImage(source, 0, 0);
        return text(context.getImageData(0, 0, width, height).data);
    });
    const shown = async ({data, type}) => {
        const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
        const image = new Image();
        image.src = URL.createObjectURL(new Blob([bytes], {type}));
        try { await image.decode(); } catch (error) { return null; }
        const size = [image.naturalWidth, image.naturalHeight];
        const still = drawn(image, ...size);
        URL.revokeObjectURL(image.src);
        const frames = [];
        let plays = null;
        if (await ImageDecoder.isTypeSupported(type)) {
            const decoder = new ImageDecoder({data: bytes, type});
            try {
                await decoder.tracks.ready;
                await decoder.completed;
                const track = decoder.tracks.selectedTrack;
                for (let frameIndex = 0; track.animated && frameIndex < track.frameCount; frameIndex++) {
                    const {image: frame} = await decoder.decode({frameIndex});
                    const pixels = drawn(frame, frame.displayWidth, frame.displayHeight);
                    frames.push({size: [frame.displayWidth, frame.displayHeight], pixels, duration: frame.duration});
                    frame.close();
                }
                plays = track.animated ? String(track.repetitionCount) : null;
            } catch (error) { plays = "failed"; }
            decoder.close();
        }
        return {size, still, frames, plays};
    };
    const all = [];
    for (const file of files) all.push(await shown(file));
    return all;
}"""


@dataclass(frozen=True, slots=True)
class Shown:
    """One file, as a page shows it."""

    still: NDArray[np.uint8]  # 2 x H x W x 3: over black, over white
    frames: tuple[NDArray[np.uint8], ...]  # of an animation, each as the still
    durations: tuple[float, ...]  # ms
    plays: str | None  # repetitions after the first one, "Infinity"; None: no animation


class Viewer:
    """A page in a running Chromium."""

    def __init__(self, page: Any) -> None:
        self._page = page

    def show(self, files: Sequence[tuple[bytes, str]]) -> list[Shown | None]:
        """What is shown of each file (content, format); None where it is broken."""
        found: list[Shown | None] = []
        for at in range(0, len(files), AT_A_TIME):
            batch = [
                {"data": base64.b64encode(data).decode(), "type": f"image/{name}"}
                for data, name in files[at : at + AT_A_TIME]
            ]
            found += [answer and _shown(answer) for answer in self._page.evaluate(SCRIPT, batch)]
        return found


def _shown(answer: dict[str, Any]) -> Shown:
    frames = answer["frames"]
    return Shown(
        _pixels(answer["still"], answer["size"]),
        tuple(_pixels(frame["pixels"], frame["size"]) for frame in frames),
        tuple((frame["duration"] or 0) / 1000 for frame in frames),
        answer["plays"],
    )


def _pixels(grounds: list[str], size: list[int]) -> NDArray[np.uint8]:
    raw = b"".join(base64.b64decode(ground) for ground in grounds)
    return np.frombuffer(raw, np.uint8).reshape(2, size[1], size[0], 4)[..., :3]


@contextmanager
def viewer(browser: Any) -> Iterator[Viewer]:
    """A page that shows files."""
    page = browser.new_page()
    page.route("**/*", lambda route: route.fulfill(status=200, content_type="text/html", body="<html></html>"))
    page.goto(ORIGIN)
    yield Viewer(page)
    page.close()
