/* order.c - `ferry order`: one from the command line, or any number from a file. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/order_wait.h"
#include "cli/output.h"
#include "cli/words.h"
#include "common/adapters/order_json.h"
#include "common/core/guid.h"

#define WAIT_DEFAULT_MS 60000
#define OP_ID_HEADER    "x-clonecloudstore-op-id"

struct ordering {
    const struct fy_command_line *line;
    struct fy_client *client;
    char op_id[FY_GUID_DIGITS + 1];
    char op_id_header[sizeof(OP_ID_HEADER) + 2 + FY_GUID_DIGITS + 1];
    int64_t timeout_ms;
    struct fy_site_list list;
    struct fy_order_watch *watch; /* NULL: nobody waits */
    bool watch_full;              /* some orders are not waited for */

    /* Of a file. */
    int fd;
    bool any_read;
    struct fy_buf line_begun; /* the end of what was read: a line that is not whole yet */
};

/* ---- one order */

/*
 * What the source says of the thing that is ordered. With its stamp the order repeats what happened
 * there, so that a target that has it already sees a duplicate, and the name may be any. An order
 * that cannot be filled in so goes out without: the worker will find out, and say why.
 */
static void ask_source(struct ordering *ordering, struct fy_order *order)
{
    struct fy_client *client = ordering->client;
    const struct fy_site_info *source = NULL;
    struct fy_err err;
    struct fy_buf path;
    for (size_t i = 0; i < ordering->list.count; i++) {
        const struct fy_site_info *site = &ordering->list.sites[i];
        if (order->from_site[0] == '\0' ? site->self : strcmp(site->id, order->from_site) == 0)
            source = site;
    }
    if (source == NULL)
        return;
    bool is_object = order->object[0] != '\0';
    fy_path(&path, is_object ? FY_PATH_CONTENT : FY_PATH_CONTAINER);
    fy_path_names(&path, ordering->line->config.client, order->bucket,
                  is_object ? order->object : NULL);
    const struct fy_call call = {
        .method = is_object ? "HEAD" : "GET", .base = fy_site_base(source), .path = &path};
    enum fy_code code = fy_client_call(client, &call, &err);
    fy_buf_done(&path);
    const char *stamp = fy_client_header(client, "x-ferry-stamp");
    const char *size = fy_client_header(client, "x-clonecloudstore-size");
    const char *hash = fy_client_header(client, "x-clonecloudstore-hash");
    json_t *container = code == FY_OK && !is_object ? fy_client_json(client, &err) : NULL;
    bool is_there = is_object ? code == FY_OK : fy_json_bool(container, "present");
    bool is_known = is_there || (is_object ? code == FY_ENOTFOUND : container != NULL);
    json_decref(container);
    /* The stamp of a thing that is there is no stamp for its delete, nor the other way round. */
    if (!is_known || is_there != (order->action == FY_ACTION_CREATE) || stamp == NULL ||
        fy_stamp_parse(stamp, &order->stamp, &err) != FY_OK)
        return;
    if (is_there && is_object && size != NULL && hash != NULL &&
        fy_text_copy(order->hash, sizeof(order->hash), hash))
        order->size = strtoll(size, NULL, 10);
}

static enum fy_code make_order(struct ordering *ordering, struct fy_order *order,
                               struct fy_err *err)
{
    const struct fy_command_line *line = ordering->line;
    struct fy_object_word object;
    const char *from = fy_option(line, "from");
    const char *to = fy_option(line, "to");
    enum fy_code code = fy_object_word(line->words[0], &object, err);
    if (code != FY_OK)
        return code;
    *order = (struct fy_order){.action = fy_option(line, "delete") != NULL ? FY_ACTION_DELETE
                                                                           : FY_ACTION_CREATE};
    memcpy(order->bucket, object.bucket, sizeof(order->bucket));
    memcpy(order->client, line->config.client, sizeof(order->client));
    if (!fy_text_copy(order->object, sizeof(order->object), object.name))
        return fy_err_set(err, FY_EINPUT, "an object's name is 1-1023 bytes of UTF-8");
    if ((from != NULL && !fy_text_copy(order->from_site, sizeof(order->from_site), from)) ||
        (to != NULL && !fy_text_copy(order->to_site, sizeof(order->to_site), to)))
        return fy_err_set(err, FY_EINPUT, "a site's name is at most %d bytes", FY_SITE_BYTES_MAX);
    return FY_OK;
}

static enum fy_code post_one(struct ordering *ordering, struct fy_order *order, struct fy_err *err)
{
    struct fy_buf path;
    FY_AUTO(fy_buf_done) struct fy_buf json = {0};
    fy_buf_init(&json, FY_ORDER_JSON_BYTES);
    ask_source(ordering, order);
    fy_order_json_write(order, &json);
    if (ordering->watch != NULL)
        (void)fy_order_watch_add(ordering->watch, json.bytes, json.size_bytes);
    fy_path(&path, FY_PATH_ORDERS);
    const struct fy_call call = {
        .method = "POST",
        .path = &path,
        .headers = {"Content-Type: application/json", ordering->op_id_header},
        .body = json.bytes,
        .body_bytes = json.size_bytes};
    enum fy_code code = fy_client_call(ordering->client, &call, err);
    fy_buf_done(&path);
    return code;
}

/* ---- a file of them */

/* What is sent is also looked at, line by line, when somebody waits for it. */
static void watch_lines(struct ordering *ordering, const char *bytes, size_t size_bytes)
{
    struct fy_buf *begun = &ordering->line_begun;
    const char *end = bytes + size_bytes;
    while (bytes < end) {
        const char *stop = memchr(bytes, '\n', (size_t)(end - bytes));
        fy_buf_add(begun, bytes, (size_t)((stop != NULL ? stop : end) - bytes));
        if (stop == NULL)
            return;
        /* One that is too long is refused by the site. */
        if (!begun->overflow && begun->size_bytes > 0 &&
            !fy_order_watch_add(ordering->watch, begun->bytes, begun->size_bytes))
            ordering->watch_full = true;
        fy_buf_clear(begun);
        bytes = stop + 1;
    }
}

static ssize_t on_read(void *arg, char *bytes, size_t capacity, struct fy_err *err)
{
    struct ordering *ordering = arg;
    ssize_t got;
    do
        got = read(ordering->fd, bytes, capacity);
    while (got < 0 && errno == EINTR && !fy_client_interrupted());
    if (got < 0) {
        (void)fy_err_set(err, FY_EIO, "the orders cannot be read: %s", strerror(errno));
        return -1;
    }
    ordering->any_read = ordering->any_read || got > 0;
    if (ordering->watch != NULL)
        watch_lines(ordering, got > 0 ? bytes : "\n", got > 0 ? (size_t)got : 1);
    return got;
}

static bool on_rewind(void *arg)
{
    const struct ordering *ordering = arg;
    return !ordering->any_read;
}

static enum fy_code open_file(const char *path, int *fd, struct fy_err *err)
{
    if (strcmp(path, "-") == 0)
        *fd = dup(STDIN_FILENO);
    else
        *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0)
        return fy_err_set(err, FY_EIO, "%.200s: %s", path, strerror(errno));
    return FY_OK;
}

/* Streams the lines through; the site takes them in groups, at its own pace. */
static enum fy_code post_file(struct ordering *ordering, const char *file, struct fy_err *err)
{
    struct fy_buf path;
    enum fy_code code = open_file(file, &ordering->fd, err);
    if (code != FY_OK)
        return code;
    fy_buf_init(&ordering->line_begun, FY_ORDER_JSON_BYTES);
    fy_path(&path, FY_PATH_ORDERS);
    const struct fy_call call = {
        .method = "POST",
        .path = &path,
        .headers = {"Content-Type: application/x-ndjson", ordering->op_id_header},
        .read = on_read,
        .rewind = on_rewind,
        .read_bytes = -1,
        .arg = ordering,
        .is_long = true};
    code = fy_client_call(ordering->client, &call, err);
    fy_buf_done(&path);
    fy_buf_done(&ordering->line_begun);
    (void)close(ordering->fd); /* only read */
    return code;
}

/* How far the file came before the line that ended it. */
static int fail_file(struct ordering *ordering, struct fy_err *err)
{
    struct fy_err ignored;
    json_auto_t *tree = fy_client_json(ordering->client, &ignored);
    int64_t accepted = fy_json_i64(tree, "accepted");
    if (fy_json_i64(tree, "line") > 0)
        (void)fy_err_add(err, "line %" PRId64 " (%" PRId64 " orders before it are accepted)",
                         fy_json_i64(tree, "line"), accepted);
    int exit_status = fy_fail(err);
    return exit_status == FY_EXIT_ERROR && accepted > 0 ? FY_EXIT_SOME_FAILED : exit_status;
}

/* ---- the command */

static int say_accepted(struct ordering *ordering)
{
    struct fy_err err = {0};
    json_auto_t *tree = fy_client_json(ordering->client, &err);
    if (tree == NULL)
        return fy_fail(&err);
    int64_t accepted = fy_json_i64(tree, "accepted");
    if (ordering->line->json)
        fy_print_json(tree);
    else
        fy_say("%" PRId64 " order%s accepted, opId %s", accepted, accepted == 1 ? "" : "s",
               ordering->op_id);
    return fy_output_end(FY_EXIT_DONE);
}

static int wait_for_all(struct ordering *ordering)
{
    int exit_status = fy_order_watch_run(ordering->watch, ordering->client, ordering->timeout_ms,
                                         ordering->line->json);
    if (exit_status != FY_EXIT_DONE || !ordering->watch_full)
        return exit_status;
    fprintf(stderr, "ferry: over %d opIds: the orders of the rest were not waited for\n",
            FY_ORDER_WATCHES_MAX);
    return FY_EXIT_LIMIT;
}

/* Whose the orders are and whom they are for. */
static enum fy_code prepare(struct ordering *ordering, struct fy_err *err)
{
    fy_guid_new(fy_clock_system(), ordering->op_id);
    (void)snprintf(ordering->op_id_header, sizeof(ordering->op_id_header), OP_ID_HEADER ": %s",
                   ordering->op_id);
    enum fy_code code = fy_site_list_get(ordering->client, &ordering->list, err);
    if (code == FY_OK && fy_option(ordering->line, "wait") != NULL)
        ordering->watch = fy_order_watch_new(&ordering->list, ordering->op_id);
    return code;
}

static int run(struct ordering *ordering)
{
    struct fy_err err = {0};
    struct fy_order order;
    const char *file = fy_option(ordering->line, "f");
    enum fy_code code = FY_OK;
    if (file == NULL)
        code = make_order(ordering, &order, &err);
    if (code == FY_OK)
        code = fy_client_open(ordering->line, &ordering->client, &err);
    if (code != FY_OK)
        return fy_fail_usage(&err);
    code = prepare(ordering, &err);
    if (code != FY_OK)
        return fy_fail(&err);
    if (file == NULL && post_one(ordering, &order, &err) != FY_OK)
        return fy_fail(&err);
    if (file != NULL && post_file(ordering, file, &err) != FY_OK)
        return fail_file(ordering, &err);
    return ordering->watch != NULL ? wait_for_all(ordering) : say_accepted(ordering);
}

int fy_command_order(const struct fy_command_line *line)
{
    struct fy_err err = {0};
    int64_t timeout_ms = WAIT_DEFAULT_MS;
    bool many = fy_option(line, "f") != NULL;
    bool flags = fy_option(line, "from") != NULL || fy_option(line, "to") != NULL ||
                 fy_option(line, "delete") != NULL;
    enum fy_code code = fy_time_word("timeout", fy_option(line, "timeout"), &timeout_ms, &err);
    if (code == FY_OK && many == (line->word_count > 0))
        code = fy_err_set(&err, FY_EINPUT, "order: either BUCKET[/NAME] or -f FILE");
    if (code == FY_OK && many && flags)
        code = fy_err_set(&err, FY_EINPUT,
                          "order: the orders of a file say themselves whence, whither and what");
    if (code != FY_OK)
        return fy_fail_usage(&err);
    struct ordering *ordering = fy_alloc(sizeof(*ordering));
    ordering->line = line;
    ordering->timeout_ms = timeout_ms;
    int exit_status = run(ordering);
    fy_order_watch_free(ordering->watch);
    fy_client_close(ordering->client);
    free(ordering);
    return exit_status;
}
