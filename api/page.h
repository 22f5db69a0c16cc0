/* page.h - a page of one of our own listings: {"NAME":[ROW,...],"next":...}. */
/*
 * It ends with the row that makes it FY_LIST_PAGE_BYTES large, or with its limit of rows; `next` is
 * what to go on after, or null when nothing can follow. Thread: one.
 */
#ifndef FY_API_PAGE_H
#define FY_API_PAGE_H

#include "api/http.h"

struct fy_page {
    struct fy_buf json;
    uint32_t rows;
    bool full;
};

/* name: of the array; max_bytes: FY_LIST_PAGE_BYTES, the largest row and the largest `next`. */
void fy_page_begin(struct fy_page *page, const char *name, size_t max_bytes);
/* Where the caller writes the next row, as one JSON value. */
struct fy_buf *fy_page_row(struct fy_page *page);
/* The row is written. false: it was the last. */
FY_MUST_CHECK bool fy_page_row_end(struct fy_page *page);
/* Ends the page and answers with it, or with err when code is not FY_OK; the page's bytes are gone
 * afterwards. last: of the last row, used only when there may be more than limit rows. */
void fy_page_answer_ids(struct fy_exchange *x, struct fy_page *page, uint32_t limit,
                        int64_t last_id, enum fy_code code, const struct fy_err *err);
void fy_page_answer_names(struct fy_exchange *x, struct fy_page *page, uint32_t limit,
                          const char *last_name, enum fy_code code, const struct fy_err *err);

/* The same of versions: `nextVersion`, too. */
void fy_page_answer_versions(struct fy_exchange *x, struct fy_page *page, uint32_t limit,
                             const char *last_name, int64_t last_version, enum fy_code code,
                             const struct fy_err *err);

#endif
