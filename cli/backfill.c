/* backfill.c - `ferry backfill`: orders for what was here before a site, given in the background.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/output.h"
#include "cli/words.h"

#define BODY_BYTES_MAX (16 << 10)
#define RATE_MAX       1000000
#define LOOK_PAUSE     2 /* of fy_client_pause, between two looks at how far it is */
#define WIPE_LINE      "\r\033[K"

/* What the words of the command line ask for. */
struct wish {
    bool list;
    int64_t cancel;             /* 0 none */
    struct fy_object_word word; /* bucket "" : all */
    int64_t rate;               /* 0 any */
};

/* "bucket/prefix", or "all". */
static void print_subject(const json_t *row, struct fy_buf *text)
{
    const char *bucket = fy_json_text(row, "bucket");
    const char *prefix = fy_json_text(row, "prefix");
    fy_buf_init(text, FY_LINE_BYTES_MAX);
    fy_buf_printf(text, "%s%s%s", bucket[0] != '\0' ? bucket : "all", prefix[0] != '\0' ? "/" : "",
                  prefix);
}

static bool is_state(const json_t *row, const char *state)
{
    return strcmp(fy_json_text(row, "state"), state) == 0;
}

/* ---- begin */

/* Whose the bucket is: the site may know several of that name. */
static enum fy_code find_account(const struct fy_command_line *line, struct fy_client *client,
                                 const struct fy_object_word *word,
                                 char account[static FY_CLIENT_BYTES_MAX + 1], struct fy_err *err)
{
    json_auto_t *tree = NULL;
    struct fy_buf path;
    fy_path(&path, FY_PATH_CONTAINER);
    fy_place_query(&path, line, word, NULL);
    enum fy_code code = fy_client_get_json(client, &path, &tree, err);
    return code == FY_OK ? fy_json_account(tree, account, err) : code;
}

static enum fy_code make_body(const struct fy_command_line *line, struct fy_client *client,
                              const struct wish *wish, struct fy_buf *body, struct fy_err *err)
{
    char account[FY_CLIENT_BYTES_MAX + 1] = "";
    enum fy_code code = FY_OK;
    if (wish->word.bucket[0] != '\0')
        code = find_account(line, client, &wish->word, account, err);
    if (code != FY_OK)
        return code;
    fy_buf_text(body, "{");
    fy_buf_json_str(body, "to", fy_option(line, "to"));
    fy_buf_json_filled(body, "account", account);
    fy_buf_json_filled(body, "bucket", wish->word.bucket);
    fy_buf_json_filled(body, "prefix", wish->word.name);
    fy_buf_json_i64(body, "rate", wish->rate);
    fy_buf_json_bool(body, "all", fy_option(line, "all") != NULL);
    fy_buf_json_bool(body, "force", fy_option(line, "force") != NULL);
    fy_buf_json_bool(body, "dryRun", fy_option(line, "dry-run") != NULL);
    fy_buf_text(body, "}");
    return body->overflow ? fy_err_set(err, FY_EINPUT, "the name is too long") : FY_OK;
}

/* *row is the caller's. */
static enum fy_code begin(const struct fy_command_line *line, struct fy_client *client,
                          const struct wish *wish, json_t **row, struct fy_err *err)
{
    FY_AUTO(fy_buf_done) struct fy_buf body = {0};
    struct fy_buf path;
    fy_buf_init(&body, BODY_BYTES_MAX);
    enum fy_code code = make_body(line, client, wish, &body, err);
    if (code != FY_OK)
        return code;
    fy_path(&path, FY_PATH_BACKFILLS);
    return fy_client_send_json(client, "POST", &path, &body, row, err);
}

/* ---- wait */

static void draw(const json_t *row)
{
    char size[FY_CELL_BYTES];
    struct fy_buf name;
    const json_t *at = json_object_get(row, "at");
    if (isatty(STDERR_FILENO) != 1)
        return;
    fy_cell_size(fy_json_i64(row, "bytes"), size);
    fy_buf_init(&name, FY_LINE_BYTES_MAX);
    fy_clean(&name, fy_json_text(at, "bucket"));
    fprintf(stderr,
            WIPE_LINE "backfill %" PRId64 ": %" PRId64 " looked at, %" PRId64
                      " ordered, %s; in %s. %s",
            fy_json_i64(row, "id"), fy_json_i64(row, "looked"), fy_json_i64(row, "ordered"), size,
            name.bytes != NULL ? name.bytes : "", fy_json_text(row, "note"));
    (void)fflush(stderr);
    fy_buf_done(&name);
}

/* Of a site that restarts a few questions go unanswered. */
static enum fy_code look(struct fy_client *client, json_t **row, struct fy_err *err)
{
    enum fy_code code = FY_OK;
    for (unsigned attempt = 1; attempt < FY_CLIENT_TRIES_MAX; attempt++) {
        struct fy_buf path;
        json_t *tree = NULL;
        fy_path(&path, FY_PATH_BACKFILLS);
        fy_path_segment_i64(&path, fy_json_i64(*row, "id"));
        code = fy_client_get_json(client, &path, &tree, err);
        if (code == FY_OK) {
            json_decref(*row);
            *row = tree;
        }
        if (code == FY_OK || !fy_client_is_temporary(code) || fy_client_interrupted())
            break;
        fy_client_pause(attempt);
    }
    return code;
}

static enum fy_code await_end(struct fy_client *client, json_t **row, struct fy_err *err)
{
    enum fy_code code = FY_OK;
    while (code == FY_OK && is_state(*row, "running") && !fy_client_interrupted()) {
        draw(*row);
        fy_client_pause(LOOK_PAUSE);
        code = look(client, row, err);
    }
    if (isatty(STDERR_FILENO) == 1)
        fputs(WIPE_LINE, stderr);
    return code;
}

/* ---- what became of it */

static void say(const json_t *row)
{
    char size[FY_CELL_BYTES];
    fy_cell_size(fy_json_i64(row, "bytes"), size);
    fy_say("%" PRId64 " %s for %s (%s), of %" PRId64 " objects looked at",
           fy_json_i64(row, "ordered"), fy_json_bool(row, "dryRun") ? "to be ordered" : "ordered",
           fy_json_text(row, "to"), size, fy_json_i64(row, "looked"));
    if (fy_json_i64(row, "left") > 0)
        fy_say("%" PRId64 " differ, but no order from here changes that: ferry diff names them",
               fy_json_i64(row, "left"));
}

static int report(const struct fy_command_line *line, const json_t *row)
{
    int64_t id = fy_json_i64(row, "id");
    if (line->json)
        fy_print_json(row);
    if (is_state(row, "running")) {
        fprintf(stderr,
                "ferry: backfill %" PRId64 " goes on in the background: ferry backfill --list "
                "shows it, --cancel %" PRId64 " ends it\n",
                id, id);
        return fy_output_end(fy_client_interrupted() ? FY_EXIT_INTERRUPTED : FY_EXIT_DONE);
    }
    if (!line->json)
        say(row);
    if (is_state(row, "done"))
        return fy_output_end(fy_json_i64(row, "ordered") > 0 ? FY_EXIT_DONE : FY_EXIT_NOTHING);
    fprintf(stderr, "ferry: backfill %" PRId64 " was %s before its end\n", id,
            fy_json_text(row, "state"));
    if (fy_json_text(row, "note")[0] != '\0') {
        struct fy_err err;
        (void)fy_err_set(&err, FY_EEXISTS, "%s", fy_json_text(row, "note"));
        (void)fy_fail(&err);
    }
    return fy_output_end(FY_EXIT_ERROR);
}

static int run(const struct fy_command_line *line, struct fy_client *client,
               const struct wish *wish)
{
    json_auto_t *row = NULL;
    struct fy_err err = {0};
    enum fy_code code = begin(line, client, wish, &row, &err);
    if (code == FY_OK && fy_option(line, "detach") == NULL)
        code = await_end(client, &row, &err);
    if (row != NULL && fy_client_interrupted())
        code = FY_OK;
    return code == FY_OK ? report(line, row) : fy_fail(&err);
}

/* ---- list and cancel */

struct listing {
    bool json;
    struct fy_table table;
};

static void add_row(struct fy_table *table, const json_t *row)
{
    char id[FY_CELL_BYTES];
    char looked[FY_CELL_BYTES];
    char ordered[FY_CELL_BYTES];
    char bytes[FY_CELL_BYTES];
    char left[FY_CELL_BYTES];
    char since[FY_CELL_BYTES];
    struct fy_buf subject;
    fy_cell_count(fy_json_i64(row, "id"), id);
    fy_cell_count(fy_json_i64(row, "looked"), looked);
    fy_cell_count(fy_json_i64(row, "ordered"), ordered);
    fy_cell_size(fy_json_i64(row, "bytes"), bytes);
    fy_cell_count(fy_json_i64(row, "left"), left);
    fy_cell_age(fy_json_text(row, "begun"), since);
    print_subject(row, &subject);
    FY_TABLE_ROW(table, id, fy_json_bool(row, "dryRun") ? "dry run" : fy_json_text(row, "state"),
                 fy_json_text(row, "to"), fy_json_text(row, "account"), subject.bytes, looked,
                 ordered, bytes, left, since, fy_json_text(row, "note"));
    fy_buf_done(&subject);
}

/* row NULL: the page is over. */
static bool show(void *arg, const json_t *row)
{
    struct listing *listing = arg;
    if (row == NULL)
        fy_table_print(&listing->table, stdout);
    else if (listing->json)
        fy_print_json(row);
    else
        add_row(&listing->table, row);
    return ferror(stdout) == 0;
}

static int list(const struct fy_command_line *line, struct fy_client *client)
{
    struct listing listing = {.json = line->json};
    struct fy_buf path;
    struct fy_err err = {0};
    FY_TABLE_INIT(&listing.table, ">ID", "<STATE", "<TO", "<ACCOUNT", "<OF", ">LOOKED", ">ORDERED",
                  ">BYTES", ">LEFT", ">SINCE", "<NOTE");
    fy_path(&path, FY_PATH_BACKFILLS);
    enum fy_code code = fy_client_pages(client, &path, "backfills", show, &listing, &err);
    fy_table_done(&listing.table);
    return code == FY_OK ? fy_output_end(FY_EXIT_DONE) : fy_fail(&err);
}

static int cancel(const struct fy_command_line *line, struct fy_client *client, int64_t id)
{
    json_auto_t *row = NULL;
    struct fy_buf path;
    struct fy_err err = {0};
    fy_path(&path, FY_PATH_BACKFILLS);
    fy_path_segment_i64(&path, id);
    fy_path_segment(&path, "cancel");
    if (fy_client_send_json(client, "POST", &path, NULL, &row, &err) != FY_OK)
        return fy_fail(&err);
    if (line->json)
        fy_print_json(row);
    else
        fy_say("backfill %" PRId64 " is %s", id, fy_json_text(row, "state"));
    return fy_output_end(is_state(row, "cancelled") ? FY_EXIT_DONE : FY_EXIT_NOTHING);
}

/* ---- the command */

static enum fy_code read_words(const struct fy_command_line *line, struct wish *wish,
                               struct fy_err *err)
{
    *wish = (struct wish){.list = fy_option(line, "list") != NULL, .word = {.name = ""}};
    enum fy_code code =
        fy_count_word("--cancel", fy_option(line, "cancel"), 1, INT64_MAX, &wish->cancel, err);
    if (code == FY_OK)
        code = fy_count_word("--rate", fy_option(line, "rate"), 1, RATE_MAX, &wish->rate, err);
    if (code != FY_OK)
        return code;
    if (wish->list || wish->cancel != 0)
        return fy_place_given(line)
                   ? fy_err_set(err, FY_EINPUT, "--list and --cancel take no bucket")
                   : FY_OK;
    if (fy_option(line, "to") == NULL)
        return fy_err_set(err, FY_EINPUT, "--to SITE: which site shall have it");
    return fy_place_given(line) ? fy_place_word(line, line->words[0], &wish->word, err) : FY_OK;
}

int fy_command_backfill(const struct fy_command_line *line)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    struct wish wish;
    struct fy_err err = {0};
    enum fy_code code = read_words(line, &wish, &err);
    if (code == FY_OK)
        code = fy_client_open(line, &client, &err);
    if (code != FY_OK)
        return fy_fail_usage(&err);
    if (wish.list)
        return list(line, client);
    return wish.cancel != 0 ? cancel(line, client, wish.cancel) : run(line, client, &wish);
}
