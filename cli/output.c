/* output.c - sentences, cells, tables and JSON on stdout. */
#include "cli/output.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "common/core/clock.h"
#include "common/core/utf8.h"

#define COLUMN_GAP "  "

/* ---- sentences */

int fy_fail(const struct fy_err *err)
{
    FY_ASSERT(err->code != FY_OK);
    fprintf(stderr, "ferry: %s\n", err->text);
    return fy_output_end(fy_client_exit(err->code));
}

int fy_fail_usage(const struct fy_err *err)
{
    fprintf(stderr, "ferry: %s\n", err->text);
    return FY_EXIT_USAGE;
}

/* C0, DEL and C1: what a terminal may obey. */
static bool is_control(const char *text, size_t bytes)
{
    unsigned char first = (unsigned char)text[0];
    return first < 0x20 || first == 0x7f ||
           (bytes == 2 && first == 0xc2 && (unsigned char)text[1] < 0xa0);
}

void fy_clean(struct fy_buf *buf, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        size_t step = fy_utf8_step(text, left);
        size_t bytes = step > 0 ? step : 1;
        if (step > 0 && !is_control(text, step))
            fy_buf_add(buf, text, step);
        else if (*text == '\n' || *text == '\t' || *text == '\r')
            fy_buf_text(buf, *text == '\n' ? "\\n" : *text == '\t' ? "\\t" : "\\r");
        else
            for (size_t i = 0; i < bytes; i++)
                fy_buf_printf(buf, "\\x%02x", (unsigned char)text[i]);
        text += bytes;
        left -= bytes;
    }
}

void fy_say(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    FY_ASSERT(length >= 0);
    struct fy_buf clean;
    fy_buf_init(&clean, FY_LINE_BYTES_MAX);
    fy_clean(&clean, text);
    puts(clean.bytes != NULL ? clean.bytes : "");
    fy_buf_done(&clean);
    free(text);
}

int fy_output_end(int exit_status)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return exit_status;
    fprintf(stderr, "ferry: the output could not be written\n");
    return exit_status != FY_EXIT_DONE ? exit_status : FY_EXIT_ERROR;
}

/* ---- cells */

void fy_cell_size(int64_t bytes, char cell[static FY_CELL_BYTES])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double amount = (double)bytes;
    size_t unit = 0;
    /* 1023.95 would be printed as 1024.0 */
    while (amount >= (unit == 0 ? 1024 : 1023.95) && unit + 1 < FY_COUNT_OF(units)) {
        amount /= 1024;
        unit++;
    }
    (void)snprintf(cell, FY_CELL_BYTES, unit == 0 ? "%.0f %s" : "%.1f %s", amount, units[unit]);
}

void fy_cell_seconds(int64_t seconds, char cell[static FY_CELL_BYTES])
{
    static const struct {
        int64_t seconds, part_seconds;
        char name, part_name;
    } units[] = {{86400, 3600, 'd', 'h'}, {3600, 60, 'h', 'm'}, {60, 1, 'm', 's'}};
    for (size_t i = 0; i < FY_COUNT_OF(units); i++)
        if (seconds >= units[i].seconds) {
            (void)snprintf(cell, FY_CELL_BYTES, "%" PRId64 "%c %" PRId64 "%c",
                           seconds / units[i].seconds, units[i].name,
                           seconds % units[i].seconds / units[i].part_seconds, units[i].part_name);
            return;
        }
    if (seconds > 0)
        (void)snprintf(cell, FY_CELL_BYTES, "%" PRId64 "s", seconds);
    else
        (void)snprintf(cell, FY_CELL_BYTES, "-");
}

void fy_cell_count(int64_t count, char cell[static FY_CELL_BYTES])
{
    (void)snprintf(cell, FY_CELL_BYTES, "%" PRId64, count);
}

void fy_cell_age(const char *instant, char cell[static FY_CELL_BYTES])
{
    int64_t then_ms;
    int64_t age_ms = 0;
    if (fy_instant_parse(instant, &then_ms) == FY_OK)
        age_ms = fy_wall_ms(fy_clock_system()) - then_ms;
    fy_cell_seconds(age_ms > 0 ? (age_ms + 999) / 1000 : 0, cell);
}

/* ---- tables */

/* Characters, not bytes: those that do not continue one before them (UTF-8). */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

void fy_table_init(struct fy_table *table, const char *const *titles, size_t column_count)
{
    FY_ASSERT(column_count >= 1);
    FY_ASSERT(column_count <= FY_TABLE_COLUMNS_MAX);
    *table = (struct fy_table){.column_count = column_count};
    for (size_t i = 0; i < column_count; i++) {
        FY_ASSERT(titles[i][0] == '<' || titles[i][0] == '>');
        table->titles[i] = titles[i];
        table->widths[i] = width_of(titles[i] + 1);
    }
}

void fy_table_row(struct fy_table *table, const char *const *cells)
{
    if (table->cell_count + table->column_count > table->cell_capacity) {
        table->cell_capacity = 2 * table->cell_capacity + 16 * table->column_count;
        table->cells = fy_realloc(table->cells, table->cell_capacity * sizeof(*table->cells));
    }
    for (size_t i = 0; i < table->column_count; i++) {
        struct fy_buf clean;
        fy_buf_init(&clean, FY_LINE_BYTES_MAX);
        fy_clean(&clean, cells[i]);
        size_t width = clean.bytes != NULL ? width_of(clean.bytes) : 0;
        if (width > table->widths[i])
            table->widths[i] = width;
        table->cells[table->cell_count++] = fy_buf_take(&clean, NULL);
    }
}

/* Up to the last cell that holds something: no blanks at the line's end. */
static void print_line(const struct fy_table *table, const char *const *cells, size_t skip,
                       FILE *file)
{
    size_t last = table->column_count;
    while (last > 1 && cells[last - 1][skip] == '\0')
        last--;
    for (size_t i = 0; i < last; i++) {
        const char *text = cells[i] + skip;
        int padding = (int)(table->widths[i] - width_of(text));
        if (table->titles[i][0] == '>')
            fprintf(file, "%*s%s", padding, "", text);
        else
            fprintf(file, "%s%*s", text, i + 1 == last ? 0 : padding, "");
        fputs(i + 1 == last ? "\n" : COLUMN_GAP, file);
    }
}

static void forget_rows(struct fy_table *table)
{
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i]);
    table->cell_count = 0;
}

void fy_table_print(struct fy_table *table, FILE *file)
{
    if (table->cell_count == 0)
        return;
    if (!table->begun)
        print_line(table, table->titles, 1, file);
    table->begun = true;
    for (size_t i = 0; i < table->cell_count; i += table->column_count)
        print_line(table, (const char *const *)table->cells + i, 0, file);
    forget_rows(table);
}

void fy_table_done(struct fy_table *table)
{
    forget_rows(table);
    free(table->cells);
    *table = (struct fy_table){0};
}

/* ---- JSON */

void fy_print_json(const json_t *value)
{
    /* What fails here has failed on stdout, which fy_output_end sees. */
    (void)json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
    putchar('\n');
}

void fy_print_buf(const struct fy_buf *json)
{
    FY_ASSERT(!json->overflow);
    puts(json->bytes);
}

void fy_print_pair(const char *key, const char *value)
{
    struct fy_buf json;
    fy_buf_init(&json, FY_LINE_BYTES_MAX);
    fy_buf_text(&json, "{");
    fy_buf_json_str(&json, key, value);
    fy_buf_text(&json, "}");
    fy_print_buf(&json);
    fy_buf_done(&json);
}
