/*
 * model.c: the public functions: a model is its source graph (for saving and
 * printing), the plan made of it, and the idle contexts of its callers.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "api/planned.h"
#include "api/single.h"
#include "artifact/artifact.h"
#include "artifact/json.h"
#include "base/cpu.h"
#include "exec/run.h"
#include "passes/passes.h"

struct wl_model {
  atomic_size_t references;
  wl_artifact source; /* the graph as given, whose tensors the plan may read,
                         and the metadata */
  wl_file file;       /* what the graph's tensors borrow, when loaded */
  wl_plan plan;
  wl_context_list contexts;
  wl_singles singles; /* plans for rows of float32 */
  uint32_t n_threads;
};

/* An option struct of an older caller is shorter. */
#define HAS_FIELD(options, type, field)                                        \
  ((options) != NULL &&                                                        \
   (options)->size >= offsetof(type, field) + sizeof((options)->field))

enum { MAX_THREADS = 255 };

/* The number asked for; 0: WILLUMP_NUM_THREADS, or 1. */
static wl_status choose_threads(uint32_t asked, uint32_t *out,
                                wl_error *error) {
  const char *text = asked == 0 ? getenv("WILLUMP_NUM_THREADS") : NULL;
  *out = asked != 0 ? asked : 1;
  if (text != NULL && text[0] != '\0') {
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);
    if (*end != '\0' || errno != 0 || n < 1 || n > INT32_MAX)
      return wl_fail(error, WL_ERROR_VALUE,
                     "WILLUMP_NUM_THREADS='%.40s' is not a number of threads",
                     text);
    *out = (uint32_t)n;
  }
  if (*out > MAX_THREADS)
    *out = MAX_THREADS;
  return WL_OK;
}

/* A misspelt variant would make a test or a benchmark lie. */
static wl_status check_cpu_setting(wl_error *error) {
  const char *text = getenv("WILLUMP_CPU");
  if (text == NULL || text[0] == '\0')
    return WL_OK;
  for (int level = 0; level < WL_CPU_LEVEL_COUNT; level++)
    if (strcmp(text, wl_cpu_level_name((wl_cpu_level)level)) == 0)
      return WL_OK;
  return wl_fail(error, WL_ERROR_VALUE,
                 "WILLUMP_CPU='%.40s' is not one of portable, avx2, avx512bw, "
                 "avx512",
                 text);
}

static wl_status model_create(const wl_options *options, wl_model **out,
                              wl_error *error) {
  uint32_t n_threads;
  *out = NULL;
  WL_TRY(check_cpu_setting(error));
  WL_TRY(choose_threads(
      HAS_FIELD(options, wl_options, n_threads) ? options->n_threads : 0,
      &n_threads, error));
  wl_model *model = wl_calloc(1, sizeof *model);
  if (model == NULL)
    return wl_fail_memory(error, sizeof *model);
  atomic_init(&model->references, 1);
  wl_graph_init(&model->source.graph);
  wl_context_list_init(&model->contexts);
  wl_singles_init(&model->singles);
  model->n_threads = n_threads;
  *out = model;
  return WL_OK;
}

wl_model *wl_model_retain(wl_model *model) {
  if (model != NULL)
    atomic_fetch_add_explicit(&model->references, 1, memory_order_relaxed);
  return model;
}

void wl_model_release(wl_model *model) {
  if (model == NULL || atomic_fetch_sub_explicit(&model->references, 1,
                                                 memory_order_acq_rel) != 1)
    return;
  wl_singles_deinit(&model->singles);
  wl_context_list_deinit(&model->contexts);
  wl_plan_deinit(&model->plan);
  wl_artifact_deinit(&model->source);
  wl_file_deinit(&model->file);
  wl_free(model);
}

/* What calls change of a model: lists of contexts and of plans, and what is
 * bound when it is asked for first. */
static wl_status ready(const wl_model *model, size_t output, wl_model **out,
                       wl_error *error) {
  *out = (wl_model *)(uintptr_t)model;
  return wl_plan_is_late(&model->plan, output)
             ? wl_plan_bind_source(&(*out)->plan, &model->source.graph, output,
                                   error)
             : WL_OK;
}

/* ---- compile ------------------------------------------------------------- */

static wl_status copy_bytes(wl_graph *graph, const void *from, size_t size,
                            const void **out, wl_error *error) {
  void *copy = wl_arena_alloc(&graph->arena, size);
  if (copy == NULL)
    return wl_fail_memory(error, size);
  if (size != 0)
    memcpy(copy, from, size);
  *out = copy;
  return WL_OK;
}

/* Offsets of 64 bits as 32. NULL, or too many, is refused later. */
static wl_status copy_offsets(wl_graph *graph, const wl_tensor *tensor,
                              const uint32_t **out, wl_error *error) {
  *out = NULL;
  if (tensor->dtype != WL_STRING || tensor->offsets == NULL ||
      tensor->n_dims != 1 || tensor->shape[0] > WL_MAX_COLUMNS)
    return WL_OK;
  size_t n = (size_t)tensor->shape[0], size = (n + 1) * sizeof **out;
  uint32_t *offsets = wl_arena_alloc(&graph->arena, size);
  if (offsets == NULL)
    return wl_fail_memory(error, size);
  for (size_t i = 0; i <= n; i++) {
    if (tensor->offsets[i] > UINT32_MAX)
      return wl_fail(error, WL_ERROR_UNSUPPORTED,
                     "tensor '%.200s': strings of more than 4 GiB",
                     tensor->name);
    offsets[i] = (uint32_t)tensor->offsets[i];
  }
  *out = offsets;
  return WL_OK;
}

static wl_status copy_tensor(wl_graph *graph, const wl_tensor *tensor,
                             wl_error *error) {
  wl_const constant = {.name = tensor->name,
                       .dtype = tensor->dtype,
                       .n_dims = tensor->n_dims,
                       .data = tensor->data};
  if (tensor->name == NULL)
    return wl_fail(error, WL_ERROR_VALUE, "a tensor has no name");
  WL_TRY(copy_offsets(graph, tensor, &constant.offsets, error));
  memcpy(constant.shape, tensor->shape, sizeof constant.shape);
  uint32_t number;
  WL_TRY(wl_graph_add_constant(graph, &constant, &number, error));
  wl_const *added = &graph->constants[number];
  size_t size = added->n_elements * wl_dtype_size(added->dtype);
  if (added->dtype == WL_STRING)
    size = added->offsets[added->n_elements];
  if (added->data == NULL && size != 0)
    return wl_fail(error, WL_ERROR_VALUE, "tensor '%.200s' has no data",
                   added->name);
  added->is_lasting = true;
  return copy_bytes(graph, added->data, size, &added->data, error);
}

/* Tensors are all that is large of a graph. */
static wl_status make_room(wl_graph *graph, const wl_tensor *tensors,
                           size_t n_tensors, wl_error *error) {
  size_t total = 0;
  for (size_t i = 0; i < n_tensors; i++) {
    const wl_tensor *tensor = &tensors[i];
    size_t size = wl_dtype_size(tensor->dtype);
    for (uint32_t d = 0; d < tensor->n_dims && d < WL_TENSOR_MAX_DIMS; d++)
      if (tensor->shape[d] > WL_MAX_COLUMNS ||
          wl_mul_overflows(size, tensor->shape[d], &size))
        return WL_OK; /* copying it says what is wrong */
    if (wl_add_overflows(total, wl_arena_padded(size), &total) ||
        wl_add_overflows(total, wl_arena_padded(WL_MAX_TENSOR_NAME), &total))
      return WL_OK;
  }
  return total != 0 ? wl_arena_reserve(&graph->arena, total, error) : WL_OK;
}

static wl_status check_metadata(const char *metadata, wl_status code,
                                wl_error *error) {
  json_t *value;
  WL_TRY(wl_json_read(metadata, strlen(metadata), "the metadata", code, &value,
                      error));
  json_decref(value);
  return WL_OK;
}

wl_status wl_model_compile(const char *graph, size_t graph_size,
                           const wl_tensor *tensors, size_t n_tensors,
                           const char *metadata, const wl_options *options,
                           wl_model **out, wl_error *error) {
  *out = NULL;
  wl_model *model;
  WL_TRY(model_create(options, &model, error));
  wl_graph *source = &model->source.graph;
  wl_status status;
  if (metadata == NULL)
    metadata = "{}";
  WL_TRY_DONE(status, check_metadata(metadata, WL_ERROR_VALUE, error));
  WL_TRY_DONE(status, make_room(source, tensors, n_tensors, error));
  for (size_t i = 0; i < n_tensors; i++)
    WL_TRY_DONE(status, copy_tensor(source, &tensors[i], error));
  WL_TRY_DONE(status, wl_graph_parse(source, graph, graph_size, error));
  model->source.metadata = wl_strndup(metadata, strlen(metadata));
  if (model->source.metadata == NULL)
    WL_TRY_DONE(status, wl_fail_memory(error, strlen(metadata)));
  WL_TRY_DONE(status, wl_plan_of_source(&model->plan, &model->source.graph,
                                        true, error));
  *out = model;
  return WL_OK;
done:
  wl_model_release(model);
  return status;
}

/* ---- artifacts ----------------------------------------------------------- */

/* What no writer writes: whatever its digest says, the file is damaged. */
static wl_status as_damage(wl_status status, wl_error *error) {
  if (status != WL_ERROR_VALUE && status != WL_ERROR_TYPE)
    return status;
  if (error == NULL)
    return WL_ERROR_ARTIFACT;
  char message[WL_ERROR_MESSAGE_SIZE];
  memcpy(message, error->message, sizeof message);
  return wl_fail(error, WL_ERROR_ARTIFACT, "the artifact's graph: %.960s",
                 message);
}

/* Takes over the file's bytes, also on failure. */
static wl_status load_file(wl_file *file, const wl_options *options,
                           wl_model **out, wl_error *error) {
  wl_model *model;
  wl_status status = model_create(options, &model, error);
  if (status != WL_OK) {
    wl_file_deinit(file);
    return status;
  }
  model->file = *file;
  status = wl_artifact_read(file->bytes, file->size, &model->source, error);
  for (size_t i = 0; status == WL_OK && i < model->source.graph.n_constants;
       i++)
    model->source.graph.constants[i].is_lasting = true;
  if (status == WL_OK)
    status = check_metadata(model->source.metadata, WL_ERROR_ARTIFACT, error);
  if (status == WL_OK)
    status = wl_plan_of_source(&model->plan, &model->source.graph, true, error);
  if (status == WL_OK) {
    wl_file_release_pages(&model->file); /* the digest's check read them all */
    *out = model;
  } else {
    wl_model_release(model);
  }
  return as_damage(status, error);
}

wl_status wl_model_load(const char *path, const wl_options *options,
                        wl_model **out, wl_error *error) {
  wl_file file;
  *out = NULL;
  bool use_mmap = HAS_FIELD(options, wl_options, use_mmap) && options->use_mmap;
  wl_status status = wl_file_read(path, use_mmap, &file, error);
  if (status == WL_OK)
    status = load_file(&file, options, out, error);
  bool is_of_file =
      status == WL_ERROR_ARTIFACT || status == WL_ERROR_UNSUPPORTED;
  return is_of_file ? wl_fail_file(error, status, path) : status;
}

wl_status wl_model_load_memory(const void *bytes, size_t size,
                               const wl_options *options, wl_model **out,
                               wl_error *error) {
  *out = NULL;
  wl_file file = {wl_alloc_aligned(64, size ? size : 1), size, false};
  if (file.bytes == NULL)
    return wl_fail_memory(error, size);
  if (size != 0)
    memcpy(file.bytes, bytes, size);
  return load_file(&file, options, out, error);
}

wl_status wl_model_to_memory(const wl_model *model, void **bytes, size_t *size,
                             wl_error *error) {
  return wl_artifact_write(&model->source.graph, model->source.metadata, bytes,
                           size, error);
}

wl_status wl_model_save(const wl_model *model, const char *path,
                        wl_error *error) {
  void *bytes = NULL;
  size_t size = 0;
  WL_TRY(wl_model_to_memory(model, &bytes, &size, error));
  wl_status status = wl_file_replace(path, bytes, size, error);
  wl_free(bytes);
  return status;
}

void wl_free_bytes(void *bytes) { wl_free(bytes); }

/* ---- description --------------------------------------------------------- */

const char *wl_model_metadata(const wl_model *model) {
  return model->source.metadata;
}

wl_status wl_model_print(const wl_model *model, const char *after, char **text,
                         wl_error *error) {
  size_t size;
  *text = NULL;
  if (after == NULL)
    return wl_graph_print(&model->source.graph, true, text, &size, error);
  wl_pass_results *results = wl_calloc(1, sizeof *results);
  if (results == NULL)
    return wl_fail_memory(error, sizeof *results);
  wl_status status = wl_passes_run(&model->source.graph, after, results, error);
  if (status == WL_OK)
    status = wl_graph_print(wl_passes_last(results), true, text, &size, error);
  wl_passes_deinit(results);
  wl_free(results);
  return status;
}

size_t wl_model_n_inputs(const wl_model *model) { return model->plan.n_inputs; }

wl_status wl_model_input_info(const wl_model *model, size_t input,
                              wl_input_info *info, wl_error *error) {
  if (input >= model->plan.n_inputs)
    return wl_fail(error, WL_ERROR_VALUE, "the model has no input %zu", input);
  const wl_plan_input *from = &model->plan.inputs[input];
  *info = (wl_input_info){.name = from->name,
                          .kind = from->kind,
                          .position = from->position,
                          .n_features =
                              model->plan.nodes[from->node].type.n_columns};
  return WL_OK;
}

size_t wl_model_n_outputs(const wl_model *model) {
  return model->plan.n_outputs;
}

wl_status wl_model_output_info(const wl_model *model, size_t output,
                               wl_output_info *info, wl_error *error) {
  if (output >= model->plan.n_outputs)
    return wl_fail(error, WL_ERROR_VALUE, "the model has no output %zu",
                   output);
  const wl_plan_output *from = &model->plan.outputs[output];
  *info = (wl_output_info){.name = from->name,
                           .dtype = from->type.dtype,
                           .is_sparse = from->type.kind == WL_VALUE_CSR,
                           .n_columns = from->type.n_columns,
                           .has_external = from->has_external,
                           .n_stages = from->n_stages};
  return WL_OK;
}

int wl_model_find_output(const wl_model *model, const char *name) {
  for (size_t o = 0; name != NULL && o < model->plan.n_outputs; o++)
    if (strcmp(model->plan.outputs[o].name, name) == 0)
      return (int)o;
  return -1;
}

size_t wl_model_n_nodes(const wl_model *model) {
  return model->source.graph.n_nodes;
}

size_t wl_model_n_stages(const wl_model *model) { return model->plan.n_stages; }

/* ---- running ------------------------------------------------------------- */

static size_t run_threads(const wl_model *model,
                          const wl_run_options *options) {
  if (HAS_FIELD(options, wl_run_options, n_threads) && options->n_threads != 0)
    return options->n_threads < MAX_THREADS ? options->n_threads : MAX_THREADS;
  return model->n_threads;
}

/* A shorter struct of an older caller, widened. */
static wl_run_options full_options(const wl_run_options *options) {
  wl_run_options full = {.size = sizeof full};
  if (options != NULL)
    memcpy(&full, options,
           options->size < sizeof full ? options->size : sizeof full);
  return full;
}

/* A slip that callers through a foreign function interface make. */
static wl_status check_pointers(const void *inputs, size_t n_inputs,
                                const void *out, uint64_t n_rows,
                                wl_error *error) {
  if (inputs == NULL && n_inputs != 0)
    return wl_fail(error, WL_ERROR_VALUE, "the pointer to the inputs is NULL");
  if (out == NULL && n_rows != 0)
    return wl_fail(error, WL_ERROR_VALUE, "the pointer to the result is NULL");
  return WL_OK;
}

wl_status wl_model_predict(const wl_model *model, size_t output,
                           const wl_input *inputs, size_t n_inputs,
                           uint64_t n_rows, const wl_run_options *options,
                           void *out, uint8_t *stage_out, wl_error *error) {
  wl_run_options full = full_options(options);
  wl_model *shared;
  WL_TRY(check_pointers(inputs, n_inputs, out, n_rows, error));
  if (full.n_candidates != 0)
    return wl_fail(error, WL_ERROR_VALUE,
                   "n_candidates is for runs: use wl_run_create");
  WL_TRY(ready(model, output, &shared, error));
  const wl_plan *plan = &model->plan;
  wl_context_list *contexts = &shared->contexts;
  WL_TRY(wl_singles_choose(&shared->singles, &model->source.graph, inputs,
                           n_inputs, &plan, &contexts, error));
  return wl_exec_predict(plan, contexts, output, inputs, n_inputs, n_rows,
                         run_threads(model, options), &full, out, stage_out,
                         error);
}

wl_status wl_model_predict_row(const wl_model *model, size_t output,
                               const double *values, size_t n_values, void *out,
                               wl_error *error) {
  wl_model *shared;
  WL_TRY(check_pointers(values, n_values, out, 1, error));
  WL_TRY(ready(model, output, &shared, error));
  return wl_exec_predict_row(&model->plan, &shared->contexts, output, values,
                             n_values, out, error);
}

bool wl_model_shows_single(const wl_model *model, size_t output,
                           const wl_input *inputs, size_t n_inputs) {
  return model != NULL && inputs != NULL && output < model->plan.n_outputs &&
         n_inputs == model->plan.n_inputs &&
         wl_singles_show(&model->singles, output, inputs, n_inputs);
}

wl_status wl_run_create(const wl_model *model, size_t output,
                        const wl_input *inputs, size_t n_inputs,
                        uint64_t n_rows, const wl_run_options *options,
                        wl_run **out, wl_error *error) {
  wl_run_options full = full_options(options);
  wl_model *shared;
  WL_TRY(check_pointers(inputs, n_inputs, out, 1, error));
  WL_TRY(ready(model, output, &shared, error));
  if (full.n_candidates != 0)
    WL_TRY(ready(model, full.filter, &shared, error));
  const wl_plan *plan = &model->plan;
  wl_context_list *contexts = &shared->contexts;
  WL_TRY(wl_singles_choose(&shared->singles, &model->source.graph, inputs,
                           n_inputs, &plan, &contexts, error));
  WL_TRY(wl_exec_create(plan, contexts, output, inputs, n_inputs, n_rows,
                        run_threads(model, options), &full, out, error));
  wl_exec_set_owner(*out, wl_model_retain(shared));
  return WL_OK;
}

void wl_run_free(wl_run *run) {
  if (run == NULL)
    return;
  wl_model *owner = wl_exec_owner(run);
  wl_exec_free(run);
  wl_model_release(owner);
}
