"""A Sphinx extension of this book: what browsers, search engines and screen readers ask of a page.

Each page gets a description of its own, pictures get their size (nothing jumps while they load) and
wait until they are scrolled to, scripts wait until the text stands, and no page loads what only
other pages use.
"""

import logging
import re
import textwrap
from pathlib import Path, PurePath

from docutils import nodes
from fontTools.subset import Options, Subsetter, load_font, save_font
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
RULE = re.compile(r"([^{}@;]+)\{[^{}]*\}")
ICON_FONT = re.compile(r'url\([^)]*/(fa-[\w-]+)\.woff2\) format\("woff2"\),url\([^)]*\)[^;}]*')
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


def subset(path, out, characters):
    """Write the font with these characters only, compressed for the web."""
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    options = Options(flavor="woff", notdef_outline=True)
    font = load_font(path, options)
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=characters)
    subsetter.subset(font)
    save_font(font, out, options)


def sheet_file(app, static, sheet):
    """The file of a sheet of BUNDLE; where its name has a hash, the one that this build links.

    Those of earlier builds stay beside it.
    """
    linked = {name for name, _ in app.registry.css_files}
    (path,) = (p for p in static.glob(sheet) if "*" not in sheet or p.name in linked)
    return path


def bundle(app, error):
    """Write the one style sheet of all pages, and icon fonts, with what the pages show.

    Of the theme's rules go those whose every selector names a class that stands in no page and no
    script; Bootstrap's script puts the names that begin with bs- together.
    """
    if error or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    known = set()
    for path in (*static.parent.rglob("*.html"), *static.rglob("*.js")):
        if path.name != "fontawesome.js":
            known.update(re.findall(r"[\w-]+", path.read_text(encoding="utf-8")))

    def kept(rule):
        selectors = re.sub(r"\([^()]*\)", "", re.sub(r"\([^()]*\)", "", rule[1])).split(",")
        classes = (re.findall(r"\.(?!bs-)([a-zA-Z][\w-]*)", s) for s in selectors)
        return rule[0] if any(known.issuperset(names) for names in classes) else ""

    text = ""
    for sheet in BUNDLE:
        path = sheet_file(app, static, sheet)
        folder = path.parent.relative_to(static).as_posix()
        css = path.read_text(encoding="utf-8")
        css = RULE.sub(kept, css) if path.name == "pydata-sphinx-theme.css" else css
        text += re.sub(r"url\((?!['\"]?(?:data:|#))(['\"]?)", rf"url(\1{folder}/", css) + "\n"
    text, fonts = ICON_FONT.sub(r'url(\1.woff) format("woff")', text), ICON_FONT.findall(text)
    icons = [int(code, 16) for code in re.findall(r'"\\(f[0-9a-f]{3})"', text)]
    for font in fonts:
        (path,) = static.rglob(f"{font}.ttf")
        subset(path, static / f"{font}.woff", icons)
    (static / "bundle.css").write_text(text, encoding="utf-8")


def description(doctree):
    """The first sentences of a page, as many as a search engine shows."""
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split())
        opening = isinstance(paragraph.parent, nodes.section) and not text.startswith("Runs in")
        if opening and "\\" not in text:
            return textwrap.shorten(text, 155, placeholder=" …").replace('"', "'")
    return None


def with_sizes(body, folder, names):
    """The page with the size of each raster picture written out; pictures load lazily."""
    paths = {name: folder / source for source, name in names.items()}

    def sized(match):
        extra = ' loading="lazy" decoding="async"'
        path = paths[match["name"]]
        if path.suffix != ".svg" and "width" not in match["attributes"]:
            extra += ' width="{}" height="{}"'.format(*Image.open(path).size)
        return f"<img {match['attributes']}{extra} />"

    return IMAGE.sub(sized, body)


def with_named_toggles(contents):
    """The sidebar's table of contents, each of its toggles named after the page it unfolds."""
    for link in contents.select("li.has-children > a"):
        link.parent.details.summary["aria-label"] = f"Pages below {link.get_text(strip=True)}"
    return contents


def finish(app, pagename, templatename, context, doctree):
    """Change what the theme is about to write."""
    if doctree is not None and (text := description(doctree)):
        context["metatags"] = f'<meta name="description" content="{text}" />\n'
    if "body" in context:
        body = with_sizes(context["body"], Path(app.srcdir), app.builder.images)
        context["body"] = body.replace('role="doc-biblioentry"', 'role="listitem"')
    body = context.get("body", "")
    context["css_files"] = [sheet for sheet in context["css_files"] if needed(sheet, body)]
    table = context["generate_toctree_html"]
    context["generate_toctree_html"] = lambda *a, **k: with_named_toggles(table(*a, **k))
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
