/*
 * char_trie.c: the vocabulary as a trie. Terms that the analyzer can never
 * produce are left out; sorted terms (as a fitted vocabulary has them) become
 * nodes without any lookup, others are sorted first.
 */
#include "text/char_internal.h"

/* Of larger alphabets, too many 2-grams are possible to mark them. */
enum { MAX_SUFFIX_CLASSES = 1000 };

typedef struct builder {
  const wl_vectorizer_params *params;
  uint16_t *class_ids; /* by code point */
  size_t n_class_ids;
  uint8_t *is_possible; /* by term */
  uint32_t *order;      /* possible terms; NULL: as they come */
  size_t n_possible;
  uint32_t *path; /* path[d]: the previous term's node at depth d */
  size_t longest;
} builder;

static wl_status fail_term(size_t term, wl_error *error) {
  return wl_fail(error, WL_ERROR_VALUE,
                 "count: vocabulary term %zu is not UTF-8", term);
}

/* Makes room for code points below `limit`. */
static wl_status grow_class_ids(builder *b, size_t limit, wl_error *error) {
  uint16_t *grown = wl_calloc(limit, sizeof(*grown));
  if (grown == NULL)
    return wl_fail_memory(error, limit * sizeof(*grown));
  if (b->n_class_ids != 0)
    memcpy(grown, b->class_ids, b->n_class_ids * sizeof(*grown));
  wl_free(b->class_ids);
  b->class_ids = grown;
  b->n_class_ids = limit;
  return WL_OK;
}

static inline uint32_t next_character(const uint8_t **at, const uint8_t *end) {
  return **at < 0x80 ? *(*at)++ : wl_utf8_decode(at, end);
}

/*
 * The length of a term in characters, SIZE_MAX when it is not UTF-8.
 * *has_gap: two spaces beside each other; *is_word: ' ', no space, ' '.
 */
static size_t measure(wl_string term, bool *has_gap, bool *is_word) {
  const uint8_t *at = (const uint8_t *)term.data, *end = at + term.size;
  size_t length = 0, n_spaces = 0;
  *has_gap = false;
  bool after_space = false, starts = term.size && *at == ' ';
  while (at < end) {
    bool is_space = *at == ' ';
    if (next_character(&at, end) == UINT32_MAX)
      return SIZE_MAX;
    *has_gap |= is_space && after_space;
    after_space = is_space;
    n_spaces += is_space;
    length++;
  }
  *is_word = starts && after_space && n_spaces == 2 && length > 2;
  return length;
}

/* Of a term that is not empty. Loads overlap, most terms being shorter than a
 * word. */
static bool is_ascii(wl_string term) {
  const char *at = term.data, *end = at + term.size;
  uint64_t any = 0, word;
  uint32_t first, last;
  if (term.size >= sizeof(word)) {
    for (; (size_t)(end - at) > sizeof(word); at += sizeof(word)) {
      memcpy(&word, at, sizeof(word));
      any |= word;
    }
    memcpy(&word, end - sizeof(word), sizeof(word));
    any |= word;
  } else if (term.size >= sizeof(first)) {
    memcpy(&first, at, sizeof(first));
    memcpy(&last, end - sizeof(last), sizeof(last));
    any = first | last;
  } else {
    any = (uint8_t)at[0] | (uint8_t)at[term.size / 2] | (uint8_t)end[-1];
  }
  return (any & 0x8080808080808080u) == 0;
}

static void mark_ascii(builder *b, wl_string term) {
  for (size_t i = 0; i < term.size; i++)
    b->class_ids[(uint8_t)term.data[i]] = 1;
}

static wl_status mark_characters(builder *b, wl_string term, wl_error *error) {
  const uint8_t *at = (const uint8_t *)term.data, *end = at + term.size;
  while (at < end) {
    uint32_t code_point = next_character(&at, end);
    if (WL_UNLIKELY(code_point >= b->n_class_ids))
      WL_TRY(
          grow_class_ids(b, code_point < 0x10000 ? 0x10000 : 0x110000, error));
    b->class_ids[code_point] = 1;
  }
  return WL_OK;
}

/* Marks the terms that can occur, and their characters. */
static wl_status scan_terms(builder *b, wl_error *error) {
  const wl_vectorizer_params *params = b->params;
  bool is_words = params->analyzer == WL_ANALYZER_CHAR_WB;
  for (size_t i = 0; i < params->n_terms; i++) {
    wl_string term = params->terms[i];
    if (term.size == 0)
      continue;
    bool has_gap = false, is_word = false;
    size_t length = term.size;
    bool has_ascii_only = is_ascii(term);
    if (is_words || !has_ascii_only)
      length = measure(term, &has_gap, &is_word);
    if (length == SIZE_MAX)
      return fail_term(i, error);
    /* A padded word that is too short for min_n counts once as a whole. */
    bool is_possible = length <= params->max_n &&
                       (length >= params->min_n || (is_words && is_word));
    if (!is_possible || (is_words && has_gap))
      continue;
    b->is_possible[i] = 1;
    b->n_possible++;
    if (length > b->longest)
      b->longest = length;
    if (has_ascii_only)
      mark_ascii(b, term);
    else
      WL_TRY(mark_characters(b, term, error));
  }
  return WL_OK;
}

/* Room for one term's nodes. */
static wl_status reserve_nodes(wl_char_trie *trie, size_t more,
                               wl_error *error) {
  if (WL_LIKELY(trie->capacity - trie->n_nodes >= more))
    return WL_OK;
  if (more >= INT32_MAX - 0x20000 - trie->n_nodes)
    return wl_fail(error, WL_ERROR_UNSUPPORTED,
                   "count: the vocabulary needs more than 2^31 nodes");
  return wl_grow((void **)&trie->nodes, &trie->capacity, trie->n_nodes + more,
                 sizeof(*trie->nodes), error);
}

static inline uint32_t add_node(wl_char_trie *trie, uint32_t parent,
                                uint16_t class_id) {
  uint32_t id = (uint32_t)trie->n_nodes++;
  wl_char_node *above = &trie->nodes[parent];
  trie->nodes[id] = (wl_char_node){.parent = parent,
                                   .next_sibling = above->first_child,
                                   .term = -1,
                                   .depth = above->depth + 1,
                                   .class_id = class_id};
  above->first_child = id;
  above->n_children++;
  return id;
}

static inline bool is_continuation(char byte) {
  return ((uint8_t)byte & 0xc0) == 0x80;
}

/* The bytes that two terms begin with alike; *depth: characters that begin
 * there. */
static size_t common_bytes(wl_string x, wl_string y, size_t *depth) {
  size_t least = x.size < y.size ? x.size : y.size, n = 0, begun = 0;
  for (; n < least && x.data[n] == y.data[n]; n++)
    begun += !is_continuation(x.data[n]);
  *depth = begun;
  return n;
}

/*
 * Adds the possible terms in order. *is_sorted is false, and the trie useless,
 * when a term does not come after the one before it. The order of bytes is
 * that of code points, so of classes.
 */
static wl_status add_terms(builder *b, wl_char_trie *trie, bool *is_sorted,
                           wl_error *error) {
  trie->n_nodes = 0;
  trie->min_depth = UINT32_MAX;
  trie->max_depth = 0;
  *is_sorted = true;
  WL_TRY(reserve_nodes(trie, b->n_possible + b->n_possible / 8 + 1, error));
  trie->nodes[trie->n_nodes++] = (wl_char_node){.term = -1};
  b->path[0] = 0;
  wl_string before = {"", 0};
  size_t previous = 0;
  size_t n = b->order ? b->n_possible : b->params->n_terms;
  for (size_t i = 0; i < n; i++) {
    size_t term = b->order ? b->order[i] : i;
    if (!b->is_possible[term])
      continue;
    wl_string text = b->params->terms[term];
    size_t depth, common = common_bytes(text, before, &depth);
    if (common == text.size && common == before.size)
      return wl_fail(error, WL_ERROR_VALUE,
                     "count: vocabulary terms %zu and %zu are the same",
                     previous, term);
    if (common == text.size ||
        (common < before.size &&
         (uint8_t)text.data[common] < (uint8_t)before.data[common])) {
      *is_sorted = false;
      return WL_OK;
    }
    /* Terms may differ in a character's later byte. */
    while (common < text.size && is_continuation(text.data[common]))
      depth -= !is_continuation(text.data[--common]);
    WL_TRY(reserve_nodes(trie, text.size - common, error));
    const uint8_t *at = (const uint8_t *)text.data + common;
    const uint8_t *end = (const uint8_t *)text.data + text.size;
    for (; at < end; depth++)
      b->path[depth + 1] = add_node(trie, b->path[depth],
                                    b->class_ids[next_character(&at, end)]);
    trie->nodes[b->path[depth]].term = (int32_t)term;
    if (depth < trie->min_depth)
      trie->min_depth = (uint32_t)depth;
    if (depth > trie->max_depth)
      trie->max_depth = (uint32_t)depth;
    before = text;
    previous = term;
  }
  return WL_OK;
}

/* ---- suffixes ------------------------------------------------------- */

/* A child among siblings by falling class, added when it is new. */
static uint32_t find_or_add(wl_char_trie *trie, uint32_t parent,
                            uint16_t class_id) {
  uint32_t before = 0, at = trie->nodes[parent].first_child;
  while (at != 0 && trie->nodes[at].class_id > class_id) {
    before = at;
    at = trie->nodes[at].next_sibling;
  }
  if (at != 0 && trie->nodes[at].class_id == class_id)
    return at;
  uint32_t first = trie->nodes[parent].first_child;
  uint32_t id = add_node(trie, parent, class_id);
  if (before != 0) {
    trie->nodes[parent].first_child = first;
    trie->nodes[id].next_sibling = at;
    trie->nodes[before].next_sibling = id;
  }
  return id;
}

/*
 * Adds what is missing of the last two characters of every longer node, so
 * that a repeated term always shows as a repeated 2-gram. A fitted vocabulary
 * lacks few: where a term and its suffix are as frequent, and only one of them
 * was kept.
 */
static wl_status add_suffixes(wl_char_trie *trie, size_t n_classes,
                              wl_error *error) {
  if (n_classes > MAX_SUFFIX_CLASSES || trie->max_depth < 2)
    return WL_OK;
  size_t side = n_classes + 1, n_terms = trie->n_nodes;
  uint8_t *has = wl_calloc(side, side);
  if (has == NULL)
    return wl_fail_memory(error, side * side);
  wl_status status = WL_OK;
  const wl_char_node *nodes = trie->nodes;
  for (size_t i = 1; i < n_terms; i++)
    if (nodes[i].depth == 2)
      has[nodes[nodes[i].parent].class_id * side + nodes[i].class_id] = 1;
  for (size_t i = 1; i < n_terms && status == WL_OK; i++) {
    wl_char_node node = trie->nodes[i];
    uint16_t before = trie->nodes[node.parent].class_id;
    if (node.depth < 3 || has[before * side + node.class_id])
      continue;
    has[before * side + node.class_id] = 1;
    status = reserve_nodes(trie, 2, error);
    if (status == WL_OK)
      find_or_add(trie, find_or_add(trie, 0, before), node.class_id);
  }
  wl_free(has);
  trie->has_suffixes = status == WL_OK;
  return status;
}

/* ---- sorting -------------------------------------------------------- */

typedef struct sort_item {
  uint64_t prefix; /* the first 8 bytes, most significant first */
  uint32_t term;
} sort_item;

/* The order of UTF-8 bytes is the order of code points, so of classes. */
static bool is_before(const wl_string *terms, const sort_item *a,
                      const sort_item *b) {
  if (a->prefix != b->prefix)
    return a->prefix < b->prefix;
  wl_string x = terms[a->term], y = terms[b->term];
  int order = memcmp(x.data, y.data, x.size < y.size ? x.size : y.size);
  return order != 0 ? order < 0 : x.size < y.size;
}

static void merge(const wl_string *terms, const sort_item *from, sort_item *to,
                  size_t begin, size_t middle, size_t end) {
  size_t a = begin, b = middle;
  for (size_t i = begin; i < end; i++) {
    bool takes_second =
        a == middle || (b < end && is_before(terms, &from[b], &from[a]));
    to[i] = from[takes_second ? b++ : a++];
  }
}

static wl_status sort_terms(builder *b, wl_error *error) {
  size_t n = b->n_possible, size = n * sizeof(sort_item);
  const wl_string *terms = b->params->terms;
  sort_item *items = wl_alloc(2 * size);
  b->order = wl_alloc(n * sizeof(*b->order));
  if (items == NULL || b->order == NULL) {
    wl_free(items);
    return wl_fail_memory(error, 2 * size);
  }
  size_t at = 0;
  for (size_t i = 0; i < b->params->n_terms; i++) {
    if (!b->is_possible[i])
      continue;
    uint64_t prefix = 0;
    for (size_t k = 0; k < 8; k++)
      prefix =
          prefix << 8 | (k < terms[i].size ? (uint8_t)terms[i].data[k] : 0u);
    items[at++] = (sort_item){prefix, (uint32_t)i};
  }
  sort_item *from = items, *to = items + n;
  for (size_t width = 1; width < n; width *= 2) {
    for (size_t begin = 0; begin < n; begin += 2 * width) {
      size_t middle = begin + width < n ? begin + width : n;
      size_t end = middle + width < n ? middle + width : n;
      merge(terms, from, to, begin, middle, end);
    }
    sort_item *swapped = from;
    from = to;
    to = swapped;
  }
  for (size_t i = 0; i < n; i++)
    b->order[i] = from[i].term;
  wl_free(items);
  return WL_OK;
}

/* ---- all together --------------------------------------------------- */

wl_status wl_char_trie_build(const wl_vectorizer_params *params,
                             wl_char_map *map, wl_char_trie *trie,
                             wl_error *error) {
  builder b = {.params = params};
  wl_status status;
  bool is_sorted = true;
  b.is_possible = wl_calloc(params->n_terms, 1);
  if (b.is_possible == NULL) {
    status = wl_fail_memory(error, params->n_terms);
    goto done;
  }
  WL_TRY_DONE(status, grow_class_ids(&b, 0x80, error));
  WL_TRY_DONE(status, scan_terms(&b, error));
  WL_TRY_DONE(status,
              wl_char_map_init(map, params, b.class_ids, b.n_class_ids, error));
  b.path = wl_calloc(b.longest + 1, sizeof(*b.path));
  if (b.path == NULL)
    WL_TRY_DONE(status,
                wl_fail_memory(error, (b.longest + 1) * sizeof(*b.path)));
  WL_TRY_DONE(status, add_terms(&b, trie, &is_sorted, error));
  if (!is_sorted) {
    WL_TRY_DONE(status, sort_terms(&b, error));
    WL_TRY_DONE(status, add_terms(&b, trie, &is_sorted, error));
  }
  WL_TRY_DONE(status, add_suffixes(trie, map->n_classes, error));
  if (trie->max_depth == 0)
    trie->min_depth = 0;
done:
  wl_free(b.class_ids);
  wl_free(b.is_possible);
  wl_free(b.order);
  wl_free(b.path);
  return status;
}
