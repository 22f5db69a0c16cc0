/* diff_ccs.c - a CCS site as the other side of `ferry diff`: by its clients' listing, or name by
 * name. */
/*
 * To other sites CCS offers a HEAD of a bucket or an object, and no list (spec 1.2). Where the
 * listing of its clients cannot be had either, each name that is known here is looked for there:
 * that finds what did not arrive and what was not deleted, but neither what this site never knew
 * nor other bytes under the same name.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/diff.h"
#include "cli/sites.h"
#include "common/adapters/unicode_utf8proc.h"
#include "common/core/names.h"

const char *fy_diff_owner(const struct fy_diff_subject *subject)
{
    return subject->account[0] != '\0' ? subject->account : subject->line->config.client;
}

/* HEAD as another Replicator does it: whether there is a thing of that type, "BUCKET" or "OBJECT".
 */
static enum fy_code head(const struct fy_diff_site *site, struct fy_client *client,
                         const char *object, const char *type, bool *there, struct fy_err *err)
{
    struct fy_buf path;
    fy_path(&path, FY_PATH_REMOTE_BUCKETS);
    fy_path_segment(&path, site->subject->word.bucket);
    if (object != NULL)
        fy_path_segment(&path, object);
    fy_path_query(&path, "fullCheck", "false");
    const struct fy_call call = {.method = "HEAD",
                                 .base = site->base,
                                 .client = fy_diff_owner(site->subject),
                                 .path = &path};
    enum fy_code code = fy_client_ask(client, &call, err);
    fy_buf_done(&path);
    const char *said = fy_client_header(client, "x-clonecloudstore-type");
    *there = code == FY_OK && said != NULL && strcmp(said, type) == 0;
    return code == FY_OK || code == FY_ENOTFOUND ? FY_OK : fy_err_add(err, "%s", site->id);
}

enum fy_code fy_diff_ccs_find(struct fy_diff_site *site, struct fy_err *err)
{
    struct fy_client *client = site->subject->client;
    enum fy_code code = head(site, client, NULL, "BUCKET", &site->known, err);
    if (code == FY_OK && fy_client_header(client, "x-clonecloudstore-module") == NULL)
        code = fy_err_set(err, FY_EPEER, "%s: what answers there is neither a Ferry nor a CCS site",
                          site->id);
    return code;
}

/* ---- name by name */

struct looking {
    const struct fy_diff_site *site;
    struct fy_diff_rows *rows;
    struct {
        enum fy_code code; /* with err; FY_OK: the row's ready is what was found */
        struct fy_err err;
    } answers[FY_DIFF_ROWS];
};

/* CCS would look for another name than the one that was asked for. */
static bool is_ccs_name(const char *name)
{
    char clean[FY_OBJECT_BYTES_MAX + 1];
    struct fy_err err;
    return fy_ccs_clean_object(name, fy_unicode_strip_marks, clean, &err) == FY_OK &&
           strcmp(clean, name) == 0;
}

static void look(void *arg, struct fy_client *client, size_t index)
{
    struct looking *looking = arg;
    struct fy_diff_row *row = &looking->rows->rows[index];
    enum fy_code code = FY_OK;
    row->ready = false;
    if (is_ccs_name(row->name))
        code = head(looking->site, client, row->name, "OBJECT", &row->ready,
                    &looking->answers[index].err);
    looking->answers[index].code = code;
}

/* The rows of the site here, each there or not. */
enum fy_code fy_diff_looked_rows(void *arg, const struct fy_diff_range *range,
                                 struct fy_diff_rows *rows, struct fy_err *err)
{
    const struct fy_diff_looked *looked = arg;
    enum fy_code code = fy_diff_ferry_rows(looked->here, range, rows, err);
    if (code != FY_OK)
        return code;
    struct looking *looking = fy_alloc(sizeof(*looking));
    looking->site = looked->there;
    looking->rows = rows;
    for (size_t index = 0; index < rows->count; index++)
        looking->answers[index].code = FY_ECANCELLED; /* until it was asked: ^C leaves some out */
    code = fy_sites_ask(looked->there->subject->line, rows->count, look, looking, err);
    for (size_t index = 0; code == FY_OK && index < rows->count; index++) {
        code = looking->answers[index].code;
        if (code == FY_ECANCELLED)
            code = fy_err_set(err, code, "interrupted");
        else if (code != FY_OK)
            *err = looking->answers[index].err;
    }
    free(looking);
    return code;
}
