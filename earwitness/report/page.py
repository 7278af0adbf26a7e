"""The page: one HTML file with its style, its script and its data inside."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def render_page(payload: Mapping[str, Any]) -> str:
    """Put the page together.

    Parameters
    ----------
    payload : mapping
        From `earwitness.report.payload.build_payload`.

    Returns
    -------
    str
        HTML that needs nothing but the folder ``clips/`` beside it.
    """
    data = json.dumps(payload, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    parts = {
        "style": _read("page.css"),
        "confusions": _read("confusions.js"),
        "script": _read("page.js"),
        # A category called </script> must not end the data.
        "data": data.replace("<", r"\u003c"),
    }
    # Cut first: what is filled in must not be searched for further places.
    text, *pieces = _read("page.html").split("@")
    for name, after in zip(pieces[::2], pieces[1::2], strict=True):
        text += parts[name] + after
    return text


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
