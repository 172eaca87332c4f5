/*
 * graph.h: the IR. Typed SSA nodes in one arena, referred to by id; attributes
 * and tensors beside them; the stages and outputs of the model at the end. A
 * node is checked and typed when it is added, so a graph is valid at any time.
 *
 * Passes do not edit a graph: they build a new one, which borrows the tensors
 * of the old.
 */
#ifndef WL_GRAPH_GRAPH_H
#define WL_GRAPH_GRAPH_H

#include "base/base.h"
#include "data/value.h"

typedef enum wl_op {
#define WL_OP(id, name) WL_OP_##id,
#include "graph/table.def"
#undef WL_OP
  WL_OP_COUNT_
} wl_op;

/* Limits that keep sums of sizes far from overflow, whatever a file says. */
enum {
  WL_MAX_NODES = 1 << 20,
  WL_MAX_STAGES = 64,
  WL_MAX_OUTPUTS = 256,
  WL_MAX_TENSOR_NAME = 255,
  WL_MAX_COLUMNS = 0x7fffffff
};

/* A constant. Memory is the graph's or borrowed from a longer-lived owner. */
typedef struct wl_const {
  const char *name; /* NULL when it was written in place or made by a pass */
  wl_dtype dtype;
  uint32_t n_dims;
  uint64_t shape[WL_TENSOR_MAX_DIMS];
  size_t n_elements;
  const void *data;        /* little-endian elements, or the strings' bytes */
  const uint32_t *offsets; /* n_elements + 1, strings only */
  bool is_lasting;         /* the memory outlives what is bound to the graph */
} wl_const;

typedef enum wl_attr_kind {
  WL_ATTR_INT = 0,
  WL_ATTR_FLOAT,
  WL_ATTR_BOOL,
  WL_ATTR_STRING,
  WL_ATTR_TENSOR,
  WL_ATTR_KIND_COUNT
} wl_attr_kind;

typedef struct wl_attr {
  const char *name;
  wl_attr_kind kind;
  union {
    int64_t i;
    double f;
    bool b;
    wl_string s;
    uint32_t tensor; /* index into the graph's constants */
  } value;
} wl_attr;

typedef struct wl_type {
  wl_value_kind
      kind; /* CSR: sparse; a matrix input may be either at run time */
  size_t n_columns;
  wl_dtype dtype; /* WL_STRING, WL_I32, WL_I64, WL_F32 or WL_F64 */
  bool is_bit_equal;
  bool has_missing; /* strings may be missing, as a wl_missing says */
} wl_type;

typedef uint32_t wl_id;
#define WL_NO_NODE UINT32_MAX

typedef struct wl_node {
  wl_op op;
  uint32_t n_inputs;
  const wl_id *inputs;
  uint32_t n_attrs;
  const wl_attr *attrs;
  wl_type type;
} wl_node;

typedef struct wl_output {
  const char *name;
  wl_id node;
} wl_output;

typedef struct wl_stage {
  bool has_gate;
  wl_id gate;
  double threshold;
  size_t n_outputs;
  wl_output *outputs;
} wl_stage;

typedef struct wl_graph {
  wl_arena arena;
  wl_node *nodes;
  size_t n_nodes, nodes_capacity;
  wl_const *constants;
  size_t n_constants, constants_capacity;
  uint32_t *names; /* hash table: number + 1 of each named constant, or 0 */
  size_t n_names, names_capacity;
  wl_stage stages[WL_MAX_STAGES];
  size_t n_stages;
  /* Of a graph that a pass made: for each node of the one before, the node here
   * that has its value, or WL_NO_NODE; in the arena. */
  const wl_id *images;
} wl_graph;

void wl_graph_init(wl_graph *graph);
void wl_graph_deinit(wl_graph *graph);

/* Adds a constant, copying its struct and name but borrowing its memory. */
wl_status wl_graph_add_constant(wl_graph *graph, const wl_const *constant,
                                uint32_t *out, wl_error *error);
/* A new f64 constant in the graph's arena, to be filled by the caller. */
wl_status wl_graph_new_f64(wl_graph *graph, uint32_t n_dims,
                           const uint64_t *shape, uint32_t *out, double **data,
                           wl_error *error);
/* The number of the constant of that name, or -1. Not in a pass's result. */
int64_t wl_graph_find_constant(const wl_graph *graph, const char *name,
                               size_t size);

/*
 * Adds a node, checked and typed. Names and strings of attributes are copied;
 * tensors are indices into this graph's constants.
 */
wl_status wl_graph_add_node(wl_graph *graph, wl_op op, const wl_id *inputs,
                            size_t n_inputs, const wl_attr *attrs,
                            size_t n_attrs, wl_id *out, wl_error *error);
wl_status wl_graph_add_stage(wl_graph *graph, bool has_gate, wl_id gate,
                             double threshold, wl_error *error);
/* Adds to the last stage. */
wl_status wl_graph_add_output(wl_graph *graph, const char *name, size_t size,
                              wl_id node, wl_error *error);
/* Each stage has outputs of the last one, of the same shape; gates but in the
 * last. The nodes' tensors together are not out of proportion to those that are
 * there. */
wl_status wl_graph_verify(const wl_graph *graph, wl_error *error);
/* The stage's output of that name, or NULL: an output that a stage does not
 * have passes it by, and no row of it leaves there. */
const wl_output *wl_stage_output(const wl_stage *stage, const char *name);

/* ---- attributes: NULL or the default when the node has none of that name --
 */
const wl_attr *wl_node_attr(const wl_node *node, const char *name);
int64_t wl_node_int(const wl_node *node, const char *name, int64_t absent);
double wl_node_float(const wl_node *node, const char *name, double absent);
bool wl_node_bool(const wl_node *node, const char *name, bool absent);
wl_string wl_node_string(const wl_node *node, const char *name,
                         const char *absent);
const wl_const *wl_node_tensor(const wl_graph *graph, const wl_node *node,
                               const char *name);
/* The i-th string of a strings constant. */
wl_string wl_const_string(const wl_const *constant, size_t i);
/* Element i of a numeric constant, as a double. */
double wl_const_convert(const wl_const *constant, size_t i);
static inline double wl_const_number(const wl_const *constant, size_t i) {
  if (WL_LIKELY(constant->dtype == WL_F64))
    return ((const double *)constant->data)[i];
  return wl_const_convert(constant, i);
}

/* ---- text form ----------------------------------------------------------- */

/*
 * Parses the text form into an initialised, empty graph whose constants are
 * already there. Errors name the line.
 */
wl_status wl_graph_parse(wl_graph *graph, const char *text, size_t size,
                         wl_error *error);
/*
 * Prints. `with_types`: a comment with each node's type. *text is owned
 * (wl_free), terminated.
 */
wl_status wl_graph_print(const wl_graph *graph, bool with_types, char **text,
                         size_t *size, wl_error *error);

#endif
