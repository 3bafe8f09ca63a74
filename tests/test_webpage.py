"""The stylesheet and the headers that the listener and the pretend Procore share."""

import re

from procore_cli.webpage import escaped, security_headers, stylesheet

TEXT = [("ink", "card"), ("ink", "ground"), ("soft", "card"), ("soft", "ground"), ("accent", "card")]
ON_BUTTONS = [("on-accent", "accent"), ("on-accent", "accent-strong")]
SYMBOLS = [("accent", "tint"), ("good", "good-tint"), ("bad", "bad-tint")]


def palette(scheme: int, look: str) -> dict[str, str]:
    """The colours of a look in the light scheme (0) or the dark one (1)."""
    blocks = [
        re.findall(rf"^ *{name} \{{([^}}]*)\}}", stylesheet(), re.MULTILINE)[scheme]
        for name in (":root", look)
    ]
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", "".join(blocks)))


def luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_text_has_the_contrast_of_wcag_aa():
    looks = {":root": [*TEXT, *ON_BUTTONS, *SYMBOLS], r"\.pretend": [*TEXT, *ON_BUTTONS, ("bad", "card")]}
    for scheme in (0, 1):
        for look, pairs in looks.items():
            colours = palette(scheme, look)
            for ink, ground in pairs:
                assert contrast(colours[ink], colours[ground]) >= 4.5, (scheme, look, ink, ground)


def test_a_policy_begins_with_nothing_and_names_a_script_only_where_there_is_one():
    plain, scripted = (
        dict(headers)["Content-Security-Policy"]
        for headers in (security_headers("'self'"), security_headers(script="go()"))
    )
    for policy in (plain, scripted):
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
    assert plain.endswith("; form-action 'self'")
    assert "script-src" not in plain
    assert "script-src 'sha256-" in scripted
    assert scripted.endswith("; form-action 'none'")
    # Nothing is fetched, and text from outside is neither markup nor a hidden character.
    assert not re.search(r"url\(|@import", stylesheet())
    assert escaped("<b>\"'&\u202e\x1b") == r"&lt;b&gt;&quot;&#x27;&amp;\u202e\u001b"
