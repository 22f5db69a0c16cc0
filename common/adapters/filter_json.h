/* filter_json.h - a listing's filter as request headers (spec 3.4), and the match with metadata. */
#ifndef FY_ADAPTERS_FILTER_JSON_H
#define FY_ADAPTERS_FILTER_JSON_H

#include "common/core/filter.h"
#include "common/core/names.h"

/*
 * Takes one request header into the filter. Names are x-clonecloudstore- and one of namePrefix,
 * statuses, creationBefore, creationAfter, expiresBefore, expiresAfter, sizeLT, sizeGT, metadataEq,
 * in any case; any other name is FY_OK and ignored, and so is a blank value. A header given twice
 * counts as its last, metadata pairs add up.
 *   filter  from fy_filter_init; on failure partly filled
 *   strip   for namePrefix, which is cleaned like a name
 * Errors: FY_EINPUT with a sentence that names the header. Thread: any.
 */
FY_MUST_CHECK enum fy_code fy_filter_header(struct fy_filter *filter, const char *name,
                                            const char *value, fy_strip_marks_fn *strip,
                                            struct fy_err *err);

/* Whether an object passes: fy_filter_matches_columns, and every pair of the filter is in metadata,
 * a JSON object text ("" = empty; one that is no JSON has no pairs). Thread: any. */
bool fy_filter_matches(const struct fy_filter *filter, enum fy_status status, const char *name,
                       int64_t creation_ms, int64_t expires_ms, int64_t size, const char *metadata);

#endif
