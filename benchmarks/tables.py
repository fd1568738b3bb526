"""The tables and sentences that say what was measured, written into the pages that show them.

`make bench` and `make bench-seeds` write book/benchmarks.yml and stamp README.md and
book/benchmarks.md; `make bench-students` writes book/students.yml and stamps book/server.md.
A table stands between `<!-- measured: NAME -->` and `<!-- end -->`, NAME a function of this file.
"""

import math
import re
from pathlib import Path

import numpy as np
import yaml

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "book" / "benchmarks.yml"
STUDENTS = ROOT / "book" / "students.yml"
PAGES = {DATA: ("README.md", "book/benchmarks.md"), STUDENTS: ("book/server.md",)}
CLASSES = (20, 100, 400)
PATIENCE = 5  # minutes in which everybody's chapter should be through
SYSTEM = 2  # GiB for the machine itself and the hub
HEAD = "# Written by `make bench`: times in seconds, memory in MiB, losses in nats an image.\n"
NAMES = {
    "tensorflow": "Keras on TensorFlow",
    "jax": "Keras on JAX",
    "torch": "Keras on PyTorch",
    "compiled": "Keras on PyTorch, compiled, noise from the pipeline",
    "scan": "JAX by hand: one compiled `scan`",
    "eager": "PyTorch by hand: an eager loop",
    "numpy": "NumPy by hand",
}
BACKENDS = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch", "compiled": "torch"}
GOALS = {
    "tensorflow": ("scan", 1.4),
    "jax": ("scan", 1.25),
    "torch": ("eager", 1.5),
    "compiled": ("eager", 1.5),
}
RIVALS = {"scan": "a `scan` in JAX", "eager": "a loop in PyTorch"}
EPOCH = 60_000  # images
LIMITS = {"likelihood": 20, "chapter": 45}
# In the page: steps a second by hidden width; of a page what is said, seconds, frames a second.
IN_PAGE = {
    "steps": {64: 300, 256: 90},
    "pages": {"usual": ("", 3, 50), "slow": (", with a processor six times slower", 5, 0)},
}
STABLE = 0.1  # growth of a page's memory that is noise of the garbage collector
MARKS = re.compile(r"(<!-- measured: (\w+) -->\n).*?(<!-- end -->)", re.S)
SIZES = {
    "images": "images",
    "latent_dim": "size of the latent",
    "hidden": "width of the hidden layers",
    "batch_size": "images in a batch",
    "threads": "threads",
}


def read(path=DATA):
    """What was measured, as it stands in a file of PAGES."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def table(header, rows):
    """A Markdown table, line by line; header and rows are lists of text."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def exponent(sizes, seconds):
    """The a of seconds = c * size**a, by least squares on the logarithms."""
    return np.polyfit(np.log(sizes), np.log(seconds), 1)[0]


def verdict(value, limit):
    return "met" if value <= limit else f"missed by {value / limit - 1:.0%}"


def ratio(name, data):
    if name not in data["ratios"]:
        return ""
    rival, _ = GOALS[name]
    return f"{data['ratios'][name]:.2f} x {RIVALS[rival]}"


def epochs(data):
    """What each contender needs to start, and for an epoch."""
    rows = [
        [title, f"{c['import']:.1f}", f"{c['data']:.1f}", f"{c['first']:.1f}",
         f"**{c['seconds']:.2f}** ({c['low']:.2f} to {c['high']:.2f})", f"{c['memory']:,.0f}"]
        for name, title in NAMES.items()
        if (c := data["epochs"].get(name))
    ]  # fmt: skip
    return table(
        ("Contender", "import (s)", "data (s)", "first epoch (s)", "an epoch (s)", "memory (MiB)"),
        rows,
    )


def goals(data):
    """Every goal, what was measured, and whether it was met."""
    rows = []
    for name, (rival, limit) in GOALS.items():
        if name in data["ratios"]:
            found = data["ratios"][name]
            best = data["epochs"][name]["low"] / data["epochs"][rival]["low"]
            what = f"{NAMES[name]}, against {NAMES[rival]}"
            shown = f"{found:.2f} x (fastest against fastest {best:.2f} x)"
            rows.append([what, f"{limit} x", shown, verdict(found, limit)])
    limit, found = LIMITS["likelihood"], data["likelihood"]
    what = "exact log p(x) of 10,000 test digits, 241 x 241 points"
    rows.append([what, f"{limit} s", f"{found:.1f} s", verdict(found, limit)])
    limit, (slowest, found) = LIMITS["chapter"], max(data["chapters"].items(), key=lambda c: c[1])
    what = f"the slowest chapter, {int(slowest[:2])}"
    rows.append([what, f"{limit} s", f"{found:.0f} s", verdict(found, limit)])
    return table(("What", "goal at most", "measured", "verdict"), rows)


def figures(data):
    """From a cold start to a figure of chapter 3 and of chapter 4, on each backend."""
    rows = [
        [NAMES[name], *(f"{c[number]:.0f}" for number in ("03", "04"))]
        for name, c in data["figures"].items()
    ]
    return table(
        (
            "Backend",
            "24 digits drawn by the VAE, chapter 3 (s)",
            "the grid over the plane, chapter 4 (s)",
        ),
        rows,
    )


def losses(data):
    """The test loss of chapter 3's VAE after five epochs, on each backend."""
    rows = [[NAMES[n], f"{data['epochs'][n]['loss']:.1f}"] for n in GOALS if n in data["epochs"]]
    return table(("Backend", "test loss after five epochs (nats)"), rows)


def operations(images=60_000, hidden=256, latent_dim=2, pixels=784):
    """Multiplications and additions in an epoch: 2 a weight forwards, 4 backwards, per image.

    The two products for derivatives by the images themselves are never taken.
    """
    weights = 2 * pixels * hidden + 3 * latent_dim * hidden
    return images * (6 * weights - 2 * pixels * hidden)


def floor(data, **sizes):
    return operations(**sizes) / (1e9 * data["rate"])


def growth(data):
    """How the time of an epoch grows with each size, and the fitted exponent."""
    rows = []
    for what, found in data["growth"].items():
        pairs = zip(found["sizes"], found["seconds"], strict=True)
        fitted = (
            f"{exponent(found['sizes'], found['seconds']):+.2f}" if len(found["sizes"]) > 1 else ""
        )
        rows.append([SIZES[what], ", ".join(f"{n:,}: {s:.2f}" for n, s in pairs), fitted])
    return table(("size of", "seconds an epoch", "exponent"), rows)


def floors(data):
    """One sentence: what the machine's matrix products would need, and what an epoch takes."""
    least = floor(data)
    times = {NAMES[n]: data["epochs"][n]["seconds"] for n in NAMES if n in data["epochs"]}
    best = min(times, key=times.get)
    return [
        f"At best this machine multiplied matrices (1,024 x 1,024) at {data['rate']:.0f} billion "
        f"operations a second. An epoch needs {operations() / 1e9:.0f} billion: at that rate "
        f"**{least:.2f} s**. The fastest contender, {best}, took {times[best] / least:.1f} times "
        "as long."
    ]


def sharing(data):
    """One process, two virtual devices, two processes on one machine."""
    rows = [
        [name, f"{c['epoch']:.2f}", f"{c['whole']:.0f}", f"{c['loss']:.0f}"]
        for name, c in data["sharing"].items()
    ]
    return table(("Run", "300 steps (s)", "the whole run (s)", "loss (nats)"), rows)


def streaming(data):
    """One sentence: time a picture, and the memory at two sizes of the folder."""
    s = data["streaming"]
    peaks = zip(s["sizes"], s["peaks"], strict=True)
    memory = ", ".join(f"{n:,} pictures {peak:.1f} MiB" for n, peak in peaks)
    return [
        f"A picture of CelebA's form takes {s['milliseconds']:.1f} ms from file to batch. "
        f"Memory at the highest: {memory}. Read all at once, the larger folder would fill "
        f"{s['at_once']:.0f} MiB."
    ]


def live(data):
    """Milliseconds in the page: a call of the model, and a frame while dragging."""
    rows = [
        [what, f"{t['median']:.2f}", f"{t['fastest']:.2f}"]
        for what, t in data["live"]["calls"].items()
    ]
    return table(("Call", "median (ms)", "fastest (ms)"), rows)


def frames(data):
    """One sentence: the frames while a mouse drags the point through the plane."""
    f = data["live"]["frame"]
    return [
        f"While a mouse drags the point, half of the frames come within {f['median']:.0f} ms and "
        f"95 % within {f['slow']:.0f} ms; a screen that refreshes 60 times a second shows one "
        "every 17 ms."
    ]


def training(data):
    """Training in the page: every goal, what was measured, and whether it was met."""
    if "training" not in data:
        return ["Not measured yet: `make bench PART=training`, on a quiet machine."]
    t, rows = data["training"], []
    for hidden, least in IN_PAGE["steps"].items():
        found = t["steps"]["wasm"][hidden]
        shown = f"{found['median']:.0f} (the fastest {found['fastest']:.0f})"
        what = f"steps a second, 784-{hidden}-2"
        rows.append([what, f"at least {least}", shown, verdict(least, found["median"])])
    for name, (said, seconds, least) in IN_PAGE["pages"].items():
        found = t[name]
        shown = f"{found['seconds']:.1f} (step {found['step']})"
        what = f"seconds until the plane is organized{said}"
        rows.append([what, f"at most {seconds}", shown, verdict(found["seconds"], seconds)])
        what, shown = f"frames a second meanwhile{said}", f"{found['frames']:.0f}"
        if least:
            rows.append([what, f"at least {least}", shown, verdict(least, found["frames"])])
        else:
            rows.append([what, "no frozen page", shown, "–"])
    if "memory" in t:
        held = t["memory"]["megabytes"]
        what = f"memory of the page after 1 and {len(held)} minutes of training, megabytes"
        shown = f"{held[0]:.0f}, {held[-1]:.0f} ({t['memory']['steps']:,} steps)"
        rows.append(
            [what, f"grows by at most {STABLE:.0%}", shown, verdict(held[-1] / held[0], 1 + STABLE)]
        )
    return table(("What", "goal", "measured", "verdict"), rows)


def chapters(data):
    """Seconds of each chapter, from the start of its kernel to its last cell."""
    rows = [
        [f"[{int(name[:2])}](../notebooks/{name}.ipynb)", f"{seconds:.0f}"]
        for name, seconds in data["chapters"].items()
    ]
    return table(("Chapter", "seconds"), rows)


def seeds(data):
    """Do the asserts hold for other seeds? Chapter by chapter, with the narrowest margin."""
    if "seeds" not in data:
        return ["No chapter has been run so yet."]
    rows = []
    for name, found in data["seeds"].items():
        failed = [f"{misses} times `{name}`" for name, misses in found["failed"].items()]
        least = found.get("narrowest", {"assert": "", "deviations": None})
        narrowest = f"{least['deviations']:.1f}: `{least['assert']}`" if least["assert"] else ""
        row = [
            f"[{int(name[:2])}](../notebooks/{name}.ipynb)",
            str(found["asserts"]),
            str(found["runs"]),
            "; ".join(failed) or "none",
            str(found["near"]),
            narrowest,
        ]
        rows.append([cell.replace("|", "\\|") for cell in row])  # fmt: skip
    heads = ("asserts", "runs", "failed", "below 3.1", "narrowest (standard deviations)")
    return table(("Chapter", *heads), rows)


def comparisons(data):
    """The tables of chapters that compare trained models, every figure over all runs."""
    lines = []
    for name, found in data.get("seeds", {}).items():
        for cell, (header, *rows) in found.get("tables", {}).items():
            lines += [f"Chapter {{cell}}`{name}/{cell}`, {found['runs']} runs:", ""]
            lines += [*table(header, rows), ""]
    return lines[:-1] or ["No chapter has been run so yet."]


def clothes(data):
    """What chapters find on digits and on clothes, a row a finding."""
    if "pictures" not in data:
        return ["Not measured yet: `make bench-pictures`, with Fashion-MNIST at hand."]
    rows = [
        [f"[{int(stem[:2])}](../notebooks/{stem}.ipynb)", what, *map(finding, values)]
        for stem, found in data["pictures"]["clothes"].items()
        for what, values in found.items()
    ]
    return table(("Chapter", "finding", "digits", "clothes"), rows)


def finding(value):
    """A share in per cent, anything else with one decimal."""
    return f"{value:.0%}" if 0 <= value <= 1 else f"{value:.1f}".replace("-", "−")


def colour(data):
    """Chapter 17's models of colour patches: bits and decibels, over the seeds."""
    if "pictures" not in data:
        return ["Not measured yet: `make bench-pictures`, with Fashion-MNIST at hand."]
    rows = []
    for model, found in data["pictures"]["colour"].items():
        row = [model]
        for what, digits in (("bits", 3), ("psnr", 2)):
            values = [value for value in found[what] if value is not None]
            mean, spread = (np.mean(values), np.std(values, ddof=1)) if values else (None, None)
            row.append(f"{mean:.{digits}f} ± {spread:.{digits}f}" if values else "–")
        rows.append(row)
    return table(("Model", "bits a value", "PSNR (dB)"), rows)


def compiling(data):
    """One sentence: what compiling costs PyTorch once, and after how many epochs it has paid."""
    if "compiled" not in data["epochs"]:
        return []
    eager, compiled = (data["epochs"][name] for name in ("torch", "compiled"))
    once, each = compiled["first"] - eager["first"], eager["low"] - compiled["low"]
    if each <= 0:
        return ["On this machine compiling does not pay: an epoch takes no less time."]
    return [
        f"Compiling makes the first epoch {once:.0f} s longer and each later one {each:.1f} s "
        f"shorter: it has paid after {1 + once / each:.0f} epochs."
    ]


def steps(data):
    """What a step of Keras takes beyond one by hand, at two sizes of the batch: the fastest."""
    rows = []
    for name, (rival, _) in GOALS.items():
        if name in data["ratios"]:
            cells = [NAMES[name]]
            for key, images in (("low", 100), ("large", 1000)):
                ours, theirs = (
                    1e3 * data["epochs"][who][key] * images / EPOCH for who in (name, rival)
                )
                cells.append(f"{ours:.1f} - {theirs:.1f} = **{ours - theirs:.1f}**")
            rows.append(cells)
    return table(("Contender", "100 images in a step (ms)", "1,000 images (ms)"), rows)


def machine(data):
    m = data["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in m["versions"].items())
    busy = ", ".join(f"{part} {load:.1f}" for part, load in data["load"].items())
    return [
        f"Measured on {m['date']}: {m['system']}; {versions}. Processes that wanted to run "
        f"meanwhile, ours included (load average at the end of each part): {busy}."
    ]


def backends(data):
    rows = [
        [NAMES[n], f"{c['loss']:.1f}", f"{c['import'] + c['data'] + c['first']:.0f} s",
         f"{c['seconds']:.2f} s", ratio(n, data)]
        for n in GOALS
        if (c := data["epochs"].get(n))
    ]  # fmt: skip
    return table(
        (
            "Backend",
            "test loss (nats)",
            "to the end of the first epoch",
            "an epoch",
            "against a loop by hand",
        ),
        rows,
    )


def costs(data):
    """Markdown: what one student costs, chapter by chapter."""
    rows = []
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cost = data["chapters"].get(path.stem)
        shown = [f"{cost['memory']:,}", str(cost["seconds"])] if cost else ["not measured", ""]
        rows.append([f"[{int(path.name[:2])}](../notebooks/{path.name})", *shown])
    rows.append(["JupyterLab alone", f"{data['server']:,}", ""])
    return table(("Chapter", "memory at its highest (MiB)", "processor time (s)"), rows)


def machine_for(students, data, share=1.0):
    """(GiB, cores) for a class of which a share runs the dearest chapter at the same moment."""
    memory = max(c["memory"] for c in data["chapters"].values())
    seconds = max(c["seconds"] for c in data["chapters"].values())
    running = math.ceil(students * share)
    gib = SYSTEM + (students * data["server"] + running * memory) / 1024
    return math.ceil(gib), max(2, math.ceil(running * seconds / (60 * PATIENCE)))


def classes(data):
    """Markdown: how large a machine a class needs."""
    rows = []
    for students in CLASSES:
        row = [str(students)]
        for share in (1.0, 1 / 3):
            gib, cores = machine_for(students, data, share)
            row.append(f"{gib} GiB, {cores} cores")
        rows.append(row)
    return table(("Students", "all run at once", "a third runs at once"), rows)


TABLES = {
    f.__name__: f
    for f in (epochs, goals, figures, losses, growth, floors, sharing, streaming, live, frames,
              training, chapters, seeds, comparisons, clothes, colour, machine, steps, compiling,
              backends, costs, classes)
}  # fmt: skip


def stamped(page, data):
    """The text of a page with its tables made anew."""
    return MARKS.sub(
        lambda marks: "\n".join([marks[1], *TABLES[marks[2]](data), "", marks[3]]), page
    )


def stamp(path):
    """Write the tables of a data file into its pages."""
    for page in (ROOT / name for name in PAGES[path]):
        page.write_text(stamped(page.read_text(encoding="utf-8"), read(path)), encoding="utf-8")
