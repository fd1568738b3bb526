"""Measure what it costs to arrive at the live figures of a page; exit 1 above the bound.

    python tools/arrival.py [PART OF A NAME]     only pages whose name holds it

On a processor slowed down six times, a middling phone say: the milliseconds of all long tasks (of
50 ms or more, while one runs nothing answers the finger) from the opening of the page until its
text stands, and from there until its figures are alive and drawn. The best of three visits, for
what else the machine does only adds. The bound holds for the figures.
"""

import sys
from pathlib import Path

from browsing import CHAPTERS, HTML, chromium, served

SLOWER, BOUND, VISITS = 6, 500, 3
OBSERVE = """globalThis.tasks = [];
new PerformanceObserver((list) => {
    globalThis.tasks.push(...list.getEntries().map((entry) => entry.duration));
}).observe({ type: "longtask", buffered: true });"""
# In the page itself, for a question from outside is a task of the page, too.
ARRIVE = """async () => {
    const rest = (ms) => new Promise((rested) => setTimeout(rested, ms));
    for (const place of document.querySelectorAll("[data-live]")) {
        place.scrollIntoView();
        while (!place.classList.contains("live-ready")) await rest(100);
    }
    await rest(1500);
}"""
REST = "new Promise((rested) => setTimeout(rested, 1500))"


def arrive(browser, address):
    """One visit: the long tasks of opening the page, and those of its figures, in milliseconds."""
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        page = context.new_page()
        page.add_init_script(OBSERVE)
        slow = context.new_cdp_session(page)
        slow.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        page.goto(address, timeout=120_000)
        page.evaluate(REST)
        opening = page.evaluate("globalThis.tasks.splice(0)")
        page.evaluate(ARRIVE)
        return opening, page.evaluate("globalThis.tasks")


def main(arguments):
    from playwright.sync_api import sync_playwright

    missed = 0
    print(f"{'page':36}{'opening':>12}{'figures':>12}   milliseconds of long tasks")
    with sync_playwright() as playwright, served() as base:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        for name in CHAPTERS:
            live = "data-live" in (HTML / name).read_text(encoding="utf-8")
            if not live or (arguments and arguments[0] not in name):
                continue
            visits = [arrive(browser, base + name) for _ in range(VISITS)]
            opening, figures = (min(parts, key=sum) for parts in zip(*visits, strict=True))
            missed += sum(figures) > BOUND
            said = " + ".join(f"{task:.0f}" for task in figures) or "none"
            print(f"{Path(name).stem:36}{sum(opening):12.0f}{sum(figures):12.0f}   figures: {said}")
        browser.close()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
