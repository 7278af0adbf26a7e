"""A page for charts that needs no network: Vega, Vega-Lite and Vega-Embed inside it.

``python -m earwitness.plots.offline PAGE`` writes it. The scripts come out of the package
vl-convert-python, which requirements.txt pins; other pages load them from a server on the net.
"""

import argparse
import hashlib
import sys
from pathlib import Path

import vl_convert

from earwitness.errors import EarwitnessError
from earwitness.store.atomic import write_text

# The newest release of the grammar that the charts' templates are written in.
VEGA_LITE = "5.21"
SHA256 = "bc72ac9c973cb4b327a1c285b4e40a1368a321851d66ab1e9199e4204033a8ce"

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
{refresh_tag}
<link rel="icon" href="data:,">
<title>Earwitness: plots</title>
<style>
body { font: 15px/1.4 system-ui, sans-serif; margin: 1rem; }
body > div { margin-bottom: 2rem; overflow-x: auto; }
img { max-width: 100%; }
</style>
<script>(() => {@script@})();</script>
</head>
<body>
{plot_divs}
</body>
</html>
"""


def render_template() -> str:
    """Put the page together.

    Returns
    -------
    str
        HTML with the places ``{refresh_tag}`` and ``{plot_divs}``.

    Raises
    ------
    EarwitnessError
        If the package holds other scripts than those that were checked.
    """
    script = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE)
    if hashlib.sha256(script.encode()).hexdigest() != SHA256:
        raise EarwitnessError(
            "vl-convert-python holds other scripts than those of requirements.lock: install that"
        )
    return PAGE.replace("@script@", script)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m earwitness.plots.offline",
        description="Write the page that `dvc plots show` puts its charts in.",
    )
    parser.add_argument("page", type=Path, help=".dvc/plots/page.html, as .dvc/config names it")
    try:
        write_text(parser.parse_args().page, render_template())
    except EarwitnessError as mistake:
        sys.exit(str(mistake))
