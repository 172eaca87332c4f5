/*
 * main.c: the program `willump`: finds the command, runs it, and turns what
 * went wrong into a message and an exit status.
 */
#include <errno.h>
#include <string.h>

#include "commands.h"
#include "data/jsonl.h"

static int report(const wl_error *error, int status) {
  fprintf(stderr, "willump: %s\n", error->message);
  return status;
}

static wl_status show_help(const cli_arguments *arguments, wl_error *error) {
  if (arguments->n_operands == 0) {
    cli_print_help(stdout, &cli_program);
    return WL_OK;
  }
  const cli_command *command = cli_command_find(arguments->operands[0]);
  if (command == NULL)
    return wl_fail(error, WL_ERROR_VALUE, "there is no command '%s'",
                   arguments->operands[0]);
  cli_print_help(stdout, command);
  return WL_OK;
}

static wl_status run(const cli_command *command, const cli_arguments *arguments,
                     wl_error *error) {
  static wl_status (*const functions[])(const cli_arguments *, wl_error *) = {
      [CLI_PREDICT] = cli_predict, [CLI_INSPECT] = cli_inspect,
      [CLI_BENCH] = cli_bench,     [CLI_IMPORT] = cli_import,
      [CLI_HELP] = show_help,
  };
  _Static_assert(WL_COUNT_OF(functions) == CLI_COMMAND_COUNT,
                 "a function for every command");
  if (!cli_has(arguments, "help"))
    return functions[command - cli_commands](arguments, error);
  cli_print_help(stdout, command);
  return WL_OK;
}

/* `willump --version` and the like. */
static wl_status run_program(const cli_arguments *arguments) {
  if (cli_has(arguments, "version"))
    printf("willump %s\n", wl_version());
  else if (cli_has(arguments, "man"))
    cli_print_manual(stdout);
  else
    cli_print_help(stdout, &cli_program);
  return WL_OK;
}

/* What was printed must have arrived. */
static int finish(int status) {
  if (fflush(stdout) == 0 && !ferror(stdout))
    return status;
  fprintf(stderr, "willump: cannot write the output: %s\n", strerror(errno));
  return CLI_FAILURE;
}

int main(int argc, char **argv) {
  wl_error error = {.message = ""};
  cli_arguments arguments;
  wl_jsonl_guard_memory();
  if (argc < 2) {
    cli_print_help(stderr, &cli_program);
    return CLI_USAGE;
  }
  const cli_command *command = &cli_program;
  int n_skipped = 1;
  if (argv[1][0] != '-') {
    command = cli_command_find(argv[1]);
    n_skipped = 2;
    if (command == NULL) {
      fprintf(stderr, "willump: there is no command '%s'; see willump --help\n",
              argv[1]);
      return CLI_USAGE;
    }
  }
  if (cli_arguments_parse(command, argc - n_skipped, argv + n_skipped,
                          &arguments, &error) != WL_OK)
    return report(&error, CLI_USAGE);
  wl_status status = command == &cli_program ? run_program(&arguments)
                                             : run(command, &arguments, &error);
  cli_arguments_deinit(&arguments);
  return finish(status == WL_OK ? CLI_OK : report(&error, CLI_FAILURE));
}
