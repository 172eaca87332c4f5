/* commands.h: a function for every command that does more than print help. */
#ifndef WL_CLI_COMMANDS_H
#define WL_CLI_COMMANDS_H

#include "options.h"

wl_status cli_predict(const cli_arguments *arguments, wl_error *error);
/* predict with --top-k */
wl_status cli_top_k(const cli_arguments *arguments, wl_error *error);
wl_status cli_inspect(const cli_arguments *arguments, wl_error *error);
wl_status cli_bench(const cli_arguments *arguments, wl_error *error);
wl_status cli_import(const cli_arguments *arguments, wl_error *error);

#endif
