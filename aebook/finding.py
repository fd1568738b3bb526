"""Finding things by their codes: anomaly scores, ROC curves, and nearest neighbours.

The functions stand on the page in chapter 7, `quantize_codes` apart. A score is one number for
each image, higher for what is stranger; all distances are squared, in the units of the codes or
pixels they are taken between.
"""

import numpy as np


def reconstruction_error(x, x_hat):
    """Squared reconstruction error summed over pixels: (n, d) and (n, d) to (n,)."""
    return np.sum((x - x_hat) ** 2, axis=1)


def squared_distances(z, index):
    """All squared Euclidean distances: z (n, d) and index (m, d) to (n, m), never below 0.

    Needs memory for n * m numbers. Float32 cancels near 0: good to about 1e-6 of |z|^2.
    """
    d = np.sum(z**2, axis=1)[:, None] - 2 * z @ index.T
    d += np.sum(index**2, axis=1)
    return np.maximum(d, 0, out=d)


def mahalanobis(z, codes):
    """Squared distance to the mean of a cloud, in units of its spread in each direction.

    z: (n, d), what to score; codes: (m, d), the cloud, m > d and no direction of zero variance
    (else numpy.linalg.LinAlgError or huge values). Returns (n,), of mean d over the cloud itself.
    Mahalanobis (1936).
    """
    centred = z - codes.mean(axis=0)
    inverse = np.linalg.inv(np.cov(codes.T))
    return np.sum(centred @ inverse * centred, axis=1)


def roc(score, is_anomaly):
    """The ROC curve: false and true positive rates at every threshold, strictest first.

    score: (n,) floats; is_anomaly: (n,) booleans, both kinds present (else ValueError). Equal
    scores pass a threshold together. Returns (fpr, tpr), each from 0 to 1, of equal length.
    Fawcett (2006).
    """
    if is_anomaly.all() or not is_anomaly.any():
        raise ValueError("a ROC curve needs anomalies and normal cases")
    order = np.argsort(-score)
    caught, threshold = is_anomaly[order], score[order]
    last_of_ties = np.append(threshold[1:] != threshold[:-1], True)
    tpr = np.cumsum(caught)[last_of_ties] / caught.sum()
    fpr = np.cumsum(~caught)[last_of_ties] / (~caught).sum()
    return np.append(0, fpr), np.append(0, tpr)


def auc(score, is_anomaly):
    """Area under the ROC curve: P(a random anomaly outscores a random normal case), ties half.

    Arguments and errors as for `roc`. Hanley and McNeil (1982).
    """
    fpr, tpr = roc(score, is_anomaly)
    return np.trapezoid(tpr, fpr)


def nearest_rows(z, index, k=10):
    """The rows of the index nearest to each query, nearest first: (n, d), (m, d) to (n, k) ints.

    Exact search over all m rows; 1 <= k <= m.
    """
    d = squared_distances(z, index)
    near = np.argpartition(d, k - 1, axis=1)[:, :k]
    order = np.argsort(np.take_along_axis(d, near, axis=1), axis=1)
    return np.take_along_axis(near, order, axis=1)


def precision_at_k(rows, y_index, y_query):
    """Share of answers that show the digit asked for: rows (n, k), y_query (n,) to a float."""
    return np.mean(y_index[rows] == y_query[:, None])


def quantize_codes(codes, bits):
    """Round each coordinate to 2**bits equal steps between its extremes in the index.

    codes: (m, d) floats; bits: 1 to 8. Returns (levels, low, step): levels (m, d) uint8, low and
    step (d,). The codes again, each off by half a step at most: low + step * levels.
    """
    low, high = codes.min(axis=0), codes.max(axis=0)
    step = (high - low) / (2**bits - 1)
    return np.rint((codes - low) / step).astype("uint8"), low, step
