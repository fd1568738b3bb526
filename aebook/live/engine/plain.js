// kernel.c in plain JavaScript, for browsers without SIMD: the same functions on the same arrays.

const plainKernel = (() => {
const on = new Int32Array(4096);

/** The places of what is not zero among n numbers a stride apart, into `on`; how many. */
function find(x, at, n, stride) {
  let count = 0;
  for (let i = 0; i < n; i++) if (x[at + i * stride] !== 0) on[count++] = i;
  return count;
}

/** y[to..to+n) += the sum of x[at + i * stride] * row i, over the `count` places in `on`. */
function addRows(y, to, n, x, at, stride, rows, count) {
  const place = (q) => (q < count ? on[q] : 0);
  const factor = (q) => (q < count ? x[at + on[q] * stride] : 0);
  for (let q = 0; q < count; q += 4) {
    const a = factor(q), b = factor(q + 1), c = factor(q + 2), d = factor(q + 3);
    const ra = n * place(q), rb = n * place(q + 1), rc = n * place(q + 2), rd = n * place(q + 3);
    for (let j = 0; j < n; j++)
      y[to + j] += a * rows[ra + j] + b * rows[rb + j] + c * rows[rc + j] + d * rows[rd + j];
  }
}

function forward(x, w, b, y, n, from, to, relu) {
  for (let i = 0; i < n; i++) {
    y.set(b, i * to);
    addRows(y, i * to, to, x, i * from, 1, w, find(x, i * from, from, 1));
  }
  if (relu) for (let i = 0; i < n * to; i++) if (y[i] < 0) y[i] = 0;
}

function weights(x, dy, dw, db, n, from, to) {
  dw.fill(0);
  db.fill(0);
  for (let i = 0; i < n; i++) for (let j = 0; j < to; j++) db[j] += dy[i * to + j];
  for (let k = 0; k < from; k++) addRows(dw, k * to, to, x, k, from, dy, find(x, k, n, from));
}

function inputs(dy, w, x, dx, n, from, to, relu) {
  for (let i = 0; i < n; i++)
    for (let k = 0; k < from; k++) {
      let sum = 0;
      if (!relu || x[i * from + k] !== 0)
        for (let j = 0; j < to; j++) sum += dy[i * to + j] * w[k * to + j];
      dx[i * from + k] = sum;
    }
}

function cross_entropy(x, l, dl, n, scale) {
  let sum = 0;
  for (let i = 0; i < n; i++) {
    const e = Math.exp(-Math.abs(l[i]));
    sum += Math.max(l[i], 0) + Math.log1p(e) - x[i] * l[i];
    dl[i] = ((l[i] >= 0 ? 1 : e) / (1 + e) - x[i]) * scale;
  }
  return sum;
}

function rmsprop(w, g, v, n, rate, rho, rest, epsilon) {
  for (let i = 0; i < n; i++) {
    v[i] = rho * v[i] + rest * g[i] * g[i];
    w[i] -= rate * g[i] / Math.sqrt(v[i] + epsilon);
  }
}

function adam(w, g, m, v, n, alpha, rest1, rest2, epsilon) {
  for (let i = 0; i < n; i++) {
    m[i] += (g[i] - m[i]) * rest1;
    v[i] += (g[i] * g[i] - v[i]) * rest2;
    w[i] -= m[i] * alpha / (Math.sqrt(v[i]) + epsilon);
  }
}

return { forward, weights, inputs, cross_entropy, rmsprop, adam };
})();
