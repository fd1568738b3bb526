/* The inner loops of training, for WebAssembly with SIMD; plain.js is the same without it. Matrices
   are float32, row behind row. `make kernel` compiles this into kernel.wasm. */

#include <wasm_simd128.h>

#define LANES 4
#define WIDEST 4096 /* of a layer, and the largest batch */
#define EACH(name) __attribute__((export_name(#name)))

static int on[WIDEST]; /* the places of what is not zero */

static v128_t load(const float *p) { return wasm_v128_load(p); }
static v128_t all(float x) { return wasm_f32x4_splat(x); }
static v128_t plus(v128_t a, v128_t b) { return wasm_f32x4_add(a, b); }
static v128_t less(v128_t a, v128_t b) { return wasm_f32x4_sub(a, b); }
static v128_t times(v128_t a, v128_t b) { return wasm_f32x4_mul(a, b); }
static v128_t over(v128_t a, v128_t b) { return wasm_f32x4_div(a, b); }
static float total(v128_t v) {
  return wasm_f32x4_extract_lane(v, 0) + wasm_f32x4_extract_lane(v, 1) +
         wasm_f32x4_extract_lane(v, 2) + wasm_f32x4_extract_lane(v, 3);
}

/* The places of what is not zero among n numbers a stride apart; how many. */
static int find(const float *x, int n, int stride) {
  int count = 0;
  for (int i = 0; i < n; i++)
    if (x[i * stride] != 0) on[count++] = i;
  return count;
}

/* y[0..n) += the sum of x[i * stride] * rows[i], a row n wide, over the `count` places in `on`: four
   rows at a time, for then y is read and written a quarter as often. */
static void add_rows(float *y, int n, const float *x, int stride, const float *rows, int count) {
  for (int q = 0; q < count; q += 4) {
    const float *r[4];
    float f[4];
    for (int k = 0; k < 4; k++) {
      int i = on[q + k < count ? q + k : q];
      r[k] = rows + i * n;
      f[k] = q + k < count ? x[i * stride] : 0;
    }
    v128_t a = all(f[0]), b = all(f[1]), c = all(f[2]), d = all(f[3]);
    int j = 0;
    for (; j + LANES <= n; j += LANES) {
      v128_t low = plus(times(a, load(r[0] + j)), times(b, load(r[1] + j)));
      v128_t high = plus(times(c, load(r[2] + j)), times(d, load(r[3] + j)));
      wasm_v128_store(y + j, plus(load(y + j), plus(low, high)));
    }
    for (; j < n; j++) y[j] += f[0] * r[0][j] + f[1] * r[1][j] + f[2] * r[2][j] + f[3] * r[3][j];
  }
}

/* y = x w + b, then relu if asked. x: (n, from), w: (from, to), y: (n, to). Zeros cost nothing:
   four pixels of five are, and half of a hidden layer. */
EACH(forward)
void forward(const float *x, const float *w, const float *b, float *y, int n, int from, int to,
             int relu) {
  for (int i = 0; i < n; i++, x += from, y += to) {
    for (int j = 0; j < to; j++) y[j] = b[j];
    add_rows(y, to, x, 1, w, find(x, from, 1));
    if (relu)
      for (int j = 0; j < to; j++) y[j] = y[j] > 0 ? y[j] : 0;
  }
}

/* dw = x' dy and db = the sum of the rows of dy. */
EACH(weights)
void weights(const float *x, const float *dy, float *dw, float *db, int n, int from, int to) {
  for (int j = 0; j < to; j++) db[j] = 0;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < to; j++) db[j] += dy[i * to + j];
  for (int k = 0; k < from; k++, dw += to) {
    for (int j = 0; j < to; j++) dw[j] = 0;
    add_rows(dw, to, x + k, from, dy, find(x + k, n, from));
  }
}

/* dx = dy w'. Where x came out of a relu, dx is 0 wherever x is. */
EACH(inputs)
void inputs(const float *dy, const float *w, const float *x, float *dx, int n, int from, int to,
            int relu) {
  for (int i = 0; i < n; i++, x += from, dx += from, dy += to)
    for (int k = 0; k < from; k++) {
      dx[k] = 0;
      if (relu && x[k] == 0) continue;
      const float *row = w + k * to;
      v128_t a = all(0), b = all(0);
      int j = 0;
      for (; j + 2 * LANES <= to; j += 2 * LANES) {
        a = plus(a, times(load(dy + j), load(row + j)));
        b = plus(b, times(load(dy + j + LANES), load(row + j + LANES)));
      }
      float sum = total(plus(a, b));
      for (; j < to; j++) sum += dy[j] * row[j];
      dx[k] = sum;
    }
}

/* exp(-a) for a >= 0: 2 to a whole power, times exp of what is left by its series. */
static v128_t exp_minus(v128_t a) {
  a = wasm_f32x4_pmin(a, all(87));
  v128_t n = wasm_f32x4_nearest(times(a, all(-1.44269504f)));
  v128_t r = less(less(wasm_f32x4_neg(a), times(n, all(0.693359375f))),
                  times(n, all(-2.12194440e-4f)));
  v128_t e = all(1.f / 5040);
  const float series[] = {1.f / 720, 1.f / 120, 1.f / 24, 1.f / 6, 1.f / 2, 1, 1};
  for (int i = 0; i < 7; i++) e = plus(times(e, r), all(series[i]));
  v128_t power = wasm_i32x4_shl(wasm_i32x4_add(wasm_i32x4_trunc_sat_f32x4(n),
                                               wasm_i32x4_splat(127)), 23);
  return times(e, power);
}

/* log(1 + e) for e in [0, 1]: twice the inverse hyperbolic tangent of e / (2 + e), by its series. */
static v128_t log_one_plus(v128_t e) {
  v128_t s = over(e, plus(e, all(2))), t = times(s, s), sum = all(1.f / 15);
  const float series[] = {1.f / 13, 1.f / 11, 1.f / 9, 1.f / 7, 1.f / 5, 1.f / 3, 1};
  for (int i = 0; i < 7; i++) sum = plus(times(sum, t), all(series[i]));
  return times(plus(s, s), sum);
}

/* Binary cross-entropy from logits, summed: softplus(l) - x l. dl = (sigmoid(l) - x) scale. n: a
   multiple of 4; summed exactly enough, 4 by 4 in double. */
EACH(cross_entropy)
double cross_entropy(const float *x, const float *l, float *dl, int n, float scale) {
  double sum = 0;
  for (int i = 0; i < n; i += LANES) {
    v128_t logit = load(l + i), pixel = load(x + i), zero = all(0);
    v128_t e = exp_minus(wasm_f32x4_abs(logit));
    v128_t softplus = plus(wasm_f32x4_max(logit, zero), log_one_plus(e));
    v128_t top = wasm_v128_bitselect(all(1), e, wasm_f32x4_ge(logit, zero));
    v128_t sigmoid = over(top, plus(e, all(1)));
    wasm_v128_store(dl + i, times(less(sigmoid, pixel), all(scale)));
    sum += total(less(softplus, times(pixel, logit)));
  }
  return sum;
}

/* The step of Keras's RMSprop, on n weights w with gradient g: v is the mean of its squares. */
EACH(rmsprop)
void rmsprop(float *w, const float *g, float *v, int n, float rate, float rho, float rest,
             float epsilon) {
  for (int i = 0; i < n; i += LANES) {
    v128_t slope = load(g + i);
    v128_t mean = plus(times(all(rho), load(v + i)), times(all(rest), times(slope, slope)));
    v128_t root = wasm_f32x4_sqrt(plus(mean, all(epsilon)));
    wasm_v128_store(v + i, mean);
    wasm_v128_store(w + i, less(load(w + i), over(times(all(rate), slope), root)));
  }
}

/* The step of Keras's Adam: m and v are the means of gradient and square, alpha the rate with their
   start at zero taken into account. */
EACH(adam)
void adam(float *w, const float *g, float *m, float *v, int n, float alpha, float rest1, float rest2,
          float epsilon) {
  for (int i = 0; i < n; i += LANES) {
    v128_t slope = load(g + i), mean = load(m + i), square = load(v + i);
    mean = plus(mean, times(less(slope, mean), all(rest1)));
    square = plus(square, times(less(times(slope, slope), square), all(rest2)));
    v128_t root = plus(wasm_f32x4_sqrt(square), all(epsilon));
    wasm_v128_store(m + i, mean);
    wasm_v128_store(v + i, square);
    wasm_v128_store(w + i, less(load(w + i), over(times(mean, all(alpha)), root)));
  }
}
