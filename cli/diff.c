/* diff.c - `ferry diff`: where two sites differ, found without listing them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/sites.h"
#include "cli/words.h"
#include "common/core/diff.h"

/* What both sides are asked about. */
struct subject {
    struct fy_client *client;
    char account[FY_CLIENT_BYTES_MAX + 1]; /* of the container, on both */
    struct fy_object_word word;            /* bucket and prefix */
    int64_t older_ms;
};
/* One of them. */
struct side {
    const struct subject *subject;
    const char *site;
    const char *base; /* NULL: the site of --url */
    bool known;       /* it has a row of the container */
};

/* ---- asking */

/* GET of a site, whose answer may take as long as it sums. */
static enum fy_code ask(const struct side *side, struct fy_buf *path, json_t **tree,
                        struct fy_err *err)
{
    const struct fy_call call = {
        .method = "GET", .base = side->base, .path = path, .is_long = true};
    enum fy_code code = fy_client_call(side->subject->client, &call, err);
    fy_buf_done(path);
    if (code == FY_OK && (*tree = fy_client_json(side->subject->client, err)) == NULL)
        code = err->code;
    return code;
}

/* FY_ENOTFOUND and a Ferry's word: it has no such container. Anything else's is no answer. */
static enum fy_code explain(const struct side *side, enum fy_code code, struct fy_err *err)
{
    if (code == FY_ENOTFOUND && fy_client_header(side->subject->client, "x-ferry-version") == NULL)
        code = fy_err_set(err, FY_EPEER, "it is no Ferry: `ferry diff` cannot ask it");
    return code == FY_OK || code == FY_ENOTFOUND ? code : fy_err_add(err, "%s", side->site);
}

static void begin_path(const struct side *side, const char *route,
                       const struct fy_diff_range *range, struct fy_buf *path)
{
    const struct subject *subject = side->subject;
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

static void number_query(struct fy_buf *path, const char *key, int64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRId64, number);
    fy_path_query(path, key, text);
}

static enum fy_code nonsense(const struct side *side, struct fy_err *err)
{
    return fy_err_set(err, FY_EPEER, "%s: the answer is not what a Ferry says", side->site);
}

/* Copies a text that names something; false: there is none, or it holds a zero byte. */
static bool take_text(const json_t *object, const char *key, char *field, size_t field_bytes)
{
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) && json_string_length(value) == strlen(json_string_value(value)) &&
           fy_text_copy(field, field_bytes, json_string_value(value));
}

/* ---- parts */

static bool take_part(const json_t *row, struct fy_diff_part *part)
{
    part->count = fy_json_i64(row, "count");
    if (!json_is_null(json_object_get(row, "until")) &&
        (!take_text(row, "until", part->until, sizeof(part->until)) || part->until[0] == '\0'))
        return false;
    return fy_sum_parse(fy_json_text(row, "sum"), &part->sum);
}

static enum fy_code take_parts(const struct side *side, const json_t *list,
                               struct fy_diff_parts *parts, struct fy_err *err)
{
    size_t index;
    json_t *row;
    if (json_array_size(list) < 1 || json_array_size(list) > FY_DIFF_PARTS)
        return nonsense(side, err);
    json_array_foreach(list, index, row)
    {
        parts->parts[index] = (struct fy_diff_part){0};
        if (!take_part(row, &parts->parts[index]))
            return nonsense(side, err);
    }
    parts->count = json_array_size(list);
    return FY_OK;
}

static enum fy_code side_parts(void *arg, const struct fy_diff_range *range, unsigned bits,
                               struct fy_diff_parts *parts, struct fy_err *err)
{
    const struct side *side = arg;
    json_auto_t *tree = NULL;
    struct fy_buf path;
    begin_path(side, FY_PATH_DIGESTS, range, &path);
    if (side->subject->older_ms != INT64_MAX)
        number_query(&path, "olderThan", side->subject->older_ms);
    number_query(&path, "cut", bits);
    enum fy_code code = explain(side, ask(side, &path, &tree, err), err);
    if (code == FY_OK)
        return take_parts(side, json_object_get(tree, "parts"), parts, err);
    if (code != FY_ENOTFOUND)
        return code;
    parts->parts[0] = (struct fy_diff_part){.count = 0};
    parts->count = 1;
    return FY_OK;
}

/* ---- rows */

static bool take_row(const json_t *object, struct fy_diff_row *row)
{
    struct fy_err err = {0};
    const char *stamp = fy_json_text(object, "stamp");
    *row = (struct fy_diff_row){.ready = strcmp(fy_json_text(object, "status"), "READY") == 0,
                                .size = fy_json_i64(object, "size")};
    return take_text(object, "name", row->name, sizeof(row->name)) &&
           fy_text_copy(row->hash, sizeof(row->hash), fy_json_text(object, "hash")) &&
           (stamp[0] == '\0' || fy_stamp_parse(stamp, &row->stamp, &err) == FY_OK);
}

static enum fy_code take_rows(const struct side *side, const json_t *tree,
                              struct fy_diff_rows *rows, struct fy_err *err)
{
    const json_t *list = json_object_get(tree, "objects");
    size_t index;
    json_t *object;
    if (!json_is_array(list) || json_array_size(list) > FY_DIFF_ROWS)
        return nonsense(side, err);
    json_array_foreach(list, index, object)
    {
        if (!take_row(object, &rows->rows[index]))
            return nonsense(side, err);
    }
    rows->count = json_array_size(list);
    rows->more = json_is_string(json_object_get(tree, "next"));
    return FY_OK;
}

/* In any status: who deleted it just now is younger than who still has it. */
static enum fy_code side_rows(void *arg, const struct fy_diff_range *range,
                              struct fy_diff_rows *rows, struct fy_err *err)
{
    const struct side *side = arg;
    json_auto_t *tree = NULL;
    struct fy_buf path;
    begin_path(side, FY_PATH_OBJECTS, range, &path);
    fy_path_query(&path, "status", "ANY");
    number_query(&path, "limit", FY_DIFF_ROWS);
    enum fy_code code = explain(side, ask(side, &path, &tree, err), err);
    if (code == FY_OK)
        return take_rows(side, tree, rows, err);
    return code == FY_ENOTFOUND ? FY_OK : code;
}

/* ---- what is found */

struct report {
    bool json;
    bool different;
};

static json_t *row_json(const struct fy_diff_row *row)
{
    char stamp[FY_STAMP_TEXT_BYTES];
    if (row == NULL)
        return json_null();
    fy_stamp_print(&row->stamp, stamp);
    return json_pack("{s:s, s:I, s:s}", "stamp", stamp, "size", (json_int_t)row->size, "hash",
                     row->hash);
}

static bool show(void *arg, enum fy_diff_kind kind, const struct fy_diff_row *here,
                 const struct fy_diff_row *there)
{
    struct report *report = arg;
    const char symbol[] = {(char)kind, '\0'};
    const char *name = here != NULL ? here->name : there->name;
    report->different = true;
    if (report->json) {
        json_auto_t *line = json_pack("{s:s, s:s, s:o, s:o}", "diff", symbol, "name", name, "here",
                                      row_json(here), "there", row_json(there));
        fy_print_json(line);
    } else {
        fy_say("%s %s", symbol, name);
    }
    return ferror(stdout) == 0;
}

/* ---- the command */

/* The container's account here is what names it there: two sites may show different containers
 * under one CCS name. */
static enum fy_code find_container(const struct fy_command_line *line, struct subject *subject,
                                   struct side *side, struct fy_err *err)
{
    json_auto_t *tree = NULL;
    struct fy_buf path;
    fy_path(&path, FY_PATH_CONTAINER);
    if (subject->account[0] != '\0') {
        fy_path_query(&path, "acct", subject->account);
        fy_path_query(&path, "ref", subject->word.bucket);
    } else {
        fy_path_names(&path, line->config.client, subject->word.bucket, NULL);
    }
    enum fy_code code = explain(side, ask(side, &path, &tree, err), err);
    side->known = code == FY_OK;
    if (side->known && !take_text(tree, "account", subject->account, sizeof(subject->account)))
        return nonsense(side, err);
    return code == FY_ENOTFOUND ? FY_OK : code;
}

static enum fy_code find_site(const struct fy_site_list *list, const char *name, struct side *here,
                              struct side *there, struct fy_err *err)
{
    const struct fy_site_info *other = fy_site_list_find(list, name);
    if (other == NULL)
        return fy_err_set(err, FY_ENOTFOUND, "no site %.80s is known here", name);
    if (other->self)
        return fy_err_set(err, FY_EINPUT, "--with %s: that is the site itself", name);
    for (size_t i = 0; i < list->count; i++)
        if (list->sites[i].self)
            here->site = list->sites[i].id;
    there->site = other->id;
    there->base = fy_site_base(other);
    return FY_OK;
}

static enum fy_code compare(const struct fy_command_line *line, struct subject *subject,
                            struct report *report, struct fy_err *err)
{
    struct fy_site_list *list = fy_alloc(sizeof(*list));
    struct side here = {.subject = subject, .site = "this site"}, there = {.subject = subject};
    enum fy_code code = fy_site_list_get(subject->client, list, err);
    if (code == FY_OK)
        code = find_site(list, fy_option(line, "with"), &here, &there, err);
    if (code == FY_OK)
        code = find_container(line, subject, &here, err);
    if (code == FY_OK)
        code = find_container(line, subject, &there, err);
    if (code == FY_OK && !here.known && !there.known)
        code = fy_err_set(err, FY_ENOTFOUND, "neither site has the bucket");
    const struct fy_diff diff = {.here = {&here, side_parts, side_rows},
                                 .there = {&there, side_parts, side_rows},
                                 .older_ms = subject->older_ms,
                                 .visit = show,
                                 .arg = report};
    if (code == FY_OK)
        code = fy_diff_sums(&diff, &(struct fy_diff_range){.after = "", .until = ""}, err);
    free(list);
    return code;
}

static enum fy_code read_words(const struct fy_command_line *line, struct subject *subject,
                               struct fy_err *err)
{
    int64_t young_ms = 0;
    enum fy_code code = fy_object_word(line->words[0], &subject->word, err);
    if (code == FY_OK && fy_option(line, "with") == NULL)
        code = fy_err_set(err, FY_EINPUT, "--with SITE: which site to compare with");
    if (code == FY_OK)
        code = fy_time_word("--older-than", fy_option(line, "older-than"), &young_ms, err);
    subject->older_ms = young_ms > 0 ? fy_wall_ms(fy_clock_system()) - young_ms : INT64_MAX;
    return code;
}

int fy_command_diff(const struct fy_command_line *line)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    struct subject subject = {.account = ""};
    struct report report = {.json = line->json};
    struct fy_err err = {0};
    enum fy_code code = read_words(line, &subject, &err);
    if (code == FY_OK)
        code = fy_client_open(line, &client, &err);
    if (code != FY_OK)
        return fy_fail_usage(&err);
    subject.client = client;
    if (compare(line, &subject, &report, &err) != FY_OK)
        return fy_fail(&err);
    if (!report.different && !line->json)
        fy_say("%s is the same on both sites", line->words[0]);
    return fy_output_end(report.different ? FY_EXIT_DIFFERENT : FY_EXIT_DONE);
}
