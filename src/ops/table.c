/* table.c: the operator table, generated from table.def. */
#include "ops/table.h"

#define WL_OP(id, name) &wl_op_##name,
const wl_op_def *const wl_op_table[WL_OP_COUNT_] = {
#include "graph/table.def"
};
#undef WL_OP
