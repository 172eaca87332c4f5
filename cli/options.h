/*
 * options.h: the program's commands and options. One table (commands.c) makes
 * the parsing, the help texts and the manual page.
 */
#ifndef WL_CLI_OPTIONS_H
#define WL_CLI_OPTIONS_H

#include <stdio.h>

#include "willump/willump.h"

/* Exit statuses. */
enum { CLI_OK = 0, CLI_FAILURE = 1, CLI_USAGE = 2 };

/* What an option's argument must be; checked while parsing. */
typedef enum cli_kind {
  CLI_FLAG = 0,  /* there is none */
  CLI_WORD,      /* anything */
  CLI_NUMBER,    /* a whole number of at least 1 that fits 32 bits */
  CLI_SECONDS,   /* a number above 0, of a day at most */
  CLI_FORMAT,    /* csv or jsonl */
  CLI_SOURCE,    /* a format that models are imported from */
  CLI_CHARACTER, /* one character or "tab" */
  CLI_KIND_COUNT
} cli_kind;

typedef struct cli_option {
  char letter;      /* 0: has none */
  const char *name; /* without the dashes */
  cli_kind kind;
  const char *argument; /* its name in the help */
  const char *help;
} cli_option;

typedef enum cli_command_id {
  CLI_PREDICT = 0,
  CLI_INSPECT,
  CLI_BENCH,
  CLI_IMPORT,
  CLI_HELP,
  CLI_COMMAND_COUNT
} cli_command_id;

enum { CLI_MAX_OPERANDS = 2 };

typedef struct cli_command {
  const char *name;
  const char *operands; /* as in the synopsis */
  size_t min_operands, max_operands;
  const char *summary;     /* one line */
  const char *description; /* paragraphs, an empty line between them */
  const cli_option *options;
  size_t n_options;
} cli_command;

extern const cli_command cli_commands[CLI_COMMAND_COUNT];
/* What `willump` takes without a command; its name is "". */
extern const cli_command cli_program;

/* A titled section of the manual that belongs to no command. */
typedef struct cli_section {
  const char *title;
  const char *text;
} cli_section;
extern const cli_section cli_sections[];
extern const size_t cli_n_sections;

/* NULL when there is none of that name. */
const cli_command *cli_command_find(const char *name);

typedef struct cli_given {
  const cli_option *option;
  const char *value; /* NULL for a flag; borrowed from argv */
} cli_given;

typedef struct cli_arguments {
  const char *operands[CLI_MAX_OPERANDS];
  size_t n_operands;
  cli_given *given; /* in order; owned */
  size_t n_given;
} cli_arguments;

/*
 * Parses what follows the command's name. Options may stand anywhere before
 * "--"; "-" is an operand. With --help the operands are not checked.
 */
wl_status cli_arguments_parse(const cli_command *command, int argc,
                              char *const *argv, cli_arguments *out,
                              wl_error *error);
void cli_arguments_deinit(cli_arguments *arguments);

bool cli_has(const cli_arguments *arguments, const char *name);
/* The last value given, or NULL. */
const char *cli_value(const cli_arguments *arguments, const char *name);
/* The values of options of these kinds, `otherwise` where not given. */
uint32_t cli_number(const cli_arguments *arguments, const char *name,
                    uint32_t otherwise);
double cli_seconds(const cli_arguments *arguments, const char *name,
                   double otherwise);
/* WL_IMPORT_DETECT where not given. */
wl_import_format cli_source(const cli_arguments *arguments, const char *name);
char cli_character(const cli_arguments *arguments, const char *name,
                   char otherwise);

/* `willump COMMAND --help`; for cli_program the list of commands. */
void cli_print_help(FILE *to, const cli_command *command);
/* The whole manual page, troff. */
void cli_print_manual(FILE *to);

#endif
