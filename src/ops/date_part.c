/*
 * date_part.c: years, months, weekdays and the like of moments, which are
 * microseconds since 1970, by the proleptic Gregorian calendar, as pandas' `dt`
 * gives them. NaN, no moment, is NaN, and none of what is true or false.
 */
#include <math.h>

#include "ops/common.h"
#include "ops/table.h"

static const wl_attr_def attrs[] = {
    {"part", WL_ATTR_STRING, true},
};

static const double day_size = 86400e6;
/* Far beyond 2^53 microseconds. */
static const double max_days = 1e8;

typedef struct moment {
  int64_t days; /* since 1970 */
  double rest;  /* microseconds of the day */
  int64_t year;
  int month, day;
} moment;

static bool is_leap(int64_t year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in(int64_t year, int month) {
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

static int64_t floor_by(int64_t a, int64_t b) { return a / b - (a % b < 0); }

static moment clock_of(double x) {
  double days = floor(x / day_size);
  return (moment){.days = (int64_t)days, .rest = x - days * day_size};
}

/* Years begin in March here, so that the leap day is the last one; an era has
 * 400 of them. */
static void find_date(moment *m) {
  int64_t shifted = m->days + 719468, era = floor_by(shifted, 146097);
  int64_t of_era = shifted - era * 146097;
  int64_t year =
      (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
  int64_t month = (5 * of_year + 2) / 153;
  m->day = (int)(of_year - (153 * month + 2) / 5) + 1;
  m->month = (int)(month < 10 ? month + 3 : month - 9);
  m->year = year + era * 400 + (m->month <= 2);
}

static int day_of_year(const moment *m) {
  int day = m->day;
  for (int month = 1; month < m->month; month++)
    day += days_in(m->year, month);
  return day;
}

static double year(const moment *m) { return (double)m->year; }
static double month(const moment *m) { return m->month; }
static double day(const moment *m) { return m->day; }
static double hour(const moment *m) { return floor(m->rest / 3600e6); }
static double minute(const moment *m) {
  return fmod(floor(m->rest / 60e6), 60.0);
}
static double second(const moment *m) {
  return fmod(floor(m->rest / 1e6), 60.0);
}
static double microsecond(const moment *m) { return fmod(m->rest, 1e6); }
static double dayofweek(const moment *m) {
  return (double)(m->days + 3 - 7 * floor_by(m->days + 3, 7));
}
static double dayofyear(const moment *m) { return day_of_year(m); }
static double quarter(const moment *m) { return (m->month + 2) / 3; }
static double days_in_month(const moment *m) {
  return days_in(m->year, m->month);
}
static double is_month_start(const moment *m) { return m->day == 1; }
static double is_month_end(const moment *m) {
  return m->day == days_in(m->year, m->month);
}
static double is_quarter_start(const moment *m) {
  return m->day == 1 && m->month % 3 == 1;
}
static double is_quarter_end(const moment *m) {
  return m->month % 3 == 0 && m->day == days_in(m->year, m->month);
}
static double is_year_start(const moment *m) {
  return m->day == 1 && m->month == 1;
}
static double is_year_end(const moment *m) {
  return m->day == 31 && m->month == 12;
}
static double is_leap_year(const moment *m) { return is_leap(m->year); }

static const struct {
  const char *name;
  double (*part)(const moment *m);
  bool is_truth;
  bool is_clock; /* needs no date: days and the time of the day */
} parts[] = {
    {"year", year, false, false},
    {"month", month, false, false},
    {"day", day, false, false},
    {"hour", hour, false, true},
    {"minute", minute, false, true},
    {"second", second, false, true},
    {"microsecond", microsecond, false, true},
    {"dayofweek", dayofweek, false, true},
    {"dayofyear", dayofyear, false, false},
    {"quarter", quarter, false, false},
    {"days_in_month", days_in_month, false, false},
    {"is_month_start", is_month_start, true, false},
    {"is_month_end", is_month_end, true, false},
    {"is_quarter_start", is_quarter_start, true, false},
    {"is_quarter_end", is_quarter_end, true, false},
    {"is_year_start", is_year_start, true, false},
    {"is_year_end", is_year_end, true, false},
    {"is_leap_year", is_leap_year, true, false},
};

static wl_status find(const wl_node *node, size_t *out, wl_error *error) {
  return wl_find_choice(node, "part", parts, WL_COUNT_OF(parts), sizeof *parts,
                        out, error);
}

static wl_status infer(const wl_graph *graph, const wl_node *node,
                       wl_type *type, wl_error *error) {
  size_t part;
  WL_TRY(wl_infer_same(graph, node, type, error));
  type->dtype = WL_F64;
  return find(node, &part, error);
}

static wl_status bind(const wl_graph *graph, const wl_node *node, void **state,
                      wl_error *error) {
  (void)graph;
  size_t *part = wl_alloc(sizeof *part);
  if (part == NULL)
    return wl_fail_memory(error, sizeof *part);
  wl_status status = find(node, part, error);
  if (status == WL_OK)
    *state = part;
  else
    wl_free(part);
  return status;
}

static wl_status run(const void *state, const wl_op_call *call, wl_value *out,
                     wl_error *error) {
  size_t part = *(const size_t *)state;
  bool is_clock = parts[part].is_clock;
  double absent = parts[part].is_truth ? 0.0 : (double)NAN;
  const wl_value *x = call->inputs[0];
  WL_TRY(wl_new_dense(call, x->n_columns, out, error));
  for (size_t r = 0; r < call->n_rows; r++)
    for (size_t c = 0; c < x->n_columns; c++) {
      double value = wl_row(x, r)[c];
      bool is_there = fabs(value) <= max_days * day_size;
      moment m = clock_of(is_there ? value : 0.0);
      if (!is_clock)
        find_date(&m);
      wl_row_mut(out, r)[c] = is_there ? parts[part].part(&m) : absent;
    }
  return WL_OK;
}

const wl_op_def wl_op_date_part = {
    .name = "date_part",
    WL_ATTRS(attrs),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer,
    .bind = bind,
    .unbind = wl_free,
    .run = run,
};
