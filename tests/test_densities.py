"""The densities module against closed forms and against computations that share no code with it."""

import numpy as np
import pytest
from chapter import definitions
from scipy import integrate, optimize, stats

from aebook.densities import (
    EPS,
    EPS_WEIGHT,
    Mixture,
    gaussian_mle,
    kl,
    log_density,
    log_density_slopes,
    mass,
    moments,
    reverse_kl,
    reverse_kl_slopes,
    sample,
    stationary_points,
)

CAFE = Mixture([0.5, 0.5], [0.0, 5.0], [1.0, 1.0])
ODD = Mixture([0.2, 0.5, 0.3], [-2.0, 1.0, 4.0], [0.5, 2.0, 0.8])
PLACES = [(2.5, 1.0), (0.0, 0.0), (-1.3, 0.4), (4.2, -1.0)]  # (mean, log_sd)


def at(places):
    mean, log_sd = np.array(places, "float64").T
    return mean, log_sd


def normal_kl(m1, s1, m2, s2):
    return np.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - 0.5


def integral(f, mixture):
    """Adaptive quadrature with the means as break points."""
    low, high = min(mixture.means) - 40, max(mixture.means) + 40
    return integrate.quad(f, low, high, points=list(mixture.means), limit=500, epsabs=1e-12)[0]


@pytest.mark.parametrize("p", [CAFE, ODD])
def test_log_density_is_the_sum_of_normals(p):
    x = np.linspace(-6, 9, 50).reshape(5, 10)
    parts = zip(p.weights, p.means, p.sds, strict=True)
    direct = sum(w * stats.norm.pdf(x, m, s) for w, m, s in parts)
    np.testing.assert_allclose(log_density(x, p), np.log(direct), rtol=1e-12)
    assert log_density(x, p).shape == x.shape
    assert integral(lambda u: np.exp(log_density(u, p)), p) == pytest.approx(1, abs=1e-10)


def test_log_density_does_not_underflow_far_out():
    assert log_density(105.0, CAFE) == pytest.approx(
        np.log(0.5) - 5000 - np.log(2 * np.pi) / 2, rel=1e-12
    )


def test_the_cafe_has_mean_two_and_a_half_and_variance_seven_and_a_quarter():
    assert moments(CAFE) == (2.5, 7.25)


@pytest.mark.parametrize("p", [CAFE, ODD])
def test_moments_and_mass_against_quadrature(p):
    mean, variance = moments(p)
    assert integral(lambda u: u * np.exp(log_density(u, p)), p) == pytest.approx(mean, abs=1e-9)
    second = integral(lambda u: (u - mean) ** 2 * np.exp(log_density(u, p)), p)
    assert second == pytest.approx(variance, abs=1e-9)
    between = integrate.quad(lambda u: np.exp(log_density(u, p)), 0.3, 2.1)[0]
    assert mass(p, 0.3, 2.1) == pytest.approx(between, abs=1e-10)
    assert mass(p, -np.inf, np.inf) == pytest.approx(1)


def test_sample_follows_the_mixture_and_its_seed():
    x = sample(ODD, 5_000, seed=4)
    assert x.shape == (5_000,)
    assert x.dtype == np.float64
    assert stats.kstest(x, np.vectorize(lambda u: mass(ODD, -np.inf, u))).pvalue > 1e-4
    np.testing.assert_array_equal(x, sample(ODD, 5_000, seed=4))
    assert not np.array_equal(x, sample(ODD, 5_000, seed=5))


def test_gaussian_mle_is_the_algebra_and_the_maximum():
    x = np.array([0.0, 1.0, 5.0])
    mean, sd = gaussian_mle(x)
    assert mean == 2
    assert sd**2 == pytest.approx((4 + 1 + 9) / 3)
    found = optimize.minimize(
        lambda u: -stats.norm.logpdf(x, u[0], np.exp(u[1])).sum(), [0, 0], tol=1e-10
    )
    np.testing.assert_allclose([mean, np.log(sd)], found.x, atol=1e-4)


def test_kl_between_normals_against_the_closed_form_in_both_directions():
    x = np.linspace(-40, 40, 8001)
    p, q = stats.norm.logpdf(x, 1, 0.7), stats.norm.logpdf(x, -0.5, 2)
    assert kl(p, q, x[1] - x[0]) == pytest.approx(normal_kl(1, 0.7, -0.5, 2), abs=1e-10)
    assert kl(q, p, x[1] - x[0]) == pytest.approx(normal_kl(-0.5, 2, 1, 0.7), abs=1e-8)
    assert kl(p, p, x[1] - x[0]) == 0


def test_forward_kl_of_the_moment_matching_normal():
    fit = stats.norm(2.5, np.sqrt(7.25))
    x = np.linspace(-20, 25, 4001)
    ours = kl(log_density(x, CAFE), fit.logpdf(x), x[1] - x[0])

    def integrand(u):
        return np.exp(log_density(u, CAFE)) * (log_density(u, CAFE) - fit.logpdf(u))

    assert ours == pytest.approx(integral(integrand, CAFE), abs=1e-8)
    assert ours == pytest.approx(0.3146, abs=5e-5)


def test_kl_of_a_fit_shrinks_as_theory_says():
    """2 n KL has mean 2 for the two parameters of one well-specified normal."""
    n = 400
    fits = [gaussian_mle(np.random.default_rng(i).normal(3, 2, n)) for i in range(600)]
    doubled = [2 * n * normal_kl(3, 2, mean, sd) for mean, sd in fits]
    assert abs(np.mean(doubled) - 2) < 4 * np.std(doubled) / np.sqrt(len(doubled)) + 10 / n


def test_the_grid_of_eps_is_a_standard_normal():
    for power, moment in [(0, 1), (1, 0), (2, 1), (4, 3), (6, 15)]:
        assert EPS**power @ EPS_WEIGHT == pytest.approx(moment, abs=1e-10)


def test_reverse_kl_to_a_single_normal_is_the_closed_form():
    one = Mixture([1.0], [1.5], [0.6])
    mean, log_sd = at(PLACES)
    expected = normal_kl(mean, np.exp(log_sd), 1.5, 0.6)
    np.testing.assert_allclose(reverse_kl(mean, log_sd, one), expected, atol=1e-9)


@pytest.mark.parametrize("p", [CAFE, ODD])
@pytest.mark.parametrize("place", PLACES)
def test_reverse_kl_against_adaptive_quadrature(p, place):
    mean, sd = place[0], np.exp(place[1])
    q = stats.norm(mean, sd)
    exact = integrate.quad(
        lambda u: q.pdf(u) * (q.logpdf(u) - log_density(u, p)), mean - 10 * sd, mean + 10 * sd,
        limit=500, epsabs=1e-11,
    )[0]  # fmt: skip
    assert reverse_kl(*map(np.array, place), p) == pytest.approx(exact, abs=1e-8)


@pytest.mark.parametrize("p", [CAFE, ODD])
def test_slopes_of_the_log_density_against_finite_differences(p):
    x, d = np.linspace(-6, 9, 61), 1e-4
    first, second = log_density_slopes(x, p)
    up, here, down = (log_density(x + step, p) for step in (d, 0, -d))
    np.testing.assert_allclose(first, (up - down) / (2 * d), atol=1e-5)
    np.testing.assert_allclose(second, (up - 2 * here + down) / d**2, atol=1e-4)


@pytest.mark.parametrize("p", [CAFE, ODD])
def test_gradient_and_hessian_of_reverse_kl_against_finite_differences(p):
    mean, log_sd = at(PLACES)
    gradient, hessian = reverse_kl_slopes(mean, log_sd, p)
    d = 1e-4
    for axis, (dm, dt) in enumerate([(d, 0), (0, d)]):
        slope = (reverse_kl(mean + dm, log_sd + dt, p) - reverse_kl(mean - dm, log_sd - dt, p)) / (
            2 * d
        )
        np.testing.assert_allclose(gradient[:, axis], slope, atol=1e-6)
        up, _ = reverse_kl_slopes(mean + dm, log_sd + dt, p)
        down, _ = reverse_kl_slopes(mean - dm, log_sd - dt, p)
        np.testing.assert_allclose(hessian[:, axis], (up - down) / (2 * d), atol=1e-5)


def test_one_normal_has_one_optimum_itself():
    (point,) = stationary_points(Mixture([1.0], [1.5], [0.6]))
    assert point.valley
    np.testing.assert_allclose(point[:3], [1.5, 0.6, 0], atol=1e-5)


def test_close_modes_have_one_broad_optimum():
    (point,) = stationary_points(Mixture([0.5, 0.5], [0.0, 3.0], [1.0, 1.0]))
    assert point.mean == pytest.approx(1.5, abs=1e-5)
    assert point.sd > 1.5


@pytest.mark.parametrize("distance", [5.0, 6.0, 8.0])
@pytest.mark.parametrize("weight", [0.5, 0.7])
def test_every_optimum_that_another_optimizer_finds_is_in_the_list(distance, weight):
    p = Mixture([weight, 1 - weight], [0.0, distance], [1.0, 1.0])
    points = stationary_points(p)
    valleys = [q for q in points if q.valley]
    assert len(valleys) - (len(points) - len(valleys)) == 1
    reached = set()
    for mean in np.linspace(-1, distance + 1, 7):
        for log_sd in (-0.5, 0.5, 1.2):
            end = optimize.minimize(
                lambda u: float(reverse_kl(np.array(u[0]), np.array(u[1]), p)), [mean, log_sd],
                method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-10, "maxiter": 2000},
            )  # fmt: skip
            gaps = [abs(q.mean - end.x[0]) + abs(np.log(q.sd) - end.x[1]) for q in valleys]
            assert min(gaps) < 1e-3
            reached.add(int(np.argmin(gaps)))
    assert reached == set(range(len(valleys)))


@pytest.mark.parametrize("p", [CAFE, ODD, Mixture([0.7, 0.3], [0, 6], [1, 0.5])])
def test_curvature_in_the_mean_is_one_over_the_variance_at_stationary_points(p):
    for point in stationary_points(p):
        gradient, hessian = reverse_kl_slopes(np.array([point.mean]), np.log([point.sd]), p)
        assert np.abs(gradient).max() < 1e-4
        assert hessian[0, 0, 0] == pytest.approx(1 / point.sd**2, abs=1e-4)


def test_in_the_example_the_broad_optimum_is_global_and_far_apart_it_is_not():
    near = min(stationary_points(CAFE), key=lambda q: q.kl)
    assert near.mean == pytest.approx(2.5, abs=1e-5)
    far = [q for q in stationary_points(Mixture([0.5, 0.5], [0, 8], [1, 1])) if q.valley]
    assert len(far) == 3
    assert far[0].kl == pytest.approx(np.log(2), abs=1e-3)
    assert far[0].kl < far[1].kl


def equal(distance):
    return Mixture([0.5, 0.5], [0, distance], [1, 1])


def test_where_mode_seeking_optima_are_born_and_where_they_win():
    """The chapter finds both distances by bisection; here they solve equations."""

    def fold(unknown):
        m, log_sd, distance = unknown
        places = np.array([m]), np.array([log_sd])
        gradient, hessian = reverse_kl_slopes(*places, equal(distance))
        return [*gradient[0], np.linalg.det(hessian[0])]

    born = optimize.root(fold, [0.3, 0.3, 4.8]).x[2]

    def difference(distance):
        narrow, broad, _ = [q.kl for q in stationary_points(equal(distance)) if q.valley]
        return broad - narrow

    wins = optimize.brentq(difference, 5, 6)
    page = definitions("05")
    found = page.first_distance(lambda d: len(page.valleys_at(d)) > 1, 4, 5)
    assert found == pytest.approx(born, abs=1e-3)
    assert round(born, 2) == 4.82
    found = page.first_distance(lambda d: page.valleys_at(d)[0].sd < 2, 5, 6)
    assert found == pytest.approx(wins, abs=1e-3)
    assert round(wins, 2) == 5.6


@pytest.mark.parametrize("weight", [0.7, 0.9])
def test_an_optimum_on_one_mode_costs_the_log_of_its_weight(weight):
    p = Mixture([weight, 1 - weight], [0, 8], [1, 1])
    costs = [q.kl for q in stationary_points(p) if q.valley]
    assert costs[0] == pytest.approx(-np.log(weight), abs=2e-3)
    assert costs[-1] == pytest.approx(-np.log(1 - weight), abs=2e-3)


def test_the_likelihood_of_a_mixture_with_free_variances_has_no_maximum():
    """One part on one draw: the narrower it is, the likelier are the data, for ever."""
    x = sample(CAFE, 20)
    parts = [Mixture([0.5, 0.5], [x[0], 2.5], [sd, 2.7]) for sd in (1e-6, 1e-9, 1e-12)]
    totals = [log_density(x, p).sum() for p in parts]
    assert totals == sorted(totals)
    assert totals[-1] > log_density(x, CAFE).sum()


@pytest.mark.parametrize("d", [1, 2, 10, 100])
def test_draws_lie_within_radius_3_as_often_as_chi_square_says(d):
    radius = np.linalg.norm(np.random.default_rng(3).normal(size=(20_000, d)), axis=1)
    share = stats.chi2.cdf(9, d)
    error = 4 * np.sqrt(share * (1 - share) / 20_000) + 1e-12
    assert np.mean(radius < 3) == pytest.approx(share, abs=error)
    assert radius.mean() == pytest.approx(np.sqrt(d - 0.5), abs=0.1)
