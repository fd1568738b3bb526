"""The exam from a seed: each answer computed a second way, and nothing of it known beforehand."""

import re

import exam
import numpy as np
import pytest
from scipy import integrate, optimize, stats

SEEDS = [f"seed {n}" for n in range(25)]
BY_KIND = {
    kind.__name__: [exam.problems(seed)[n] for seed in SEEDS] for n, kind in enumerate(exam.KINDS)
}


def entropy(counts):
    bits = stats.entropy(counts, base=2)
    return {"bits": bits, "bytes": bits * np.sum(counts) / 8}


def price(plain, coded, latents, bits):
    pictures = np.arange(1, 10_000)
    decoder = (784 * latents + 784) * bits / 8
    return {"pictures": pictures[decoder + coded * pictures < plain * pictures][0]}


def step(x, w, v, rate):
    def loss(weights):
        return (weights[0] * weights[1] * x - x) ** 2

    dv, dw = optimize.approx_fprime([v, w], loss, 1e-7)
    return {"dv": dv, "dw": dw, "v": v - rate * dv, "w": w - rate * dw}


def kl_term(mean, sigma):
    def cost(z):
        return stats.norm.pdf(z, m, s) * (stats.norm.logpdf(z, m, s) - stats.norm.logpdf(z))

    nats = 0
    for m, s in zip(mean, sigma, strict=True):
        nats += integrate.quad(cost, m - 12 * s, m + 12 * s)[0]
    return {"nats": nats, "bits": nats / np.log(2)}


def bound(prior, likelihood, q):
    log_p = np.log(np.dot(prior, likelihood))
    gap = stats.entropy(q, prior * likelihood / np.exp(log_p))
    return {"log_p": log_p, "elbo": log_p - gap, "gap": gap}


def aggregate(mean, sigma):
    mixture = [stats.norm(m, s) for m, s in zip(mean, sigma, strict=True)]
    first, second = (np.mean([one.moment(k) for one in mixture]) for k in (1, 2))
    return {"mean": first, "variance": second - first**2}


def two_modes(left, right, weight, sigma):
    def log_p(x):
        parts = weight * stats.norm.pdf(x, left, sigma), stats.norm.pdf(x, right, sigma)
        return parts[0] + (1 - weight) * parts[1]

    x = np.linspace(-10, 40, 50_001)
    p = log_p(x) / log_p(x).sum()
    best = optimize.minimize(lambda q: -(p * stats.norm.logpdf(x, q[0], np.exp(q[1]))).sum(),
                             [12, 1], tol=1e-10).x  # fmt: skip
    return {"mean": best[0], "sd": np.exp(best[1])}


def em(x, means):
    left, right = (stats.norm.pdf(x, m, 2) for m in means)
    share = left / (left + right)
    return {"left": np.average(x, weights=share), "right": np.average(x, weights=1 - share),
            "weight": share.mean()}  # fmt: skip


def wiener(signal, noise):
    def mse(gain):
        return (1 - gain) ** 2 * signal + gain**2 * noise

    gain = optimize.minimize_scalar(mse, (0, 0.5), tol=1e-10).x
    return {"gain": gain, "mse": mse(gain), "decibels": -10 * np.log10(mse(gain) / noise)}


def auc(odd, usual):
    return {"auc": stats.mannwhitneyu(odd, usual).statistic / (len(odd) * len(usual))}


def ladder(log_w):
    weights = [np.longdouble(np.e) ** np.longdouble(w) for w in log_w]
    return {"elbo": np.mean(log_w), "iwae": float(np.log(np.mean(weights)))}


def single_answer(values, chance):
    some = np.repeat(values, np.rint(10 * chance).astype(int))
    grid = np.linspace(0, 1, 101)
    square, absolute = ((abs(some[:, None] - grid) ** k).mean(0) for k in (2, 1))
    # With chances of one half each side, every answer between two values is as good.
    lowest = grid[absolute < absolute.min() + 1e-9]
    return {"mean": some.mean(), "mse": square.min(), "median": lowest}


def discriminator(p, m):
    def value(d):
        return -(p * np.log(d) + m * np.log(1 - d))

    best = optimize.minimize_scalar(value, bounds=(1e-6, 1 - 1e-6), method="bounded").x
    return {"best": best}


def linear(values):
    used = [v for v in values if v > 1]
    nats = 0
    for v in used:  # the posterior of a used latent: variance 1/v, mean of variance 1 - 1/v
        nats += (1 / v + 1 - 1 / v - 1 - np.log(1 / v)) / 2
    return {"used": len(used), "nats": nats}


@pytest.mark.parametrize("kind", BY_KIND)
def test_an_answer_is_what_a_second_computation_says(kind):
    for problem in BY_KIND[kind]:
        second = globals()[kind](**problem.given)
        assert second.keys() == problem.answers.keys()
        for name, value in problem.answers.items():
            nearest = np.min(np.abs(np.asarray(second[name], float) - value))
            assert nearest <= 2e-4 * max(1, abs(value)), (name, value, second[name])


@pytest.mark.parametrize("kind", BY_KIND)
def test_the_solution_shows_the_answers_and_the_text_the_numbers(kind):
    for problem in BY_KIND[kind]:
        shown = [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", problem.solution)]
        for value in problem.answers.values():
            assert any(abs(n - value) <= 0.0051 * max(1, abs(value)) for n in shown), value
        asked = [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", problem.text)]
        for value in problem.given.values():
            assert {*np.round(np.ravel(value), 6)} <= {*asked}, (value, problem.text)


@pytest.mark.parametrize("kind", BY_KIND)
def test_another_seed_gives_other_numbers_and_the_same_seed_the_same(kind):
    texts = {problem.text for problem in BY_KIND[kind]}
    assert len(texts) > 20
    n = [k.__name__ for k in exam.KINDS].index(kind)
    assert exam.problems(SEEDS[0])[n].text == BY_KIND[kind][0].text


def test_two_sheets_are_written_and_only_one_has_the_solutions(tmp_path, capsys):
    exam.main(["a word", "03", "05"], tmp_path)
    asked, solved = (
        (tmp_path / f"{name}.html").read_text(encoding="utf-8")
        for name in ("exam", "exam-solutions")
    )
    assert asked.count("<section>") == solved.count("<section>") == 4
    assert "Solution" not in asked
    assert solved.count("<em>Solution</em>") == 4
    assert "$" not in asked + solved
    assert "4 problems" in capsys.readouterr().out
    for problem in exam.problems("a word", ["03", "05"]):
        assert not any(f"{v:.3f}" in asked for v in problem.answers.values() if v % 0.01 > 1e-6)


@pytest.mark.parametrize(
    ("arguments", "words"), [([], "a seed of your own"), ([" "], "a seed of your own"),
                             (["s", "12"], "no problems of chapter 12")]
)  # fmt: skip
def test_what_is_missing_is_said(tmp_path, arguments, words):
    with pytest.raises(SystemExit, match=words):
        exam.main(arguments, tmp_path)
    assert not [*tmp_path.iterdir()]
