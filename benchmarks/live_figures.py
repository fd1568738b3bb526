"""Measure the live figures in Chromium, on the built book: one decode, and frames while dragging.

Medians, in milliseconds, for decoding, encoding and both loss terms, and the fastest, which a busy
machine disturbs least; and the median and the 95 % quantile of the frames of a drag through the
latent plane: a mouse held down and moved as fast as the browser takes it, with a picture decoded
and the plane drawn at every move. And of the figure that trains, on pages opened from files: steps
a second in a worker, seconds until held-out digits cost within TO_ITS_END nats of what they cost at
the end, and the page's frames meanwhile; both once more with a processor SLOWER times slower; and
what the page's process holds in memory minute by minute, while it trains for MINUTES.
`measure.py` calls this and keeps the figures; alone, this prints the training.
"""

import importlib.util
import sys
from itertools import count
from pathlib import Path

import numpy as np
import psutil  # which ipykernel brings

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from browsing import HTML, chromium, served, wake  # noqa: E402

from aebook.live.display import worker  # noqa: E402

PAGE = "notebooks/04-latent-space.html"
TRAINS = "notebooks/03-variational-autoencoder.html"
STEPS, TO_ITS_END, SLOWER, MINUTES = 1000, 2.0, 6, 10
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
A_FOUR = "(_, live) => live.state().x ?? (live.choose('4'), live.state().x)"
CALLS = {
    "decode": ("latent", "({call: 'decode', argument: i => [Math.sin(i), Math.cos(3 * i)]})"),
    "encode": ("draw", f"({{call: 'encode', argument: {A_FOUR}}})"),
    "encode, decode, both loss terms": ("draw", f"({{call: 'terms', argument: {A_FOUR}}})"),
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
    plane = page.get_by_role("application", name="Latent plane over")
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


# Full speed, watched at every frame: [[ms, step], ...], and the losses by step.
LEARN = """([place, steps]) => new Promise(done => {
    const from = performance.now(), seen = [];
    place.live.go(steps, true);
    const look = () => {
        const { steps: step, running, losses } = place.live.state();
        seen.push([performance.now() - from, step]);
        if (running) requestAnimationFrame(look); else done({ seen, losses });
    };
    requestAnimationFrame(look);
})"""


def slowed(script):
    """A figure's script whose worker takes SLOWER times as long for a step and for a report."""
    until = f"{SLOWER} * performance.now() - {SLOWER - 1} * from"
    wait = "while (performance.now() < until);"
    linger = f"const linger = (from) => {{ const until = {until}; {wait} }};"
    step = "{ const from = performance.now(); learner.step(); linger(from); }"
    for plain, slow in (("learner.step();", step),
                        ("talk.spent =", "linger(from); talk.spent ="),
                        ("let learner;", f"let learner; {linger}")):  # fmt: skip
        if script.count(plain) != 1:
            raise ValueError(f"expected one {plain!r} in the worker")
        script = script.replace(plain, slow)
    return script


def organized(seen, losses):
    """From what LEARN gives: the step and the seconds at which the loss has come near its end."""
    loss = np.array([[step, reconstruction + kl] for step, reconstruction, kl in losses])
    end = loss[-10:, 1].mean()
    step = loss[loss[:, 1] <= end + TO_ITS_END][0, 0]
    at, steps = np.array(seen).T
    return int(step), float(np.interp(step, steps, at / 1000))


def at_the_figure(page):
    """The figure that trains, in view on a page opened from its file."""
    page.goto((HTML / TRAINS).as_uri())
    wake(page)
    place = page.locator("[data-live=learn]")
    place.evaluate("place => place.scrollIntoView({behavior: 'instant'})")
    page.wait_for_timeout(1000)
    return place


def learning(browser, slow=False):
    """The chapter's figure at full speed: seconds until it is organized, and frames a second."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    if slow:
        text = slowed((HTML / "_static" / "live" / "figure-learn.js").read_text(encoding="utf-8"))
        page.route("**/figure-learn.js*", lambda route: route.fulfill(body=text))
    place = at_the_figure(page)
    if slow:
        cdp = page.context.new_cdp_session(page)
        cdp.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    found = page.evaluate(LEARN, [place.element_handle(), STEPS])
    page.close()
    step, seconds = organized(found["seen"], found["losses"])
    frames = 1000 * len(found["seen"]) / found["seen"][-1][0]
    return {"step": step, "seconds": seconds, "frames": float(frames)}


def memory(browser):
    """Megabytes that the page's process holds after each minute of training at full speed."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    place, held = at_the_figure(page), []
    place.evaluate("place => place.live.go(1e9, true)")
    for _ in range(MINUTES):
        page.wait_for_timeout(60_000)
        page.request_gc()
        renderers = [process.memory_info().rss for process in psutil.Process().children(True)
                     if "--type=renderer" in process.cmdline()]  # fmt: skip
        held.append(max(renderers) / 2**20)
    steps = place.evaluate("place => place.live.state().steps")
    page.close()
    return {"megabytes": held, "steps": steps}


def measure_training():
    """What the figure that trains does in a second, or None where it cannot be measured."""
    if chromium() is None or importlib.util.find_spec("playwright") is None:
        return None
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto((HTML / "index.html").as_uri())
        steps = {
            kernel: {hidden: {"median": 1000 / ms["median"], "fastest": 1000 / ms["fastest"]}
                     for hidden, ms in sizes.items()}
            for kernel, sizes in training(page).items()
        }  # fmt: skip
        page.close()
        found = {"steps": steps, "usual": learning(browser), "slow": learning(browser, slow=True)}
        found["memory"] = memory(browser)
        browser.close()
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
        browser.close()
    middle, slow = np.quantile(frames, [0.5, 0.95])
    frame = {"median": float(middle), "slow": float(slow)}
    return {"calls": calls, "frame": frame}


def main():
    print(measure_training())


if __name__ == "__main__":
    main()
