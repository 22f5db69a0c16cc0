/* page.c - rows gather in one buffer, which becomes the answer. */
#include "api/page.h"

void fy_page_begin(struct fy_page *page, const char *name, size_t max_bytes)
{
    *page = (struct fy_page){0};
    fy_buf_init(&page->json, max_bytes);
    fy_buf_text(&page->json, "{");
    fy_buf_json_key(&page->json, name);
    fy_buf_text(&page->json, "[");
}

struct fy_buf *fy_page_row(struct fy_page *page)
{
    page->rows++;
    fy_buf_json_next(&page->json);
    return &page->json;
}

bool fy_page_row_end(struct fy_page *page)
{
    page->full = page->json.size_bytes >= FY_LIST_PAGE_BYTES;
    return !page->full;
}

static bool has_next(const struct fy_page *page, uint32_t limit)
{
    return page->full || page->rows == limit;
}

void fy_page_answer_ids(struct fy_exchange *x, struct fy_page *page, uint32_t limit,
                        int64_t last_id, enum fy_code code, const struct fy_err *err)
{
    fy_buf_text(&page->json, "]");
    if (has_next(page, limit))
        fy_buf_json_i64(&page->json, "next", last_id);
    else
        fy_buf_json_str(&page->json, "next", NULL);
    fy_buf_text(&page->json, "}");
    fy_answer_result(x, code, &page->json, err);
}

void fy_page_answer_names(struct fy_exchange *x, struct fy_page *page, uint32_t limit,
                          const char *last_name, enum fy_code code, const struct fy_err *err)
{
    fy_buf_text(&page->json, "]");
    fy_buf_json_str(&page->json, "next", has_next(page, limit) ? last_name : NULL);
    fy_buf_text(&page->json, "}");
    fy_answer_result(x, code, &page->json, err);
}

void fy_page_answer_versions(struct fy_exchange *x, struct fy_page *page, uint32_t limit,
                             const char *last_name, int64_t last_version, enum fy_code code,
                             const struct fy_err *err)
{
    bool more = has_next(page, limit);
    fy_buf_text(&page->json, "]");
    fy_buf_json_str(&page->json, "next", more ? last_name : NULL);
    if (more)
        fy_buf_json_i64(&page->json, "nextVersion", last_version);
    else
        fy_buf_json_str(&page->json, "nextVersion", NULL);
    fy_buf_text(&page->json, "}");
    fy_answer_result(x, code, &page->json, err);
}
