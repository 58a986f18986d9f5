"""Django's own pieces, without a server: storage, form field and validator."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile

from rmexif import MalformedImage, verify
from tests import samples

if not settings.configured:
    settings.configure()

from rmexif.integrations.django import ScrubbedImageField, ScrubbedStorage, validate_clean


def test_a_storage_stores_clean_bytes(tmp_path: Path, astronaut: bytes) -> None:
    """Whoever saves: what lies in the folder is clean, the name is that of what came out."""
    storage = ScrubbedStorage(location=tmp_path)

    name = storage.save("people/me.jpg", ContentFile(astronaut + samples.CANARY))

    stored = (tmp_path / name).read_bytes()
    assert verify(stored, canonical=True) == []
    assert samples.CANARY not in stored


def test_a_storage_stores_nothing_of_what_fails(tmp_path: Path, astronaut: bytes) -> None:
    """A broken image is refused, and leaves no file behind."""
    with pytest.raises(MalformedImage):
        ScrubbedStorage(location=tmp_path).save("me.jpg", ContentFile(astronaut[:900]))

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_field_hands_on_clean_bytes(astronaut: bytes) -> None:
    """A form's cleaned data is the clean image, or the form says what is wrong."""
    from django.core.exceptions import ValidationError

    field = ScrubbedImageField()

    clean = field.clean(SimpleUploadedFile("me.jpg", astronaut, "image/jpeg"))

    assert verify(clean.read(), canonical=True) == []
    with pytest.raises(ValidationError):
        field.clean(SimpleUploadedFile("me.jpg", astronaut[:900], "image/jpeg"))


def test_a_validator_refuses_what_is_not_clean(astronaut: bytes) -> None:
    """It looks, it does not touch."""
    from django.core.exceptions import ValidationError

    from rmexif import strip

    with pytest.raises(ValidationError):
        validate_clean(SimpleUploadedFile("me.jpg", astronaut + b"tail"))
    validate_clean(SimpleUploadedFile("me.jpg", strip(astronaut)[0]))
