/* sites_pack.c - the topology as bytes: what processes of other builds may have put into a cache.
 */
/* '1', then for each site: id 0 name 0 uri 0 status (two bytes, the lower first) paused */
#include <string.h>

#include "common/runtime/sites.h"

#define FORMAT '1'

static uint8_t *put_text(uint8_t *to, const char *text)
{
    size_t size_bytes = strlen(text) + 1;
    memcpy(to, text, size_bytes);
    return to + size_bytes;
}

size_t fy_sites_pack(const struct fy_site_row *rows, size_t count, uint8_t *bytes)
{
    uint8_t *to = bytes;
    FY_ASSERT(count <= FY_SITES_MAX);
    *to++ = FORMAT;
    for (size_t i = 0; i < count; i++) {
        to = put_text(to, rows[i].id);
        to = put_text(to, rows[i].name);
        to = put_text(to, rows[i].uri);
        *to++ = (uint8_t)((unsigned)rows[i].status & 0xff);
        *to++ = (uint8_t)((unsigned)rows[i].status >> 8);
        *to++ = rows[i].paused ? 1 : 0;
    }
    FY_ASSERT((size_t)(to - bytes) <= FY_SITES_PACK_BYTES_MAX);
    return (size_t)(to - bytes);
}

/* What is left to read; start NULL: it was not what it should be. */
struct rest {
    const uint8_t *start;
    const uint8_t *end;
};

static void take_text(struct rest *rest, char *field, size_t field_bytes)
{
    if (rest->start == NULL)
        return;
    const uint8_t *zero = memchr(rest->start, '\0', (size_t)(rest->end - rest->start));
    if (zero == NULL || (size_t)(zero - rest->start) >= field_bytes) {
        rest->start = NULL;
        return;
    }
    memcpy(field, rest->start, (size_t)(zero - rest->start) + 1);
    rest->start = zero + 1;
}

static void take_state(struct rest *rest, struct fy_site_row *row)
{
    if (rest->start == NULL)
        return;
    if (rest->end - rest->start < 3) {
        rest->start = NULL;
        return;
    }
    unsigned status = rest->start[0] | (unsigned)rest->start[1] << 8;
    bool known = status == FY_SITE_UNKNOWN || status == FY_SITE_UP || status == FY_SITE_DOWN ||
                 status == FY_SITE_DELETED;
    row->status = (enum fy_site_status)status;
    row->paused = rest->start[2] == 1;
    rest->start = known && rest->start[2] <= 1 ? rest->start + 3 : NULL;
}

enum fy_code fy_sites_unpack(const uint8_t *bytes, size_t size_bytes, struct fy_site_row *rows,
                             size_t *count)
{
    size_t found = 0;
    if (size_bytes == 0 || bytes[0] != FORMAT)
        return FY_ECORRUPT;
    struct rest rest = {bytes + 1, bytes + size_bytes};
    while (rest.start != NULL && rest.start < rest.end && found < FY_SITES_MAX) {
        struct fy_site_row *row = &rows[found++];
        *row = (struct fy_site_row){0};
        take_text(&rest, row->id, sizeof(row->id));
        take_text(&rest, row->name, sizeof(row->name));
        take_text(&rest, row->uri, sizeof(row->uri));
        take_state(&rest, row);
    }
    if (rest.start != rest.end)
        return FY_ECORRUPT;
    *count = found;
    return FY_OK;
}
