"""Chapter 7's tools against direct counts, closed forms and scikit-learn."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.metrics import roc_auc_score, roc_curve

from aebook.finding import (
    auc,
    mahalanobis,
    nearest_rows,
    precision_at_k,
    quantize_codes,
    reconstruction_error,
    roc,
    squared_distances,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def scores_with_ties(rng, n=400):
    is_anomaly = rng.random(n) < 0.2
    return np.round(rng.normal(size=n) + is_anomaly, 1), is_anomaly


def test_auc_is_the_share_of_pairs_won_ties_counting_half(rng):
    score, is_anomaly = scores_with_ties(rng)
    won = [(a > b) + 0.5 * (a == b) for a in score[is_anomaly] for b in score[~is_anomaly]]
    assert auc(score, is_anomaly) == pytest.approx(np.mean(won), abs=1e-12)


def test_roc_and_auc_agree_with_scikit_learn(rng):
    score, is_anomaly = scores_with_ties(rng)
    fpr, tpr = roc(score, is_anomaly)
    theirs = roc_curve(is_anomaly, score, drop_intermediate=False)
    np.testing.assert_allclose((fpr, tpr), theirs[:2], atol=1e-12)
    assert auc(score, is_anomaly) == pytest.approx(roc_auc_score(is_anomaly, score), abs=1e-12)


def test_roc_at_one_threshold_by_definition(rng):
    score, is_anomaly = scores_with_ties(rng)
    alarm = score >= 1.0
    point = (np.mean(alarm[~is_anomaly]), np.mean(alarm[is_anomaly]))
    assert np.min(np.hypot(*(np.array(roc(score, is_anomaly)).T - point).T)) < 1e-12


@pytest.mark.parametrize(("score", "area"), [([1, 2, 3, 4], 1), ([4, 3, 2, 1], 0), ([1] * 4, 0.5)])
def test_auc_of_perfect_worst_and_constant_scores(score, area):
    assert auc(np.array(score), np.array([False, False, True, True])) == area


def test_auc_of_two_normals_is_the_closed_form(rng):
    """P(N(1, 1) > N(0, 1)) = Phi(1 / sqrt 2) = 0.7602."""
    score = np.concatenate([rng.normal(size=20_000), rng.normal(1, 1, size=20_000)])
    assert auc(score, np.arange(40_000) >= 20_000) == pytest.approx(0.7602, abs=0.01)


@pytest.mark.parametrize("kind", [True, False])
def test_roc_needs_both_kinds(kind):
    with pytest.raises(ValueError, match="anomalies and normal cases"):
        roc(np.arange(3.0), np.full(3, kind))


def test_squared_distances_are_those_of_scipy(rng):
    z, index = rng.normal(size=(20, 5)), rng.normal(size=(30, 5))
    np.testing.assert_allclose(squared_distances(z, index), cdist(z, index, "sqeuclidean"))


def test_squared_distances_never_fall_below_zero(rng):
    z = (100 + rng.normal(size=(50, 784))).astype("float32")
    assert squared_distances(z, z).min() >= 0


def test_squared_distance_sums_over_pixels():
    assert reconstruction_error(np.ones((2, 784)), np.zeros((2, 784))).tolist() == [784, 784]


def test_mahalanobis_is_scipys_and_ignores_linear_changes_of_scale(rng):
    codes, z = rng.normal(size=(500, 4)) @ rng.normal(size=(4, 4)), rng.normal(size=(7, 4))
    inverse = np.linalg.inv(np.cov(codes.T))
    theirs = cdist(z, codes.mean(axis=0)[None], "mahalanobis", VI=inverse)[:, 0] ** 2
    np.testing.assert_allclose(mahalanobis(z, codes), theirs)
    change = rng.normal(size=(4, 4))
    np.testing.assert_allclose(mahalanobis(z @ change, codes @ change), theirs, rtol=1e-6)


def test_mahalanobis_averages_to_the_dimension_over_its_own_cloud(rng):
    codes = rng.normal(size=(300, 6)) @ rng.normal(size=(6, 6))
    assert mahalanobis(codes, codes).mean() == pytest.approx(6 * 299 / 300)


@pytest.mark.slow
def test_nearest_rows_are_those_of_a_full_sort(rng):
    z, index = rng.normal(size=(40, 3)), rng.normal(size=(5000, 3))
    expected = np.argsort(cdist(z, index), axis=1)[:, :100]
    np.testing.assert_array_equal(nearest_rows(z, index, 100), expected)
    np.testing.assert_array_equal(nearest_rows(index, index, 1)[:, 0], np.arange(5000))


def test_precision_counts_right_answers():
    rows, y_index = np.array([[0, 1], [2, 3]]), np.array([5, 5, 7, 1])
    assert precision_at_k(rows, y_index, np.array([5, 7])) == 0.75


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_quantized_codes_come_back_within_half_a_step(rng, bits):
    codes = rng.normal(size=(1000, 3)) * [1, 10, 0.1]
    levels, low, step = quantize_codes(codes, bits)
    assert levels.dtype == np.uint8
    assert levels.max() == 2**bits - 1
    assert np.all(np.abs(low + step * levels - codes) <= step / 2 + 1e-12)
