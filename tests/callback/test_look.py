"""The colours of the pages."""

from __future__ import annotations

import re

import pytest

from procore_cli.callback.pages import STYLE


def _luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        ("ink", "card"),
        ("ink", "ground"),
        ("soft", "card"),
        ("soft", "ground"),
        ("accent", "card"),
        ("accent", "tint"),
        ("on-accent", "accent"),
        ("on-accent", "accent-strong"),
        ("good", "good-tint"),
        ("bad", "bad-tint"),
    ],
)
def test_text_has_the_contrast_of_wcag_aa(scheme: int, ink: str, ground: str) -> None:
    palette = dict(
        re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", re.findall(r":root \{([^}]*)\}", STYLE)[scheme])
    )

    assert _contrast(palette[ink], palette[ground]) >= 4.5
