/* listing.h - a long listing as a stream of lines, page by page, in constant memory. */
#ifndef FY_API_LISTING_H
#define FY_API_LISTING_H

#include "api/http.h"

/* 200, one AccessorObject JSON per line (spec 6.4), objects that pass the filter, by name. account
 * "": the CCS view. zstd when the request accepts it. Errors after the first page cut the stream.
 */
void fy_answer_listing(struct fy_exchange *x, const char *account, const char *bucket,
                       const struct fy_filter *filter);

#endif
