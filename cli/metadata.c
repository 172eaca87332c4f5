/* metadata.c: reads the metadata; what it does not know it leaves alone. */
#include "metadata.h"

#include "base/number.h"

/* A JSON value's text, owned; NULL without memory. */
static char *dump(const json_t *value) {
  char *json = json_dumps(value, JSON_ENCODE_ANY);
  char *copy = json != NULL ? wl_strndup(json, strlen(json)) : NULL;
  json_free_t release;
  json_get_alloc_funcs(NULL, &release);
  if (json != NULL)
    release(json);
  return copy;
}

/* As Python prints it: a float has a point, an exponent, or is not finite. */
static char *print_real(double value) {
  char room[WL_NUMBER_SIZE + 2];
  size_t size = wl_print_double(value, room);
  if (strspn(room, "-0123456789") == size) {
    memcpy(room + size, ".0", 3);
    size += 2;
  }
  return wl_strndup(room, size);
}

void cli_name_deinit(cli_name *name) {
  wl_free(name->text);
  wl_free(name->json);
  *name = (cli_name){.text = NULL};
}

wl_status cli_name_init(cli_name *name, const char *text, size_t size,
                        wl_error *error) {
  json_t *value = json_stringn(text, size);
  *name = (cli_name){wl_strndup(text, size), size, NULL};
  if (value != NULL)
    name->json = dump(value);
  json_decref(value);
  if (name->text == NULL || name->json == NULL)
    return wl_fail_memory(error, size);
  return WL_OK;
}

static wl_status read_class(const json_t *value, cli_name *out,
                            wl_error *error) {
  switch (json_typeof(value)) {
  case JSON_STRING:
    return cli_name_init(out, json_string_value(value),
                         json_string_length(value), error);
  case JSON_REAL:
    out->text = print_real(json_real_value(value));
    out->json = print_real(json_real_value(value));
    break;
  case JSON_INTEGER:
    out->text = dump(value);
    out->json = dump(value);
    break;
  case JSON_TRUE:
  case JSON_FALSE: /* as Python and pandas write them into CSV */
    out->text = wl_strndup(json_is_true(value) ? "True" : "False",
                           json_is_true(value) ? 4 : 5);
    out->json = dump(value);
    break;
  default:
    return wl_fail(error, WL_ERROR_ARTIFACT,
                   "the model's metadata is wrong: a class is neither a "
                   "string, a number nor a boolean");
  }
  if (out->text == NULL || out->json == NULL)
    return wl_fail_memory(error, 0);
  out->size = strlen(out->text);
  return WL_OK;
}

wl_status cli_metadata_init(cli_metadata *metadata, const char *text,
                            wl_error *error) {
  json_error_t problem = {.text = ""};
  *metadata = (cli_metadata){.root = NULL};
  metadata->root = json_loads(text, JSON_ALLOW_NUL, &problem);
  if (!json_is_object(metadata->root))
    return wl_fail(error, WL_ERROR_ARTIFACT,
                   "the model's metadata is not a JSON object: %s",
                   problem.text);
  metadata->is_multilabel =
      json_is_true(json_object_get(metadata->root, "multilabel"));
  const json_t *classes = json_object_get(metadata->root, "classes");
  if (!json_is_array(classes))
    return WL_OK;
  size_t n = json_array_size(classes);
  metadata->classes = wl_calloc(n, sizeof *metadata->classes);
  if (metadata->classes == NULL)
    return wl_fail_memory(error, n * sizeof *metadata->classes);
  metadata->n_classes = n;
  for (size_t i = 0; i < n; i++)
    WL_TRY(
        read_class(json_array_get(classes, i), &metadata->classes[i], error));
  return WL_OK;
}

void cli_metadata_deinit(cli_metadata *metadata) {
  for (size_t i = 0; i < metadata->n_classes; i++)
    cli_name_deinit(&metadata->classes[i]);
  wl_free(metadata->classes);
  json_decref(metadata->root);
  *metadata = (cli_metadata){.root = NULL};
}

const json_t *cli_metadata_feature_names(const cli_metadata *metadata,
                                         size_t n_names) {
  const json_t *names = json_object_get(metadata->root, "feature_names_in");
  if (!json_is_array(names) || json_array_size(names) != n_names)
    return NULL;
  for (size_t i = 0; i < n_names; i++)
    if (!json_is_string(json_array_get(names, i)))
      return NULL;
  return names;
}

/* Says which columns are categories, where the metadata tell names; they do not
 * where the categories go by their order among such columns. */
static void name_category_columns(const cli_metadata *metadata,
                                  const json_t *about, char *room,
                                  size_t size) {
  const json_t *known = json_object_get(about, "categories");
  size_t n = json_array_size(known), at = 0;
  const json_t *names = cli_metadata_feature_names(metadata, n);
  room[0] = '\0';
  if (names == NULL || json_is_true(json_object_get(about, "by_order")))
    return;
  for (size_t i = 0; i < n && at < size; i++)
    if (!json_is_null(json_array_get(known, i)))
      at += (size_t)snprintf(room + at, size - at, "%s'%s'",
                             at > 0 ? ", " : " (columns ",
                             json_string_value(json_array_get(names, i)));
  if (at > 0 && at < size)
    snprintf(room + at, size - at, ")");
}

wl_status cli_metadata_check_categories(const cli_metadata *metadata,
                                        wl_error *error) {
  const json_t *about = json_object_get(metadata->root, "categories");
  char columns[256];
  if (about == NULL || json_is_null(about))
    return WL_OK;
  name_category_columns(metadata, about, columns, sizeof columns);
  return wl_fail(error, WL_ERROR_UNSUPPORTED,
                 "the model was fitted on a pandas frame's categories%s, whose "
                 "values the program does not turn into codes: predict from "
                 "Python (willump.load)",
                 columns);
}

/* ---- printing ------------------------------------------------------------ */

static void begin_item(FILE *to, size_t number, int depth) {
  fprintf(to, "%s\n%*s", number > 0 ? "," : "", 2 * (depth + 1), "");
}

static wl_status print_value(FILE *to, const json_t *value, int depth,
                             wl_error *error);

static wl_status print_items(FILE *to, const json_t *value, int depth,
                             wl_error *error) {
  size_t n = 0;
  if (json_is_array(value))
    for (; n < json_array_size(value); n++) {
      begin_item(to, n, depth);
      WL_TRY(print_value(to, json_array_get(value, n), depth + 1, error));
    }
  for (void *i = json_object_iter((json_t *)(uintptr_t)value); i != NULL;
       i = json_object_iter_next((json_t *)(uintptr_t)value, i)) {
    cli_name key;
    const char *text = json_object_iter_key(i);
    begin_item(to, n++, depth);
    wl_status status = cli_name_init(&key, text, strlen(text), error);
    if (status == WL_OK)
      fprintf(to, "%s: ", key.json);
    cli_name_deinit(&key);
    WL_TRY(status);
    WL_TRY(print_value(to, json_object_iter_value(i), depth + 1, error));
  }
  if (n > 0)
    fprintf(to, "\n%*s", 2 * depth, "");
  return WL_OK;
}

/* No deeper than the reader of the metadata allows. */
static wl_status print_value(FILE *to, const json_t *value, int depth,
                             wl_error *error) {
  bool is_array = json_is_array(value);
  if (is_array || json_is_object(value)) {
    fputc(is_array ? '[' : '{', to);
    WL_TRY(print_items(to, value, depth, error));
    fputc(is_array ? ']' : '}', to);
    return WL_OK;
  }
  char *text =
      json_is_real(value) ? print_real(json_real_value(value)) : dump(value);
  if (text == NULL)
    return wl_fail_memory(error, 0);
  fputs(text, to);
  wl_free(text);
  return WL_OK;
}

wl_status cli_json_print(FILE *to, const json_t *value, wl_error *error) {
  return print_value(to, value, 0, error);
}
