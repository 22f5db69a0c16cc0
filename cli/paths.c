/* paths.c - routes with names in them. */
#include "cli/paths.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/names.h"

static void add_encoded(struct fy_buf *path, const char *text)
{
    size_t room_bytes = 3 * strlen(text) + 1;
    char *encoded = fy_alloc(room_bytes);
    FY_ASSERT(fy_percent_encode(text, false, encoded, room_bytes));
    fy_buf_text(path, encoded);
    free(encoded);
}

void fy_path(struct fy_buf *path, const char *route)
{
    fy_buf_init(path, FY_PATH_BYTES_MAX);
    fy_buf_text(path, route);
}

void fy_path_segment(struct fy_buf *path, const char *segment)
{
    fy_buf_text(path, "/");
    add_encoded(path, segment);
}

void fy_path_query(struct fy_buf *path, const char *key, const char *value)
{
    if (value == NULL || path->overflow)
        return;
    fy_buf_text(path, strchr(path->bytes, '?') == NULL ? "?" : "&");
    fy_buf_text(path, key);
    fy_buf_text(path, "=");
    add_encoded(path, value);
}

void fy_path_query_i64(struct fy_buf *path, const char *key, int64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRId64, value);
    fy_path_query(path, key, text);
}

void fy_path_segment_i64(struct fy_buf *path, int64_t segment)
{
    fy_buf_printf(path, "/%" PRId64, segment);
}

void fy_path_names(struct fy_buf *path, const char *client, const char *bucket, const char *object)
{
    if (!fy_ccs_bucket_is_valid(bucket) || !fy_ccs_client_is_valid(client))
        fy_path_query(path, "acct", client);
    fy_path_query(path, "ref", bucket);
    fy_path_query(path, "path", object);
}
