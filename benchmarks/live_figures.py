"""Measure the live figures in Chromium, on the built book: one decode, and frames while dragging.

Medians, in milliseconds, for decoding, encoding and both loss terms, and the fastest, which a busy
machine disturbs least; and the median and the 95 % quantile of the frames of a drag through the
latent plane: a mouse held down and moved as fast as the browser takes it, with a picture decoded
and the plane drawn at every move. And milliseconds of a step of training in a worker, on a page
opened from a file. `measure.py` calls this and keeps the figures; alone, this prints the training.
"""

import importlib.util
import sys
from itertools import count
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from browsing import HTML, chromium, served, wake  # noqa: E402

from aebook.live.display import worker  # noqa: E402

PAGE = "notebooks/04-latent-space.html"
BATCH = 50  # calls timed together: a browser's clock ticks in tenths of a millisecond
TIME = """([name, make, batch]) => {
    const { live } = document.querySelector(`[data-live="${name}"]`), next = eval(make), times = [];
    for (let i = 0; i < 45 * batch; i += batch) {
        const from = performance.now();
        for (let j = i; j < i + batch; j++) live[next.call](next.argument(j, live));
        times.push((performance.now() - from) / batch);
    }
    return times.slice(5);  // the first ones warm the compiler up
}"""
CALLS = {
    "decode": ("latent", "({call: 'decode', argument: i => [Math.sin(i), Math.cos(3 * i)]})"),
    "encode": ("draw", "({call: 'encode', argument: (_, live) => live.state().x})"),
    "encode, decode, both loss terms": (
        "draw",
        "({call: 'terms', argument: (_, live) => live.state().x})",
    ),
}
FRAMES = """() => {
    window.frames_at = [];
    const tick = now => {
        window.frames_at.push(now);
        if (window.frames_at.length < 181) requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
}"""


def frames_of_a_drag(page):
    """Milliseconds between the frames while the mouse drags the point in circles."""
    plane = page.get_by_role("application")
    plane.scroll_into_view_if_needed()
    box = plane.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.evaluate(FRAMES)
    for i in count():
        page.mouse.move(middle[0] + 120 * np.cos(i / 20), middle[1] + 120 * np.sin(i / 20))
        if i % 50 == 0 and page.evaluate("window.frames_at.length") == 181:
            break
    page.mouse.up()
    return np.diff(page.evaluate("window.frames_at"))


TRAIN = """async ([text, sizes, plain]) => {
    const driver = `;(async () => {
        const kernel = ${plain} ? null : Uint8Array.from(atob(KERNEL), c => c.charCodeAt(0));
        const arena = await makeArena(kernel), random = new Random(1), found = {};
        for (const hidden of ${JSON.stringify(sizes)}) {
            arena.clear();
            const vae = new Vae(arena, { hidden, batch: 100, optimizer: "adam", random });
            for (let i = 0; i < vae.x.length; i++)
                vae.x[i] = random.uniform() < 0.19 ? random.uniform() : 0;  // as much ink as digits
            const times = [];
            for (let step = 0; step < (${plain} ? 20 : 200); step++) {
                for (let i = 0; i < vae.noise.length; i++) vae.noise[i] = random.normal();
                const from = performance.now();
                vae.step(100, 1, 0.001);
                times.push(performance.now() - from);
            }
            found[hidden] = times;
        }
        postMessage(found);
    })()`;
    const url = URL.createObjectURL(new Blob([text + driver], { type: "text/javascript" }));
    const worker = new Worker(url);
    return new Promise(done => { worker.onmessage = ({ data }) => done(data); });
}"""


def training(page, sizes=(64, 256)):
    """Milliseconds of a step on 100 digits: {kernel: {hidden: {"median": ..., "fastest": ...}}}."""
    found = {}
    for name in ("wasm", "plain"):
        times = page.evaluate(TRAIN, [worker("learn"), list(sizes), name == "plain"])
        found[name] = {
            int(hidden): {"median": float(np.median(each)), "fastest": float(min(each))}
            for hidden, each in times.items()
        }
    return found


def measure():
    """The figures, or None where Chromium or the browser tools are missing."""
    if chromium() is None or importlib.util.find_spec("playwright") is None:
        return None
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, served() as base:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(base + PAGE)
        wake(page)
        calls = {}
        for what, (name, call) in CALLS.items():
            times = np.array(page.evaluate(TIME, [name, call, BATCH]))
            calls[what] = {"median": float(np.median(times)), "fastest": float(times.min())}
        frames = frames_of_a_drag(page)
        page.goto((HTML / "index.html").as_uri())
        steps = training(page)
        browser.close()
    middle, slow = np.quantile(frames, [0.5, 0.95])
    frame = {"median": float(middle), "slow": float(slow)}
    return {"calls": calls, "frame": frame, "training": steps}


def main():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto((HTML / "index.html").as_uri())
        for kernel, sizes in training(page).items():
            for hidden, times in sizes.items():
                middle, best = times["median"], times["fastest"]
                print(f"{kernel} 784-{hidden}-2: {middle:.2f} ms a step, the fastest {best:.2f}")
        browser.close()


if __name__ == "__main__":
    main()
