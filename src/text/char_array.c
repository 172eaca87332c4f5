/*
 * char_array.c: lays the trie out as a double array. The children of a node
 * lie at base + class for one base of its own; families are placed largest
 * first, each at the first base where all its places are free, so that the
 * many only children fill the holes and hardly any slot stays empty. Where
 * slots have more than 16 bits and labels fit, no two families share a base.
 */
#include "text/char_internal.h"

/* Slots of a narrow table: 65,535 marks an entry without a parent. */
enum { MAX_NARROW = 65535 };

/* Free places as bits; what lies past the end is free. */
typedef struct placer {
  uint64_t *free;
  size_t n_words, capacity;
  /* The bases in use, as bits, from -n_classes on: for labels only. */
  bool has_labels;
  size_t n_classes;
  uint64_t *used;
  size_t n_used_words, used_capacity;
  size_t highest;    /* the highest place in use */
  uint32_t *offsets; /* of the family at hand, from its lowest class */
  size_t n_offsets;
} placer;

static wl_status reach(placer *p, size_t n_words, wl_error *error) {
  WL_TRY(wl_grow((void **)&p->free, &p->capacity, n_words, sizeof(*p->free),
                 error));
  if (n_words > p->n_words) {
    memset(p->free + p->n_words, 0xff,
           (p->capacity - p->n_words) * sizeof(*p->free));
    p->n_words = p->capacity;
  }
  if (!p->has_labels)
    return WL_OK;
  n_words = p->n_words + p->n_classes / 64 + 2;
  WL_TRY(wl_grow((void **)&p->used, &p->used_capacity, n_words,
                 sizeof(*p->used), error));
  if (n_words > p->n_used_words) {
    memset(p->used + p->n_used_words, 0,
           (p->used_capacity - p->n_used_words) * sizeof(*p->used));
    p->n_used_words = p->used_capacity;
  }
  return WL_OK;
}

static void take(placer *p, size_t place) {
  p->free[place / 64] &= ~(UINT64_C(1) << place % 64);
  if (place > p->highest)
    p->highest = place;
}

static void take_base(placer *p, size_t base) {
  size_t at = base + p->n_classes;
  p->used[at / 64] |= UINT64_C(1) << at % 64;
}

/* The 64 bits from bit `at` on. */
static uint64_t window(const uint64_t *bits, size_t at) {
  uint64_t low = bits[at / 64], high = bits[at / 64 + 1];
  unsigned shift = at % 64;
  return shift ? low >> shift | high << (64 - shift) : low;
}

/* The first place at or after word *word for the family's lowest class. */
static wl_status find(placer *p, uint32_t lowest, size_t *word, size_t *place,
                      wl_error *error) {
  size_t span = p->offsets[p->n_offsets - 1] / 64 + 3;
  for (size_t w = *word;; w++) {
    if (WL_UNLIKELY(w + span > p->n_words))
      WL_TRY(reach(p, w + span, error));
    uint64_t fits = p->free[w];
    for (size_t i = 1; i < p->n_offsets && fits; i++)
      fits &= window(p->free, w * 64 + p->offsets[i]);
    if (p->has_labels && fits)
      fits &= ~window(p->used, w * 64 + p->n_classes - lowest);
    if (fits) {
      *word = w;
      *place = w * 64 + (unsigned)__builtin_ctzll(fits);
      return WL_OK;
    }
  }
}

/* The children's classes as offsets from the lowest, which is returned. */
static uint32_t read_family(placer *p, const wl_char_trie *trie,
                            uint32_t node) {
  size_t n = trie->nodes[node].n_children, i = n;
  for (uint32_t child = trie->nodes[node].first_child; i > 0;
       child = trie->nodes[child].next_sibling)
    p->offsets[--i] = trie->nodes[child].class_id;
  uint32_t lowest = p->offsets[0];
  for (i = 0; i < n; i++)
    p->offsets[i] -= lowest;
  p->n_offsets = n;
  return lowest;
}

/*
 * Nodes with children, from `min_depth` down, by falling family size.
 * *out is owned.
 */
static wl_status order_families(const wl_char_trie *trie, uint32_t min_depth,
                                size_t n_classes, uint32_t **out, size_t *n,
                                wl_error *error) {
  uint32_t *starts = wl_calloc(n_classes + 2, sizeof(*starts));
  uint32_t *order = wl_alloc(trie->n_nodes * sizeof(*order));
  *out = order;
  if (starts == NULL || order == NULL) {
    wl_free(starts);
    return wl_fail_memory(error, trie->n_nodes * sizeof(*order));
  }
  for (size_t i = 0; i < trie->n_nodes; i++)
    if (trie->nodes[i].depth >= min_depth)
      starts[n_classes - trie->nodes[i].n_children + 1]++;
  for (size_t i = 1; i <= n_classes; i++)
    starts[i] += starts[i - 1];
  *n = starts[n_classes]; /* without those that have no children */
  for (size_t i = 0; i < trie->n_nodes; i++)
    if (trie->nodes[i].depth >= min_depth && trie->nodes[i].n_children != 0)
      order[starts[n_classes - trie->nodes[i].n_children]++] = (uint32_t)i;
  wl_free(starts);
  return WL_OK;
}

/*
 * Places the families of nodes of depths [least, most]. A search starts where
 * the last one of its size ended: what lies before was too crowded for it and
 * is left to smaller ones.
 */
static wl_status place_families(placer *p, const wl_char_trie *trie,
                                const uint32_t *order, size_t n_families,
                                uint32_t least, uint32_t most, uint32_t *slots,
                                uint32_t *bases, wl_error *error) {
  size_t lowest_word = 0, word = 0;
  size_t size = SIZE_MAX;
  for (size_t i = 0; i < n_families; i++) {
    uint32_t node = order[i];
    if (trie->nodes[node].depth < least || trie->nodes[node].depth > most)
      continue;
    uint32_t lowest = read_family(p, trie, node);
    if (p->n_offsets != size) {
      size = p->n_offsets;
      while (lowest_word < p->n_words && p->free[lowest_word] == 0)
        lowest_word++;
      word = lowest_word;
    }
    size_t place;
    WL_TRY(find(p, lowest, &word, &place, error));
    if (place > INT32_MAX - 0x20000)
      return wl_fail(error, WL_ERROR_UNSUPPORTED,
                     "count: the vocabulary needs more than 2^31 slots");
    bases[node] = (uint32_t)place - lowest;
    if (p->has_labels)
      take_base(p, bases[node]);
    for (uint32_t child = trie->nodes[node].first_child; child != 0;
         child = trie->nodes[child].next_sibling) {
      slots[child] = bases[node] + trie->nodes[child].class_id;
      take(p, slots[child]);
    }
  }
  return WL_OK;
}

/*
 * Slot 0 is no node. Nodes of the first level get the slots after it, in
 * order: they are reached through `start`, not through an entry. Slots up to
 * the number of classes stay reserved, so that no base is negative.
 */
static wl_status reserve(placer *p, const wl_char_trie *trie,
                         wl_char_tables *tables, uint32_t *slots,
                         wl_error *error) {
  size_t n = 1;
  for (size_t i = 1; i < trie->n_nodes; i++)
    if (trie->nodes[i].depth == tables->first_level)
      slots[i] = (uint32_t)n++;
  p->highest = n - 1;
  if (n <= tables->n_classes)
    n = (size_t)tables->n_classes + 1;
  WL_TRY(reach(p, n / 64 + 1, error));
  for (size_t i = 0; i < n / 64; i++)
    p->free[i] = 0;
  p->free[n / 64] &= ~UINT64_C(0) << n % 64;
  return WL_OK;
}

/* ---- the tables ----------------------------------------------------- */

static void store(void *table, bool is_wide, size_t i, uint32_t base,
                  uint32_t low) {
  if (is_wide)
    ((uint64_t *)table)[i] = (uint64_t)base << 32 | low;
  else
    ((uint32_t *)table)[i] = base << 16 | (low & 0xffff);
}

/* The entry of a child: of `parent`, for the class `label`. */
static void store_entry(wl_char_tables *tables, size_t i, uint32_t base,
                        uint32_t parent, uint32_t label) {
  if (tables->label_bits != 0)
    ((uint32_t *)tables->entries)[i] = base << tables->label_bits | label;
  else
    store(tables->entries, tables->is_wide, i, base, parent);
}

static void store_start(wl_char_tables *tables, size_t i, uint32_t base,
                        uint32_t slot) {
  if (tables->label_bits != 0)
    ((uint32_t *)tables->start)[i] = slot;
  else
    store(tables->start, tables->is_wide, i, base, slot);
}

static wl_status fill(wl_char_tables *tables, const wl_char_trie *trie,
                      const uint32_t *slots, const uint32_t *bases,
                      wl_error *error) {
  size_t unit = wl_char_entry_size(tables);
  uint32_t no_label = wl_char_no_label(tables);
  size_t pairs = tables->first_level == 2 ? (size_t)1 << 2 * tables->pair_shift
                                          : (size_t)tables->n_classes + 1;
  tables->n_start = pairs;
  /* A look-up may pass the last slot by as many places as there are classes,
   * and a narrow gather reads a little further. */
  tables->n_entries = tables->n_slots + tables->n_classes + 1;
  size_t size = (tables->n_entries + 16) * unit;
  tables->start = wl_alloc_table((pairs + 16) * unit);
  tables->entries = wl_alloc_table(size);
  if (tables->start == NULL || tables->entries == NULL)
    return wl_fail_memory(error, size);
  memset(tables->start, 0, (pairs + 16) * unit);
  for (size_t i = 0; i < tables->n_entries + 16; i++)
    store_entry(tables, i, 0, WL_CHAR_NO_PARENT, no_label);
  for (size_t i = 1; i < trie->n_nodes; i++) {
    const wl_char_node *node = &trie->nodes[i];
    if (node->depth < tables->first_level)
      continue;
    bool is_first = node->depth == tables->first_level;
    if (!is_first) {
      store_entry(tables, slots[i], bases[i], slots[node->parent],
                  node->class_id);
      continue;
    }
    store_entry(tables, slots[i], bases[i], WL_CHAR_NO_PARENT, no_label);
    size_t at = node->class_id;
    if (tables->first_level == 2)
      at |= (size_t)trie->nodes[node->parent].class_id << tables->pair_shift;
    store_start(tables, at, bases[i], slots[i]);
  }
  return WL_OK;
}

/* Pairs of characters are worth a table of their own while it stays small
 * beside the nodes, and single characters are no terms. */
static void choose_start(wl_char_tables *tables, const wl_char_trie *trie) {
  unsigned shift = 1;
  while (((size_t)1 << shift) <= tables->n_classes)
    shift++;
  bool is_small = shift <= 8 && ((size_t)1 << 2 * shift) <= 4 * trie->n_nodes;
  tables->first_level = is_small && tables->min_depth >= 2 ? 2 : 1;
  tables->pair_shift = shift;
  tables->n_levels = trie->max_depth > tables->first_level
                         ? trie->max_depth
                         : tables->first_level;
  tables->filter_level = tables->first_level;
  if (tables->min_depth >= 2 && tables->n_levels >= 2)
    tables->filter_level = 2;
}

/* Whether slots of 16 bits are too few, however well the nodes are placed, but
 * 32 bits enough for a base and a label. */
static bool wants_labels(const wl_char_tables *tables, const wl_char_trie *trie,
                         unsigned label_bits) {
  size_t n_slots = 1;
  if (trie->n_nodes <= MAX_NARROW)
    return false;
  for (size_t i = 1; i < trie->n_nodes; i++)
    n_slots += trie->nodes[i].depth >= tables->first_level;
  return n_slots > MAX_NARROW && n_slots >> (32 - label_bits) == 0;
}

wl_status wl_char_tables_build(wl_char_tables *tables, const wl_char_trie *trie,
                               size_t n_classes, uint32_t *slots,
                               wl_error *error) {
  *tables = (wl_char_tables){.n_classes = (uint32_t)n_classes,
                             .min_depth = trie->min_depth,
                             .has_suffixes = trie->has_suffixes};
  choose_start(tables, trie);
  unsigned label_bits = 1;
  while (n_classes + 1 >= (size_t)1 << label_bits)
    label_bits++;
  placer p = {.n_classes = n_classes,
              .has_labels = wants_labels(tables, trie, label_bits)};
  tables->low_level = tables->filter_level + p.has_labels;
  wl_status status;
  uint32_t *order = NULL;
  size_t n_families = 0;
  uint32_t *bases = wl_calloc(trie->n_nodes, sizeof(*bases));
  p.offsets = wl_alloc((n_classes + 1) * sizeof(*p.offsets));
  if (bases == NULL || p.offsets == NULL) {
    status = wl_fail_memory(error, trie->n_nodes * sizeof(*bases));
    goto done;
  }
  memset(slots, 0, trie->n_nodes * sizeof(*slots));
  WL_TRY_DONE(status, reserve(&p, trie, tables, slots, error));
  WL_TRY_DONE(status, order_families(trie, tables->first_level, n_classes,
                                     &order, &n_families, error));
  uint32_t low = tables->low_level;
  for (uint32_t depth = tables->first_level; depth < low; depth++) {
    if (depth == tables->filter_level)
      tables->n_filter = p.highest + 1;
    WL_TRY_DONE(status, place_families(&p, trie, order, n_families, depth,
                                       depth, slots, bases, error));
  }
  tables->n_low = p.highest + 1;
  if (low == tables->filter_level)
    tables->n_filter = tables->n_low;
  WL_TRY_DONE(status, place_families(&p, trie, order, n_families, low,
                                     UINT32_MAX, slots, bases, error));
  tables->n_slots = p.highest + 1;
  tables->is_wide = tables->n_slots > MAX_NARROW;
  /* No base is above the highest slot. */
  if (p.has_labels && p.highest >> (32 - label_bits) == 0)
    tables->label_bits = label_bits;
  WL_TRY_DONE(status, fill(tables, trie, slots, bases, error));
done:
  wl_free(p.free);
  wl_free(p.used);
  wl_free(p.offsets);
  wl_free(order);
  wl_free(bases);
  return status;
}

void wl_char_tables_deinit(wl_char_tables *tables) {
  wl_free_aligned(tables->start);
  wl_free_aligned(tables->entries);
  tables->start = NULL;
  tables->entries = NULL;
}
