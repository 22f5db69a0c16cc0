/* query.h - numbers, words and names out of the query and the path. */
#ifndef FY_API_QUERY_H
#define FY_API_QUERY_H

#include "api/http.h"

/* *value stays when name is absent. FY_EINPUT names it: not a whole number, or outside min..max. */
FY_MUST_CHECK enum fy_code fy_query_i64(struct fy_exchange *x, const char *name, int64_t min,
                                        int64_t max, int64_t *value, struct fy_err *err);
/* A variable of the path that is an id, 1 and up. FY_ENOTFOUND: nothing can have that id. */
FY_MUST_CHECK enum fy_code fy_path_id(struct fy_exchange *x, const char *name, int64_t *id,
                                      struct fy_err *err);
/* Copies a text; out stays when name is absent. FY_EINPUT: empty, or longer than out. */
FY_MUST_CHECK enum fy_code fy_query_word(struct fy_exchange *x, const char *name, char *out,
                                         size_t out_bytes, struct fy_err *err);
/* limit=1..FY_LIST_PAGE_MAX; FY_LIST_PAGE_MAX when absent. */
FY_MUST_CHECK enum fy_code fy_query_limit(struct fy_exchange *x, uint32_t *limit,
                                          struct fy_err *err);
/* acct and ref: an account and the container's exact name in it; acct may be left out (""): the one
 * that the CCS API shows under that name. The key's object is "". FY_EINPUT names what is no name.
 */
FY_MUST_CHECK enum fy_code fy_query_container(struct fy_exchange *x, struct fy_object_key *key,
                                              struct fy_err *err);
/* acct, ref and path: the object of that exact name. */
FY_MUST_CHECK enum fy_code fy_query_object(struct fy_exchange *x, struct fy_object_key *key,
                                           struct fy_err *err);
/* prefix, after, until: what object names begin with, or a bound of them. *value is borrowed, ""
 * when name is absent. FY_EINPUT: longer than any name, or no UTF-8. */
FY_MUST_CHECK enum fy_code fy_query_bound(struct fy_exchange *x, const char *name,
                                          const char **value, struct fy_err *err);

#endif
