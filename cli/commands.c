/*
 * commands.c: the one definition of the program's commands and options.
 * Parsing,
 * --help and the manual page are made from it.
 */
#include "base/base.h"
#include "options.h"

#define HELP_OPTION                                                            \
  { 'h', "help", CLI_FLAG, NULL, "Print this help." }
#define THREADS_OPTION                                                         \
  {                                                                            \
    0, "threads", CLI_NUMBER, "N",                                             \
        "Run on N threads, at least 1. By default WILLUMP_NUM_THREADS, or 1."  \
  }
#define COLUMN_OPTION                                                          \
  {                                                                            \
    0, "column", CLI_WORD, "NAME",                                             \
        "The column to read, for a model with one input. By default the one "  \
        "with the name that the model was trained on, else the file's only "   \
        "column, or its only column of text: the only key whose value is a "   \
        "string in the first record, or the only column of CSV that holds "    \
        "more than numbers in the first rows."                                 \
  }
#define FORMAT_OPTION                                                          \
  {                                                                            \
    0, "format", CLI_FORMAT, "FORMAT",                                         \
        "The input's format: csv or jsonl. By default as the file's name "     \
        "ends "                                                                \
        "(.csv, .tsv, .jsonl, .ndjson, .json); csv otherwise."                 \
  }
#define DELIMITER_OPTION                                                       \
  {                                                                            \
    0, "delimiter", CLI_CHARACTER, "C",                                        \
        "The character between the fields of a CSV input, or 'tab'. By "       \
        "default a "                                                           \
        "comma, and a tab for .tsv."                                           \
  }

static const cli_option program_options[] = {
    HELP_OPTION,
    {'V', "version", CLI_FLAG, NULL, "Print the version."},
    {0, "man", CLI_FLAG, NULL, "Print the manual page (troff)."},
};

static const cli_option predict_options[] = {
    {'o', "out", CLI_WORD, "FILE",
     "Write to FILE instead of the standard output ('-'). It is written beside "
     "FILE and renamed when it is complete."},
    {0, "output", CLI_WORD, "NAME",
     "An output of the model: label, proba, decision, prediction, features ... "
     "May be given several times. By default label; for a model without one "
     "decision, prediction or its first dense output."},
    {0, "proba", CLI_FLAG, NULL, "The same as --output proba."},
    {0, "decision", CLI_FLAG, NULL, "The same as --output decision."},
    COLUMN_OPTION,
    FORMAT_OPTION,
    {0, "output-format", CLI_FORMAT, "FORMAT",
     "The format written: csv or jsonl. By default as the name of --out ends, "
     "or the input's format."},
    DELIMITER_OPTION,
    THREADS_OPTION,
    {0, "exact", CLI_FLAG, NULL,
     "Leave the cascade out: the full model answers every row."},
    {0, "top-k", CLI_NUMBER, "N",
     "Write the N best rows of INPUT instead, best first: their numbers, from "
     "0, and scores. They rank by the second class's proba, or by decision, "
     "or by a regressor's prediction. Of a model with a filter for such "
     "queries only its candidates get a score; --exact scores all rows."},
    {0, "class-label", CLI_WORD, "CLASS",
     "The class by whose score --top-k ranks; needed where there are not two. "
     "Of several predictions a row, the number of one, from 0."},
    {0, "stages", CLI_FLAG, NULL,
     "Add a column with the number of the stage that answered, from 0."},
    HELP_OPTION,
};

static const cli_option inspect_options[] = {
    {0, "graph", CLI_FLAG, NULL, "Print the graph's text form only."},
    {0, "after", CLI_WORD, "PASS",
     "Print the graph as it stands after a pass, or after all of them "
     "('all')."},
    {0, "metadata", CLI_FLAG, NULL, "Print the metadata only (JSON)."},
    HELP_OPTION,
};

static const cli_option bench_options[] = {
    {0, "output", CLI_WORD, "NAME",
     "The output to compute. By default as for predict."},
    COLUMN_OPTION,
    FORMAT_OPTION,
    DELIMITER_OPTION,
    {0, "seconds", CLI_SECONDS, "S",
     "Measure throughput and latency for about S seconds each. By default 2."},
    {0, "batch", CLI_NUMBER, "N", "Rows of one call. By default 4096."},
    THREADS_OPTION,
    {0, "exact", CLI_FLAG, NULL,
     "Leave the cascade out: the full model answers every row."},
    HELP_OPTION,
};

static const cli_option import_options[] = {
    {'o', "out", CLI_WORD, "FILE",
     "Write the model to FILE; '-' for the standard output. It must be given."},
    {0, "from", CLI_SOURCE, "FORMAT",
     "What MODEL is: lightgbm (model text), xgboost-json, xgboost-ubj or "
     "catboost-json. By default as its bytes look."},
    HELP_OPTION,
};

static const cli_option help_options[] = {HELP_OPTION};

#define OPTIONS(list) (list), WL_COUNT_OF(list)

const cli_command cli_program = {
    "",
    "COMMAND [OPTION]... [ARGUMENT]...",
    0,
    0,
    "run compiled machine-learning pipelines",
    "Runs machine-learning pipelines that were compiled and saved from Python "
    "with willump.compile(pipeline).save(path), or imported from LightGBM, "
    "XGBoost or CatBoost. The answers have the same bits as in Python.",
    OPTIONS(program_options),
};

const cli_command cli_commands[CLI_COMMAND_COUNT] = {
    [CLI_PREDICT] =
        {
            "predict",
            "MODEL [INPUT|-]",
            1,
            2,
            "answer the rows of a file",
            "Reads rows from INPUT, or from the standard input, and writes the "
            "model's answers, a row for a row, as they become known. Labels "
            "are written as the classes that the model was trained on; numbers "
            "with as many digits as read back to the same double.\n\n"
            "A model with one input takes --column; one with several takes "
            "each by the name that it was trained on.",
            OPTIONS(predict_options),
        },
    [CLI_INSPECT] =
        {
            "inspect",
            "MODEL",
            1,
            1,
            "show what is inside a model",
            "Prints a model's inputs, outputs and stages, its certificate, the "
            "measured costs of its blocks and its graph.",
            OPTIONS(inspect_options),
        },
    [CLI_BENCH] =
        {
            "bench",
            "MODEL INPUT",
            2,
            2,
            "measure a model's speed on a file",
            "Reads INPUT into memory and measures the model alone: rows and "
            "megabytes a second over whole passes in batches, and the time of "
            "calls with one row.",
            OPTIONS(bench_options),
        },
    [CLI_IMPORT] =
        {
            "import",
            "MODEL -o FILE",
            1,
            1,
            "make a model of one that LightGBM, XGBoost or CatBoost saved",
            "Reads MODEL, an ensemble of trees as LightGBM (save_model: text, "
            "v3 and v4), XGBoost (save_model: .json or .ubj, 1.6 to 3.x) or "
            "CatBoost (save_model: format='json') saved it, and writes a model "
            "with the same answers.\n\n"
            "Its outputs are prediction, what Booster.predict returns (of "
            "CatBoost's classifiers: the probabilities); raw, the scores "
            "before the objective's function; and leaves, the leaf of every "
            "tree. It reads numeric columns by the names that it was "
            "trained on or, when it was trained without names, in their order.",
            OPTIONS(import_options),
        },
    [CLI_HELP] =
        {
            "help",
            "[COMMAND]",
            0,
            1,
            "show the help of a command",
            "Prints the help of a command, or the list of them.",
            OPTIONS(help_options),
        },
};

const cli_section cli_sections[] = {
    {"INPUT",
     "CSV as in RFC 4180, in UTF-8, with a header: fields may be quoted, and a "
     "quoted field may hold delimiters, line ends and doubled quotes. An empty "
     "field is an empty string in a column of text and a missing value (NaN) "
     "in a column of numbers, quoted or not; so are NA, NULL, None and what "
     "else pandas reads "
     "as missing.\n\n"
     "JSON lines: one object a line; the keys of the first are the columns. A "
     "later one may lack a key, which is as null: a missing value. Further "
     "keys are ignored. NaN, Infinity and -Infinity are numbers, as Python "
     "writes them."},
    {"OUTPUT",
     "CSV with a header, or an object a line with the same names: label; "
     "proba_CLASS for every class; decision, or decision_CLASS; prediction; "
     "stage; or row and score of the best rows (--top-k). Numbers that are not "
     "finite are nan, inf and -inf in CSV, and "
     "null, 1e999 and -1e999 in JSON. A sparse output is written as JSON only: "
     "an object with indices and values."},
    {"EXIT STATUS",
     "0 when all went well, 1 after a failure, 2 when the command line is "
     "wrong. Errors name the line, the column and the value."},
    {"ENVIRONMENT",
     "WILLUMP_NUM_THREADS is the number of threads where --threads is not "
     "given. WILLUMP_CPU (portable, avx2 or avx512) forces a variant of the "
     "kernels; the answers are the same."},
};
const size_t cli_n_sections = WL_COUNT_OF(cli_sections);
