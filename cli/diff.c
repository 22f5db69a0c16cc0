/* diff.c - `ferry diff`: where two sites differ, found without listing them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/diff.h"
#include "cli/output.h"
#include "cli/sites.h"

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

static enum fy_code find_site(const struct fy_site_list *list, const char *name,
                              struct fy_diff_site *here, struct fy_diff_site *there,
                              struct fy_err *err)
{
    const struct fy_site_info *other = fy_site_list_find(list, name);
    if (other == NULL)
        return fy_err_set(err, FY_ENOTFOUND, "no site %.80s is known here", name);
    if (other->self)
        return fy_err_set(err, FY_EINPUT, "--with %s: that is the site itself", name);
    for (size_t i = 0; i < list->count; i++)
        if (list->sites[i].self)
            here->id = list->sites[i].id;
    there->id = other->id;
    there->base = fy_site_base(other);
    return FY_OK;
}

/* Both sites, and the bucket on them. */
static enum fy_code find(struct fy_diff_subject *subject, const struct fy_site_list *list,
                         struct fy_diff_site *here, struct fy_diff_site *there, struct fy_err *err)
{
    enum fy_code code = find_site(list, fy_option(subject->line, "with"), here, there, err);
    if (code == FY_OK)
        code = fy_diff_find(here, subject, err);
    if (code == FY_OK)
        code = fy_diff_find(there, subject, err);
    if (code == FY_OK && !there->is_ferry)
        code = fy_err_set(err, FY_EPEER, "%s is no Ferry: it cannot be asked", there->id);
    if (code == FY_OK && !here->known && !there->known)
        code =
            fy_err_set(err, FY_ENOTFOUND, "neither site has the bucket %s", subject->word.bucket);
    return code;
}

static enum fy_code compare(struct fy_diff_subject *subject, struct report *report,
                            struct fy_err *err)
{
    struct fy_site_list *list = fy_alloc(sizeof(*list));
    struct fy_diff_site here = {.subject = subject, .id = "this site"},
                        there = {.subject = subject};
    enum fy_code code = fy_site_list_get(subject->client, list, err);
    if (code == FY_OK)
        code = find(subject, list, &here, &there, err);
    const struct fy_diff diff = {.here = {&here, fy_diff_ferry_parts, fy_diff_ferry_rows},
                                 .there = {&there, fy_diff_ferry_parts, fy_diff_ferry_rows},
                                 .older_ms = subject->older_ms,
                                 .visit = show,
                                 .arg = report};
    if (code == FY_OK)
        code = fy_diff_sums(&diff, &(struct fy_diff_range){.after = "", .until = ""}, err);
    free(list);
    return code;
}

static enum fy_code read_words(struct fy_diff_subject *subject, struct fy_err *err)
{
    const struct fy_command_line *line = subject->line;
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
    struct fy_diff_subject subject = {.line = line};
    struct report report = {.json = line->json};
    struct fy_err err = {0};
    enum fy_code code = read_words(&subject, &err);
    if (code == FY_OK)
        code = fy_client_open(line, &client, &err);
    if (code != FY_OK)
        return fy_fail_usage(&err);
    subject.client = client;
    if (compare(&subject, &report, &err) != FY_OK)
        return fy_fail(&err);
    if (!report.different && !line->json)
        fy_say("%s is the same on both sites", line->words[0]);
    return fy_output_end(report.different ? FY_EXIT_DIFFERENT : FY_EXIT_DONE);
}
