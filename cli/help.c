/* help.c: the table of commands.c as help texts and as a manual page. */
#include <string.h>

#include "options.h"

enum { WIDTH = 79, TEXT_COLUMN = 26 };

/* Words broken into lines; what is printed so far ends at `column`. */
static void print_wrapped(FILE *to, const char *text, int column, int indent) {
  while (*text != '\0') {
    if (*text == '\n') { /* an empty line between paragraphs */
      fprintf(to, "\n\n%*s", indent, "");
      text += strspn(text, "\n");
      column = indent;
      continue;
    }
    int size = (int)strcspn(text, " \n");
    if (column > indent && column + 1 + size > WIDTH) {
      fprintf(to, "\n%*s", indent, "");
      column = indent;
    } else if (column > indent) {
      fputc(' ', to);
      column++;
    }
    fprintf(to, "%.*s", size, text);
    column += size;
    text += size;
    text += strspn(text, " ");
  }
  fputc('\n', to);
}

static void print_option(FILE *to, const cli_option *option) {
  int column = 0;
  if (option->letter != '\0')
    column += fprintf(to, "  -%c, --%s", option->letter, option->name);
  else
    column += fprintf(to, "      --%s", option->name);
  if (option->argument != NULL)
    column += fprintf(to, " %s", option->argument);
  if (column + 2 > TEXT_COLUMN) {
    fputc('\n', to);
    column = 0;
  }
  fprintf(to, "%*s", TEXT_COLUMN - column, "");
  print_wrapped(to, option->help, TEXT_COLUMN, TEXT_COLUMN);
}

static void print_synopsis(FILE *to, const cli_command *command) {
  if (command == &cli_program) {
    fprintf(to, "usage: willump %s\n", command->operands);
    return;
  }
  fprintf(to, "usage: willump %s %s%s\n", command->name,
          command->n_options > 0 ? "[OPTION]... " : "", command->operands);
}

void cli_print_help(FILE *to, const cli_command *command) {
  print_synopsis(to, command);
  fputc('\n', to);
  print_wrapped(to, command->description, 0, 0);
  if (command == &cli_program) {
    fputs("\nCommands:\n", to);
    for (size_t i = 0; i < CLI_COMMAND_COUNT; i++)
      fprintf(to, "  %-10s %s\n", cli_commands[i].name,
              cli_commands[i].summary);
  }
  fputs("\nOptions:\n", to);
  for (size_t i = 0; i < command->n_options; i++)
    print_option(to, &command->options[i]);
}

/* ---- the manual page ----------------------------------------------------- */

/* Text with what troff would read as its own escaped. */
static void print_troff(FILE *to, const char *text) {
  bool is_line_start = true;
  for (; *text != '\0'; text++) {
    if (*text == '\n') { /* an empty line between paragraphs */
      fputs("\n.PP\n", to);
      text += strspn(text, "\n") - 1;
      is_line_start = true;
      continue;
    }
    if (is_line_start && (*text == '.' || *text == '\''))
      fputs("\\&", to);
    is_line_start = false;
    if (*text == '\\')
      fputs("\\e", to);
    else if (*text == '-')
      fputs("\\-", to);
    else
      fputc(*text, to);
  }
  fputc('\n', to);
}

static void print_troff_options(FILE *to, const cli_command *command) {
  for (size_t i = 0; i < command->n_options; i++) {
    const cli_option *option = &command->options[i];
    fputs(".TP\n", to);
    if (option->letter != '\0')
      fprintf(to, "\\fB\\-%c\\fR, ", option->letter);
    fputs("\\fB\\-\\-", to);
    for (const char *c = option->name; *c != '\0'; c++)
      fputs(*c == '-' ? "\\-" : (char[]){*c, '\0'}, to);
    fputs("\\fR", to);
    if (option->argument != NULL)
      fprintf(to, " \\fI%s\\fR", option->argument);
    fputc('\n', to);
    print_troff(to, option->help);
  }
}

void cli_print_manual(FILE *to) {
  fputs(".TH WILLUMP 1 \"\" \"willump " WL_VERSION "\" \"User Commands\"\n"
        ".SH NAME\nwillump \\- ",
        to);
  print_troff(to, cli_program.summary);
  fputs(".SH SYNOPSIS\n", to);
  for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
    fprintf(to, "%s\\fBwillump %s\\fR ", i > 0 ? ".br\n" : "",
            cli_commands[i].name);
    if (cli_commands[i].n_options > 0)
      fputs("[\\fIOPTION\\fR]... ", to);
    print_troff(to, cli_commands[i].operands);
  }
  fputs(".SH DESCRIPTION\n", to);
  print_troff(to, cli_program.description);
  fputs(".SH OPTIONS\n", to);
  print_troff_options(to, &cli_program);
  fputs(".SH COMMANDS\n", to);
  for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
    fprintf(to, ".SS \"willump %s\"\n", cli_commands[i].name);
    print_troff(to, cli_commands[i].description);
    print_troff_options(to, &cli_commands[i]);
  }
  for (size_t i = 0; i < cli_n_sections; i++) {
    fprintf(to, ".SH %s\n", cli_sections[i].title);
    print_troff(to, cli_sections[i].text);
  }
}
