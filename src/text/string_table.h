/*
 * string_table.h: strings to dense ids, made small for lookups that mostly
 * fail: open addressing over 32-bit slots that hold an id and as many bits of
 * the hash as are left, so that a failed lookup reads one or two slots and
 * nothing else. Filled once, then immutable.
 */
#ifndef WL_TEXT_STRING_TABLE_H
#define WL_TEXT_STRING_TABLE_H

#include "base/base.h"

#define WL_NO_ID UINT32_MAX

/* Slots over anything with a hash: who owns it compares the candidates. */
typedef struct wl_slots {
  uint32_t *slots;  /* 0: empty; else id + 1 in the low bits; the first
                     * WL_SLOT_WINDOW stand behind the last ones again */
  uint32_t id_mask; /* of a slot; the other bits are the hash's */
  unsigned shift;   /* the first slot is hash >> shift */
  size_t mask;      /* number of slots - 1 */
} wl_slots;

enum { WL_SLOT_WINDOW = 4 };

/* For ids below n. Fails on memory only; free with wl_slots_deinit. */
wl_status wl_slots_init(wl_slots *slots, size_t n, wl_error *error);
void wl_slots_deinit(wl_slots *slots);
/* Adds an id that is not there yet. */
void wl_slots_put(wl_slots *slots, uint64_t hash, uint32_t id);
size_t wl_slots_size(const wl_slots *slots);

/*
 * A string of at most WL_SHORT_STRING bytes lies in its record, so that a
 * lookup that succeeds reads one slot and one record: `low` has its first
 * eight bytes, `high` the others and its size in the upper half. Of a longer
 * one `low` is the hash and `high` its place in `bytes` and its size.
 */
enum { WL_SHORT_STRING = 12 };

typedef struct wl_string_record {
  uint64_t low, high;
} wl_string_record;

typedef struct wl_string_table {
  wl_slots slots;
  wl_string_record *records;
  uint8_t *bytes; /* of long strings; 16 more may be read */
  uint32_t n;
  uint32_t n_bytes;
  size_t max_n, max_bytes;
} wl_string_table;

/* Room for max_n strings of max_bytes together. */
wl_status wl_string_table_init(wl_string_table *table, size_t max_n,
                               size_t max_bytes, wl_error *error);
void wl_string_table_deinit(wl_string_table *table);
/* The id of a string, added (copied) if it is new; ids count up from 0. New
 * ones must fit the room. */
uint32_t wl_string_table_add(wl_string_table *table, const void *string,
                             size_t size);
/* The id, or WL_NO_ID; unlike wl_string_table_find it does not read past the
 * string's end. */
uint32_t wl_string_table_get(const wl_string_table *table, const void *string,
                             size_t size);
/* The same of n strings, whose slots are asked for before the first is read; a
 * missing one has WL_NO_ID. */
void wl_string_table_get_many(const wl_string_table *table,
                              const wl_string *strings, size_t n,
                              uint32_t *ids);
/* Gives back the room that was not used. */
wl_status wl_string_table_shrink(wl_string_table *table, wl_error *error);
size_t wl_string_table_size(const wl_string_table *table);

/* ---- lookups ------------------------------------------------------------- */

/* Masks of the bytes of two loads of eight that belong to a string of 0 to 16
 * bytes; tables, since short and long words cannot be foretold. */
extern const uint64_t wl_first_bytes[17], wl_next_bytes[17];

static inline uint64_t wl_load_64(const uint8_t *at) {
  uint64_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

static inline uint64_t wl_mix_64(uint64_t a, uint64_t b) {
  __extension__ typedef unsigned __int128 u128;
  u128 product = (u128)a * b;
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The hash in two parts: what comes before the last 16 bytes (moves on to
 * these), and these as two numbers. */
static inline uint64_t wl_string_hash_head(const uint8_t **string,
                                           size_t *size) {
  const uint64_t k0 = 0x9e3779b97f4a7c15u, k1 = 0xd1b54a32d192ed03u;
  uint64_t hash = *size * k1;
  while (WL_UNLIKELY(*size > 16)) {
    hash = wl_mix_64(wl_load_64(*string) ^ hash ^ k0,
                     wl_load_64(*string + 8) ^ k1);
    *string += 16;
    *size -= 16;
  }
  return hash ^ k0;
}

static inline uint64_t wl_string_hash_tail(uint64_t head, uint64_t low,
                                           uint64_t high) {
  return wl_mix_64(low ^ head, high ^ 0xd1b54a32d192ed03u);
}

/* What a lookup compares: the record that the string has or would have. */
typedef struct wl_string_key {
  uint64_t hash;
  wl_string_record record; /* a long string's without its place */
} wl_string_key;

/* From the hash's head and the last 16 bytes, whose end may be read over. */
static inline wl_string_key wl_string_key_tail(uint64_t head,
                                               const uint8_t *tail,
                                               size_t tail_size, size_t size) {
  uint64_t low = wl_load_64(tail) & wl_first_bytes[tail_size];
  uint64_t high = wl_load_64(tail + 8) & wl_next_bytes[tail_size];
  wl_string_key key = {wl_string_hash_tail(head, low, high),
                       {low, high | (uint64_t)size << 32}};
  if (WL_UNLIKELY(size > WL_SHORT_STRING))
    key.record = (wl_string_record){key.hash, (uint64_t)size << 32};
  return key;
}

/* Reads up to 16 bytes past the string's end. */
static inline wl_string_key wl_string_key_of(const uint8_t *string,
                                             size_t size) {
  const uint8_t *tail = string;
  size_t tail_size = size;
  uint64_t head = wl_string_hash_head(&tail, &tail_size);
  return wl_string_key_tail(head, tail, tail_size, size);
}

/* Do two strings of `size` bytes agree? Reads 16 past their ends. */
static inline bool wl_string_equal(const uint8_t *a, const uint8_t *b,
                                   size_t size) {
  while (WL_UNLIKELY(size > 16)) {
    if (((wl_load_64(a) ^ wl_load_64(b)) |
         (wl_load_64(a + 8) ^ wl_load_64(b + 8))) != 0)
      return false;
    a += 16;
    b += 16;
    size -= 16;
  }
  uint64_t low = wl_load_64(a) ^ wl_load_64(b);
  uint64_t high = wl_load_64(a + 8) ^ wl_load_64(b + 8);
  return ((low & wl_first_bytes[size]) | (high & wl_next_bytes[size])) == 0;
}

/* The next candidate from slot *at on, or WL_NO_ID; *at moves behind it. */
static inline uint32_t wl_slots_next(const wl_slots *slots, uint64_t hash,
                                     size_t *at) {
  for (;;) {
    uint32_t slot = slots->slots[*at];
    *at = (*at + 1) & slots->mask;
    if (slot == 0)
      return WL_NO_ID;
    if (((slot ^ (uint32_t)hash) & ~slots->id_mask) == 0)
      return (slot & slots->id_mask) - 1;
  }
}

/* Asks for the memory that a lookup will read first. */
static inline void wl_string_table_prefetch(const wl_string_table *table,
                                            const wl_string_key *key) {
  __builtin_prefetch(&table->slots.slots[key->hash >> table->slots.shift]);
}

/* The id, or WL_NO_ID, of a string whose key is `key`. */
static inline uint32_t wl_string_table_find_key(const wl_string_table *table,
                                                const wl_string_key *key,
                                                const uint8_t *string) {
  size_t at = (size_t)(key->hash >> table->slots.shift);
  for (;;) {
    uint32_t id = wl_slots_next(&table->slots, key->hash, &at);
    if (id == WL_NO_ID)
      return WL_NO_ID;
    const wl_string_record *record = &table->records[id];
    size_t size = (size_t)(key->record.high >> 32);
    if (record->low != key->record.low)
      continue;
    if (WL_LIKELY(record->high == key->record.high && size <= WL_SHORT_STRING))
      return id;
    if (size > WL_SHORT_STRING && record->high >> 32 == size &&
        wl_string_equal(string, table->bytes + (uint32_t)record->high, size))
      return id;
  }
}

/* The id, or WL_NO_ID. Reads up to 16 bytes past the string's end. */
static inline uint32_t wl_string_table_find(const wl_string_table *table,
                                            const uint8_t *string,
                                            size_t size) {
  wl_string_key key = wl_string_key_of(string, size);
  return wl_string_table_find_key(table, &key, string);
}

#endif
