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
from sphinx.errors import ExtensionError

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
    "book.css",
    "reading.css",
)
ICON_FONT = re.compile(r"""(?x) url\([^)]*/(fa-[\w-]+)\.woff2\) \s* (?:format\("woff2"\))?
                           (?:,\s*url\([^)]*\) \s* (?:format\("\w+"\))?)*""")
ICON = re.compile(r'([^{}]*)\{[^{}]*"\\([ef][0-9a-f]{3})"')
# What only some pages need, and how their text tells.
NEEDED_BY = {
    "sphinx-design": "sd-",
    "design-tabs": "sd-",
    "copybutton": "<pre",
    "clipboard": "<pre",
    "ledger": 'class="ledger claims',
}


def needed(file, body):
    """Whether a page with this text asks for the style sheet or script."""
    path = PurePath(str(file.filename)).relative_to("_static")
    if any(path.match(sheet) for sheet in BUNDLE):
        return False
    return all(mark in body for start, mark in NEEDED_BY.items() if path.name.startswith(start))


def subset(path, out, characters):
    """Write the font with these characters only, compressed for the web."""
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    options = Options(flavor="woff2", notdef_outline=True)
    font = load_font(path, options)
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=characters)
    subsetter.subset(font)
    save_font(font, out, options)


def icons(css, names):
    """The characters of the icons that are shown: of the classes in `names`, and of other rules."""
    for selectors, code in ICON.findall(css):
        classes = set(re.findall(r"\.(fa-[\w-]+)", selectors))
        if not classes or classes & names:
            yield int(code, 16)


def with_cut_icons(css, static):
    """The style sheet with the icon fonts cut down to what the pages in the same folder show.

    Raises ExtensionError where the theme names its fonts in a way that this code does not know:
    megabytes of icons would otherwise go with every page, and nobody would hear of it.
    """
    shown = "".join(path.read_text(encoding="utf-8") for path in static.parent.rglob("*.html"))
    shown = sorted(set(icons(css, set(re.findall(r"fa-[\w-]+", shown)))))
    css, fonts = ICON_FONT.sub(r'url(\1.woff2) format("woff2")', css), ICON_FONT.findall(css)
    if not fonts or not shown or re.search(r"url\([^)]*/fa-", css):
        raise ExtensionError(
            f"pages: expected the theme's icon fonts as url(.../fa-NAME.woff2), found {fonts} and "
            f"{len(shown)} icons; look at ICON_FONT and ICON in {Path(__file__).name}"
        )
    for font in fonts:
        (path,) = static.glob(f"*/**/{font}.woff2")
        subset(path, static / f"{font}.woff2", shown)
    return css


def sheet_file(app, static, sheet):
    """The file of a sheet of BUNDLE; where its name has a hash, the one that this build links.

    Those of earlier builds stay beside it.
    """
    linked = {name for name, _ in app.registry.css_files}
    (path,) = (p for p in static.glob(sheet) if "*" not in sheet or p.name in linked)
    return path


def bundle(app, error):
    """Write the one style sheet of all pages, and icon fonts with the icons it names."""
    if error or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    text = ""
    for sheet in BUNDLE:
        path = sheet_file(app, static, sheet)
        folder = path.parent.relative_to(static).as_posix()
        css = path.read_text(encoding="utf-8")
        text += re.sub(r"url\((?!['\"]?(?:data:|#))(['\"]?)", rf"url(\1{folder}/", css) + "\n"
    (static / "bundle.css").write_text(with_cut_icons(text, static), encoding="utf-8")


def description(doctree):
    """The first sentences of a page, as many as a search engine shows."""
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split())
        opening = isinstance(paragraph.parent, nodes.section) and not text.startswith("Runs in")
        if opening and "\\" not in text and not text.endswith(":"):
            return textwrap.shorten(text, 155, placeholder=" …").replace('"', "'")
    return None


def forget_sizes(app, doctree):
    """Take from a notebook's pictures the sizes meant for Jupyter: `with_sizes` has the page's."""
    if app.env.docname.startswith("notebooks/"):
        for image in doctree.findall(nodes.image):
            image.attributes.pop("width", None)
            image.attributes.pop("height", None)


def size(path):
    """Width and height of a raster picture on a page, which has 96 pixels to the inch."""
    with Image.open(path) as picture:
        dots = picture.info.get("dpi", (96, 96))
        return [round(n * 96 / dpi) for n, dpi in zip(picture.size, dots, strict=True)]


def with_sizes(body, folder, names):
    """The page with the size of each raster picture written out; pictures load lazily."""
    paths = {name: folder / source for source, name in names.items()}

    def sized(match):
        at_once = "at-once" in match["attributes"]  # what is seen first waits for nothing
        extra = ' fetchpriority="high"' if at_once else ' loading="lazy" decoding="async"'
        path = paths[match["name"]]
        if path.suffix != ".svg" and "width" not in match["attributes"]:
            extra += ' width="{}" height="{}"'.format(*size(path))
        return f"<img {match['attributes']}{extra} />"

    return IMAGE.sub(sized, body)


def with_named_toggles(contents):
    """The sidebar's table of contents, each of its toggles named after the page it unfolds."""
    for link in contents.select("li.has-children > a"):
        link.parent.details.summary["aria-label"] = f"Pages below {link.get_text(strip=True)}"
    return contents


def deferred(tag):
    """A script's tag that lets the text stand first."""
    return tag if " defer" in tag else tag.replace("<script ", '<script defer="defer" ', 1)


def finish(app, pagename, templatename, context, doctree):
    """Change what the theme is about to write."""
    if doctree is not None and (text := description(doctree)):
        context["metatags"] = f'<meta name="description" content="{text}" />\n'
        context["description"] = text
    if "body" in context:
        body = with_sizes(context["body"], Path(app.srcdir), app.builder.images)
        body = body.replace('role="doc-biblioentry"', 'role="listitem"')
        # Folded code is named by the words that are seen.
        context["body"] = body.replace('<summary aria-label="Toggle hidden content">', "<summary>")
    body = context.get("body", "")
    context["css_files"] = [sheet for sheet in context["css_files"] if needed(sheet, body)]
    table = context["generate_toctree_html"]
    context["generate_toctree_html"] = lambda *a, **k: with_named_toggles(table(*a, **k))
    context["script_files"] = [
        script for script in context["script_files"] if script.filename and needed(script, body)
    ]
    tag = context["js_tag"]
    context["js_tag"] = lambda script: deferred(tag(script))


def setup(app):
    app.connect("doctree-read", forget_sizes)
    app.connect("html-page-context", finish, priority=900)
    app.connect("build-finished", bundle, priority=900)  # after the theme has written pygments.css
    return {"parallel_read_safe": True, "parallel_write_safe": True}
