/* options.c: parses command lines by the table of commands.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "options.h"

const cli_command *cli_command_find(const char *name) {
  for (size_t i = 0; i < CLI_COMMAND_COUNT; i++)
    if (strcmp(cli_commands[i].name, name) == 0)
      return &cli_commands[i];
  return NULL;
}

static const cli_option *find_name(const cli_command *command, const char *name,
                                   size_t size) {
  for (size_t i = 0; i < command->n_options; i++) {
    const cli_option *option = &command->options[i];
    if (strlen(option->name) == size && memcmp(option->name, name, size) == 0)
      return option;
  }
  return NULL;
}

static const cli_option *find_letter(const cli_command *command, char letter) {
  for (size_t i = 0; i < command->n_options; i++)
    if (letter != '\0' && command->options[i].letter == letter)
      return &command->options[i];
  return NULL;
}

static wl_status fail_usage(const cli_command *command, const char *what,
                            const char *word, wl_error *error) {
  return wl_fail(error, WL_ERROR_VALUE, "%s '%s'; see willump %s%s--help", what,
                 word, command->name, command->name[0] != '\0' ? " " : "");
}

static bool is_number(const char *text) {
  char *end;
  errno = 0;
  unsigned long number = strtoul(text, &end, 10);
  return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 &&
         number >= 1 && number <= UINT32_MAX;
}

static bool is_seconds(const char *text) {
  char *end;
  double number = wl_parse_double(text, &end);
  return text[strspn(text, "0123456789.eE+-")] == '\0' && end != text &&
         *end == '\0' && number > 0 && number <= 86400;
}

static wl_import_format source_of(const char *name) {
  int format = WL_IMPORT_DETECT + 1;
  while (format < WL_IMPORT_FORMAT_COUNT &&
         strcmp(wl_import_format_name((wl_import_format)format), name) != 0)
    format++;
  return (wl_import_format)format;
}

static wl_status check_value(const cli_option *option, const char *value,
                             wl_error *error) {
  bool is_right = true;
  const char *wanted = "";
  switch (option->kind) {
  case CLI_NUMBER:
    is_right = is_number(value);
    wanted = "a whole number of at least 1";
    break;
  case CLI_SECONDS:
    is_right = is_seconds(value);
    wanted = "a number of seconds above 0 and up to 86400";
    break;
  case CLI_FORMAT:
    is_right = strcmp(value, "csv") == 0 || strcmp(value, "jsonl") == 0;
    wanted = "csv or jsonl";
    break;
  case CLI_SOURCE:
    is_right = source_of(value) != WL_IMPORT_FORMAT_COUNT;
    wanted = "lightgbm, xgboost-json, xgboost-ubj or catboost-json";
    break;
  case CLI_CHARACTER:
    is_right =
        strcmp(value, "tab") == 0 || (value[0] != '\0' && value[1] == '\0');
    wanted = "one character or 'tab'";
    break;
  default:
    break;
  }
  if (!is_right)
    return wl_fail(error, WL_ERROR_VALUE, "--%s takes %s, not '%s'",
                   option->name, wanted, value);
  return WL_OK;
}

typedef struct option_parser {
  const cli_command *command;
  int argc, at;
  char *const *argv;
  cli_arguments *out;
} option_parser;

/* attached: the value in the same word, or NULL to take the next word. */
static wl_status take_option(option_parser *parser, const cli_option *option,
                             const char *attached, wl_error *error) {
  const char *word = parser->argv[parser->at];
  if (option->kind == CLI_FLAG && attached != NULL)
    return fail_usage(parser->command, "no value is allowed in", word, error);
  if (option->kind != CLI_FLAG && attached == NULL) {
    if (parser->at + 1 == parser->argc)
      return fail_usage(parser->command, "a value is missing after", word,
                        error);
    attached = parser->argv[++parser->at];
  }
  WL_TRY(check_value(option, attached, error));
  parser->out->given[parser->out->n_given++] = (cli_given){option, attached};
  return WL_OK;
}

static wl_status take_long(option_parser *parser, wl_error *error) {
  const char *word = parser->argv[parser->at];
  const char *name = word + 2, *equals = strchr(name, '=');
  size_t size = equals != NULL ? (size_t)(equals - name) : strlen(name);
  const cli_option *option = find_name(parser->command, name, size);
  if (option == NULL)
    return fail_usage(parser->command, "unknown option", word, error);
  return take_option(parser, option, equals != NULL ? equals + 1 : NULL, error);
}

/* "-o FILE", "-oFILE" */
static wl_status take_short(option_parser *parser, wl_error *error) {
  const char *word = parser->argv[parser->at];
  const cli_option *option = find_letter(parser->command, word[1]);
  if (option == NULL)
    return fail_usage(parser->command, "unknown option", word, error);
  return take_option(parser, option, word[2] != '\0' ? word + 2 : NULL, error);
}

static wl_status take_words(option_parser *parser, wl_error *error) {
  cli_arguments *out = parser->out;
  bool are_operands = false;
  for (; parser->at < parser->argc; parser->at++) {
    const char *word = parser->argv[parser->at];
    if (are_operands || word[0] != '-' || word[1] == '\0') {
      if (out->n_operands == parser->command->max_operands)
        return fail_usage(parser->command, "one argument too many:", word,
                          error);
      out->operands[out->n_operands++] = word;
    } else if (strcmp(word, "--") == 0) {
      are_operands = true;
    } else if (word[1] == '-') {
      WL_TRY(take_long(parser, error));
    } else {
      WL_TRY(take_short(parser, error));
    }
  }
  if (out->n_operands < parser->command->min_operands && !cli_has(out, "help"))
    return fail_usage(parser->command,
                      "these arguments are needed:", parser->command->operands,
                      error);
  return WL_OK;
}

wl_status cli_arguments_parse(const cli_command *command, int argc,
                              char *const *argv, cli_arguments *out,
                              wl_error *error) {
  *out = (cli_arguments){.n_operands = 0};
  out->given = wl_calloc((size_t)argc, sizeof *out->given);
  if (out->given == NULL)
    return wl_fail_memory(error, (size_t)argc * sizeof *out->given);
  option_parser parser = {command, argc, 0, argv, out};
  wl_status status = take_words(&parser, error);
  if (status != WL_OK)
    cli_arguments_deinit(out);
  return status;
}

void cli_arguments_deinit(cli_arguments *arguments) {
  wl_free(arguments->given);
  *arguments = (cli_arguments){.n_operands = 0};
}

bool cli_has(const cli_arguments *arguments, const char *name) {
  for (size_t i = 0; i < arguments->n_given; i++)
    if (strcmp(arguments->given[i].option->name, name) == 0)
      return true;
  return false;
}

const char *cli_value(const cli_arguments *arguments, const char *name) {
  for (size_t i = arguments->n_given; i-- > 0;)
    if (strcmp(arguments->given[i].option->name, name) == 0)
      return arguments->given[i].value;
  return NULL;
}

uint32_t cli_number(const cli_arguments *arguments, const char *name,
                    uint32_t otherwise) {
  const char *text = cli_value(arguments, name);
  return text != NULL ? (uint32_t)strtoul(text, NULL, 10) : otherwise;
}

double cli_seconds(const cli_arguments *arguments, const char *name,
                   double otherwise) {
  const char *text = cli_value(arguments, name);
  return text != NULL ? wl_parse_double(text, NULL) : otherwise;
}

wl_import_format cli_source(const cli_arguments *arguments, const char *name) {
  const char *text = cli_value(arguments, name);
  return text != NULL ? source_of(text) : WL_IMPORT_DETECT;
}

char cli_character(const cli_arguments *arguments, const char *name,
                   char otherwise) {
  const char *text = cli_value(arguments, name);
  if (text == NULL)
    return otherwise;
  return text[1] == '\0' ? text[0] : '\t'; /* "tab" */
}
