"""A document as one HTML file that needs nothing else: no network, no script, pictures within it."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from unimc import inert
from unimc.document import Document, Heading, Marked, Section, Words, parts

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

# The policy forbids what escaping already prevents: even a script that got in would not run.
_TEMPLATE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ document.title|visible }}</title>
<style>
body { font: 15px/1.5 system-ui, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif; margin: 2rem auto;
  max-width: 72rem; padding: 0 1rem; color: #1c2530; background: #fff; }
h1 { font-size: 1.6rem; overflow-wrap: anywhere; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
nav { columns: 20rem; font-size: .9rem; margin-bottom: 1.5rem; }
nav a { display: block; color: #1f5fae; text-decoration: none; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .9rem; }
th, td { border: 1px solid #d5dbe3; padding: .25rem .55rem; text-align: right; vertical-align: top;
  font-variant-numeric: tabular-nums; white-space: nowrap; }
th { background: #eef2f7; } .left { text-align: left; } tr:hover td { background: #f7f9fc; }
td.left { white-space: normal; overflow-wrap: anywhere; min-width: 7.5rem; }
img { max-width: 100%; height: auto; } code { font-size: .85em; overflow-wrap: anywhere; }
p, li { max-width: 60rem; }
@media print { nav { display: none; } body { margin: 0; } }
</style>
</head>
<body>
<h1>{{ document.title|visible }}</h1>
<nav>
{%- for number, title in titles %}
<a href="#s{{ number }}">{{ title|visible }}</a>
{%- endfor %}
</nav>
{%- for kind, block in blocks %}
{%- if kind in ("Section", "Heading") and block.title %}
<h2 id="s{{ loop.index }}">{{ block.title|visible }}</h2>
{%- endif %}
{%- if kind == "Section" %}
<div class="wide"><table>
<thead><tr>
{%- for column in block.columns %}<th{% if column in block.left %} class="left"{% endif %}>{{ column|visible }}</th>
{%- endfor %}</tr></thead>
<tbody>
{%- for row in block.rows %}
<tr>{% for column, cell in zip(block.columns, row) -%}
<td{% if column in block.left %} class="left" dir="auto"{% endif %}>{{ cell|visible }}</td>
{%- endfor %}</tr>
{%- endfor %}
</tbody></table></div>
{%- elif kind == "Items" %}
<ul>
{%- for entry in block.entries %}
<li>{{ entry|inline }}</li>
{%- endfor %}
</ul>
{%- elif kind == "Picture" %}
<p><img src="data:image/png;base64,{{ pictures[block.name] }}" alt="{{ block.about|visible }}"></p>
{%- endif %}
{%- if kind in ("Section", "Paragraph") and block.text %}
<p>{{ block.text|inline }}</p>
{%- endif %}
{%- endfor %}
</body>
</html>
"""


def written(document: Document, pictures: Mapping[str, bytes]) -> str:
    """The whole page.

    Args:
        document: what it holds.
        pictures: PNGs by the names that the document calls them.
    """
    titled = [
        (number, block.title)
        for number, block in enumerate(document.blocks, 1)
        if isinstance(block, Section | Heading) and block.title
    ]
    within = {name: b64encode(content).decode() for name, content in pictures.items()}
    blocks = [(type(block).__name__, block) for block in document.blocks]
    return _template().render(document=document, blocks=blocks, titles=titled, pictures=within, zip=zip)


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, keep_trailing_newline=True, undefined=StrictUndefined)
    environment.filters |= {"visible": inert.visible, "inline": _inline}
    return environment.from_string(_TEMPLATE)


def _inline(words: Words) -> Markup:
    """A text within a line: our own marks count, a user's don't."""
    from markupsafe import Markup, escape

    made = Markup()
    for part in parts(words):
        text = str(escape(inert.visible(part)))
        if isinstance(part, Marked):
            text = re.sub(r"\*([^*]+)\*", r"<em>\1</em>", re.sub(r"`([^`]+)`", r"<code>\1</code>", text))
        made += Markup(text)
    return made
