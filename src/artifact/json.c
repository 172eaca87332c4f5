/* json.c: see json.h. */
#include "artifact/json.h"

/* Would jansson get now what it may have asked for? */
static bool has_memory(size_t size) {
  json_malloc_t allocate;
  json_free_t release;
  json_get_alloc_funcs(&allocate, &release);
  void *block = allocate(2 * size + 64);
  if (block == NULL)
    return false;
  release(block);
  return true;
}

wl_status wl_json_read(const char *text, size_t size, const char *what,
                       wl_status code, json_t **out, wl_error *error) {
  json_error_t where;
  *out = NULL;
  json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
  if (json_is_object(value)) {
    *out = value;
    return WL_OK;
  }
  if (value != NULL) {
    json_decref(value);
    return wl_fail(error, code, "%s is not a JSON object", what);
  }
  if (json_error_code(&where) == json_error_out_of_memory || !has_memory(size))
    return wl_fail_memory(error, size);
  return wl_fail(error, code, "%s is not JSON: %s at byte %d", what, where.text,
                 where.position);
}

void wl_json_free_text(char *text) {
  json_free_t release;
  json_get_alloc_funcs(NULL, &release);
  if (text != NULL)
    release(text);
}
