/* output.h - what the client commands print: tables, JSON, sentences, progress. */
/*
 * Results go to stdout, all else to stderr. With --json a listing is one object a line and anything
 * else is one object. Tables never carry control bytes: what a name holds cannot move the cursor or
 * begin a line, and --json has it exactly.
 */
#ifndef FY_CLI_OUTPUT_H
#define FY_CLI_OUTPUT_H

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>

#include "cli/command.h"

#define FY_CELL_BYTES 48 /* of a printed number, size or age */

/* ---- sentences */

/* "ferry: sentence" on stderr; returns what the shell is told of err->code. */
int fy_fail(const struct fy_err *err);
/* The same for a command line that cannot be right: returns FY_EXIT_USAGE. */
int fy_fail_usage(const struct fy_err *err);
/* Text without control characters and bytes that are not UTF-8: those become \n, \t, \r or \xNN. */
void fy_clean(struct fy_buf *buf, const char *text);
/* A printf to stdout whose result may hold names: it is cleaned. */
void fy_say(const char *format, ...) FY_PRINTF(1, 2);
/* Ends a command: flushes stdout; an error there (a full disk) is FY_EXIT_ERROR. */
int fy_output_end(int exit_status);

/* ---- cells */

void fy_cell_size(int64_t bytes, char cell[static FY_CELL_BYTES]);      /* "1.5 MiB" */
void fy_cell_seconds(int64_t seconds, char cell[static FY_CELL_BYTES]); /* "3m 20s"; "-" for 0 */
void fy_cell_count(int64_t count, char cell[static FY_CELL_BYTES]);
/* How long ago the instant (as the API writes it) was; "-" when absent or broken. */
void fy_cell_age(const char *instant, char cell[static FY_CELL_BYTES]);

/* ---- tables */

/* Rows are gathered, then printed in columns of equal width. Memory of the caller. */
struct fy_table {
    const char *titles[FY_TABLE_COLUMNS_MAX]; /* "<SITE" or ">BYTES": title and side; borrowed */
    size_t column_count;
    size_t
        widths[FY_TABLE_COLUMNS_MAX]; /* in characters; never less than in a part printed before */
    bool begun;                       /* titles are printed */
    char **cells;                     /* column_count a row */
    size_t cell_count, cell_capacity;
};

/* titles: "<SITE" or ">BYTES", the text and its side; borrowed as long as the table is used. */
void fy_table_init(struct fy_table *table, const char *const *titles, size_t column_count);
/* One row: column_count texts, each copied and cleaned. */
void fy_table_row(struct fy_table *table, const char *const *cells);
/* Prints and forgets the rows; the titles once. Nothing at all without a row. */
void fy_table_print(struct fy_table *table, FILE *file);
void fy_table_done(struct fy_table *table);

#define FY_TABLE_INIT(table, ...)                                                                  \
    do {                                                                                           \
        static const char *const titles_[] = {__VA_ARGS__};                                        \
        static_assert(FY_COUNT_OF(titles_) <= FY_TABLE_COLUMNS_MAX, "columns");                    \
        fy_table_init(table, titles_, FY_COUNT_OF(titles_));                                       \
    } while (0)
#define FY_TABLE_ROW(table, ...)                                                                   \
    do {                                                                                           \
        const char *const cells_[] = {__VA_ARGS__};                                                \
        FY_ASSERT(FY_COUNT_OF(cells_) == (table)->column_count);                                   \
        fy_table_row(table, cells_);                                                               \
    } while (0)

/* ---- JSON */

void fy_print_json(const json_t *value);                /* one line */
void fy_print_buf(const struct fy_buf *json);           /* the same of a text */
void fy_print_pair(const char *key, const char *value); /* {"key":"value"} */

/* ---- progress and sums of many objects */

/* Any thread. */
struct fy_tally {
    const char *verb;      /* "put", in sentences */
    bool shown;            /* stderr is a terminal */
    int64_t started_ms;    /* monotonic */
    pthread_mutex_t mutex; /* guards what follows */
    int64_t objects, bytes, unchanged, failed, skipped;
    int64_t version;     /* of the only one, 0 not known; by its thread, after the last */
    int64_t moved_bytes; /* of bodies, on their way too */
    int64_t drawn_ms;
    enum fy_code stopped; /* why the rest was not tried; FY_OK: all was */
};

void fy_tally_init(struct fy_tally *tally, const char *verb);
void fy_tally_done(struct fy_tally *tally);
/* Bytes moved in either direction; draws the line at most five times a second. */
void fy_tally_move(struct fy_tally *tally, int64_t bytes);
void fy_tally_object(struct fy_tally *tally, int64_t bytes, bool unchanged);
void fy_tally_skip(struct fy_tally *tally);
/* Counts it, and says "ferry: put WHAT: sentence". */
void fy_tally_fail(struct fy_tally *tally, const char *what, const struct fy_err *err);
/* Remembers why the rest is left out; the first reason stays. */
void fy_tally_stop(struct fy_tally *tally, enum fy_code code);
/* The line "N objects, B bytes, S s, R objects/s (U unchanged)" to file, or as JSON; wipes the
 * progress. file NULL: only wipes. Returns the exit code: interrupted, why it stopped, some failed.
 */
int fy_tally_sum(struct fy_tally *tally, bool json, FILE *file);

#endif
