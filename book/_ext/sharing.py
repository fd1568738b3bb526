"""A Sphinx extension of this book: what other sites show of a page, and the page for lost visitors.

Whoever shares a link sees a card: title, description and a picture, book/assets/card.png, which
tools/card.py makes. The picture and the canonical address have to be absolute, so a page names them
only when the book has an address: `html.baseurl` in _config.yml, or else where GitHub publishes the
repository. A book that nobody has adopted shares its words.
"""

import html
from urllib.parse import urlsplit

CARD = "_static/card.png"
ALT = ("The title of the book above two of its figures: handwritten digits as coloured dots in a "
       "plane, and the pictures that the model draws at places of that plane.")  # fmt: skip


def published(repository):
    """Where GitHub publishes a repository; "" for one that is elsewhere or nobody's."""
    parts = urlsplit(repository or "")
    if parts.hostname != "github.com":
        return ""
    owner, name = parts.path.strip("/").split("/")
    root = f"https://{owner.lower()}.github.io/"
    return root if name.lower() == f"{owner}.github.io".lower() else f"{root}{name}/"


def set_address(app, config):
    """Tell Sphinx where the book is, for its canonical links."""
    if not config.html_baseurl:
        config.html_baseurl = published(config.html_theme_options.get("repository_url"))


def tags(title, description, site, base, address):
    """The card of a page, as pairs of a property and its content."""
    yield "og:type", "website"
    yield "og:site_name", site
    yield "og:title", title
    yield "og:description", description
    if address:
        yield "og:url", address
        yield "og:image", base + CARD
        yield "og:image:width", "1200"
        yield "og:image:height", "630"
        yield "og:image:alt", ALT
    yield "twitter:card", "summary_large_image" if address else "summary"


def written(pairs):
    """The pairs as tags; what the Open Graph calls a property is a name with Twitter."""
    kinds = {"og": "property", "twitter": "name"}
    return "\n".join(
        f'<meta {kinds[key.partition(":")[0]]}="{key}" content="{html.escape(text)}" />'
        for key, text in pairs
    )


def add_card(app, pagename, templatename, context, doctree):
    """Give a page of the book its card, and the front page the address of the whole."""
    if pagename not in app.env.all_docs:  # the search, the index, the page for lost visitors
        context["pageurl"] = None
        return
    site, base = app.config.html_title, app.config.html_baseurl
    if base and pagename == app.config.root_doc:
        context["pageurl"] = base
    title = app.env.titles[pagename].astext()
    description = context.get("description") or app.config.myst_html_meta["description"]
    context["card"] = written(tags(title, description, site, base, context["pageurl"]))


def not_found(app):
    """404.html, which GitHub Pages shows for any address below the book's that leads nowhere.

    It is asked for at any depth, so it loads nothing and its links are absolute; in a book without
    an address they lead on from the book's top.
    """
    yield "404", {"base": app.config.html_baseurl or ""}, "404.html"


def setup(app):
    app.connect("config-inited", set_address, priority=400)  # before address.py takes it away
    app.connect("html-page-context", add_card, priority=950)  # after pages.py
    app.connect("html-collect-pages", not_found)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
