"""Small files of every format, made by encoders that are not ours, with a canary in every place they offer."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image, ImageCms, PngImagePlugin

CANARY = b"CANARY-7QX2-PLANTED"
pillow_heif.register_heif_opener()


def picture(width: int = 48, height: int = 32, channels: int = 3) -> Image.Image:
    """A drawn picture with edges, a gradient and some texture."""
    y, x = np.mgrid[0:height, 0:width]
    rng = np.random.default_rng(5)
    planes = [x * 255 // width, y * 255 // height, (x // 8 + y // 8) % 2 * 200, 255 - 200 * (x > width // 2)]
    data = np.stack([p + rng.integers(0, 9, p.shape) for p in planes[:channels]], axis=2).clip(0, 255)
    array = data.astype(np.uint8)
    return Image.fromarray(array[:, :, 0] if channels == 1 else array)


def exif(orientation: int = 6) -> bytes:
    """An Exif block with a turn and the canary."""
    block = Image.Exif()
    block[0x0112] = orientation
    block[0x010F] = CANARY.decode()
    block[0x010E] = CANARY.decode()
    return block.tobytes()


def xmp() -> bytes:
    """An XMP packet with the canary."""
    return (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:creator="'
        + CANARY
        + b'"/></rdf:RDF></x:xmpmeta>'
    )


def profile() -> bytes:
    """An sRGB profile with a text in it."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """``image`` as Pillow writes it."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _jpeg() -> dict[str, bytes]:
    dirty = {"exif": exif(), "xmp": xmp(), "icc_profile": profile(), "comment": CANARY}
    return {
        "baseline": saved(picture(), "JPEG", quality=80, **dirty) + CANARY,
        "progressive": saved(picture(), "JPEG", quality=80, progressive=True, **dirty),
        "grey": saved(picture(channels=1), "JPEG", exif=exif(3)),
        "restarts": saved(picture(), "JPEG", restart_marker_blocks=2, comment=CANARY),
        "cmyk": saved(picture(channels=3).convert("CMYK"), "JPEG", comment=CANARY),
        "plain": saved(picture(), "JPEG"),
    }


def _png() -> dict[str, bytes]:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", CANARY.decode())
    texts.add_text("Comment", CANARY.decode(), zip=True)
    dirty = {"pnginfo": texts, "exif": exif(), "icc_profile": profile()}
    frames = [picture(), picture().rotate(180), picture().transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    deep = np.asarray(picture(channels=1)).astype(np.uint16) * 257
    return {
        "rgb": saved(picture(), "PNG", **dirty) + CANARY,
        "rgba": saved(picture(channels=4), "PNG", **dirty),
        "palette": saved(picture().quantize(13), "PNG", pnginfo=texts),
        "grey16": saved(Image.fromarray(deep), "PNG"),
        "bits": saved(picture(channels=1).convert("1"), "PNG"),
        "animated": saved(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=[40, 80, 120], loop=3),
        "plain": saved(picture(), "PNG"),
    }


def _webp() -> dict[str, bytes]:
    dirty = {"exif": exif(), "xmp": xmp(), "icc_profile": profile()}
    frames = [picture(), picture().rotate(180)]
    return {
        "lossy": saved(picture(), "WEBP", **dirty) + CANARY,
        "lossless": saved(picture(), "WEBP", lossless=True, **dirty),
        "alpha": saved(picture(channels=4), "WEBP", **dirty),
        "animated": saved(
            frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=[40, 80], loop=2, **dirty
        ),
        "plain": saved(picture(), "WEBP"),
    }


def _gif() -> dict[str, bytes]:
    frames = [picture().quantize(32), picture().rotate(180).quantize(32)]
    return {
        "still": saved(frames[0], "GIF", comment=CANARY) + CANARY,
        "animated": saved(
            frames[0], "GIF", save_all=True, append_images=frames[1:], duration=[40, 80], loop=0, comment=CANARY
        ),
        "plain": saved(frames[0], "GIF"),
    }


def _tiff() -> dict[str, bytes]:
    tags = {270: CANARY.decode(), 315: CANARY.decode(), 274: 6}
    pages = [picture(), picture().rotate(180)]
    return {
        "raw": saved(picture(), "TIFF", tiffinfo=tags, icc_profile=profile()) + CANARY,
        "deflate": saved(picture(), "TIFF", compression="tiff_adobe_deflate", tiffinfo=tags),
        "lzw": saved(picture(), "TIFF", compression="tiff_lzw", tiffinfo=tags),
        "pages": saved(pages[0], "TIFF", save_all=True, append_images=pages[1:]),
        "plain": saved(picture(), "TIFF"),
    }


def _bmp() -> dict[str, bytes]:
    return {
        "rgb": saved(picture(45, 31), "BMP") + CANARY,
        "palette": saved(picture().quantize(16), "BMP"),
        "grey": saved(picture(channels=1), "BMP"),
    }


def _avif() -> dict[str, bytes]:
    dirty = {"exif": exif(1), "xmp": xmp(), "icc_profile": profile()}
    return {
        "still": saved(picture(64, 48), "AVIF", quality=60, **dirty) + CANARY,
        "turned": saved(picture(64, 48), "AVIF", quality=60, exif=exif(6)),
        "alpha": saved(picture(64, 48, 4), "AVIF", quality=60, xmp=xmp()),
    }


def _heic() -> dict[str, bytes]:
    dirty = {"exif": exif(1), "xmp": xmp()}
    return {
        "still": saved(picture(64, 64), "HEIF", quality=60, **dirty) + CANARY,
        "alpha": saved(picture(64, 64, 4), "HEIF", quality=60, **dirty),
    }


def _jxl() -> dict[str, bytes]:
    import pillow_jxl  # noqa: F401 - registers itself with Pillow

    return {
        "lossy": saved(picture(), "JXL", quality=80, exif=exif(1)),
        "lossless": saved(picture(), "JXL", lossless=True, exif=exif(1)),
        "alpha": saved(picture(channels=4), "JXL", lossless=True),
    }


def _pnm() -> dict[str, bytes]:
    head = b"\n# " + CANARY + b"\n"
    commented = {kind: saved(picture(channels=n), "PPM").replace(b"\n", head, 1) for kind, n in (("P6", 3), ("P5", 1))}
    plain = " ".join(str(value) for value in np.asarray(picture()).ravel()).encode()
    deep = np.asarray(picture(channels=1)).astype(">u2") * 257
    return {
        "colour": commented["P6"] + CANARY,
        "grey": commented["P5"],
        "bits": saved(picture(channels=1).convert("1"), "PPM"),
        "deep": b"P5 48 32 65535\n" + deep.tobytes(),
        "plain": b"P3" + head + b"48 32\n255\n" + plain + b"\n",
    }


MAKERS = {
    "jpeg": _jpeg,
    "png": _png,
    "webp": _webp,
    "gif": _gif,
    "tiff": _tiff,
    "bmp": _bmp,
    "avif": _avif,
    "heic": _heic,
    "jxl": _jxl,
    "pnm": _pnm,
}


def heic_of_a_phone(width: int, height: int) -> bytes:
    """HEVC, a make and a position in Exif."""
    exif = Image.Exif()
    exif[271], exif[272] = "Apple", "iPhone 15"
    exif[0x8825] = {1: "N", 2: (51.0, 30.0, 26.0), 3: "W", 4: (0.0, 7.0, 39.0)}
    buffer = io.BytesIO()
    pillow_heif.from_pillow(picture(width, height).convert("RGB")).save(buffer, exif=exif.tobytes())
    return buffer.getvalue()


@cache
def of(name: str) -> dict[str, bytes]:
    """The samples of a format, by what is special about them."""
    return MAKERS[name]()
