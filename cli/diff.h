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
    char accessor[FY_URI_BYTES_MAX + 1];   /* where a CCS site lists; "" perhaps at its URI */
    int64_t older_ms;                      /* INT64_MAX: however young */
};
/* One of them. */
struct fy_diff_site {
    const struct fy_diff_subject *subject;
    const char *id;
    const char *base; /* NULL: the site of --url */
    bool is_ferry;
    bool known;       /* it has a row of the container; without one a side has no rows */
    bool ccs_visible; /* CCS sites get the container's objects */
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

/* The client-id that a CCS site is asked with: the bucket's owner, who may read there (spec 5.3).
 */
const char *fy_diff_owner(const struct fy_diff_subject *subject);
/* Whether a site that is no Ferry has the bucket. Errors: it is no CCS site either, or cannot be
 * reached. */
FY_MUST_CHECK enum fy_code fy_diff_ccs_find(struct fy_diff_site *site, struct fy_err *err);

/* The listing that the Accessor at base gives its clients, in memory. Errors, with the site's name:
 * it gives none; FY_ETOOBIG it is longer than FY_DIFF_LISTED_MAX says. */
struct fy_diff_listing;
FY_MUST_CHECK enum fy_code fy_diff_listing_read(const struct fy_diff_site *site, const char *base,
                                                struct fy_diff_listing **listing,
                                                struct fy_err *err);
void fy_diff_listing_free(struct fy_diff_listing *listing); /* accepts NULL */
/* It as a side of core/diff.h, by rows alone; NULL: of a bucket that is not there. */
FY_MUST_CHECK enum fy_code fy_diff_listing_rows(void *arg, const struct fy_diff_range *range,
                                                struct fy_diff_rows *rows, struct fy_err *err);

/* Without it: the names that here knows, each looked for there. A side by rows alone. */
struct fy_diff_looked {
    struct fy_diff_site *here, *there;
};
FY_MUST_CHECK enum fy_code fy_diff_looked_rows(void *arg, const struct fy_diff_range *range,
                                               struct fy_diff_rows *rows, struct fy_err *err);

#endif
