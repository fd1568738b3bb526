"""Part of the extension: a book without an address shows no button that needs one.

Until the book is adopted, _config.yml names an address that leads nowhere. A link to it, to edit a
page or to open it in Colab, would be dead.
"""

from urllib.parse import urlsplit

NEED_AN_ADDRESS = (
    "repository_url",
    "launch_buttons",
    "use_repository_button",
    "use_issues_button",
    "use_edit_page_button",
)


def hide(app, config):
    """Take the address, and what leads to it, from the theme's options while it is nobody's."""
    host = urlsplit(config.html_theme_options.get("repository_url", "")).hostname or ""
    if host.endswith(".invalid"):
        for option in NEED_AN_ADDRESS:
            config.html_theme_options.pop(option, None)


def setup(app):
    app.connect("config-inited", hide)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
