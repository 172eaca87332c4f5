/*
 * char_internal.h: what the files of the character n-gram engine share.
 *
 * Text becomes a stream of classes (small ids of the vocabulary's characters;
 * 0 breaks every n-gram). The vocabulary is a trie held as a double array;
 * a node is known by its slot, 0 being none. The state of the k-gram that
 * ends at i is the child of the state of the (k-1)-gram that ends at i - 1,
 * so a level is computed from the one before for many positions at once.
 */
#ifndef WL_TEXT_CHAR_INTERNAL_H
#define WL_TEXT_CHAR_INTERNAL_H

#include "base/cpu.h"
#include "text/char_engine.h"

enum {
  WL_CHAR_MAX_LEVELS = 32, /* longer terms are found by walking the trie */
  WL_CHAR_CHUNK = 4096,    /* characters after which a chunk is closed */
  WL_CHAR_ROW_MAX = 16384, /* a longer row is taken in segments */
  WL_CHAR_FRONT = 64,      /* classes before the first: zeros */
  WL_CHAR_SLACK = 256, /* elements that vector loops may touch past the end */
  WL_CHAR_MAX_CLASSES = 65000,
  WL_CHAR_ROW_MARGIN = 128,    /* room that lets every row up to it finish */
  WL_CHAR_ROW_LIMIT = 1 << 28, /* bytes; keeps all counts within 32 bits */
  WL_CHAR_N_TF = 256           /* tabulated values of a sublinear tf */
};

/* ---- characters to classes ------------------------------------------ */

/* A code in the map: a class, and what else the character is. */
enum {
  WL_CHAR_CLASS = 0xffff,
  WL_CHAR_IS_SPACE = 1 << 16,
  WL_CHAR_IS_DROPPED = 1 << 17,
  WL_CHAR_IS_SPECIAL =
      1 << 18 /* several characters, by context, or not filled */
};

enum { WL_CHAR_BLOCK = 256, WL_CHAR_N_BLOCKS = 0x110000 / WL_CHAR_BLOCK };

typedef struct wl_char_map {
  const wl_unicode *unicode;
  unsigned transform; /* WL_MAP_* */
  bool is_words;      /* char_wb: each word is padded with spaces */
  uint16_t space;     /* the class of ' ' */
  uint8_t ascii_class[128];
  uint8_t ascii_space[128];         /* 0x80 for white space */
  uint16_t index[WL_CHAR_N_BLOCKS]; /* code point / 256 -> block */
  uint32_t *blocks;                 /* codes, 256 a block; owned */
  size_t n_blocks;
  uint32_t *code_points; /* of class i + 1, ascending; owned */
  size_t n_classes;
} wl_char_map;

/* Where the preparation of a row stands. */
typedef struct wl_char_cursor {
  const uint8_t *begin, *at, *end;
  bool after_space; /* the last character was white space */
  bool is_done;     /* all of the row has been written */
} wl_char_cursor;

/* ---- the trie, while it is built ------------------------------------ */

typedef struct wl_char_node {
  uint32_t parent, first_child, next_sibling; /* siblings by falling class */
  int32_t term;                               /* -1: none */
  uint32_t depth;
  uint16_t class_id, n_children;
} wl_char_node;

typedef struct wl_char_trie {
  wl_char_node *nodes; /* [0] is the root; owned */
  size_t n_nodes, capacity;
  uint32_t min_depth, max_depth; /* of terms; 0 without any */
  bool has_suffixes; /* the last two characters of every node are one too */
} wl_char_trie;

/* ---- the tables ----------------------------------------------------- */

/*
 * The child of slot q for class c is slot base(q) + c when that slot's entry
 * says so. Three formats of {base, check}:
 *   narrow    16 + 16 bits, all slots below 65,536: the parent's slot;
 *   labelled  32 bits, as few of them as the classes need: the class c. No
 *             two slots have the same base, so a class says as much;
 *   wide      32 + 32 bits, what fits neither: the parent's slot.
 * What is carried from level to level is {base, slot}, but for labelled
 * tables, where it is the entry. An entry that is no child has
 * WL_CHAR_NO_PARENT or all bits of a label; a slot without children has base 0,
 * where no child lies.
 */
typedef struct wl_char_tables {
  bool is_wide;        /* slots have 32 bits, not 16: labelled and wide */
  unsigned label_bits; /* labelled; 0 for the others */
  uint32_t n_classes;
  uint32_t
      first_level;    /* 1, or 2: states of two characters come from `start` */
  uint32_t n_levels;  /* the longest term, at least first_level */
  uint32_t min_depth; /* the shortest term */
  bool has_suffixes;  /* of the trie */
  unsigned
      pair_shift; /* first_level 2: start[previous << pair_shift | class] */
  void *start;    /* {base, slot}; labelled: slots; owned, aligned */
  size_t n_start;
  void *entries; /* owned, aligned */
  size_t n_entries, n_slots;
  /* Where the filter starts: single characters that are no terms hardly ever
   * tell anything. */
  uint32_t filter_level;
  /* Of large tables, one level more is counted directly. The slots of levels
   * up to filter_level are below n_filter, up to low_level below n_low. */
  uint32_t low_level;
  size_t n_filter, n_low;
} wl_char_tables;

#define WL_CHAR_NO_PARENT UINT32_MAX

/* The label of what is no child: above all classes. */
static inline uint32_t wl_char_no_label(const wl_char_tables *tables) {
  return (UINT32_C(1) << tables->label_bits) - 1;
}

/* The bytes of an entry, and of a place of `start`. */
static inline size_t wl_char_entry_size(const wl_char_tables *tables) {
  return tables->is_wide && tables->label_bits == 0 ? sizeof(uint64_t)
                                                    : sizeof(uint32_t);
}

/* The first level's slot, 0 when there is none. */
static inline uint32_t wl_char_start(const wl_char_tables *tables, size_t at) {
  if (tables->label_bits != 0)
    return ((const uint32_t *)tables->start)[at];
  return tables->is_wide ? (uint32_t)((const uint64_t *)tables->start)[at]
                         : (uint16_t)((const uint32_t *)tables->start)[at];
}

/* The slot of a child, 0 when there is none. */
static inline uint32_t wl_char_child(const wl_char_tables *tables,
                                     uint32_t slot, uint32_t class_id) {
  if (tables->is_wide && tables->label_bits == 0) {
    const uint64_t *entries = tables->entries;
    uint32_t at = (uint32_t)(entries[slot] >> 32) + class_id;
    return (uint32_t)entries[at] == slot ? at : 0;
  }
  const uint32_t *entries = tables->entries;
  bool has_labels = tables->label_bits != 0;
  unsigned shift = has_labels ? tables->label_bits : 16;
  uint32_t check = has_labels ? class_id : slot;
  uint32_t at = (entries[slot] >> shift) + class_id;
  return ((entries[at] ^ check) & ((1u << shift) - 1)) == 0 ? at : 0;
}

/*
 * Weights by slot. `sums` holds for each slot {weights..., norm value} summed
 * over all terms that are suffixes of the slot's string, so that one addition
 * per position counts every occurrence; `own` holds the values of the slot's
 * own term, for what is not linear in tf.
 */
typedef struct wl_char_weights {
  size_t n_outputs;
  bool has_norm;
  size_t stride;        /* doubles of a slot in sums: padded to even, or 1 */
  double *sums;         /* owned, aligned; NULL for an exact engine */
  size_t own_stride;    /* 0: nothing depends on repetition */
  size_t n_own_weights; /* weights at the front of own: n_outputs or 0 */
  bool has_own_norm;    /* one more behind them */
  double *own;          /* owned, aligned */
  size_t n_own;         /* rows of own: one a slot, or those of `rows` */
  uint32_t *rows;       /* slot -> row of own, 0 being zeros, of an exact
                         * engine with few terms among its slots; owned */
} wl_char_weights;

/* ---- kernels -------------------------------------------------------- */

/*
 * The level filter over one row: which terms occur more than once. A longer
 * n-gram cannot repeat when its suffix is known not to, so each level looks
 * only at the positions that the last one kept.
 */
typedef struct wl_char_filter {
  const wl_char_tables *tables;
  /* of this row; a variant may overwrite them */
  void *levels;
  size_t pitch; /* slots from one level to the next */
  void *deepest;
  uint32_t level; /* the next level to look at */
  size_t n_alive; /* positions still looked at */
  uint16_t *positions;
  void *current;
  /* Counting directly by slot, above a base that rises from row to row, as
   * levels up to direct_level do, whose slots are below n_counts; or in a hash
   * table of {slot, count}, each half of an entry. */
  bool is_direct; /* the level */
  uint32_t direct_level;
  uint16_t *counts;
  size_t n_counts;
  uint32_t base;
  void *hash;
  /* Of the width of slots: the place (slot, or hash entry) of each position's
   * count, and those of the level's repeated terms by second occurrence. */
  void *where;
  void *list;
  uint16_t *seen; /* of a variant: each position's count when it was counted */
  /* What wide slots will read of large tables is asked for while the filter
   * computes: the own values of the list, and the sums of the next row, whose
   * n_ahead longest matches are at `ahead`. */
  const wl_char_weights *weights;
  const void *ahead;
  size_t n_ahead;
} wl_char_filter;

static inline uint32_t wl_char_filter_place(const wl_char_filter *f, size_t i) {
  return f->tables->is_wide ? ((const uint32_t *)f->list)[i]
                            : ((const uint16_t *)f->list)[i];
}

static inline uint32_t wl_char_filter_count(const wl_char_filter *f,
                                            uint32_t place) {
  if (f->is_direct)
    return f->counts[place] - f->base;
  return f->tables->is_wide ? (uint32_t)((const uint64_t *)f->hash)[place]
                            : (uint16_t)((const uint32_t *)f->hash)[place];
}

static inline uint32_t wl_char_filter_slot(const wl_char_filter *f,
                                           uint32_t place) {
  if (f->is_direct)
    return place;
  return f->tables->is_wide
             ? (uint32_t)(((const uint64_t *)f->hash)[place] >> 32)
             : ((const uint32_t *)f->hash)[place] >> 16;
}

/*
 * Short rows of a chunk whose repeats are found pair by pair: see char_pairs.h.
 * A row is left to the filter when it is longer than WL_CHAR_PAIR_ROW, when
 * more than WL_CHAR_LINK_PERCENT of its characters end a 2-gram that the row
 * had before, or when it would have more than WL_CHAR_PAIR_PERCENT pairs for
 * 100 characters. Those are foretold, from the links, after two rounds, after
 * four, after eight and so on: the pairs up to twice as many rounds, taken for
 * as many a round as are left now.
 */
enum {
  WL_CHAR_LANES = 8,      /* of a row's sums of norm values */
  WL_CHAR_PAIR_ROW = 191, /* characters */
  WL_CHAR_LINK_PERCENT = 55,
  WL_CHAR_PAIR_PERCENT = 120,
  WL_CHAR_PAIR_LEVELS = 6,
  WL_CHAR_PAIR_SLOTS = 1 << 14 /* most 2-grams */
};

typedef struct wl_char_pairs {
  const wl_char_tables *tables;
  const double *norms; /* summed norm values by slot, stride apart */
  size_t stride;
  /* of the chunk */
  const uint16_t *classes;
  void *levels;
  size_t pitch;
  uint16_t *last;   /* by slot of a 2-gram: where it was seen last */
  uint16_t *before; /* by position: where its 2-gram was seen before it, or 0 */
  /* of pairs: row << 16 | the later position; the earlier one */
  uint32_t *at;
  uint16_t *seen;
  uint32_t *ends; /* of the pairs of each row that has some */
  /* by row: WL_CHAR_LANES sums; pairs foretold so far; whether it is left to
   * the filter */
  double *lanes;
  uint32_t *n_foretold;
  bool *is_left;
} wl_char_pairs;

/* One variant of the inner loops. All give the same results. */
typedef struct wl_char_kernels {
  /* Writes the classes of an ASCII run; stops before another character or
   * when `capacity` is used up. Returns how many were written. */
  size_t (*ascii)(const wl_char_map *map, wl_char_cursor *cursor, uint16_t *out,
                  size_t capacity);
  /* Fills levels first_level .. n_levels (pitch apart) and the slot of the
   * longest match from filter_level on for the positions [0, n). */
  void (*traverse)(const wl_char_tables *tables, const uint16_t *classes,
                   size_t n, void *levels, size_t pitch, void *deepest);
  /* accumulators[(i & 3) * stride + c] += sums[slots[i] * stride + c] */
  void (*sum)(const wl_char_weights *weights, bool is_wide, const void *slots,
              size_t n, double *accumulators);
  /* One level of the filter; returns the length of the list. Slot 0 may be
   * on it. */
  size_t (*filter)(wl_char_filter *filter);
  /* lanes[i % 8] += count * (count - 1) * own[slot] of the i-th on the list */
  void (*squares)(const wl_char_filter *filter, size_t n_list,
                  const double *own, double *lanes);
  /* Fills lanes and is_left for the rows that begin at `starts`; starts[n_rows]
   * is the chunk's end. */
  void (*pairs)(wl_char_pairs *pairs, const uint32_t *starts, size_t n_rows);
} wl_char_kernels;

extern const wl_char_kernels wl_char_portable;
extern const wl_char_kernels wl_char_avx2;
extern const wl_char_kernels wl_char_avx512;

struct wl_char_engine {
  const wl_char_kernels *kernels;
  wl_char_map map;
  wl_char_tables tables;
  wl_char_weights weights;
  wl_norm norm;
  wl_tf tf;
  bool is_exact;   /* answers come from the counts of all terms of a row */
  bool is_walking; /* terms too long for levels: rows are walked */
  double tf_values[WL_CHAR_N_TF];
  int32_t *terms; /* slot -> term or -1; owned; NULL when scoring */
  size_t n_features;
};

/* ---- char_map.c ----------------------------------------------------- */

/* `class_ids[cp]` for cp < n_class_ids: not 0 when the vocabulary has the
 * character; becomes its class. */
wl_status wl_char_map_init(wl_char_map *map, const wl_vectorizer_params *params,
                           uint16_t *class_ids, size_t n_class_ids,
                           wl_error *error);
void wl_char_map_deinit(wl_char_map *map);
void wl_char_cursor_init(wl_char_cursor *cursor, const wl_char_map *map,
                         wl_string row);
/* Writes at most `capacity` classes; the one before out[0] belongs to the same
 * row once some were written. false: not UTF-8 at cursor->at. */
bool wl_char_prepare(const wl_char_map *map, const wl_char_kernels *kernels,
                     wl_char_cursor *cursor, uint16_t *out, size_t capacity,
                     size_t *n_written);
wl_status wl_char_fail_encoding(const wl_char_cursor *cursor, size_t row,
                                wl_error *error);

/* ---- char_trie.c ---------------------------------------------------- */

/* Assigns the classes, fills the map and the trie. Both owned by the caller,
 * also on failure. */
wl_status wl_char_trie_build(const wl_vectorizer_params *params,
                             wl_char_map *map, wl_char_trie *trie,
                             wl_error *error);

/* ---- char_array.c --------------------------------------------------- */

/* slots[node]: the node's slot, 0 when it needs none; n_nodes of them. */
wl_status wl_char_tables_build(wl_char_tables *tables, const wl_char_trie *trie,
                               size_t n_classes, uint32_t *slots,
                               wl_error *error);
void wl_char_tables_deinit(wl_char_tables *tables);

/* ---- char_weights.c ------------------------------------------------- */

wl_status wl_char_weights_build(wl_char_engine *engine,
                                const wl_scoring *scoring,
                                const wl_char_trie *trie, const uint32_t *slots,
                                wl_error *error);
void wl_char_weights_deinit(wl_char_weights *weights);
/* What a term that occurs tf times weighs. */
double wl_char_tf(wl_tf tf, double count);

/* ---- char_exact.c: the counts of all terms of a row ----------------- */

typedef struct wl_char_counter {
  bool is_direct;
  uint32_t *counts;  /* by place: the slot, or where the hash table has it */
  uint32_t *keys;    /* hash: the slot of a place, 0 when empty */
  uint32_t *touched; /* places, in the order of first occurrence */
  size_t n_touched;
  unsigned bits; /* hash: log2 of the places */
} wl_char_counter;

/* A counter for calls of about n_characters in all. */
wl_status wl_char_counter_init(wl_char_counter *counter,
                               const wl_char_engine *engine,
                               size_t n_characters, wl_arena *arena,
                               wl_error *error);
/* Counts the n-grams that end at positions [from, from + n) of the levels. */
wl_status wl_char_counter_levels(wl_char_counter *counter,
                                 const wl_char_tables *tables,
                                 const void *levels, size_t pitch, size_t from,
                                 size_t n, wl_arena *arena, wl_error *error);
/* The same by walking the trie from each position of a whole row. */
wl_status wl_char_counter_walk(wl_char_counter *counter,
                               const wl_char_tables *tables,
                               const uint16_t *classes, size_t n,
                               wl_arena *arena, wl_error *error);
/* Forgets the row. */
void wl_char_counter_clear(wl_char_counter *counter);
static inline uint32_t wl_char_counter_slot(const wl_char_counter *counter,
                                            uint32_t place) {
  return counter->is_direct ? place : counter->keys[place];
}

/* ---- char_run.c: rows to chunks to levels --------------------------- */

/* The scratch memory of one call, from its arena. */
typedef struct wl_char_run {
  const wl_char_engine *engine;
  wl_arena *arena;
  size_t n_bytes;  /* of all rows */
  size_t capacity; /* of classes, 0 before the first row */
  uint16_t *classes;
  void *levels; /* pitch slots a level */
  size_t pitch;
  void *deepest;
  size_t n_used;    /* positions of the chunk */
  uint32_t *starts; /* of the chunk's rows in classes */
  size_t max_starts;
  wl_char_counter counter;
  bool has_counter;
  void *user; /* of the consumer */
} wl_char_run;

/* What becomes of the rows; both return the row's status. */
typedef struct wl_char_consumer {
  /* A traversed chunk of n_rows, before its rows; may be NULL. */
  void (*chunk)(wl_char_run *run, size_t n_rows);
  /* A row of a traversed chunk: classes and levels from `start` on. */
  wl_status (*row)(wl_char_run *run, size_t row, size_t start, size_t n,
                   wl_error *error);
  /* Long rows: a segment at `start` of classes and levels; is_last ends it. */
  wl_status (*segment)(wl_char_run *run, size_t row, size_t start, size_t n,
                       bool is_first, bool is_last, wl_error *error);
  /* The scratch memory was taken anew, with room for rows of n classes and
   * max_starts rows in a chunk. */
  wl_status (*resize)(wl_char_run *run, size_t n, wl_error *error);
} wl_char_consumer;

/* All rows, in order. */
wl_status wl_char_run_rows(wl_char_run *run, const wl_char_consumer *consumer,
                           const wl_string *rows, size_t n_rows,
                           wl_error *error);
/* The counts of classes [start, start + n), added to run->counter. */
wl_status wl_char_run_count(wl_char_run *run, size_t start, size_t n,
                            wl_error *error);

static inline void *wl_char_slots(const wl_char_tables *tables, void *slots,
                                  size_t i) {
  return tables->is_wide ? (void *)((uint32_t *)slots + i)
                         : (void *)((uint16_t *)slots + i);
}

#endif
