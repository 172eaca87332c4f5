/* Each operator's arithmetic against a plain loop, on dense and CSR rows, in
 * float64 and float32, with empty rows; and the attributes that it refuses. */
#include "support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "willump/willump.h"

enum { N_ROWS = 41, WIDTH = 6, MAX_OUT = 16 };

/* One row of WIDTH numbers to one row of the result. `is_f32`: every operation
 * is rounded. */
typedef void (*reference)(const double *x, bool is_f32, double *out);

static double rounded(bool is_f32, double v) {
  return is_f32 ? (double)(float)v : v;
}

/* ---- running one operator ------------------------------------------------ */

static double cells[N_ROWS][WIDTH];
static float small_cells[N_ROWS][WIDTH];

/* Rows with zeros, negative numbers, and nothing at all. */
static void make_cells(bool is_positive) {
  random_state = 11;
  for (int r = 0; r < N_ROWS; r++)
    for (int c = 0; c < WIDTH; c++) {
      double v = uniform(is_positive ? 0.0 : -3.0, 3.0);
      bool is_zero = r % 7 == 3 || random_bits() % 3 == 0;
      small_cells[r][c] = is_zero ? 0.0f : (float)v;
      cells[r][c] = (double)small_cells[r][c];
    }
}

typedef struct csr {
  int64_t indptr[N_ROWS + 1];
  int64_t indices[N_ROWS * WIDTH];
  double data[N_ROWS * WIDTH];
} csr;

static wl_input input_of(bool is_csr, bool is_f32, csr *room) {
  if (!is_csr)
    return (wl_input){.layout = WL_LAYOUT_STRIDED,
                      .dtype = is_f32 ? WL_F32 : WL_F64,
                      .n_columns = WIDTH,
                      .values = is_f32 ? (const void *)small_cells
                                       : (const void *)cells,
                      .row_stride = WIDTH * (is_f32 ? 4 : 8),
                      .column_stride = is_f32 ? 4 : 8};
  int64_t n = 0;
  for (int r = 0; r < N_ROWS; r++) {
    room->indptr[r] = n;
    for (int c = 0; c < WIDTH; c++)
      if (cells[r][c] != 0.0) {
        room->indices[n] = c;
        room->data[n++] = cells[r][c];
      }
  }
  room->indptr[N_ROWS] = n;
  return (wl_input){.layout = WL_LAYOUT_CSR,
                    .dtype = WL_F64,
                    .n_columns = WIDTH,
                    .values = room->data,
                    .index_dtype = WL_I64,
                    .indptr = room->indptr,
                    .indices = room->indices};
}

static const double matrix[3 * WIDTH] = {
    1, -2, 0.5, 3, 0.25, -1, 0, 1, 1, -0.5, 0.5, 2, 4, -4, 1, 0.1, 7, -3};

/* What each column may still gain on each; the diagonal is not read. */
static double bounds[WIDTH * WIDTH];

static void make_bounds(void) {
  for (int c = 0; c < WIDTH; c++)
    for (int d = 0; d < WIDTH; d++)
      bounds[c * WIDTH + d] = c == d ? 1e9 : 0.25 * (c + 2 * d) - 1.0;
}

/* `op` is what %1 is, and perhaps %2 on a line of its own. */
static wl_status compile(const char *op, bool is_f32, wl_model **out,
                         wl_error *error) {
  char text[1024];
  const wl_tensor tensors[] = {
      {"m", WL_F64, 2, {3, WIDTH}, matrix, NULL},
      {"row", WL_F64, 2, {1, WIDTH}, matrix, NULL},
      {"bounds", WL_F64, 2, {WIDTH, WIDTH}, bounds, NULL},
  };
  make_bounds();
  snprintf(text, sizeof text,
           "willump-graph 1\n%%0 = input() {kind=\"matrix\", n_features=%d, "
           "dtype=\"%s\"}\n%%1 = %s\nstage\noutput y = %%%d\n",
           WIDTH, is_f32 ? "f32" : "f64", op,
           strstr(op, "%2 = ") != NULL ? 2 : 1);
  return wl_model_compile(text, strlen(text), tensors, WL_COUNT_OF(tensors),
                          NULL, NULL, out, error);
}

/* The result's cell, wherever it is kept. */
static double cell(const wl_result *y, size_t r, size_t c) {
  if (!y->is_sparse) {
    size_t at = r * (size_t)y->n_columns + c;
    if (y->dtype == WL_F32)
      return (double)((const float *)y->values)[at];
    if (y->dtype == WL_I64)
      return (double)((const int64_t *)y->values)[at];
    return ((const double *)y->values)[at];
  }
  double sum = 0.0;
  for (int64_t e = y->indptr[r]; e < y->indptr[r + 1]; e++)
    if (y->indices[e] == (int32_t)c)
      sum += ((const double *)y->values)[e];
  return sum;
}

static void compare(const char *op, const wl_result *y, size_t n_out,
                    reference f, double tolerance, bool is_f32) {
  assert_int_equal(y->n_rows, N_ROWS);
  assert_int_equal(y->n_columns, n_out);
  for (size_t r = 0; r < N_ROWS; r++) {
    double expected[MAX_OUT];
    f(cells[r], is_f32, expected);
    for (size_t c = 0; c < n_out; c++) {
      double have = cell(y, r, c), want = expected[c];
      bool is_same = have == want || (have != have && want != want) ||
                     fabs(have - want) <= tolerance * fmax(1.0, fabs(want));
      if (!is_same)
        fail_msg("%s, row %zu, column %zu: %.17g, not %.17g", op, r, c, have,
                 want);
    }
  }
}

/* The operator over %0 in all four ways. Tolerance 0: equal to the last bit. */
static void check(const char *op, size_t n_out, reference f, double tolerance) {
  static csr room;
  for (int way = 0; way < 4; way++) {
    bool is_csr = way & 1, is_f32 = way & 2;
    wl_model *model;
    wl_run *run;
    wl_result y;
    wl_error error = {0};
    wl_input input = input_of(is_csr, is_f32, &room);
    if (compile(op, is_f32, &model, &error) != WL_OK)
      fail_msg("%s: %s", op, error.message);
    assert_int_equal(
        wl_run_create(model, 0, &input, 1, N_ROWS, NULL, &run, &error), WL_OK);
    if (wl_run_advance(run, &error) != WL_OK)
      fail_msg("%s: %s", op, error.message);
    assert_int_equal(wl_run_result(run, &y, &error), WL_OK);
    double more = is_f32 && tolerance != 0.0 ? 1e-6 : tolerance;
    compare(op, &y, n_out, f, more, is_f32);
    wl_run_free(run);
    wl_model_release(model);
  }
}

/* ---- matrices ------------------------------------------------------------ */

static void ref_same(const double *x, bool is_f32, double *out) {
  (void)is_f32;
  memcpy(out, x, WIDTH * sizeof *out);
}
static void ref_twice(const double *x, bool is_f32, double *out) {
  ref_same(x, is_f32, out);
  ref_same(x, is_f32, out + WIDTH);
}
static void ref_select(const double *x, bool is_f32, double *out) {
  static const int columns[] = {4, 0, 4, 5, 1};
  (void)is_f32;
  for (int i = 0; i < 5; i++)
    out[i] = x[columns[i]];
}
static void ref_select_ascending(const double *x, bool is_f32, double *out) {
  (void)is_f32;
  out[0] = x[1];
  out[1] = x[5];
}
static void ref_scale(const double *x, bool is_f32, double *out) {
  static const double by[WIDTH] = {1, 2, 3, 0.5, 7, 0.1};
  for (int c = 0; c < WIDTH; c++)
    out[c] = rounded(is_f32, rounded(is_f32, x[c] / 3.0) * by[c]);
}
static void ref_impute(const double *x, bool is_f32, double *out) {
  static const double fill[WIDTH] = {1, 2, 3, 0.5, 7, 0.1};
  for (int c = 0; c < WIDTH; c++)
    out[c] = x[c] == 0.0 ? rounded(is_f32, fill[c]) : x[c];
}
static void ref_is_missing(const double *x, bool is_f32, double *out) {
  (void)is_f32;
  for (int c = 0; c < WIDTH; c++)
    out[c] = x[c] == 0.0;
}
static void ref_zeros(const double *x, bool is_f32, double *out) {
  (void)x;
  (void)is_f32;
  memset(out, 0, WIDTH * sizeof *out);
}
static void ref_binarize(const double *x, bool is_f32, double *out) {
  (void)is_f32;
  for (int c = 0; c < WIDTH; c++)
    out[c] = x[c] > 0.5;
}
static void norm_of(const double *x, bool is_f32, int norm, double *out) {
  double sum = 0.0;
  for (int c = 0; c < WIDTH; c++)
    sum = norm == 1   ? sum + fabs(x[c])
          : norm == 2 ? sum + x[c] * x[c]
                      : fmax(sum, fabs(x[c]));
  if (norm == 2)
    sum = sqrt(sum);
  for (int c = 0; c < WIDTH; c++)
    out[c] = sum == 0.0 ? x[c] : rounded(is_f32, x[c] / sum);
}
static void ref_l1(const double *x, bool is_f32, double *out) {
  norm_of(x, is_f32, 1, out);
}
static void ref_l2(const double *x, bool is_f32, double *out) {
  norm_of(x, is_f32, 2, out);
}
static void ref_max(const double *x, bool is_f32, double *out) {
  norm_of(x, is_f32, 0, out);
}
static void ref_linear(const double *x, bool is_f32, double *out) {
  (void)is_f32; /* linear is float64 unless its own dtype says otherwise */
  static const double intercept[3] = {0.5, -0.5, 8};
  for (int k = 0; k < 3; k++) {
    double sum = 0.0;
    for (int c = 0; c < WIDTH; c++)
      sum += x[c] * matrix[k * WIDTH + c];
    out[k] = sum + intercept[k];
  }
}
static void ref_project(const double *x, bool is_f32, double *out) {
  static const double intercept[3] = {0.5, -0.5, 8};
  ref_linear(x, is_f32, out);
  for (int k = 0; k < 3; k++)
    out[k] = rounded(is_f32, out[k] - intercept[k]);
}

static void matrix_operators_are_their_plain_loops(void **state) {
  (void)state;
  make_cells(false);
  check("concat(%0, %0)", 2 * WIDTH, ref_twice, 0);
  check("concat(%0, %0) {sparse=true}", 2 * WIDTH, ref_twice, 0);
  check("check_finite(%0) {estimator=\"E\"}", WIDTH, ref_same, 0);
  check("impute(%0) {fill=[1, 2, 3, 0.5, 7, 0.1], missing=0.0}", WIDTH,
        ref_impute, 0);
  check("impute(%0) {fill=[9.0]}", WIDTH, ref_same, 0);
  check("is_missing(%0) {missing=0}", WIDTH, ref_is_missing, 0);
  check("is_missing(%0)", WIDTH, ref_zeros, 0);
  check("select(%0) {indices=[4, 0, 4, 5, 1]}", 5, ref_select, 0);
  check("select(%0) {indices=[1, 5]}", 2, ref_select_ascending, 0);
  check("scale(%0) {divide=[3.0], multiply=[1, 2, 3, 0.5, 7, 0.1]}", WIDTH,
        ref_scale, 0);
  check("binarize(%0) {threshold=0.5}", WIDTH, ref_binarize, 0);
  check("cast(%0) {dtype=\"f32\"}", WIDTH, ref_same, 0);
  check("normalize(%0) {norm=\"l1\"}", WIDTH, ref_l1, 1e-15);
  check("normalize(%0) {norm=\"l2\"}", WIDTH, ref_l2, 1e-15);
  check("normalize(%0) {norm=\"max\"}", WIDTH, ref_max, 0);
  check("linear(%0) {coef=@m, intercept=[0.5, -0.5, 8]}", 3, ref_linear, 1e-14);
  check("project(%0) {components=@m}", 3, ref_project, 1e-14);
}

static void ref_tfidf(const double *x, bool is_f32, double *out) {
  static const double idf[WIDTH] = {1, 1.5, 2, 2.5, 3, 3.5};
  double sum = 0.0;
  for (int c = 0; c < WIDTH; c++) {
    double v =
        x[c] == 0.0 ? 0.0 : rounded(is_f32, rounded(is_f32, log(x[c])) + 1.0);
    out[c] = rounded(is_f32, v * idf[c]);
    sum += out[c] * out[c];
  }
  for (int c = 0; c < WIDTH && sum != 0.0; c++)
    out[c] = rounded(is_f32, out[c] / sqrt(sum));
}

static void tfidf_is_log_idf_norm(void **state) {
  (void)state;
  make_cells(true);
  check("tfidf(%0) {sublinear_tf=true, idf=[1, 1.5, 2, 2.5, 3, 3.5]}", WIDTH,
        ref_tfidf, 1e-14);
}

/* ---- dense rows ---------------------------------------------------------- */

#define EACH(NAME, EXPRESSION)                                                 \
  static void ref_##NAME(const double *x, bool is_f32, double *out) {          \
    for (int c = 0; c < WIDTH; c++) {                                          \
      double v = x[c];                                                         \
      out[c] = rounded(is_f32, EXPRESSION);                                    \
    }                                                                          \
  }
EACH(expit, 1.0 / (1.0 + exp(-v)))
EACH(exp, exp(v))
EACH(log, v > 0 ? log(v) : v == 0 ? (double)-INFINITY : (double)NAN)
EACH(clip, v<-1 ? -1 : v> 2 ? 2 : v)
EACH(affine, rounded(is_f32, v * 2.5) + (double)c)
EACH(triple, rounded(is_f32, v + v) + v)
EACH(zero, v - v)
EACH(positive, v > 0.25)
EACH(signed_square, v < 0 ? -v * v : v * v)
EACH(at_most_one, v > 1.0 && v <= 1.00001 ? 1.0 : v)

static void ref_isotonic(const double *x, bool is_f32, double *out) {
  static const double px[3] = {-1, 0.5, 2}, py[3] = {0, 0.25, 1};
  for (int c = 0; c < WIDTH; c++) {
    double v = x[c];
    if (v <= px[0])
      out[c] = py[0];
    else if (v >= px[2])
      out[c] = py[2];
    else {
      int i = v < px[1] ? 0 : 1;
      out[c] = (py[i + 1] - py[i]) / (px[i + 1] - px[i]) * (v - px[i]) + py[i];
    }
    out[c] = rounded(is_f32, out[c]);
  }
}
static double sum_exp(const double *x) {
  double sum = 0.0;
  for (int c = 0; c < WIDTH; c++)
    sum += exp(x[c]);
  return sum;
}
static void ref_softmax(const double *x, bool is_f32, double *out) {
  for (int c = 0; c < WIDTH; c++)
    out[c] = rounded(is_f32, exp(x[c]) / sum_exp(x));
}
static void ref_log_softmax(const double *x, bool is_f32, double *out) {
  for (int c = 0; c < WIDTH; c++)
    out[c] = rounded(is_f32, x[c] - log(sum_exp(x)));
}
static void ref_normalize_rows(const double *x, bool is_f32, double *out) {
  double sum = 0.0;
  for (int c = 0; c < WIDTH; c++)
    sum += x[c];
  for (int c = 0; c < WIDTH; c++)
    out[c] = rounded(is_f32, sum != 0.0 ? x[c] / sum : 1.0 / WIDTH);
}
static void ref_argmax(const double *x, bool is_f32, double *out) {
  (void)is_f32;
  int best = 0;
  for (int c = 1; c < WIDTH; c++)
    best = x[c] > x[best] ? c : best;
  out[0] = best;
}
static int descending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x < y) - (x > y);
}
static void ref_margin(const double *x, bool is_f32, double *out) {
  double sorted[WIDTH];
  memcpy(sorted, x, sizeof sorted);
  qsort(sorted, WIDTH, sizeof *sorted, descending);
  out[0] = rounded(is_f32, sorted[0] - sorted[1]);
}
static void ref_smallest(const double *x, bool is_f32, double *out) {
  (void)is_f32;
  out[0] = fabs(x[0]);
  for (int c = 1; c < WIDTH; c++)
    out[0] = fmin(out[0], fabs(x[c]));
}
/* Doubles, whatever x is: the sign is a proof. */
static void ref_lead(const double *x, bool is_f32, double *out) {
  (void)is_f32;
  int best = 0;
  for (int c = 1; c < WIDTH; c++)
    best = x[c] > x[best] ? c : best;
  out[0] = (double)INFINITY;
  for (int d = 0; d < WIDTH; d++)
    if (d != best)
      out[0] = fmin(out[0], x[best] - x[d] - bounds[best * WIDTH + d]);
}
/* scikit-learn's _ovr_decision_function, class by class. */
static void ref_ovo(const double *x, bool is_f32, double *out) {
  enum { N = 4 };
  (void)is_f32;
  for (int i = 0; i < N; i++) {
    double votes = 0.0, confidence = 0.0;
    for (int a = 0, k = 0; a < N; a++)
      for (int b = a + 1; b < N; b++, k++) {
        if (a == i) {
          confidence -= x[k];
          votes += x[k] > 0.5 ? 0 : 1;
        } else if (b == i) {
          confidence += x[k];
          votes += x[k] > 0.5 ? 1 : 0;
        }
      }
    out[i] = votes + confidence / (3 * (fabs(confidence) + 1));
  }
}

static void row_operators_are_their_plain_loops(void **state) {
  (void)state;
  make_cells(false);
  check("expit(%0)", WIDTH, ref_expit, 1e-15);
  check("exp(%0)", WIDTH, ref_exp, 1e-15);
  check("log(%0)", WIDTH, ref_log, 1e-15);
  check("clip(%0) {min=-1, max=2.0}", WIDTH, ref_clip, 0);
  check("affine(%0) {multiply=[2.5], add=[0, 1, 2, 3, 4, 5]}", WIDTH,
        ref_affine, 0);
  check("add(%0, %0, %0)", WIDTH, ref_triple, 0);
  check("difference(%0, %0)", WIDTH, ref_zero, 0);
  check("positive(%0) {threshold=0.25}", WIDTH, ref_positive, 0);
  check("at_most_one(%0)", WIDTH, ref_at_most_one, 0);
  check("signed_square(%0)", WIDTH, ref_signed_square, 0);
  check("isotonic(%0) {x=[-1.0, 0.5, 2.0], y=[0.0, 0.25, 1.0]}", WIDTH,
        ref_isotonic, 0);
  check("softmax(%0)", WIDTH, ref_softmax, 1e-15);
  check("log_softmax(%0)", WIDTH, ref_log_softmax, 1e-14);
  check("argmax(%0)", 1, ref_argmax, 0);
  check("margin(%0)", 1, ref_margin, 0);
  check("margin(%0) {each=true}", 1, ref_smallest, 0);
  check("lead(%0) {bounds=@bounds}", 1, ref_lead, 0);
  check("ovo(%0) {n_classes=4, threshold=0.5}", 4, ref_ovo, 1e-15);
  make_cells(true);
  check("normalize_rows(%0) {zero=\"uniform\"}", WIDTH, ref_normalize_rows,
        1e-15);
}

static void ref_complement(const double *x, bool is_f32, double *out) {
  out[0] = rounded(is_f32, 1.0 - x[2]);
  out[1] = x[2];
}
static void ref_mirror(const double *x, bool is_f32, double *out) {
  (void)is_f32;
  out[0] = -x[2];
  out[1] = x[2];
}
static void ref_size(const double *x, bool is_f32, double *out) {
  (void)is_f32;
  out[0] = fabs(x[2]);
}

static void operators_of_one_column_take_one(void **state) {
  (void)state;
  make_cells(false);
  check("select(%0) {indices=[2]}\n%2 = complement(%1)", 2, ref_complement, 0);
  check("select(%0) {indices=[2]}\n%2 = mirror(%1)", 2, ref_mirror, 0);
  check("select(%0) {indices=[2]}\n%2 = margin(%1)", 1, ref_size, 0);
}

/* ---- not a number -------------------------------------------------------- */

static void
a_row_with_nan_has_no_margin_and_its_first_nan_is_argmax(void **state) {
  (void)state;
  static csr room;
  wl_model *model;
  int64_t label[N_ROWS];
  double margin[N_ROWS];
  make_cells(false);
  cells[5][3] = cells[5][4] = (double)NAN;
  wl_input input = input_of(false, false, &room);
  assert_int_equal(compile("argmax(%0)", false, &model, NULL), WL_OK);
  assert_int_equal(
      wl_model_predict(model, 0, &input, 1, N_ROWS, NULL, label, NULL, NULL),
      WL_OK);
  assert_int_equal(label[5], 3);
  wl_model_release(model);
  static const char *const margins[] = {"margin(%0)", "margin(%0) {each=true}",
                                        "lead(%0) {bounds=@bounds}"};
  for (size_t i = 0; i < WL_COUNT_OF(margins); i++) {
    assert_int_equal(compile(margins[i], false, &model, NULL), WL_OK);
    assert_int_equal(
        wl_model_predict(model, 0, &input, 1, N_ROWS, NULL, margin, NULL, NULL),
        WL_OK);
    assert_true(margin[5] != margin[5]);
    assert_true(margin[6] == margin[6]);
    wl_model_release(model);
  }
}

static void check_finite_names_the_row_and_the_column(void **state) {
  (void)state;
  static csr room;
  wl_model *model;
  double out[N_ROWS * WIDTH];
  wl_error error = {0};
  assert_int_equal(
      compile("check_finite(%0) {estimator=\"E\"}", false, &model, NULL),
      WL_OK);
  for (int is_nan = 0; is_nan < 2; is_nan++) {
    make_cells(false);
    cells[7][2] = is_nan ? (double)NAN : (double)INFINITY;
    wl_input input = input_of(false, false, &room);
    assert_int_equal(
        wl_model_predict(model, 0, &input, 1, N_ROWS, NULL, out, NULL, &error),
        WL_ERROR_VALUE);
    assert_int_equal(error.row, 7);
    assert_non_null(strstr(error.message, is_nan ? "NaN" : "infinity"));
    assert_non_null(strstr(error.message, "feature 2"));
  }
  wl_model_release(model);
}

static wl_status compile_named(const char *names, const char *operator,
                               wl_model ** model, wl_error *error) {
  char text[512];
  (void)snprintf(text, sizeof text,
                 "willump-graph 1\n"
                 "%%0 = input() {kind=\"matrix\", n_features=6, names=%s}\n"
                 "%%1 = %s\n"
                 "%%2 = check_finite(%%1) {estimator=\"E\"}\n"
                 "stage\noutput x = %%2\n",
                 names, operator);
  return wl_model_compile(text, strlen(text), NULL, 0, NULL, NULL, model,
                          error);
}

static void check_finite_names_the_columns_of_a_matrix(void **state) {
  (void)state;
  static const char *const names =
      "[\"a\", \"\", \"sea\", \"d\\u0000\", \"e\", \"f\"]";
  static const int columns[] = {1, 2, 5};
  static const struct {
    const char *operator, * words[3]; /* of a NaN in these columns */
  } cases[] = {
      {"scale(%0) {multiply=[2.0]}", {"feature 1", "'sea'", "'f'"}},
      {"concat(%0, %0)", {"feature 1", "'sea'", "'f'"}},
      {"affine(%0) {add=[2.0]}", {"feature 1", "feature 2", "feature 5"}},
  };
  static csr room;
  double out[N_ROWS * 2 * WIDTH];
  wl_model *model;
  wl_error error = {0};
  for (size_t i = 0; i < WL_COUNT_OF(cases); i++) {
    assert_int_equal(compile_named(names, cases[i].operator, & model, &error),
                     WL_OK);
    for (size_t k = 0; k < WL_COUNT_OF(columns); k++) {
      make_cells(false);
      cells[7][columns[k]] = (double)NAN;
      wl_input input = input_of(false, false, &room);
      assert_int_equal(wl_model_predict(model, 0, &input, 1, N_ROWS, NULL, out,
                                        NULL, &error),
                       WL_ERROR_VALUE);
      assert_non_null(strstr(error.message, cases[i].words[k]));
    }
    wl_model_release(model);
  }
  assert_int_equal(compile_named("[\"a\", \"b\"]", "cast(%0) {dtype=\"f32\"}",
                                 &model, &error),
                   WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "names are strings, one a column"));
}

static void check_finite_of_float32_refuses_what_overflows_it(void **state) {
  (void)state;
  static csr room;
  wl_model *model;
  double out[N_ROWS * WIDTH];
  wl_error error = {0};
  /* Half way to 2^128: a tie, rounded to infinity. */
  const double half = 0x1.ffffffp+127;
  make_cells(false);
  assert_int_equal(compile("check_finite(%0) {estimator=\"\", dtype=\"f32\"}\n"
                           "%2 = clip(%1) {min=-1, max=1}",
                           false, &model, NULL),
                   WL_OK);
  for (int way = 0; way < 2; way++) {
    cells[7][2] = nextafter(half, 0.0);
    wl_input input = input_of(way == 1, false, &room);
    assert_int_equal(
        wl_model_predict(model, 0, &input, 1, N_ROWS, NULL, out, NULL, &error),
        WL_OK);
    cells[7][2] = -half;
    input = input_of(way == 1, false, &room);
    assert_int_equal(
        wl_model_predict(model, 0, &input, 1, N_ROWS, NULL, out, NULL, &error),
        WL_ERROR_VALUE);
    assert_non_null(strstr(error.message, "Input contains infinity"));
    assert_non_null(strstr(error.message, "dtype('float32'). (feature 2)"));
  }
  wl_model_release(model);
}

static void check_finite_may_allow_nan_in_dense_rows_only(void **state) {
  (void)state;
  static csr room;
  wl_model *model;
  double out[N_ROWS * WIDTH];
  wl_error error = {0};
  make_cells(false);
  cells[7][2] = (double)NAN;
  assert_int_equal(compile("check_finite(%0) {estimator=\"E\", allow_nan=true, "
                           "allow_sparse_nan=false}\n"
                           "%2 = clip(%1) {min=-1, max=1}",
                           false, &model, NULL),
                   WL_OK);
  for (int is_csr = 0; is_csr < 2; is_csr++) {
    wl_input input = input_of(is_csr == 1, false, &room);
    assert_int_equal(
        wl_model_predict(model, 0, &input, 1, N_ROWS, NULL, out, NULL, &error),
        is_csr ? WL_ERROR_VALUE : WL_OK);
  }
  assert_non_null(strstr(error.message, "Input X contains NaN"));
  wl_model_release(model);
}

static void impute_replaces_and_marks_nan(void **state) {
  (void)state;
  static csr room;
  double out[N_ROWS * WIDTH];
  make_cells(false);
  cells[5][3] = (double)NAN;
  wl_input input = input_of(false, false, &room);
  for (int is_mark = 0; is_mark < 2; is_mark++) {
    wl_model *model;
    assert_int_equal(
        compile(is_mark ? "is_missing(%0)" : "impute(%0) {fill=[9.0]}", false,
                &model, NULL),
        WL_OK);
    assert_int_equal(
        wl_model_predict(model, 0, &input, 1, N_ROWS, NULL, out, NULL, NULL),
        WL_OK);
    assert_true(out[5 * WIDTH + 3] == (is_mark ? 1.0 : 9.0));
    assert_true(out[5 * WIDTH + 2] == (is_mark ? 0.0 : cells[5][2]));
    wl_model_release(model);
  }
}

static void what_dense_rows_need_is_refused_of_sparse_ones(void **state) {
  (void)state;
  static csr room;
  static double out[N_ROWS * WIDTH];
  wl_model *model;
  wl_error error = {0};
  make_cells(false);
  wl_input input = input_of(true, false, &room);
  assert_int_equal(compile("scale(%0) {subtract=[1.0]}", false, &model, NULL),
                   WL_OK);
  assert_int_equal(
      wl_model_predict(model, 0, &input, 1, N_ROWS, NULL, out, NULL, &error),
      WL_ERROR_VALUE);
  assert_non_null(strstr(error.message, "Cannot center sparse matrices"));
  wl_model_release(model);
  assert_int_equal(
      compile("binarize(%0) {threshold=-1.0}", false, &model, NULL), WL_OK);
  assert_int_equal(
      wl_model_predict(model, 0, &input, 1, N_ROWS, NULL, out, NULL, &error),
      WL_ERROR_VALUE);
  wl_model_release(model);
}

/* ---- attributes ---------------------------------------------------------- */

static void bad_attributes_are_refused_by_name(void **state) {
  (void)state;
  static const struct {
    const char *op;
    wl_status status;
    const char *message;
  } cases[] = {
      {"select(%0) {indices=[6]}", WL_ERROR_VALUE, "outside 0 to 6"},
      {"select(%0) {indices=[-1]}", WL_ERROR_VALUE, "outside"},
      {"select(%0) {indices=[0.5]}", WL_ERROR_VALUE, "0.5"},
      {"select(%0) {indices=[nan]}", WL_ERROR_VALUE, "select"},
      {"select(%0) {indices=[\"a\"]}", WL_ERROR_TYPE, "integers"},
      {"select(%0)", WL_ERROR_VALUE, "needs the attribute 'indices'"},
      {"scale(%0) {divide=[1.0, 2.0]}", WL_ERROR_VALUE, "2 elements"},
      {"scale(%0) {divide=@m}", WL_ERROR_VALUE, "divide"},
      {"scale(%0) {divide=[2.0], dtype=\"i64\"}", WL_ERROR_UNSUPPORTED, "i64"},
      {"scale(%0) {dtype=\"f16\"}", WL_ERROR_UNSUPPORTED, "f16"},
      {"affine(%0) {add=[\"a\"]}", WL_ERROR_VALUE, "add"},
      {"normalize(%0) {norm=\"l3\"}", WL_ERROR_VALUE, "l3"},
      {"normalize(%0)", WL_ERROR_VALUE, "norm"},
      {"tfidf(%0) {idf=[1.0]}", WL_ERROR_VALUE, "idf"},
      {"linear(%0) {coef=[1.0]}", WL_ERROR_VALUE, "coef"},
      {"linear(%0) {coef=@m, intercept=[1.0, 2.0]}", WL_ERROR_VALUE,
       "intercept"},
      {"project(%0) {components=[\"a\"]}", WL_ERROR_VALUE, "components"},
      {"concat(%0) {dtype=\"i64\"}", WL_ERROR_UNSUPPORTED, "i64"},
      {"concat()", WL_ERROR_VALUE, "1 to 65536"},
      {"cast(%0) {dtype=\"i32\"}", WL_ERROR_UNSUPPORTED, "integers"},
      {"clip(%0) {min=0.0}", WL_ERROR_VALUE, "max"},
      {"clip(%0) {min=\"a\", max=1}", WL_ERROR_TYPE, "min"},
      {"isotonic(%0) {x=[1.0, 1.0], y=[0.0, 1.0]}", WL_ERROR_VALUE, "ascend"},
      {"isotonic(%0) {x=[1.0, nan], y=[0.0, 1.0]}", WL_ERROR_VALUE, "ascend"},
      {"isotonic(%0) {x=[], y=[]}", WL_ERROR_VALUE, "isotonic"},
      {"ovo(%0) {n_classes=3}", WL_ERROR_VALUE, "pairs of 3"},
      {"ovo(%0) {n_classes=-3}", WL_ERROR_VALUE, "ovo"},
      {"complement(%0)", WL_ERROR_VALUE, "one column"},
      {"mirror(%0)", WL_ERROR_VALUE, "one column"},
      {"normalize_rows(%0) {zero=\"x\"}", WL_ERROR_VALUE, "zero"},
      {"count(%0) {analyzer=\"word\", vocabulary=[\"a\"]}", WL_ERROR_TYPE,
       "strings"},
      {"external(%0) {step=-1, n_features=1}", WL_ERROR_VALUE, "negative"},
      {"external(%0) {step=1, n_features=2147483648}", WL_ERROR_VALUE,
       "out of range"},
      {"input() {kind=\"image\"}", WL_ERROR_VALUE, "image"},
      {"input() {kind=\"matrix\", n_features=-1}", WL_ERROR_VALUE, "-1"},
      {"add(%0, %1)", WL_ERROR_VALUE, "%1"},
      {"exp(%0) {base=2}", WL_ERROR_UNSUPPORTED, "base"},
      {"check_finite(%0) {estimator=\"E\", dtype=\"i64\"}",
       WL_ERROR_UNSUPPORTED, "dtype 'i64'"},
      {"impute(%0) {fill=[1.0, 2.0]}", WL_ERROR_VALUE, "'fill' has 2"},
  };
  for (size_t i = 0; i < WL_COUNT_OF(cases); i++) {
    wl_model *model;
    wl_error error = {0};
    wl_status status = compile(cases[i].op, false, &model, &error);
    if (status != cases[i].status ||
        strstr(error.message, cases[i].message) == NULL)
      fail_msg("%s: %s '%s'", cases[i].op, wl_status_name(status),
               error.message);
    assert_null(model);
    assert_int_equal(compile(cases[i].op, false, &model, NULL),
                     cases[i].status);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      memory_test(matrix_operators_are_their_plain_loops),
      memory_test(tfidf_is_log_idf_norm),
      memory_test(row_operators_are_their_plain_loops),
      memory_test(operators_of_one_column_take_one),
      memory_test(a_row_with_nan_has_no_margin_and_its_first_nan_is_argmax),
      memory_test(check_finite_names_the_row_and_the_column),
      memory_test(check_finite_names_the_columns_of_a_matrix),
      memory_test(check_finite_of_float32_refuses_what_overflows_it),
      memory_test(check_finite_may_allow_nan_in_dense_rows_only),
      memory_test(impute_replaces_and_marks_nan),
      memory_test(what_dense_rows_need_is_refused_of_sparse_ones),
      memory_test(bad_attributes_are_refused_by_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
