/* diff_ferry.c - a Ferry as a side of `ferry diff`: its container, its sums, its rows. */
#include <string.h>

#include "cli/diff.h"
#include "common/adapters/diff_json.h"

/* What went wrong, with the site's name. FY_ENOTFOUND is an answer: it has no such container. */
static enum fy_code explain(const struct fy_diff_site *site, enum fy_code code, struct fy_err *err)
{
    return code == FY_OK || code == FY_ENOTFOUND ? code : fy_err_add(err, "%s", site->id);
}

/* ---- the container */

static enum fy_code take_container(struct fy_diff_site *site, struct fy_diff_subject *subject,
                                   struct fy_err *err)
{
    json_auto_t *tree = fy_client_json(subject->client, err);
    if (tree == NULL)
        return fy_err_add(err, "%s", site->id);
    site->ccs_visible = fy_json_bool(tree, "ccsVisible");
    return explain(site, fy_json_account(tree, subject->account, err), err);
}

enum fy_code fy_diff_find(struct fy_diff_site *site, struct fy_diff_subject *subject,
                          struct fy_err *err)
{
    struct fy_buf path;
    fy_path(&path, FY_PATH_CONTAINER);
    if (subject->account[0] != '\0') {
        fy_path_query(&path, "acct", subject->account);
        fy_path_query(&path, "ref", subject->word.bucket);
    } else {
        fy_path_names(&path, subject->line->config.client, subject->word.bucket, NULL);
    }
    const struct fy_call call = {.method = "GET", .base = site->base, .path = &path};
    enum fy_code code = fy_client_call(subject->client, &call, err);
    fy_buf_done(&path);
    site->is_ferry = fy_client_header(subject->client, "x-ferry-version") != NULL;
    if (!site->is_ferry && fy_client_status(subject->client) != 0)
        return FY_OK; /* something else answers, whatever it says */
    site->known = code == FY_OK;
    if (site->known)
        return take_container(site, subject, err);
    return code == FY_ENOTFOUND ? FY_OK : explain(site, code, err);
}

/* ---- sums and rows */

static void begin_path(const struct fy_diff_site *site, const char *route,
                       const struct fy_diff_range *range, struct fy_buf *path)
{
    const struct fy_diff_subject *subject = site->subject;
    fy_path(path, route);
    fy_path_query(path, "acct", subject->account);
    fy_path_query(path, "ref", subject->word.bucket);
    if (subject->word.name[0] != '\0')
        fy_path_query(path, "prefix", subject->word.name);
    if (range->after[0] != '\0')
        fy_path_query(path, "after", range->after);
    if (range->until[0] != '\0')
        fy_path_query(path, "until", range->until);
}

/* path is done with. The answer, borrowed from the client, may take as long as the site sums. */
static enum fy_code ask(const struct fy_diff_site *site, struct fy_buf *path, const char **bytes,
                        size_t *size_bytes, struct fy_err *err)
{
    struct fy_client *client = site->subject->client;
    const struct fy_call call = {.method = "GET",
                                 .base = site->base,
                                 .path = path,
                                 .headers = {"x-ferry-version: " FY_VERSION}, /* as a site asks */
                                 .is_long = true};
    enum fy_code code = fy_client_ask(client, &call, err);
    fy_buf_done(path);
    *bytes = fy_client_body(client, size_bytes);
    return explain(site, code, err);
}

enum fy_code fy_diff_ferry_parts(void *arg, const struct fy_diff_range *range, unsigned bits,
                                 struct fy_diff_parts *parts, struct fy_err *err)
{
    const struct fy_diff_site *site = arg;
    struct fy_buf path;
    const char *bytes;
    size_t size_bytes;
    parts->parts[0] = (struct fy_diff_part){.count = 0};
    parts->count = 1;
    if (!site->known)
        return FY_OK;
    begin_path(site, FY_PATH_DIGESTS, range, &path);
    if (site->subject->older_ms != INT64_MAX)
        fy_path_query_i64(&path, "olderThan", site->subject->older_ms);
    fy_path_query_i64(&path, "cut", bits);
    enum fy_code code = ask(site, &path, &bytes, &size_bytes, err);
    if (code == FY_OK)
        return explain(site, fy_diff_json_parts(bytes, size_bytes, parts, err), err);
    return code == FY_ENOTFOUND ? FY_OK : code; /* dropped meanwhile */
}

enum fy_code fy_diff_ferry_rows(void *arg, const struct fy_diff_range *range,
                                struct fy_diff_rows *rows, struct fy_err *err)
{
    const struct fy_diff_site *site = arg;
    struct fy_buf path;
    const char *bytes;
    size_t size_bytes;
    rows->count = 0;
    rows->more = false;
    if (!site->known)
        return FY_OK;
    begin_path(site, FY_PATH_OBJECTS, range, &path);
    /* In any status: who deleted it just now is younger than who still has it. */
    fy_path_query(&path, "status", "ANY");
    fy_path_query_i64(&path, "limit", FY_DIFF_ROWS);
    enum fy_code code = ask(site, &path, &bytes, &size_bytes, err);
    if (code == FY_OK)
        return explain(site, fy_diff_json_rows(bytes, size_bytes, rows, err), err);
    return code == FY_ENOTFOUND ? FY_OK : code; /* dropped meanwhile */
}
