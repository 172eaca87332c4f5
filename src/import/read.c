/* read.c: which format a model has, and its reader. */
#include <ctype.h>

#include "import/import.h"
#include "import/readers.h"

const char *wl_import_format_name(wl_import_format format) {
  static const char *const names[] = {"detect", "lightgbm", "xgboost-json",
                                      "xgboost-ubj", "catboost-json"};
  _Static_assert(WL_COUNT_OF(names) == WL_IMPORT_FORMAT_COUNT,
                 "a name for every format");
  return (unsigned)format < WL_IMPORT_FORMAT_COUNT ? names[format] : "unknown";
}

static bool begins(const char *bytes, size_t size, const char *text) {
  size_t n = strlen(text);
  return size >= n && memcmp(bytes, text, n) == 0;
}

/* Formats that are known by their first bytes and not read. */
static const struct refused_format {
  const char *begin, *what;
} refused[] = {
    {"binf", "XGBoost's old binary format; save the model again as .json or "
             ".ubj"},
    {"bs64", "XGBoost's old binary format; save the model again as .json or "
             ".ubj"},
    {"CBM1", "CatBoost's binary format; save the model again with "
             "format='json'"},
    {"\x80", "a pickle: load it in Python and save the booster itself"},
    {"PK", "a zip archive"},
    {"\x1f\x8b", "compressed by gzip"},
};

/* An object of UBJSON begins with the length of a name, or an attribute of the
 * object; one of JSON with a quote or space. */
static wl_status detect(const char *bytes, size_t size, wl_import_format *out,
                        wl_error *error) {
  size_t at = 0;
  for (size_t i = 0; i < WL_COUNT_OF(refused); i++)
    if (begins(bytes, size, refused[i].begin))
      return wl_fail(error, WL_ERROR_UNSUPPORTED,
                     "the model's format is not supported: it is %s",
                     refused[i].what);
  if (begins(bytes, size, "tree\n") || begins(bytes, size, "tree\r\n"))
    return *out = WL_IMPORT_LIGHTGBM, WL_OK;
  while (at < size && isspace((unsigned char)bytes[at]))
    at++;
  if (at + 1 < size && bytes[at] == '{') {
    bool is_ubjson =
        at == 0 && bytes[1] != '\0' && strchr("iUIlL$#N", bytes[1]) != NULL;
    *out = is_ubjson ? WL_IMPORT_XGBOOST_UBJSON : WL_IMPORT_XGBOOST_JSON;
    return WL_OK;
  }
  return wl_fail(error, WL_ERROR_VALUE,
                 "the model's format is not known: it begins neither as "
                 "LightGBM's text ('tree') nor as XGBoost's or CatBoost's JSON "
                 "or UBJSON ('{')");
}

/* JSON tells by its members whose it is: CatBoost's has features_info. */
static wl_status read_document(const void *bytes, size_t size,
                               wl_import_format format, bool is_detected,
                               wl_tree_model *model, wl_error *error) {
  wl_document document;
  bool is_catboost = format == WL_IMPORT_CATBOOST_JSON;
  wl_document_init(&document);
  wl_status status =
      format != WL_IMPORT_XGBOOST_UBJSON
          ? wl_document_read_json(&document, bytes, size, error)
          : wl_document_read_ubjson(&document, bytes, size, error);
  if (status == WL_OK && is_detected)
    is_catboost =
        wl_doc_member(&document, WL_DOC_ROOT, "features_info", NULL) != 0;
  if (status == WL_OK)
    status = is_catboost ? wl_read_catboost(&document, model, error)
                         : wl_read_xgboost(&document, model, error);
  wl_document_deinit(&document);
  return status;
}

wl_status wl_import_read(const void *bytes, size_t size,
                         wl_import_format format, wl_tree_model *model,
                         wl_error *error) {
  bool is_detected = format == WL_IMPORT_DETECT;
  if (is_detected)
    WL_TRY(detect(bytes, size, &format, error));
  switch (format) {
  case WL_IMPORT_LIGHTGBM:
    return wl_read_lightgbm(bytes, size, model, error);
  case WL_IMPORT_XGBOOST_JSON:
  case WL_IMPORT_XGBOOST_UBJSON:
  case WL_IMPORT_CATBOOST_JSON:
    return read_document(bytes, size, format, is_detected, model, error);
  case WL_IMPORT_DETECT:
  case WL_IMPORT_FORMAT_COUNT:
    break;
  }
  return wl_fail(error, WL_ERROR_VALUE, "there is no import format %d",
                 (int)format);
}
