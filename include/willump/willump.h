/*
 * willump.h: the public C interface of Willump, an optimizing compiler and
 * runtime for machine-learning inference pipelines.
 *
 * A model is compiled from the text form of a transformation graph and its
 * tensors, or loaded from an artifact; afterwards it is immutable and may be
 * used from any number of threads at once. Every function that can fail
 * returns a wl_status and takes a caller-owned wl_error last (may be NULL).
 * Nothing in the library prints, aborts or exits.
 *
 * Ownership words in the comments: an *owned* object is released by the
 * caller; a *borrowed* one lives as long as the object it came from; a
 * *counted* one is shared through retain and release.
 *
 * This header compiles alone as C11 and as C++.
 */
#ifndef WILLUMP_H
#define WILLUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define WL_API
#elif defined(__GNUC__)
#define WL_API __attribute__((visibility("default")))
#else
#define WL_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define WL_VERSION_MAJOR 0
#define WL_VERSION_MINOR 1
#define WL_VERSION_PATCH 0
#define WL_VERSION "0.1.0"

/* ---- status and errors -------------------------------------------------- */

typedef enum wl_status {
  WL_OK = 0,
  WL_PENDING,           /* a run waits for an external (Python) step */
  WL_ERROR_VALUE,       /* a value is wrong: Python's ValueError */
  WL_ERROR_TYPE,        /* a type is wrong: Python's TypeError */
  WL_ERROR_KEY,         /* a key is not there: Python's KeyError */
  WL_ERROR_MEMORY,      /* out of memory */
  WL_ERROR_IO,          /* the operating system refused; errno is in the text */
  WL_ERROR_ENCODING,    /* text is not UTF-8, or cannot be encoded */
  WL_ERROR_UNSUPPORTED, /* a parameter or operator that is not supported */
  WL_ERROR_ARTIFACT,    /* an artifact is damaged, or of a newer format */
  WL_ERROR_CERTIFICATE, /* a target cannot be certified */
  WL_ERROR_CANCELLED,   /* the progress callback asked to stop */
  WL_ERROR_INTERNAL,    /* a broken invariant inside the library */
  WL_STATUS_COUNT
} wl_status;

/* Room for a message; longer ones are cut with "...". */
#define WL_ERROR_MESSAGE_SIZE 1024

/* Caller-owned. Written only when a function fails. */
typedef struct wl_error {
  wl_status code;
  int64_t row; /* the input row that the error is about, or -1 */
  char message[WL_ERROR_MESSAGE_SIZE];
} wl_error;

/* The name of a status, such as "WL_ERROR_VALUE". Never NULL; static. */
WL_API const char *wl_status_name(wl_status status);

/* The library's version, "major.minor.patch". Static. */
WL_API const char *wl_version(void);

/* ---- the allocator seam ------------------------------------------------- */

/*
 * All heap memory of the library comes from here. `realloc` takes NULL for a
 * new block; sizes are never 0. Set it before the first other call; NULL
 * restores the C library's. The struct is copied; `context` is borrowed for
 * the life of the process.
 */
typedef struct wl_allocator {
  void *context;
  void *(*allocate)(void *context, size_t size);
  void *(*reallocate)(void *context, void *block, size_t size);
  void (*release)(void *context, void *block);
} wl_allocator;

WL_API void wl_set_allocator(const wl_allocator *allocator);

/* ---- values ------------------------------------------------------------- */

typedef enum wl_dtype {
  WL_BOOL = 0,
  WL_I8,
  WL_U8,
  WL_I16,
  WL_U16,
  WL_I32,
  WL_U32,
  WL_I64,
  WL_U64,
  WL_F32,
  WL_F64,
  WL_STRING,
  WL_DTYPE_COUNT
} wl_dtype;

/* Bytes of one element; 0 for WL_STRING. */
WL_API size_t wl_dtype_size(wl_dtype dtype);
/* "bool", "i8" ... "f64", "string". Static. */
WL_API const char *wl_dtype_name(wl_dtype dtype);

/*
 * A view of text: UTF-8, in which lone surrogates are allowed and encoded as
 * Python's "surrogatepass" does. Not terminated. data == NULL means missing;
 * in an input of categories `size` then says what stands there, a wl_missing.
 */
typedef struct wl_string {
  const char *data;
  size_t size; /* bytes */
} wl_string;

/* What a missing category is: encoders tell None from NaN. */
typedef enum wl_missing {
  WL_MISSING_ANY = 0, /* either of these: whichever is a category */
  WL_MISSING_NONE,    /* None, a null */
  WL_MISSING_NAN,
  WL_MISSING_OTHER /* a value that is no text: equal to no category */
} wl_missing;

#define WL_TENSOR_MAX_DIMS 4

/*
 * A named constant of a graph: C-contiguous, little-endian, borrowed during
 * the call. A WL_STRING tensor has one dimension; `data` holds the bytes of
 * all strings and `offsets` n + 1 positions into them.
 */
typedef struct wl_tensor {
  const char *name;
  wl_dtype dtype;
  uint32_t n_dims;
  uint64_t shape[WL_TENSOR_MAX_DIMS];
  const void *data;
  const uint64_t *offsets;
} wl_tensor;

/* ---- models ------------------------------------------------------------- */

/* A compiled model: immutable, counted, thread-safe. */
typedef struct wl_model wl_model;

/* Option structs start with their own size, so that they can grow. */
typedef struct wl_options {
  size_t size;        /* sizeof(wl_options) */
  uint32_t n_threads; /* 0: WILLUMP_NUM_THREADS, or 1 */
  bool use_mmap;      /* wl_model_load: map the file instead of reading it; the
                         file must not be written to while the model is in use */
} wl_options;

/*
 * Compiles a graph in its text form (docs/graph.md) with its tensors. The
 * text, tensors and metadata are copied. `metadata` is a JSON object, or NULL
 * for {}; it is carried into the artifact.
 *
 * out: a new counted model with one reference, NULL on failure.
 */
WL_API wl_status wl_model_compile(const char *graph, size_t graph_size,
                                  const wl_tensor *tensors, size_t n_tensors,
                                  const char *metadata,
                                  const wl_options *options, wl_model **out,
                                  wl_error *error);

/* Loads an artifact, verified first; what is wrong with a file is told behind
 * its path. out as for wl_model_compile. */
WL_API wl_status wl_model_load(const char *path, const wl_options *options,
                               wl_model **out, wl_error *error);
WL_API wl_status wl_model_load_memory(const void *bytes, size_t size,
                                      const wl_options *options, wl_model **out,
                                      wl_error *error);

/* What another library saved its model as. */
typedef enum wl_import_format {
  WL_IMPORT_DETECT = 0,     /* as the bytes look */
  WL_IMPORT_LIGHTGBM,       /* LightGBM's model text, v3 and v4 */
  WL_IMPORT_XGBOOST_JSON,   /* XGBoost 1.6 to 3.x, .json */
  WL_IMPORT_XGBOOST_UBJSON, /* the same, .ubj */
  WL_IMPORT_CATBOOST_JSON,  /* CatBoost 1.x, save_model(format='json') */
  WL_IMPORT_FORMAT_COUNT
} wl_import_format;
/* "detect", "lightgbm", "xgboost-json", "xgboost-ubj",
 * "catboost-json". Static. */
WL_API const char *wl_import_format_name(wl_import_format format);

typedef struct wl_import_options {
  size_t size; /* sizeof(wl_import_options) */
  wl_import_format format;
  const char *metadata; /* a JSON object in place of what the file tells, or
                           NULL */
  uint32_t n_threads;   /* as in wl_options */
} wl_import_options;

/*
 * Makes a model of a tree ensemble that LightGBM, XGBoost or CatBoost saved. It
 * takes one
 * matrix (n_rows, n_features); NaN and infinity are what they are to the
 * library. Outputs: `prediction`, what Booster.predict returns (of CatBoost:
 * the probabilities, where the loss is a classifier's, else what
 * CatBoostRegressor predicts); `raw`, the sums (raw_score, output_margin);
 * `leaves`, the leaf of every tree (pred_leaf).
 *
 * A damaged file is WL_ERROR_VALUE, and the message names the field and its
 * line or byte; what is not supported is WL_ERROR_UNSUPPORTED and named. out as
 * for wl_model_compile.
 */
WL_API wl_status wl_model_import(const char *path,
                                 const wl_import_options *options,
                                 wl_model **out, wl_error *error);
WL_API wl_status wl_model_import_memory(const void *bytes, size_t size,
                                        const wl_import_options *options,
                                        wl_model **out, wl_error *error);

/* Writes an artifact: a temporary file beside it, synced, then renamed. */
WL_API wl_status wl_model_save(const wl_model *model, const char *path,
                               wl_error *error);
/* *bytes: owned, freed with wl_free_bytes. */
WL_API wl_status wl_model_to_memory(const wl_model *model, void **bytes,
                                    size_t *size, wl_error *error);
WL_API void wl_free_bytes(void *bytes);

WL_API wl_model *wl_model_retain(wl_model *model);
WL_API void wl_model_release(wl_model *model); /* NULL allowed */

/* The metadata, a JSON object. Borrowed. */
WL_API const char *wl_model_metadata(const wl_model *model);

/*
 * The graph's text form: as given (after == NULL), or as it stands after the
 * pass of that name ("all": after the last one). *text is owned, freed with
 * wl_free_bytes; NUL-terminated.
 */
WL_API wl_status wl_model_print(const wl_model *model, const char *after,
                                char **text, wl_error *error);
/* The i-th pass's name in the order that they run, NULL past the end. Static.
 */
WL_API const char *wl_pass_name(size_t i);
/* The i-th operator's name, NULL past the end. Static. */
WL_API const char *wl_op_name(size_t i);

/* ---- inputs and outputs of a model -------------------------------------- */

typedef enum wl_input_kind {
  WL_INPUT_TEXT = 0, /* a column of strings */
  WL_INPUT_NUMERIC,  /* a column of numbers */
  WL_INPUT_MATRIX,   /* a matrix of numbers, dense or CSR */
  WL_INPUT_CATEGORY, /* a column of strings, some of which may be missing */
  WL_INPUT_KIND_COUNT
} wl_input_kind;

typedef struct wl_input_info {
  const char *name; /* borrowed; "" when it has none */
  wl_input_kind kind;
  int64_t position;    /* column position in the original frame, or -1 */
  uint64_t n_features; /* of a matrix; 1 otherwise */
} wl_input_info;

WL_API size_t wl_model_n_inputs(const wl_model *model);
WL_API wl_status wl_model_input_info(const wl_model *model, size_t input,
                                     wl_input_info *info, wl_error *error);

typedef struct wl_output_info {
  const char *name; /* borrowed: "label", "proba", "decision", "features" ... */
  wl_dtype dtype;
  bool is_sparse;
  uint64_t n_columns;
  bool has_external; /* a run of it stops at external (Python) steps */
  uint64_t
      n_stages; /* that its rows may leave after; 1: the last answers all */
} wl_output_info;

WL_API size_t wl_model_n_outputs(const wl_model *model);
WL_API wl_status wl_model_output_info(const wl_model *model, size_t output,
                                      wl_output_info *info, wl_error *error);
/* The output's number, or -1. */
WL_API int wl_model_find_output(const wl_model *model, const char *name);

/* Nodes of the graph as it was given, which wl_model_print shows. */
WL_API size_t wl_model_n_nodes(const wl_model *model);

/* Stages of a cascade: 1 for a model without one. An output may pass some of
 * them by (wl_output_info), as where only labels are decided early. */
WL_API size_t wl_model_n_stages(const wl_model *model);

typedef enum wl_layout {
  WL_LAYOUT_STRINGS = 0, /* strings[n_rows] */
  WL_LAYOUT_STRIDED,     /* values, element strides below; dtype */
  WL_LAYOUT_CSR,         /* indptr, indices, values */
  WL_LAYOUT_COLUMNS      /* a matrix as columns, each with a dtype of its own */
} wl_layout;

/* A column of numbers: `stride` bytes from one row to the next. */
typedef struct wl_number_column {
  wl_dtype dtype;
  const void *values;
  int64_t stride;
} wl_number_column;

/* One input of a run: borrowed memory. */
typedef struct wl_input {
  wl_layout layout;
  wl_dtype dtype;     /* of values; of WL_LAYOUT_COLUMNS WL_F64, where float32
                         columns are read as float64, else WL_F32 */
  uint64_t n_columns; /* 1 for a column */
  const wl_string *strings;
  const void *values;
  int64_t row_stride, column_stride; /* bytes */
  wl_dtype index_dtype;              /* WL_I32 or WL_I64: indptr and indices */
  const void *indptr, *indices;
  const wl_number_column *columns; /* n_columns */
} wl_input;

/* A result matrix. Dense results are row-major. */
typedef struct wl_result {
  bool is_sparse;
  wl_dtype dtype; /* of values as stored here: WL_F64, or WL_I64 for labels */
  uint64_t n_rows, n_columns;
  void *values;
  int64_t *indptr;  /* n_rows + 1, sparse only */
  int32_t *indices; /* sparse only; sorted within a row unless the original's
                       are not */
} wl_result;

/* Called between chunks with the share of the work done; false cancels. */
typedef bool (*wl_progress)(void *context, uint64_t rows_done, uint64_t n_rows);

/* Called at the end of a successful run, by the thread that asked for it, for
 * each thing in its rows that the original warns about, such as categories that
 * an encoder does not know. The message is borrowed for the call. */
typedef void (*wl_warning)(void *context, const char *message);

typedef struct wl_run_options {
  size_t size;          /* sizeof(wl_run_options) */
  uint32_t n_threads;   /* 0: as the model was compiled */
  wl_progress progress; /* may be NULL */
  void *progress_context;
  bool exact;         /* skip the cascade: the full model answers every row */
  wl_warning warning; /* may be NULL */
  void *warning_context;
  uint64_t n_candidates; /* not 0, of wl_run_create: only so many rows are
                            answered, those with the largest numbers of the
                            output `filter` (wl_run_rows) */
  size_t filter;         /* an output of one dense column */
  uint64_t *costs; /* NULL, or wl_model_n_nodes numbers: what computing the
                      nodes of the model's graph takes is added to them, in
                      nanoseconds of all threads together. What nodes cost that
                      are computed as one is added to the first of them; reading
                      an input, to its node; an external step, the time until
                      its answer. The clock costs some itself. */
} wl_run_options;

/*
 * Computes a dense output of a model without external steps for n_rows rows
 * into `out`, (n_rows, n_columns) row-major: float64, float32 or int64 as the
 * output's dtype says (other integer dtypes are returned as int64). A repeated
 * call with one row takes no lock and allocates nothing.
 *
 * stage_out, if not NULL, takes for each row the number of the stage that
 * answered it (0: the first).
 */
WL_API wl_status wl_model_predict(const wl_model *model, size_t output,
                                  const wl_input *inputs, size_t n_inputs,
                                  uint64_t n_rows,
                                  const wl_run_options *options, void *out,
                                  uint8_t *stage_out, wl_error *error);

/*
 * The same for one row of numbers: `values` are those of all inputs, one after
 * another (one for a numeric column, n_features for a matrix), n_values in all;
 * NaN is a missing value. `out` takes the output's n_columns. A repeated call
 * takes no lock and allocates nothing. WL_ERROR_VALUE names an input that is
 * text, and a wrong number of values.
 */
WL_API wl_status wl_model_predict_row(const wl_model *model, size_t output,
                                      const double *values, size_t n_values,
                                      void *out, wl_error *error);

/*
 * Whether the original would give an output of these inputs, of which a run or
 * a prediction was made, in float32: where every operator keeps the dtype that
 * NumPy gives its inputs. Results come in the output's own dtype all the same.
 */
WL_API bool wl_model_shows_single(const wl_model *model, size_t output,
                                  const wl_input *inputs, size_t n_inputs);

/* ---- runs: sparse results and external steps ----------------------------- */

typedef struct wl_run
    wl_run; /* one computation in progress; one thread at a time */

/*
 * Starts computing an output. Inputs stay borrowed until wl_run_free.
 * *out is owned.
 */
WL_API wl_status wl_run_create(const wl_model *model, size_t output,
                               const wl_input *inputs, size_t n_inputs,
                               uint64_t n_rows, const wl_run_options *options,
                               wl_run **out, wl_error *error);

/*
 * Goes on until the result is there (WL_OK) or an external step is due
 * (WL_PENDING): then wl_run_request tells which, and wl_run_supply takes its
 * answer before the next advance.
 */
WL_API wl_status wl_run_advance(wl_run *run, wl_error *error);

typedef struct wl_request {
  uint64_t step;        /* the external node's attribute `step` */
  uint64_t n_rows;      /* how many rows it must answer */
  const uint64_t *rows; /* their positions in the run's inputs; borrowed */
  size_t n_inputs;
  const wl_result
      *inputs; /* the step's computed inputs for those rows, of WL_F32 where
                  the graph computes in it, else of WL_F64; for an input
                  that is one of the model's own, n_columns is 0 and the
                  caller takes the rows from what it passed in */
  const int64_t *
      model_inputs; /* n_inputs numbers of model inputs, or -1 where computed */
} wl_request;

WL_API wl_status wl_run_request(const wl_run *run, wl_request *request,
                                wl_error *error);
/* The answer: a matrix of request.n_rows rows, borrowed until wl_run_free. */
WL_API wl_status wl_run_supply(wl_run *run, const wl_input *answer,
                               wl_error *error);
/* After WL_OK. Borrowed until wl_run_free. */
WL_API wl_status wl_run_result(const wl_run *run, wl_result *result,
                               wl_error *error);
/* After WL_OK: the stage that answered each row, n_rows bytes; before, NULL.
 * Borrowed. */
WL_API const uint8_t *wl_run_stages(const wl_run *run);
WL_API void wl_run_free(wl_run *run); /* NULL allowed */

/* ---- top-K queries ------------------------------------------------------- */

/*
 * The k largest of n_rows scores, best first: their rows in `ids` and, unless
 * top is NULL, the scores themselves. Equal scores come in the order of their
 * rows, NaN behind all others. ids, top: room for min(k, n_rows), *n_top of
 * which are written. k = 0 is WL_ERROR_VALUE.
 *
 * With a filter: a run with n_candidates, then this over the column of its
 * result that ranks; a row of the result is wl_run_rows(run)[id].
 */
WL_API wl_status wl_top_k(const double *scores, uint64_t n_rows, uint64_t k,
                          int64_t *ids, double *top, uint64_t *n_top,
                          wl_error *error);

/*
 * After WL_OK of a run with n_candidates: the rows that its result holds,
 * ascending; as many as the result has rows. NULL: all rows, in order, as where
 * there are no more than n_candidates. Borrowed until wl_run_free.
 *
 * The filter is computed for all rows, then what the output takes beyond it for
 * the candidates. Of equal numbers the first rows are candidates, NaN only
 * where others are too few.
 */
WL_API const uint64_t *wl_run_rows(const wl_run *run);

#ifdef __cplusplus
}
#endif
#endif
