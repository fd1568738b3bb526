"""A Sphinx extension of this book: what browsers, search engines and screen readers ask of a page.

Each page gets a description of its own, pictures get their size (nothing jumps while they load) and
wait until they are scrolled to, scripts wait until the text stands, and no page loads what only
other pages use.
"""

import re
import textwrap
from pathlib import Path, PurePath

from docutils import nodes
from PIL import Image
from sphinx.builders.html._assets import _JavaScript

IMAGE = re.compile(r'<img (?P<attributes>[^>]*?src="[^"]*_images/(?P<name>[^"/]+)"[^>]*?)\s*/?>')


# The style sheets of every page, in their order: one file, for each one more delays the first line.
BUNDLE = (
    "basic.css",
    "styles/pydata-sphinx-theme.css",
    "pygments.css",
    "styles/sphinx-book-theme.css",
    "copybutton.css",
    "mystnb.*.css",
    "katex/katex.min.css",
    "katex-math.css",
    "book.css",
)
ICON = re.compile(r'\.fa-([\w-]+):before\{content:"[^"]*"\}')
# What only some pages need, and how their text tells; formulas.js does what KaTeX's own two do.
NEEDED_BY = {
    "sphinx-design": "sd-",
    "design-tabs": "sd-",
    "copybutton": "<pre",
    "clipboard": "<pre",
}
NEEDED_BY |= {"katex.": 'class="math', "formulas": 'class="math'}
REPLACED = ("auto-render", "katex_autorenderer")


def needed(file, body):
    """Whether a page with this text asks for the style sheet or script."""
    path = PurePath(str(file.filename)).relative_to("_static")
    if path.name.startswith(REPLACED) or any(path.match(sheet) for sheet in BUNDLE):
        return False
    return all(mark in body for start, mark in NEEDED_BY.items() if path.name.startswith(start))


def bundle(app, error):
    """Write the one style sheet of all pages, less the icons that no page shows."""
    if error or app.builder.format != "html":
        return
    out = Path(app.outdir)
    shown = "".join(path.read_text(encoding="utf-8") for path in out.rglob("*.html"))
    shown += (out / "_static" / "scripts" / "pydata-sphinx-theme.js").read_text(encoding="utf-8")
    names = set(re.findall(r"\bfa-([\w-]+)", shown))
    text = ""
    for sheet in BUNDLE:
        (path,) = (out / "_static").glob(sheet)
        folder = path.parent.relative_to(out / "_static").as_posix()
        css = path.read_text(encoding="utf-8")
        text += re.sub(r"url\((?!['\"]?(?:data:|#))(['\"]?)", rf"url(\1{folder}/", css) + "\n"
    text = ICON.sub(lambda icon: icon[0] if icon[1] in names else "", text)
    (out / "_static" / "bundle.css").write_text(text, encoding="utf-8")


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
    body = context.get("body", "")
    context["css_files"] = [sheet for sheet in context["css_files"] if needed(sheet, body)]
    if pagename != "search":  # its scripts build on each other
        context["script_files"] = [
            _JavaScript(script.filename, **script.attributes | {"defer": "defer"})
            for script in context["script_files"]
            if script.filename and needed(script, body)
        ]


def setup(app):
    app.connect("html-page-context", finish, priority=900)
    app.connect("build-finished", bundle, priority=900)  # after the theme has written pygments.css
    return {"parallel_read_safe": True, "parallel_write_safe": True}
