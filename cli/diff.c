/* diff.c - `ferry diff`: where two sites differ, found without listing them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/diff.h"
#include "cli/output.h"
#include "cli/sites.h"
#include "common/core/names.h"

/* ---- what is found */

struct report {
    bool json;
    bool looked; /* for the names that are known here alone */
    bool different;
};

static json_t *row_json(const struct fy_diff_row *row)
{
    char stamp[FY_STAMP_TEXT_BYTES];
    if (row == NULL)
        return json_null();
    fy_stamp_print(&row->stamp, stamp);
    return json_pack("{s:s?, s:I, s:s?}", "stamp", stamp[0] != '\0' ? stamp : NULL, "size",
                     (json_int_t)row->size, "hash", row->hash[0] != '\0' ? row->hash : NULL);
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
    if (code == FY_OK && !here->is_ferry)
        code = fy_err_set(err, FY_EPEER, "%s is no Ferry", subject->line->config.url);
    if (code == FY_OK)
        code = fy_diff_find(there, subject, err);
    if (code == FY_OK && !there->is_ferry)
        code = fy_diff_ccs_find(there, err);
    if (code == FY_OK && !here->known && !there->known)
        code =
            fy_err_set(err, FY_ENOTFOUND, "neither site has the bucket %s", subject->word.bucket);
    return code;
}

static const struct fy_diff_range everything = {.after = "", .until = ""};

/* Whatever the site has said instead of a listing, unless it is away: there is none to be had. */
static bool lists_nothing(enum fy_code code)
{
    return code != FY_OK && (code == FY_EPEER || !fy_client_is_temporary(code)) &&
           code != FY_ETOOBIG && code != FY_ECANCELLED;
}

static enum fy_code compare_names(struct fy_diff *diff, struct fy_diff_looked *looked,
                                  struct report *report, struct fy_err *err)
{
    if (!looked->here->known)
        return fy_err_set(err, FY_ENOTFOUND,
                          "the bucket is not here, and %s gives no list: --accessor URL",
                          looked->there->id);
    (void)fprintf(stderr,
                  "ferry: %s is a CCS site and gives no list, so each name that is known here is "
                  "looked for there: what was never known here and other bytes are not found. "
                  "--accessor URL reads the list of its clients.\n",
                  looked->there->id);
    report->looked = true;
    diff->there = (struct fy_diff_side){.arg = looked, .rows = fy_diff_looked_rows};
    return fy_diff_lists(diff, &everything, err);
}

/* CCS has no sums and no stamps: rows are merged, and bodies decide. */
static enum fy_code compare_ccs(struct fy_diff *diff, struct fy_diff_looked *looked,
                                struct report *report, struct fy_err *err)
{
    const struct fy_diff_site *there = looked->there;
    const char *accessor = there->subject->accessor;
    struct fy_diff_listing *listing = NULL;
    if (looked->here->known && !looked->here->ccs_visible)
        return fy_err_set(err, FY_EINPUT, "%s is a CCS site, and CCS does not know this container",
                          there->id);
    enum fy_code code = FY_OK;
    if (there->known)
        code = fy_diff_listing_read(there, accessor[0] != '\0' ? accessor : there->base, &listing,
                                    err);
    if (accessor[0] == '\0' && lists_nothing(code))
        return compare_names(diff, looked, report, err);
    if (code != FY_OK)
        return code;
    diff->there = (struct fy_diff_side){.arg = listing, .rows = fy_diff_listing_rows};
    code = fy_diff_lists(diff, &everything, err);
    fy_diff_listing_free(listing);
    return code;
}

static enum fy_code compare(struct fy_diff_subject *subject, struct report *report,
                            struct fy_err *err)
{
    struct fy_site_list *list = fy_alloc(sizeof(*list));
    struct fy_diff_site here = {.subject = subject, .id = "this site"};
    struct fy_diff_site there = {.subject = subject};
    enum fy_code code = fy_site_list_get(subject->client, list, err);
    if (code == FY_OK)
        code = find(subject, list, &here, &there, err);
    struct fy_diff diff = {.here = {&here, fy_diff_ferry_parts, fy_diff_ferry_rows},
                           .there = {&there, fy_diff_ferry_parts, fy_diff_ferry_rows},
                           .older_ms = subject->older_ms,
                           .visit = show,
                           .arg = report};
    struct fy_diff_looked looked = {&here, &there};
    if (code == FY_OK)
        code = there.is_ferry ? fy_diff_sums(&diff, &everything, err)
                              : compare_ccs(&diff, &looked, report, err);
    free(list);
    return code;
}

static enum fy_code read_words(struct fy_diff_subject *subject, struct fy_err *err)
{
    const struct fy_command_line *line = subject->line;
    int64_t young_ms = 0;
    enum fy_code code = fy_place_word(line, line->words[0], &subject->word, err);
    if (code == FY_OK && subject->word.account != NULL)
        FY_ASSERT(fy_text_copy(subject->account, sizeof(subject->account), subject->word.account));
    if (code == FY_OK && fy_option(line, "with") == NULL)
        code = fy_err_set(err, FY_EINPUT, "--with SITE: which site to compare with");
    if (code == FY_OK && fy_option(line, "accessor") != NULL &&
        fy_uri_normalise(fy_option(line, "accessor"), subject->accessor, err) != FY_OK)
        code = fy_err_add(err, "--accessor");
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
    code = compare(&subject, &report, &err);
    if (code != FY_OK) {
        int exit_status = fy_fail(&err);
        return code == FY_ETOOBIG ? FY_EXIT_LIMIT : exit_status;
    }
    if (!report.different && !line->json)
        fy_say(report.looked ? "all that is known of %s%s%s here is the same there"
                             : "%s%s%s is the same on both sites",
               subject.word.bucket, subject.word.name[0] != '\0' ? "/" : "", subject.word.name);
    return fy_output_end(report.different ? FY_EXIT_DIFFERENT : FY_EXIT_DONE);
}
