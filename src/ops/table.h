/* table.h: declares every operator's definition, generated from table.def. */
#ifndef WL_OPS_TABLE_H
#define WL_OPS_TABLE_H

#include "graph/op.h"

#define WL_OP(id, name) extern const wl_op_def wl_op_##name;
#include "graph/table.def"
#undef WL_OP

#endif
