/* diff.h - the two sides of `ferry diff`, and how each kind of site is asked. */
#ifndef FY_CLI_DIFF_H
#define FY_CLI_DIFF_H

#include "cli/client.h"
#include "cli/words.h"
#include "common/core/diff.h"

/* What both sides are asked about. */
struct fy_diff_subject {
    const struct fy_command_line *line;
    struct fy_client *client;
    char account[FY_CLIENT_BYTES_MAX + 1]; /* of the container, on both; "" not known yet */
    struct fy_object_word word;            /* bucket and prefix */
    int64_t older_ms;                      /* INT64_MAX: however young */
};
/* One of them. */
struct fy_diff_site {
    const struct fy_diff_subject *subject;
    const char *id;
    const char *base; /* NULL: the site of --url */
    bool is_ferry;
    bool known; /* it has a row of the container */
};

/* Finds out who answers there: is_ferry, and of a Ferry known and, if it was not known yet, the
 * container's account (the account is what names it on both: two sites may show different
 * containers under one CCS name). Errors, with the site's name: it cannot be reached, or refuses.
 */
FY_MUST_CHECK enum fy_code fy_diff_find(struct fy_diff_site *site, struct fy_diff_subject *subject,
                                        struct fy_err *err);
/* A Ferry as a side of core/diff.h; arg is a struct fy_diff_site. */
FY_MUST_CHECK enum fy_code fy_diff_ferry_parts(void *arg, const struct fy_diff_range *range,
                                               unsigned bits, struct fy_diff_parts *parts,
                                               struct fy_err *err);
FY_MUST_CHECK enum fy_code fy_diff_ferry_rows(void *arg, const struct fy_diff_range *range,
                                              struct fy_diff_rows *rows, struct fy_err *err);

#endif
