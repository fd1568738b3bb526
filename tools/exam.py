"""An exam whose numbers come from a seed of the teacher's own, with its solutions.

    python tools/exam.py "a seed of yours"            one problem of each kind, into _build/kit
    python tools/exam.py "a seed of yours" 03 05      of these chapters only

The kinds are public and worth practising; the numbers are in no book and no repository. The same
seed gives the same exam. Two pages come out, exam.html and exam-solutions.html, to be printed from
a browser; nothing needs a computer but a pocket calculator.
"""

import hashlib
import re
import sys
from html import escape
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "book"))

from _ext import formulas  # noqa: E402

OUT = ROOT / "_build" / "kit"
STYLE = """body { font: 11pt/1.5 serif; max-width: 42em; margin: 2em auto; padding: 0 1em; }
section { break-inside: avoid; } h2 { font-size: 1.1em; margin: 2em 0 0.3em; }
table { border-collapse: collapse; } td, th { padding: 0.1em 0.9em; border-bottom: 1px solid; }
h2 span { float: right; font-weight: normal; }"""


class Problem(NamedTuple):
    """A problem with numbers.

    chapter: the chapter that teaches it, "03". points. text, solution: paragraphs of plain words
    with TeX between dollars. given: its numbers, by name. answers: what comes out, by name.
    """

    chapter: str
    title: str
    points: int
    text: str
    solution: str
    given: dict
    answers: dict


def entropy(rng):
    counts = np.sort(rng.choice(np.arange(2, 40), 4, replace=False))[::-1] * 10
    p = counts / counts.sum()
    bits = -(p * np.log2(p)).sum()
    size = bits * counts.sum() / 8
    terms = " + ".join(rf"{q:.3f}\,\log_2\tfrac{{1}}{{{q:.3f}}}" for q in p)
    return Problem(
        "01", "The best code", 4,
        f"A quantized code is a message of {counts.sum()} symbols: {counts[0]} times a, "
        f"{counts[1]} times b, {counts[2]} times c and {counts[3]} times d. What is the entropy of "
        "a symbol, in bits? How many bytes does the message need at least, if sender and receiver "
        "both know how often each symbol occurs? Name one thing that the bytes of a real file hold "
        "besides.",
        rf"$H = {terms} = {bits:.2f}$ bits. The message needs ${counts.sum()}\,H/8 = {size:.1f}$ "
        "bytes. A file also tells how often each symbol occurs, or its own form and length.",
        {"counts": counts}, {"bits": bits, "bytes": size},
    )  # fmt: skip


def price(rng):
    plain, coded = int(rng.integers(180, 260)), int(rng.integers(40, 90))
    latents, bits = int(rng.choice([8, 16, 32])), int(rng.choice([8, 16]))
    size = 784 * (latents + 1) * bits // 8
    pictures = size / (plain - coded)
    return Problem(
        "01", "When a decoder pays", 4,
        f"A file format spends {plain} bytes on a digit of 784 pixels. A linear code of {latents} "
        f"latents spends {coded} bytes at the same distortion, but the receiver needs its decoder, "
        f"784 rows of {latents} weights and a bias, in {bits} bits each. From how many pictures on "
        "is the second way shorter, decoder included?",
        rf"The decoder has $784 \cdot ({latents} + 1) = {784 * (latents + 1)}$ numbers, {size} "
        rf"bytes. Each picture saves {plain - coded} bytes: ${size}/{plain - coded} = "
        f"{pictures:.1f}$, so from {int(pictures) + 1} pictures on.",
        {"plain": plain, "coded": coded, "latents": latents, "bits": bits},
        {"pictures": int(pictures) + 1},
    )  # fmt: skip


def step(rng):
    x, w, v = int(rng.integers(2, 5)), rng.integers(2, 9) / 10, rng.integers(2, 9) / 10
    rate = 0.01
    error = v * w * x - x
    dv, dw = 2 * error * w * x, 2 * error * v * x
    return Problem(
        "02", "A step by hand", 5,
        rf"The smallest autoencoder there is: $z = w\,x$ and $\hat x = v\,z$, with the loss "
        rf"$(\hat x - x)^2$. Take $x = {x}$, $w = {w}$ and $v = {v}$. Compute both derivatives of "
        f"the loss, and the weights after one step of gradient descent at the rate {rate}. Which "
        "other pairs of weights give the loss that training aims at?",
        rf"$\hat x - x = {error:.3f}$. "
        rf"$\partial L/\partial v = 2(\hat x - x)\,w x = {dv:.3f}$ and "
        rf"$\partial L/\partial w = 2(\hat x - x)\,v x = {dw:.3f}$. After the step "
        rf"$v = {v - rate * dv:.4f}$ and $w = {w - rate * dw:.4f}$. Loss zero: all pairs with "
        r"$v w = 1$; only the product counts.",
        {"x": x, "w": w, "v": v, "rate": rate},
        {"dv": dv, "dw": dw, "v": v - rate * dv, "w": w - rate * dw},
    )  # fmt: skip


def kl_term(rng):
    mean = rng.integers(-20, 21, 2) / 10
    sigma = rng.integers(2, 13, 2) / 10
    each = (mean**2 + sigma**2 - 1 - 2 * np.log(sigma)) / 2
    return Problem(
        "03", "What a posterior costs", 4,
        rf"An encoder answers a picture with $\mu = ({mean[0]}, {mean[1]})$ and "
        rf"$\sigma = ({sigma[0]}, {sigma[1]})$; the prior is $\mathcal N(0, I)$. What is the KL "
        "term of this picture in nats, latent by latent and in all? How many bits is that? Which "
        "posterior would cost nothing, and why does the encoder not always choose it?",
        rf"$\tfrac12(\mu^2 + \sigma^2 - 1 - \ln\sigma^2)$ is {each[0]:.2f} and {each[1]:.2f}, in "
        rf"all ${each.sum():.2f}$ nats or ${each.sum() / np.log(2):.2f}$ bits. The prior itself "
        "costs nothing, and tells the decoder nothing: the reconstruction term would pay for it.",
        {"mean": mean, "sigma": sigma},
        {"nats": each.sum(), "bits": each.sum() / np.log(2)},
    )  # fmt: skip


def bound(rng):
    prior = np.array([0.5, 0.3, 0.2])
    likelihood = np.sort(rng.choice(np.arange(1, 60), 3, replace=False)) / 100
    q = rng.permutation([0.6, 0.3, 0.1])
    joint = prior * likelihood
    p_x = joint.sum()
    posterior = joint / p_x
    elbo, gap = (q * np.log(joint / q)).sum(), (q * np.log(q / posterior)).sum()

    def row(values, digits):
        return ", ".join(f"{value:.{digits}f}" for value in values)

    return Problem(
        "03", "The bound and its gap", 8,
        rf"A latent variable takes three values, with $p(z)$ = {row(prior, 1)}. A picture $x$ has "
        rf"$p(x \mid z)$ = {row(likelihood, 2)}. An encoder answers with $q(z \mid x)$ = "
        rf"{row(q, 1)}. Compute $\ln p(x)$, the true posterior, the ELBO and "
        r"$\mathrm{KL}(q(z \mid x) \,\|\, p(z \mid x))$, and check the equation that ties them "
        "together. Which $q$ closes the gap?",
        rf"$p(x) = {p_x:.4f}$, $\ln p(x) = {np.log(p_x):.3f}$. The posterior is "
        rf"{row(posterior, 3)}. $\text{{ELBO}} = \sum q \ln\tfrac{{p(x, z)}}{{q}} = {elbo:.3f}$, "
        rf"$\mathrm{{KL}} = {gap:.3f}$; their sum is ${elbo + gap:.3f}$. The gap closes for the "
        "posterior itself.",
        {"prior": prior, "likelihood": likelihood, "q": q},
        {"log_p": np.log(p_x), "elbo": elbo, "gap": gap},
    )  # fmt: skip


def aggregate(rng):
    mean = rng.choice(np.arange(-18, 19), 3, replace=False) / 10
    sigma = rng.choice(np.arange(2, 9), 3, replace=False) / 10
    variance = (sigma**2).mean() + mean.var()
    return Problem(
        "04", "Where all codes lie", 5,
        f"Three pictures, equally frequent, have the posteriors N({mean[0]}, {sigma[0]}²), "
        f"N({mean[1]}, {sigma[1]}²) and N({mean[2]}, {sigma[2]}²). What are mean and variance of "
        "the aggregate posterior? Suppose they came out as 0 and 1: would it then be the prior?",
        rf"The mean is ${mean.mean():.3f}$. The variance is the mean of the variances plus the "
        rf"variance of the means: ${(sigma**2).mean():.3f} + {mean.var():.3f} = {variance:.3f}$. "
        "No: two moments do not make a distribution; it would still be a mixture of three peaks.",
        {"mean": mean, "sigma": sigma}, {"mean": mean.mean(), "variance": variance},
    )  # fmt: skip


def two_modes(rng):
    left, right = int(rng.integers(6, 10)), int(rng.integers(15, 20))
    weight, sigma = int(rng.integers(3, 8)) / 10, int(rng.integers(1, 3)) / 2
    mean = weight * left + (1 - weight) * right
    variance = sigma**2 + weight * (1 - weight) * (right - left) ** 2
    return Problem(
        "05", "One Gaussian for two modes", 5,
        f"A share of {weight} of all arrivals comes from N({left}, {sigma}²), the rest from "
        f"N({right}, {sigma}²). One Gaussian is fitted by maximum likelihood to very many of them. "
        "Which mean and which standard deviation does it get? Does it seek a mode? Which KL "
        "divergence has been made small, and what would the other one do here?",
        rf"The moments of the data: mean ${mean:.2f}$, variance "
        rf"${sigma**2:.2f} + {weight}\cdot{1 - weight:.1f}\cdot{right - left}^2 = {variance:.2f}$, "
        rf"standard deviation ${variance**0.5:.2f}$. It covers both and peaks between them. The "
        "forward KL, from data to model. The reverse KL has an optimum at each mode when they are "
        "far apart, as here.",
        {"left": left, "right": right, "weight": weight, "sigma": sigma},
        {"mean": mean, "sd": variance**0.5},
    )  # fmt: skip


def em(rng):
    x = np.sort(rng.choice(np.arange(0, 12), 4, replace=False))
    means = np.array([2.0, 8.0])
    density = np.exp(-((x[:, None] - means) ** 2) / 8)
    share = density / density.sum(1, keepdims=True)
    new, weight = (share * x[:, None]).sum(0) / share.sum(0), share[:, 0].mean()
    return Problem(
        "05", "One step of EM", 6,
        f"Four numbers, {x[0]}, {x[1]}, {x[2]} and {x[3]}, shall come from a mixture of two "
        "Gaussians with equal weights, means 2 and 8, and a standard deviation of 2 that stays "
        "fixed. Do one step of EM: the responsibilities, then the new means and weights. What is "
        "certain about the likelihood after the step?",
        "Responsibilities of the first component: "
        + ", ".join(f"{r:.3f}" for r in share[:, 0])
        + rf". New means ${new[0]:.2f}$ and ${new[1]:.2f}$, weights ${weight:.3f}$ and "
        rf"${1 - weight:.3f}$. The likelihood has not become smaller.",
        {"x": x, "means": means}, {"left": new[0], "right": new[1], "weight": weight},
    )  # fmt: skip


def wiener(rng):
    signal, noise = int(rng.integers(2, 10)) / 100, int(rng.integers(10, 60)) / 100
    gain = signal / (signal + noise)
    left = signal * noise / (signal + noise)
    decibels = 10 * np.log10(noise / left)
    return Problem(
        "06", "The best linear repair", 5,
        f"A pixel has mean 0.4 and variance {signal}; independent noise of variance {noise} is "
        "added. By which factor does the best linear repair shrink the deviation from the mean? "
        "Which mean squared error is left, and by how many decibels is it better than no repair?",
        rf"Gain ${signal}/({signal} + {noise}) = {gain:.3f}$; error left "
        rf"${signal}\cdot{noise}/({signal} + {noise}) = {left:.4f}$ instead of {noise}, better by "
        rf"$10\log_{{10}}({noise}/{left:.4f}) = {decibels:.2f}$ dB.",
        {"signal": signal, "noise": noise}, {"gain": gain, "mse": left, "decibels": decibels},
    )  # fmt: skip


def auc(rng):
    scores = rng.choice(np.arange(1, 30), 8, replace=False)
    odd, usual = np.sort(scores[:3]), np.sort(scores[3:])
    pairs = (odd[:, None] > usual).sum()
    return Problem(
        "07", "Pairs", 3,
        f"A detector gives three foreign pictures the scores {odd[0]}, {odd[1]} and {odd[2]}, and "
        f"five usual ones {', '.join(map(str, usual[:-1]))} and {usual[-1]}. What is its AUC? What "
        "would it be if all scores were squared, and why?",
        rf"Of 15 pairs {pairs} are in the right order: ${pairs}/15 = {pairs / 15:.3f}$. The same: "
        "squaring positive scores changes no order, and an AUC looks at nothing else.",
        {"odd": odd, "usual": usual}, {"auc": pairs / 15},
    )  # fmt: skip


def ladder(rng):
    log_w = -np.sort(rng.choice(np.arange(900, 1000), 3, replace=False))[::-1] / 10
    first = log_w.mean()
    top = log_w.max()
    tower = top + np.log(np.exp(log_w - top).mean())
    return Problem(
        "08", "Weights too small for a computer", 5,
        rf"Three codes drawn from $q(z \mid x)$ have the weights $w = p(x, z)/q(z \mid x)$ with "
        rf"$\ln w$ = {log_w[0]}, {log_w[1]} and {log_w[2]}. Estimate the ELBO and the "
        "importance-weighted bound for $K = 3$ from them, without a number too small for a "
        "calculator. Which of the two is closer to the truth, on the average, and from which side?",
        rf"The mean of the logarithms, ${first:.2f}$. With the largest taken out, "
        rf"${top} + \ln\tfrac13\sum e^{{\ln w - ({top})}} = {tower:.2f}$. The second; both from "
        rf"below.",
        {"log_w": log_w}, {"elbo": first, "iwae": tower},
    )  # fmt: skip


def single_answer(rng):
    values = np.sort(rng.choice(np.arange(0, 11), 3, replace=False)) / 10
    chance = rng.permutation([0.2, 0.3, 0.5])
    mean = (values * chance).sum()
    median = values[np.searchsorted(np.cumsum(chance) - 1e-9, 0.5)]
    left = (chance * (values - mean) ** 2).sum()
    return Problem(
        "09", "The safe middle", 4,
        f"Given all that is visible, a hidden pixel is {values[0]}, {values[1]} or {values[2]} "
        f"with chances {chance[0]}, {chance[1]} and {chance[2]}. Which answer has the least mean "
        "squared error, and how large is it? Which has the least mean absolute error? Has anybody "
        "ever seen a picture with the first answer?",
        rf"The mean, ${mean:.2f}$, with the variance ${left:.4f}$ as its error. The median, "
        rf"{median}. "
        + ("Here it is one of the three values." if mean in values else
           "No: it is none of the three values; that is the blur."),
        {"values": values, "chance": chance}, {"mean": mean, "mse": left, "median": median},
    )  # fmt: skip


def discriminator(rng):
    p, m = rng.choice(np.arange(5, 60), 2, replace=False) / 100
    best = p / (p + m)
    return Problem(
        "10", "The best discriminator", 4,
        f"At a point $x$ the data have the density {p} and the generator has {m}. What does the "
        "best discriminator say there? What does it say everywhere when the generator is right? A "
        "discriminator that says one half everywhere: does that prove that the generator is right?",
        rf"$D^*(x) = p/(p + m) = {best:.3f}$; one half everywhere. No: a discriminator that has "
        "learned nothing, or was made to forget, says the same.",
        {"p": p, "m": m}, {"best": best},
    )  # fmt: skip


def linear(rng):
    values = np.sort(rng.choice(np.arange(2, 60), 4, replace=False))[::-1] / 10
    noise = 1.0
    cost = np.where(values > noise, np.log(np.maximum(values, noise) / noise) / 2, 0)
    return Problem(
        "14", "Which latents are used", 5,
        f"The covariance of the data has the eigenvalues {values[0]}, {values[1]}, {values[2]} and "
        f"{values[3]}; the decoder of the best linear VAE of four latents has noise of variance 1. "
        "How many latents are used, and what does each cost in nats on the average? What does a "
        "latent that is not used look like?",
        f"{(values > noise).sum()}: those with an eigenvalue above 1. A used one costs "
        r"$\tfrac12\ln\lambda$: " + ", ".join(f"{c:.2f}" for c in cost) + ", in all "
        f"{cost.sum():.2f}. One that is not used has the prior as its posterior for every picture, "
        "and its decoder weights are zero.",
        {"values": values}, {"used": int((values > noise).sum()), "nats": cost.sum()},
    )  # fmt: skip


KINDS = (entropy, price, step, kl_term, bound, aggregate, two_modes, em, wiener, auc, ladder,
         single_answer, discriminator, linear)  # fmt: skip


def problems(seed, chapters=()):
    """One problem of each kind that belongs to the chapters named, all if none is."""
    found = []
    for kind in KINDS:  # a generator each: what is left out changes no other
        digest = hashlib.sha256(f"{kind.__name__} {seed}".encode()).digest()
        found.append(kind(np.random.default_rng(int.from_bytes(digest[:8], "big"))))
    return [p for p in found if not chapters or p.chapter in chapters]


def set_formulas(text):
    """Plain words with TeX between dollars as HTML, formulas as MathML, which browsers set."""
    parts = text.split("$")
    return "".join(
        re.search(r"<math.*</math>", formulas.html(part), re.S)[0] if i % 2 else escape(part)
        for i, part in enumerate(parts)
    )


def page(title, exam, solved):
    total = sum(p.points for p in exam)
    body = [f"<h1>{title}</h1>", f"<p>{len(exam)} problems, {total} points.</p>"]
    for n, p in enumerate(exam, 1):
        body.append(f"<section><h2>{n}. {p.title} <span>{p.points} points</span></h2>")
        body.append(f"<p>{set_formulas(p.text)}</p>")
        if solved:
            body.append(f"<p><em>Solution</em> (chapter {int(p.chapter)}). "
                        f"{set_formulas(p.solution)}</p>")  # fmt: skip
        body.append("</section>")
    head = f'<meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    body = "\n".join(body)
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n'


def main(arguments, out=OUT):
    if not arguments or not arguments[0].strip():
        sys.exit('exam: give a seed of your own, which nobody can guess: make exam SEED="..."')
    seed, *chapters = arguments
    taught = {p.chapter for p in problems(seed)}
    if unknown := sorted(set(chapters) - taught):
        sys.exit(f"exam: no problems of chapter {', '.join(unknown)}; there are some of "
                 f"{', '.join(sorted(taught))}")  # fmt: skip
    exam = problems(seed, chapters)
    out.mkdir(parents=True, exist_ok=True)
    for name, title, solved in (("exam", "Exam", False), ("exam-solutions", "Solutions", True)):
        (out / f"{name}.html").write_text(page(title, exam, solved), encoding="utf-8")
    print(f"{len(exam)} problems, {sum(p.points for p in exam)} points: {out / 'exam.html'}, "
          f"{out / 'exam-solutions.html'}")  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
