/* string_table.c: building the tables of string_table.h. At most half of the
 * slots are in use, so every search ends. */
#include "text/string_table.h"

#define FIRST(n) (UINT64_MAX >> (64 - 8 * (n)))

const uint64_t wl_first_bytes[17] = {
    0,          FIRST(1),   FIRST(2),   FIRST(3),   FIRST(4),   FIRST(5),
    FIRST(6),   FIRST(7),   UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
    UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
const uint64_t wl_next_bytes[17] = {
    0,        0,        0,        0,        0,         0,
    0,        0,        0,        FIRST(1), FIRST(2),  FIRST(3),
    FIRST(4), FIRST(5), FIRST(6), FIRST(7), UINT64_MAX};

enum { OVERREAD = 16, MIN_SLOT_BITS = 4, BATCH = 16 };

wl_status wl_slots_init(wl_slots *slots, size_t n, wl_error *error) {
  unsigned id_bits = 1, slot_bits = MIN_SLOT_BITS;
  while (id_bits < 32 && (n >> id_bits) != 0)
    id_bits++;
  while (slot_bits < 40 && ((size_t)1 << slot_bits) < 2 * n)
    slot_bits++;
  size_t n_slots = (size_t)1 << slot_bits;
  slots->slots = wl_calloc(n_slots + WL_SLOT_WINDOW, sizeof *slots->slots);
  if (slots->slots == NULL)
    return wl_fail_memory(error, n_slots * sizeof *slots->slots);
  slots->id_mask = UINT32_MAX >> (32 - id_bits);
  slots->shift = 64 - slot_bits;
  slots->mask = n_slots - 1;
  return WL_OK;
}

void wl_slots_deinit(wl_slots *slots) {
  wl_free(slots->slots);
  *slots = (wl_slots){0};
}

void wl_slots_put(wl_slots *slots, uint64_t hash, uint32_t id) {
  size_t at = (size_t)(hash >> slots->shift);
  while (slots->slots[at] != 0)
    at = (at + 1) & slots->mask;
  slots->slots[at] = ((uint32_t)hash & ~slots->id_mask) | (id + 1);
  if (at < WL_SLOT_WINDOW)
    slots->slots[slots->mask + 1 + at] = slots->slots[at];
}

size_t wl_slots_size(const wl_slots *slots) {
  return slots->slots == NULL
             ? 0
             : (slots->mask + 1 + WL_SLOT_WINDOW) * sizeof *slots->slots;
}

wl_status wl_string_table_init(wl_string_table *table, size_t max_n,
                               size_t max_bytes, wl_error *error) {
  *table = (wl_string_table){.max_n = max_n, .max_bytes = max_bytes};
  if (max_n >= INT32_MAX || max_bytes > UINT32_MAX - OVERREAD)
    return wl_fail(error, WL_ERROR_VALUE,
                   "a vocabulary of %zu strings with %zu bytes together is "
                   "too large; at most 2^31 strings and 4 GB are supported",
                   max_n, max_bytes);
  WL_TRY(wl_slots_init(&table->slots, max_n, error));
  table->records = wl_calloc(max_n + 1, sizeof *table->records);
  table->bytes = wl_calloc(max_bytes + OVERREAD, 1);
  if (table->records == NULL || table->bytes == NULL) {
    wl_string_table_deinit(table);
    return wl_fail_memory(error, max_n * sizeof *table->records + max_bytes);
  }
  return WL_OK;
}

void wl_string_table_deinit(wl_string_table *table) {
  wl_slots_deinit(&table->slots);
  wl_free(table->records);
  wl_free(table->bytes);
  *table = (wl_string_table){0};
}

static uint64_t load_32(const uint8_t *at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

/* n <= 16 bytes as two numbers, with zeros behind them. Loads overlap instead
 * of reading over the end; bytes that are read twice are the same. */
static void load_exactly(const uint8_t *at, size_t n, uint64_t *low,
                         uint64_t *high) {
  *low = *high = 0;
  if (n >= 8) {
    *low = wl_load_64(at);
    *high = n > 8 ? wl_load_64(at + n - 8) >> (8 * (16 - n)) : 0;
  } else if (n >= 4) {
    *low = load_32(at) | load_32(at + n - 4) << (8 * (n - 4));
  } else if (n > 0) {
    *low = (uint64_t)at[0] | (uint64_t)at[n / 2] << (8 * (n / 2)) |
           (uint64_t)at[n - 1] << (8 * (n - 1));
  }
}

/* wl_string_key_of a string whose end may not be read over. */
static wl_string_key key_exactly(const void *string, size_t size) {
  const uint8_t *at = string;
  size_t tail_size = size;
  uint64_t head = wl_string_hash_head(&at, &tail_size), low, high;
  load_exactly(at, tail_size, &low, &high);
  wl_string_key key = {wl_string_hash_tail(head, low, high),
                       {low, high | (uint64_t)size << 32}};
  if (size > WL_SHORT_STRING)
    key.record = (wl_string_record){key.hash, (uint64_t)size << 32};
  return key;
}

static bool is_same(const wl_string_table *table, uint32_t id,
                    const wl_string_key *key, const void *string, size_t size) {
  wl_string_record record = table->records[id];
  if (size <= WL_SHORT_STRING)
    return record.low == key->record.low && record.high == key->record.high;
  return record.high >> 32 == size &&
         memcmp(table->bytes + (uint32_t)record.high, string, size) == 0;
}

static uint32_t find_exactly(const wl_string_table *table,
                             const wl_string_key *key, const void *string,
                             size_t size) {
  size_t at = (size_t)(key->hash >> table->slots.shift);
  uint32_t id;
  while ((id = wl_slots_next(&table->slots, key->hash, &at)) != WL_NO_ID)
    if (is_same(table, id, key, string, size))
      return id;
  return WL_NO_ID;
}

uint32_t wl_string_table_get(const wl_string_table *table, const void *string,
                             size_t size) {
  wl_string_key key = key_exactly(string, size);
  return find_exactly(table, &key, string, size);
}

void wl_string_table_get_many(const wl_string_table *table,
                              const wl_string *strings, size_t n,
                              uint32_t *ids) {
  wl_string_key keys[BATCH];
  for (size_t first = 0; first < n; first += BATCH) {
    size_t end = n - first < BATCH ? n - first : BATCH;
    const wl_string *some = strings + first;
    for (size_t i = 0; i < end; i++) {
      size_t size = some[i].data != NULL ? some[i].size : 0;
      keys[i] = key_exactly(some[i].data, size);
      wl_string_table_prefetch(table, &keys[i]);
    }
    for (size_t i = 0; i < end; i++)
      ids[first + i] =
          some[i].data == NULL
              ? WL_NO_ID
              : find_exactly(table, &keys[i], some[i].data, some[i].size);
  }
}

uint32_t wl_string_table_add(wl_string_table *table, const void *string,
                             size_t size) {
  wl_string_key key = key_exactly(string, size);
  uint32_t id = find_exactly(table, &key, string, size);
  if (id != WL_NO_ID)
    return id;
  id = table->n++;
  if (size > WL_SHORT_STRING) {
    memcpy(table->bytes + table->n_bytes, string, size);
    key.record.high |= table->n_bytes;
    table->n_bytes += (uint32_t)size;
  }
  table->records[id] = key.record;
  wl_slots_put(&table->slots, key.hash, id);
  return id;
}

static uint64_t hash_of_record(wl_string_record record) {
  size_t size = (size_t)(record.high >> 32);
  const uint8_t *none = NULL;
  if (size > WL_SHORT_STRING)
    return record.low;
  uint64_t head = wl_string_hash_head(&none, &size);
  return wl_string_hash_tail(head, record.low, (uint32_t)record.high);
}

wl_status wl_string_table_shrink(wl_string_table *table, wl_error *error) {
  wl_slots slots;
  WL_TRY(wl_slots_init(&slots, table->n, error));
  for (uint32_t id = 0; id < table->n; id++)
    wl_slots_put(&slots, hash_of_record(table->records[id]), id);
  wl_slots_deinit(&table->slots);
  table->slots = slots;
  table->max_n = table->n;
  table->max_bytes = table->n_bytes;
  /* A block that cannot be made smaller stays as it is. */
  wl_string_record *records =
      wl_realloc(table->records, (table->max_n + 1) * sizeof *table->records);
  if (records != NULL)
    table->records = records;
  uint8_t *bytes = wl_realloc(table->bytes, table->max_bytes + OVERREAD);
  if (bytes != NULL)
    table->bytes = bytes;
  return WL_OK;
}

size_t wl_string_table_size(const wl_string_table *table) {
  if (table->records == NULL)
    return 0;
  return wl_slots_size(&table->slots) +
         (table->max_n + 1) * sizeof *table->records + table->max_bytes +
         OVERREAD;
}
