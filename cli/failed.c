/* failed.c - `ferry failed ls|show|retry|drop`: orders that wait or are dead, and bodies that lost
 * a conflict. */
/*
 * Both are listed for the reason CONFLICT: an order that may not write into another's bucket, and a
 * body that an order has replaced or deleted though it did not know of it. The IDs of bodies begin
 * with c.
 */
#include <inttypes.h>
#include <string.h>

#include "cli/client.h"
#include "cli/output.h"
#include "cli/words.h"

#define BODY_BYTES_MAX (32 << 10)

/* The options that narrow a list, as the API names them, too. */
static const char *const filters[] = {"site", "bucket", "reason", "state", "direction"};

/* What the options ask for beside orders. A body neither waits nor is dead. */
static bool wants_bodies(const struct fy_command_line *line)
{
    const char *reason = fy_option(line, "reason");
    return reason != NULL && strcmp(reason, fy_reason_name(FY_CONFLICT)) == 0 &&
           fy_option(line, "state") == NULL && fy_option(line, "direction") == NULL;
}

/* "bucket/object", or the bucket alone. */
static void print_subject(const char *bucket, const char *object, struct fy_buf *text)
{
    fy_buf_init(text, FY_LINE_BYTES_MAX);
    fy_buf_printf(text, "%s%s%s", bucket, object[0] != '\0' ? "/" : "", object);
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
    bool any; /* there was a row */
    struct fy_table table;
    void (*add)(struct fy_table *table, const json_t *row); /* the row of what is being listed */
};

static void add_order(struct fy_table *table, const json_t *row)
{
    char id[FY_CELL_BYTES];
    char tries[FY_CELL_BYTES];
    char since[FY_CELL_BYTES];
    struct fy_buf subject;
    const json_t *order = json_object_get(row, "order");
    fy_cell_count(fy_json_i64(row, "id"), id);
    fy_cell_count(fy_json_i64(row, "attempts"), tries);
    fy_cell_age(fy_json_text(row, "firstFailed"), since);
    print_subject(fy_json_text(order, "bucketName"), fy_json_text(order, "objectName"), &subject);
    FY_TABLE_ROW(table, id, fy_json_text(row, "direction"), fy_json_text(row, "state"),
                 fy_json_text(row, "reason"), site_of(row), tries, since,
                 fy_json_text(order, "action"), subject.bytes);
    fy_buf_done(&subject);
}

static void add_body(struct fy_table *table, const json_t *row)
{
    char id[FY_CELL_BYTES];
    char since[FY_CELL_BYTES];
    struct fy_buf subject;
    const json_t *loser = json_object_get(row, "loser");
    const char *site = strchr(fy_json_text(row, "winner"), '@');
    (void)snprintf(id, sizeof(id), "c%" PRId64, fy_json_i64(row, "id"));
    fy_cell_age(fy_json_text(row, "at"), since);
    print_subject(fy_json_text(loser, "bucket"), fy_json_text(loser, "name"), &subject);
    FY_TABLE_ROW(table, id, "in", "kept", fy_json_text(row, "reason"), site != NULL ? site + 1 : "",
                 "-", since, fy_json_text(row, "action"), subject.bytes);
    fy_buf_done(&subject);
}

/* row NULL: the page is over. */
static bool show(void *arg, const json_t *row)
{
    struct listing *listing = arg;
    listing->any = listing->any || row != NULL;
    if (row == NULL)
        fy_table_print(&listing->table, stdout);
    else if (listing->json)
        fy_print_json(row);
    else
        listing->add(&listing->table, row);
    return ferror(stdout) == 0;
}

static enum fy_code list(const struct fy_command_line *line, struct fy_client *client,
                         struct listing *listing, struct fy_err *err)
{
    struct fy_buf path;
    fy_path(&path, FY_PATH_WAITING);
    for (size_t i = 0; i < FY_COUNT_OF(filters); i++)
        fy_path_query(&path, filters[i], fy_option(line, filters[i]));
    listing->add = add_order;
    enum fy_code code = fy_client_pages(client, &path, "orders", show, listing, err);
    if (code != FY_OK || !wants_bodies(line))
        return code;
    fy_path(&path, FY_PATH_CONFLICTS);
    fy_path_query(&path, "site", fy_option(line, "site"));
    fy_path_query(&path, "bucket", fy_option(line, "bucket"));
    listing->add = add_body;
    return fy_client_pages(client, &path, "conflicts", show, listing, err);
}

int fy_command_failed_ls(const struct fy_command_line *line)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    struct listing listing = {.json = line->json};
    struct fy_err err = {0};
    if (fy_client_open(line, &client, &err) != FY_OK)
        return fy_fail_usage(&err);
    FY_TABLE_INIT(&listing.table, ">ID", "<WAY", "<STATE", "<REASON", "<SITE", ">TRIES", ">SINCE",
                  "<ACTION", "<OBJECT");
    enum fy_code code = list(line, client, &listing, &err);
    fy_table_done(&listing.table);
    if (code == FY_OK && !listing.any && !listing.json)
        fprintf(stderr, "ferry: nothing waits, and nothing is dead%s\n",
                line->option_count > 0 ? ", of what was asked for" : "");
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

/* *tree is the caller's, also when nothing has that ID. */
static enum fy_code find_row(struct fy_client *client, bool is_body, int64_t id, json_t **tree,
                             const json_t **row, struct fy_err *err)
{
    struct fy_buf path;
    fy_path(&path, is_body ? FY_PATH_CONFLICTS : FY_PATH_WAITING);
    fy_path_query_i64(&path, "id", id);
    enum fy_code code = fy_client_get_json(client, &path, tree, err);
    if (code != FY_OK)
        return code;
    *row = json_array_get(json_object_get(*tree, is_body ? "conflicts" : "orders"), 0);
    if (*row == NULL)
        return fy_err_set(err, FY_ENOTFOUND,
                          is_body ? "no losing body is kept under id c%" PRId64
                                  : "no order waits or is dead under id %" PRId64,
                          id);
    return FY_OK;
}

int fy_command_failed_show(const struct fy_command_line *line)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    struct fy_err err = {0};
    json_t *tree = NULL;
    const json_t *row = NULL;
    int64_t id = 0;
    bool is_body = fy_conflict_word(line->words[0], &id);
    enum fy_code code =
        is_body ? FY_OK : fy_count_word("ID", line->words[0], 1, INT64_MAX, &id, &err);
    if (code == FY_OK)
        code = fy_client_open(line, &client, &err);
    if (code != FY_OK)
        return fy_fail_usage(&err);
    code = find_row(client, is_body, id, &tree, &row, &err);
    if (code == FY_OK && line->json)
        fy_print_json(row);
    else if (code == FY_OK)
        show_members(row, 0);
    json_decref(tree);
    return code == FY_OK ? fy_output_end(FY_EXIT_DONE) : fy_fail(&err);
}

/* ---- retry, drop */

/* What is edited at one route: which of the options it knows, and how it is spoken of. */
struct edit {
    const char *route;
    const char *one, *many;
    bool bodies; /* by ID, site and bucket alone */
    const char *done, *would;
};
static const struct edit retry_orders = {
    FY_PATH_WAITING_RETRY, "order", "orders", false, "will be tried again now",
    "would be tried again"};
static const struct edit drop_orders = {FY_PATH_WAITING_DROP, "order", "orders", false, "given up",
                                        "would be given up"};
static const struct edit drop_bodies = {
    FY_PATH_CONFLICT_DROP, "losing body", "losing bodies", true, "given up", "would be given up"};

static bool is_dry_run(const struct fy_command_line *line)
{
    return fy_option(line, "dry-run") != NULL;
}

static bool has_filter(const struct fy_command_line *line)
{
    for (size_t i = 0; i < FY_COUNT_OF(filters); i++)
        if (fy_option(line, filters[i]) != NULL)
            return true;
    return line->word_count > 0;
}

/* The ID of the command line, 0 none. is_body: of a losing body. */
static enum fy_code read_id(const struct fy_command_line *line, int64_t *id, bool *is_body,
                            struct fy_err *err)
{
    *id = 0;
    *is_body = line->word_count > 0 && fy_conflict_word(line->words[0], id);
    if (line->word_count > 0 && !*is_body)
        return fy_count_word("ID", line->words[0], 1, INT64_MAX, id, err);
    if (!has_filter(line)) /* all of them by accident */
        return fy_err_set(err, FY_EINPUT,
                          "%s: which? An ID, or --state, --site, --bucket, --reason, --direction",
                          line->command->name);
    return FY_OK;
}

static enum fy_code make_body(const struct fy_command_line *line, const struct edit *edit,
                              int64_t id, struct fy_buf *body, struct fy_err *err)
{
    fy_buf_text(body, "{");
    if (id != 0)
        fy_buf_json_i64(body, "id", id);
    for (size_t i = 0; i < FY_COUNT_OF(filters); i++) {
        bool knows =
            !edit->bodies || strcmp(filters[i], "site") == 0 || strcmp(filters[i], "bucket") == 0;
        if (knows && fy_option(line, filters[i]) != NULL)
            fy_buf_json_str(body, filters[i], fy_option(line, filters[i]));
    }
    fy_buf_json_bool(body, "dryRun", is_dry_run(line));
    fy_buf_text(body, "}");
    if (body->overflow)
        return fy_err_set(err, FY_EINPUT, "%s: the options are too long", line->command->name);
    return FY_OK;
}

static void say_count(int64_t count, const struct edit *edit, const char *what)
{
    fy_say("%" PRId64 " %s %s", count, count == 1 ? edit->one : edit->many, what);
}

/* Says how many it was about; *done grows by what was done. */
static void say_edited(const struct fy_command_line *line, const struct edit *edit,
                       const json_t *tree, int64_t *done)
{
    int64_t superseded = fy_json_i64(tree, "superseded");
    int64_t incurable = fy_json_i64(tree, "incurable");
    int64_t count = fy_json_i64(tree, "matched") - superseded - incurable;
    *done += count;
    if (line->json)
        return;
    say_count(count, edit, is_dry_run(line) ? edit->would : edit->done);
    if (superseded > 0)
        say_count(superseded, edit, "ended: a newer order of the same object waits");
    if (incurable > 0)
        say_count(incurable, edit, "left dead: no retry heals EXPIRED and BAD_ORDER");
}

/* *tree is the answer, the caller's. */
static enum fy_code run_edit(const struct fy_command_line *line, struct fy_client *client,
                             const struct edit *edit, int64_t id, json_t **tree, struct fy_err *err)
{
    FY_AUTO(fy_buf_done) struct fy_buf body = {0};
    struct fy_buf path;
    fy_buf_init(&body, BODY_BYTES_MAX);
    enum fy_code code = make_body(line, edit, id, &body, err);
    if (code != FY_OK)
        return code;
    fy_path(&path, edit->route);
    return fy_client_send_json(client, "POST", &path, &body, tree, err);
}

/* One edit after the other; with --json one answer, of all of them. */
static int run_edits(const struct fy_command_line *line, int64_t id,
                     const struct edit *const *edits, size_t count)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    json_auto_t *sum = NULL;
    struct fy_err err = {0};
    int64_t done = 0;
    if (fy_client_open(line, &client, &err) != FY_OK)
        return fy_fail_usage(&err);
    for (size_t i = 0; i < count; i++) {
        json_auto_t *tree = NULL;
        if (run_edit(line, client, edits[i], id, &tree, &err) != FY_OK)
            return fy_fail(&err);
        say_edited(line, edits[i], tree, &done);
        int64_t before = fy_json_i64(sum, "matched");
        if (sum == NULL)
            sum = json_incref(tree);
        (void)json_object_set_new(sum, "matched",
                                  json_integer(before + fy_json_i64(tree, "matched")));
    }
    if (line->json)
        fy_print_json(sum);
    return fy_output_end(done > 0 ? FY_EXIT_DONE : FY_EXIT_NOTHING);
}

int fy_command_failed_retry(const struct fy_command_line *line)
{
    static const struct edit *const edits[] = {&retry_orders};
    struct fy_err err = {0};
    int64_t id = 0;
    bool is_body = false;
    enum fy_code code = read_id(line, &id, &is_body, &err);
    if (code == FY_OK && is_body)
        code =
            fy_err_set(&err, FY_EINPUT,
                       "c%" PRId64 " is a body that lost, no order: ferry get --conflict c%" PRId64
                       " fetches it, and putting it again restores it",
                       id, id);
    return code == FY_OK ? run_edits(line, id, edits, 1) : fy_fail_usage(&err);
}

int fy_command_failed_drop(const struct fy_command_line *line)
{
    static const struct edit *const edits[] = {&drop_orders, &drop_bodies};
    struct fy_err err = {0};
    int64_t id = 0;
    bool is_body = false;
    if (read_id(line, &id, &is_body, &err) != FY_OK)
        return fy_fail_usage(&err);
    if (is_body)
        return run_edits(line, id, &edits[1], 1);
    return run_edits(line, id, edits, wants_bodies(line) && id == 0 ? 2 : 1);
}
