/* lag.c - `ferry lag`: how far behind each topic is, by partition; what /metrics says, for people.
 */
#include <inttypes.h>

#include "cli/client.h"
#include "cli/output.h"

static void add_row(struct fy_table *table, const json_t *row)
{
    char partition[FY_CELL_BYTES];
    char orders[FY_CELL_BYTES];
    char backlog[FY_CELL_BYTES];
    char seconds[FY_CELL_BYTES];
    char committed[FY_CELL_BYTES];
    char end[FY_CELL_BYTES];
    fy_cell_count(fy_json_i64(row, "partition"), partition);
    fy_cell_count(fy_json_i64(row, "orders"), orders);
    fy_cell_count(fy_json_i64(row, "backlog"), backlog);
    fy_cell_count(fy_json_i64(row, "seconds"), seconds);
    fy_cell_count(fy_json_i64(row, "committed"), committed);
    fy_cell_count(fy_json_i64(row, "end"), end);
    FY_TABLE_ROW(table, fy_json_text(row, "topic"), partition, fy_json_text(row, "site"), orders,
                 backlog, seconds, committed, end, fy_json_text(row, "group"));
}

static void print_table(const json_t *partitions, bool all)
{
    struct fy_table table;
    FY_TABLE_INIT(&table, "<TOPIC", ">PARTITION", "<SITE", ">ORDERS", ">UNDONE", ">SECONDS",
                  ">COMMITTED", ">END", "<GROUP");
    size_t index;
    json_t *row;
    json_array_foreach(partitions, index, row)
    {
        if (all || fy_json_i64(row, "orders") > 0)
            add_row(&table, row);
    }
    fy_table_print(&table, stdout);
    fy_table_done(&table);
}

static void print_rows(const json_t *partitions)
{
    size_t index;
    json_t *row;
    json_array_foreach(partitions, index, row) fy_print_json(row);
}

int fy_command_lag(const struct fy_command_line *line)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    json_auto_t *tree = NULL;
    struct fy_buf path;
    struct fy_err err = {0};
    if (fy_client_open(line, &client, &err) != FY_OK)
        return fy_fail_usage(&err);
    fy_path(&path, FY_PATH_LAG);
    if (fy_client_get_json(client, &path, &tree, &err) != FY_OK)
        return fy_fail(&err);
    if (line->json) {
        print_rows(json_object_get(tree, "partitions"));
    } else {
        print_table(json_object_get(tree, "partitions"), fy_option(line, "all") != NULL);
        fy_say("total      %" PRId64 " orders, %" PRId64 " of them undone, oldest %" PRId64 " s",
               fy_json_i64(tree, "orders"), fy_json_i64(tree, "backlog"),
               fy_json_i64(tree, "seconds"));
    }
    return fy_output_end(FY_EXIT_DONE);
}
