/* version_query.h - what asks for the whole of a container. */
#ifndef FY_TESTS_SUPPORT_VERSION_QUERY_H
#define FY_TESTS_SUPPORT_VERSION_QUERY_H

#include "common/ports/catalogue.h"

/* Under no condition: the newest version of each name; with `all` every version of it, delete
 * markers too. Texts are borrowed. */
static inline struct fy_version_query version_query(const char *account, const char *bucket,
                                                    bool all, uint32_t limit)
{
    return (struct fy_version_query){.account = account,
                                     .bucket = bucket,
                                     .prefix = "",
                                     .after = "",
                                     .before = "",
                                     .delimiter = "",
                                     .version_after = FY_UNSET,
                                     .version = FY_UNSET,
                                     .all = all,
                                     .limit = limit};
}

#endif
