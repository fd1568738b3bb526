"""A Sphinx extension of this book: what browsers, search engines and screen readers ask of a page.

Each page gets a description of its own, pictures get their size (nothing jumps while they load) and
wait until they are scrolled to, and scripts wait until the text stands.
"""

import re
import textwrap
from pathlib import Path

from docutils import nodes
from PIL import Image

IMAGE = re.compile(r'<img (?P<attributes>[^>]*?src="[^"]*_images/(?P<name>[^"/]+)"[^>]*?)\s*/?>')


def description(doctree):
    """The first sentences of a page, as many as a search engine shows."""
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split())
        opening = isinstance(paragraph.parent, nodes.section) and not text.startswith("Runs in")
        if opening and "\\" not in text:
            return textwrap.shorten(text, 155, placeholder=" …").replace('"', "'")
    return None


def with_sizes(body, folder, names):
    """The page with the size of each raster picture written out; all but the first load lazily."""
    paths = {name: folder / source for source, name in names.items()}
    count = 0

    def sized(match):
        nonlocal count
        count += 1
        extra = ' decoding="async"' + (' loading="lazy"' if count > 1 else "")
        path = paths[match["name"]]
        if path.suffix != ".svg" and "width" not in match["attributes"]:
            extra += ' width="{}" height="{}"'.format(*Image.open(path).size)
        return f"<img {match['attributes']}{extra} />"

    return IMAGE.sub(sized, body)


def finish(app, pagename, templatename, context, doctree):
    """Change what the theme is about to write."""
    if doctree is not None and (text := description(doctree)):
        context["metatags"] = f'<meta name="description" content="{text}" />\n'
    if "body" in context:
        body = with_sizes(context["body"], Path(app.srcdir), app.builder.images)
        context["body"] = body.replace('role="doc-biblioentry"', 'role="listitem"')
    for script in context["script_files"]:  # the same objects for every page
        script.attributes.pop("defer", None)
        # scripts inside a page expect the options, those of the search page expect them all
        needed = pagename == "search" or "documentation_options" in str(script.filename)
        if script.filename and not needed:
            script.attributes["defer"] = "defer"


def setup(app):
    app.connect("html-page-context", finish, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
