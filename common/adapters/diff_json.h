/* diff_json.h - what the sides of a comparison answer: sums of ranges, rows, and lines of a CCS
 * listing. */
#ifndef FY_ADAPTERS_DIFF_JSON_H
#define FY_ADAPTERS_DIFF_JSON_H

#include "common/core/diff.h"

/*
 * Reads the answer of GET /ferry/v1/digests, {"parts":[...]}, or a page of GET /ferry/v1/objects,
 * {"objects":[...], "next":...}. What they say is checked one by one; that names are in order and
 * in their range is core/diff's to see.
 *   bytes  not NULL; no zero byte needed after
 *   out    partly filled on failure
 * Errors: FY_EPEER with what is wrong. Thread: any.
 */
FY_MUST_CHECK enum fy_code fy_diff_json_parts(const char *bytes, size_t size_bytes,
                                              struct fy_diff_parts *out, struct fy_err *err);
FY_MUST_CHECK enum fy_code fy_diff_json_rows(const char *bytes, size_t size_bytes,
                                             struct fy_diff_rows *out, struct fy_err *err);
/* Reads one line of a CCS listing, an AccessorObject (spec 3.3). site: whose row it is, "" unknown.
 * There is no stamp: changed_ms is its creation. Errors and thread as above. */
FY_MUST_CHECK enum fy_code fy_diff_json_listed(const char *bytes, size_t size_bytes,
                                               struct fy_diff_row *row,
                                               char site[static FY_SITE_BYTES_MAX + 1],
                                               struct fy_err *err);

#endif
