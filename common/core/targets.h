/* targets.h - the sites a bucket is replicated to, as one text: "lyon,oslo", or "" for all. */
#ifndef FY_CORE_TARGETS_H
#define FY_CORE_TARGETS_H

#include "common/core/err.h"

/* A list of that form: 1..FY_SITES_MAX site ids with one comma between two, or "". FY_EINPUT with a
 * sentence: an id is none, stands there twice, or there are too many. */
FY_MUST_CHECK enum fy_code fy_targets_check(const char *targets, struct fy_err *err);
/* The next site of a good list, from *at on, which moves behind it; false: there is no more. Begin
 * with *at = the list. */
bool fy_targets_next(const char **at, char site[static FY_SITE_BYTES_MAX + 1]);
/* Whether the site is one of them; "" includes every site. */
bool fy_targets_include(const char *targets, const char *site);

#endif
