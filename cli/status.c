/* status.c - `ferry status`: which site is behind, by how many orders and how long, and why. */
#include <inttypes.h>
#include <string.h>

#include "cli/client.h"
#include "cli/output.h"

/* One part of the way: how much waits there, and since when. */
static void say_part(const char *what, const json_t *part)
{
    char age[FY_CELL_BYTES];
    if (json_is_null(json_object_get(part, "lag"))) {
        fy_say("%-10s unknown", what);
        return;
    }
    fy_cell_seconds(fy_json_i64(part, "oldestSeconds"), age);
    fy_say("%-10s %" PRId64 " orders, oldest %s", what, fy_json_i64(part, "lag"), age);
}

/* The orders in Kafka are in nobody's memory here: what is, waits for its acknowledgement. */
static void say_queue(const json_t *queue)
{
    char used[FY_CELL_BYTES];
    char all[FY_CELL_BYTES];
    fy_cell_size(fy_json_i64(queue, "usedBytes"), used);
    fy_cell_size(fy_json_i64(queue, "maxBytes"), all);
    if (!fy_json_bool(queue, "ok"))
        fy_say("queue      away: %s", fy_json_text(queue, "reason"));
    else if (strcmp(fy_json_text(queue, "engine"), "kafka") == 0)
        fy_say("queue      kafka; not acknowledged yet: %s, at most %s", used, all);
    else
        fy_say("queue      %s of %s", used, all);
}

static void say_own(const json_t *tree)
{
    char bytes[FY_CELL_BYTES];
    char free_space[FY_CELL_BYTES];
    char up[FY_CELL_BYTES];
    const json_t *store = json_object_get(tree, "store");
    fy_cell_size(fy_json_i64(tree, "bytes"), bytes);
    fy_cell_size(fy_json_i64(store, "freeBytes"), free_space);
    fy_cell_age(fy_json_text(tree, "started"), up);
    fy_say("site       %s, ferry %s, up %s", fy_json_text(tree, "site"),
           fy_json_text(tree, "version"), up);
    fy_say("holds      %" PRId64 " objects, %s; buckets: %" PRId64, fy_json_i64(tree, "objects"),
           bytes, fy_json_i64(tree, "containers"));
    say_queue(json_object_get(tree, "queue"));
    fy_say("store      %s free%s", free_space,
           fy_json_bool(store, "ok") ? "" : ": under its floor, no body is taken");
    fy_say("outbox     %" PRId64 " orders", fy_json_i64(tree, "outbox"));
    say_part("routing", json_object_get(tree, "routing"));
    say_part("incoming", json_object_get(tree, "incoming"));
    if (fy_json_i64(tree, "conflicts") > 0)
        fy_say("conflicts  losing bodies kept: %" PRId64 " (ferry failed ls --reason CONFLICT)",
               fy_json_i64(tree, "conflicts"));
    if (fy_json_i64(tree, "keptObjects") > 0) {
        fy_cell_size(fy_json_i64(tree, "keptBytes"), bytes);
        fy_say("deleted    objects kept: %" PRId64 ", %s (ferry undelete)",
               fy_json_i64(tree, "keptObjects"), bytes);
    }
    if (fy_json_i64(tree, "damagedBodies") > 0)
        fy_say("damaged    bodies: %" PRId64 " (ferry verify --repair)",
               fy_json_i64(tree, "damagedBodies"));
}

static void print_targets(const json_t *targets)
{
    struct fy_table table;
    FY_TABLE_INIT(&table, "<TO SITE", "<STATE", ">BEHIND", ">OLDEST", "<URL");
    size_t index;
    json_t *target;
    json_array_foreach(targets, index, target)
    {
        char lag[FY_CELL_BYTES];
        char age[FY_CELL_BYTES];
        bool known = !json_is_null(json_object_get(target, "lag"));
        fy_cell_count(fy_json_i64(target, "lag"), lag);
        fy_cell_seconds(fy_json_i64(target, "oldestSeconds"), age);
        FY_TABLE_ROW(&table, fy_json_text(target, "site"),
                     fy_json_bool(target, "paused") ? "paused" : fy_json_text(target, "status"),
                     known ? lag : "unknown", known ? age : "unknown", fy_json_text(target, "uri"));
    }
    if (index > 0)
        puts("");
    fy_table_print(&table, stdout);
    fy_table_done(&table);
}

static void print_waiting(const json_t *waiting)
{
    struct fy_table table;
    FY_TABLE_INIT(&table, "<STATE", "<WAY", "<SITE", "<REASON", ">ORDERS", ">BYTES", ">OLDEST");
    size_t index;
    json_t *count;
    json_array_foreach(waiting, index, count)
    {
        char orders[FY_CELL_BYTES];
        char bytes[FY_CELL_BYTES];
        char age[FY_CELL_BYTES];
        fy_cell_count(fy_json_i64(count, "orders"), orders);
        fy_cell_size(fy_json_i64(count, "bytes"), bytes);
        fy_cell_age(fy_json_text(count, "oldest"), age);
        FY_TABLE_ROW(&table, fy_json_text(count, "state"), fy_json_text(count, "direction"),
                     fy_json_text(count, "site"), fy_json_text(count, "reason"), orders, bytes,
                     age);
    }
    puts("");
    if (index == 0)
        puts("no order waits, none is dead");
    fy_table_print(&table, stdout);
    fy_table_done(&table);
}

int fy_command_status(const struct fy_command_line *line)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    struct fy_buf path;
    struct fy_err err = {0};
    json_t *tree = NULL;
    if (fy_client_open(line, &client, &err) != FY_OK)
        return fy_fail_usage(&err);
    fy_path(&path, FY_PATH_STATUS);
    if (fy_client_get_json(client, &path, &tree, &err) != FY_OK)
        return fy_fail(&err);
    if (line->json) {
        fy_print_json(tree);
    } else {
        say_own(tree);
        print_targets(json_object_get(tree, "targets"));
        print_waiting(json_object_get(tree, "waiting"));
    }
    json_decref(tree);
    return fy_output_end(FY_EXIT_DONE);
}
