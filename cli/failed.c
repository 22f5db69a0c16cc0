/* failed.c - `ferry failed ls|show|retry|drop`: orders that wait or are dead. */
#include <inttypes.h>
#include <string.h>

#include "cli/client.h"
#include "cli/output.h"
#include "cli/words.h"

#define BODY_BYTES_MAX (32 << 10)

/* The options that narrow a list, as the API names them, too. */
static const char *const filters[] = {"site", "bucket", "reason", "state", "direction"};

/* "bucket/object", or the bucket alone. */
static void print_subject(const json_t *order, struct fy_buf *text)
{
    const char *object = fy_json_text(order, "objectName");
    fy_buf_init(text, FY_LINE_BYTES_MAX);
    fy_buf_printf(text, "%s%s%s", fy_json_text(order, "bucketName"), object[0] != '\0' ? "/" : "",
                  object);
}

/* The site an order comes from, or goes to. */
static const char *site_of(const json_t *row)
{
    bool out = strcmp(fy_json_text(row, "direction"), "out") == 0;
    return fy_json_text(json_object_get(row, "order"), out ? "toSite" : "fromSite");
}

/* ---- ls */

struct listing {
    bool json;
    struct fy_table table;
};

static bool show_order(void *arg, const json_t *row)
{
    struct listing *listing = arg;
    char id[FY_CELL_BYTES];
    char tries[FY_CELL_BYTES];
    char since[FY_CELL_BYTES];
    struct fy_buf subject;
    if (row == NULL) {
        fy_table_print(&listing->table, stdout);
    } else if (listing->json) {
        fy_print_json(row);
    } else {
        const json_t *order = json_object_get(row, "order");
        fy_cell_count(fy_json_i64(row, "id"), id);
        fy_cell_count(fy_json_i64(row, "attempts"), tries);
        fy_cell_age(fy_json_text(row, "firstFailed"), since);
        print_subject(order, &subject);
        FY_TABLE_ROW(&listing->table, id, fy_json_text(row, "direction"),
                     fy_json_text(row, "state"), fy_json_text(row, "reason"), site_of(row), tries,
                     since, fy_json_text(order, "action"), subject.bytes);
        fy_buf_done(&subject);
    }
    return ferror(stdout) == 0;
}

int fy_command_failed_ls(const struct fy_command_line *line)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    struct listing listing = {.json = line->json};
    struct fy_buf path;
    struct fy_err err = {0};
    if (fy_client_open(line, &client, &err) != FY_OK)
        return fy_fail_usage(&err);
    FY_TABLE_INIT(&listing.table, ">ID", "<WAY", "<STATE", "<REASON", "<SITE", ">TRIES", ">SINCE",
                  "<ACTION", "<OBJECT");
    fy_path(&path, FY_PATH_WAITING);
    for (size_t i = 0; i < FY_COUNT_OF(filters); i++)
        fy_path_query(&path, filters[i], fy_option(line, filters[i]));
    enum fy_code code = fy_client_pages(client, &path, "orders", show_order, &listing, &err);
    fy_table_done(&listing.table);
    return code == FY_OK ? fy_output_end(FY_EXIT_DONE) : fy_fail(&err);
}

/* ---- show */

/* Each member on a line of its own; those of the order behind theirs. */
static void show_members(const json_t *object, int indent)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (json_is_object(value)) {
            fy_say("%*s%s:", indent, "", key);
            show_members(value, indent + 2);
        } else if (json_is_string(value)) {
            fy_say("%*s%-12s %s", indent, "", key, json_string_value(value));
        } else if (json_is_integer(value)) {
            fy_say("%*s%-12s %" JSON_INTEGER_FORMAT, indent, "", key, json_integer_value(value));
        }
    }
}

int fy_command_failed_show(const struct fy_command_line *line)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    struct fy_buf path;
    struct fy_err err = {0};
    json_t *tree = NULL;
    int64_t id = 0;
    enum fy_code code = fy_count_word("ID", line->words[0], 1, INT64_MAX, &id, &err);
    if (code == FY_OK)
        code = fy_client_open(line, &client, &err);
    if (code != FY_OK)
        return fy_fail_usage(&err);
    fy_path(&path, FY_PATH_WAITING);
    fy_path_query(&path, "id", line->words[0]);
    code = fy_client_get_json(client, &path, &tree, &err);
    const json_t *row = json_array_get(json_object_get(tree, "orders"), 0);
    if (code == FY_OK && row == NULL)
        code = fy_err_set(&err, FY_ENOTFOUND, "no order waits or is dead under id %" PRId64, id);
    if (code == FY_OK && line->json)
        fy_print_json(row);
    else if (code == FY_OK)
        show_members(row, 0);
    json_decref(tree);
    return code == FY_OK ? fy_output_end(FY_EXIT_DONE) : fy_fail(&err);
}

/* ---- retry, drop */

static bool has_filter(const struct fy_command_line *line)
{
    for (size_t i = 0; i < FY_COUNT_OF(filters); i++)
        if (fy_option(line, filters[i]) != NULL)
            return true;
    return line->word_count > 0;
}

static enum fy_code make_body(const struct fy_command_line *line, bool dry_run, struct fy_buf *body,
                              struct fy_err *err)
{
    int64_t id = 0;
    enum fy_code code = FY_OK;
    if (line->word_count > 0)
        code = fy_count_word("ID", line->words[0], 1, INT64_MAX, &id, err);
    if (code == FY_OK && !has_filter(line)) /* all of them by accident */
        code = fy_err_set(err, FY_EINPUT,
                          "%s: which? An ID, or --state, --site, --bucket, --reason, --direction",
                          line->command->name);
    fy_buf_text(body, "{");
    if (id != 0)
        fy_buf_json_i64(body, "id", id);
    for (size_t i = 0; i < FY_COUNT_OF(filters); i++)
        if (fy_option(line, filters[i]) != NULL)
            fy_buf_json_str(body, filters[i], fy_option(line, filters[i]));
    fy_buf_json_bool(body, "dryRun", dry_run);
    fy_buf_text(body, "}");
    if (code == FY_OK && body->overflow)
        code = fy_err_set(err, FY_EINPUT, "%s: the options are too long", line->command->name);
    return code;
}

static int edit(const struct fy_command_line *line, const char *route, const char *done,
                const char *would)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    FY_AUTO(fy_buf_done) struct fy_buf body = {0};
    struct fy_buf path;
    struct fy_err err = {0};
    bool dry_run = fy_option(line, "dry-run") != NULL;
    fy_buf_init(&body, BODY_BYTES_MAX);
    enum fy_code code = make_body(line, dry_run, &body, &err);
    if (code == FY_OK)
        code = fy_client_open(line, &client, &err);
    if (code != FY_OK)
        return fy_fail_usage(&err);
    fy_path(&path, route);
    if (fy_client_send(client, "POST", &path, &body, &err) != FY_OK)
        return fy_fail(&err);
    json_auto_t *tree = fy_client_json(client, &err);
    if (tree == NULL)
        return fy_fail(&err);
    int64_t matched = fy_json_i64(tree, "matched");
    if (line->json)
        fy_print_json(tree);
    else
        fy_say("%" PRId64 " order%s %s", matched, matched == 1 ? "" : "s", dry_run ? would : done);
    return fy_output_end(matched > 0 ? FY_EXIT_DONE : FY_EXIT_NOTHING);
}

int fy_command_failed_retry(const struct fy_command_line *line)
{
    return edit(line, FY_PATH_WAITING_RETRY, "will be tried again now", "would be tried again");
}

int fy_command_failed_drop(const struct fy_command_line *line)
{
    return edit(line, FY_PATH_WAITING_DROP, "given up", "would be given up");
}
