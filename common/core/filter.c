/* filter.c - a listing's conditions that need no JSON. */
#include "common/core/filter.h"

#include <string.h>

static_assert(FY_METADATA_BYTES_MAX <= UINT16_MAX, "offsets of pairs fit");

void fy_filter_init(struct fy_filter *filter)
{
    *filter = (struct fy_filter){
        .creation_before_ms = INT64_MAX,
        .creation_after_ms = INT64_MIN,
        .expires_before_ms = INT64_MAX,
        .expires_after_ms = INT64_MIN,
    };
}

const struct fy_filter *fy_filter_dup(const struct fy_filter *filter)
{
    return fy_memdup(filter, offsetof(struct fy_filter, metadata_text) + filter->metadata_bytes);
}

unsigned fy_filter_status_bit(enum fy_status status)
{
    switch (status) {
    case FY_STATUS_UNKNOWN:
        return 1u << 0;
    case FY_STATUS_UPLOAD:
        return 1u << 1;
    case FY_STATUS_READY:
        return 1u << 2;
    case FY_STATUS_ERR_UPL:
        return 1u << 3;
    case FY_STATUS_DELETING:
        return 1u << 4;
    case FY_STATUS_DELETED:
        return 1u << 5;
    case FY_STATUS_ERR_DEL:
        return 1u << 6;
    }
    FY_UNREACHABLE();
}

/* Copies a text behind the others; the room is there. Returns its offset. */
static uint16_t text_add(struct fy_filter *filter, const char *text, size_t text_bytes)
{
    size_t offset = filter->metadata_bytes;
    memcpy(filter->metadata_text + offset, text, text_bytes + 1);
    filter->metadata_bytes += text_bytes + 1;
    FY_ASSERT(filter->metadata_bytes <= sizeof(filter->metadata_text));
    return (uint16_t)offset;
}

enum fy_code fy_filter_pair_add(struct fy_filter *filter, const char *key, const char *value,
                                struct fy_err *err)
{
    if (filter->pair_count == FY_FILTER_PAIRS_MAX)
        return fy_err_set(err, FY_EINPUT, "more than %d metadata pairs", FY_FILTER_PAIRS_MAX);
    size_t key_bytes = strlen(key);
    size_t value_bytes = strlen(value);
    if (key_bytes + value_bytes + 2 > sizeof(filter->metadata_text) - filter->metadata_bytes)
        return fy_err_set(err, FY_EINPUT, "metadata of more than %d bytes", FY_METADATA_BYTES_MAX);
    filter->pairs[filter->pair_count].key_offset = text_add(filter, key, key_bytes);
    filter->pairs[filter->pair_count].value_offset = text_add(filter, value, value_bytes);
    filter->pair_count++;
    return FY_OK;
}

const char *fy_filter_pair_key(const struct fy_filter *filter, size_t index)
{
    FY_ASSERT(index < filter->pair_count);
    return filter->metadata_text + filter->pairs[index].key_offset;
}

const char *fy_filter_pair_value(const struct fy_filter *filter, size_t index)
{
    FY_ASSERT(index < filter->pair_count);
    return filter->metadata_text + filter->pairs[index].value_offset;
}

static bool in_bounds(int64_t time_ms, int64_t before_ms, int64_t after_ms)
{
    if (before_ms == INT64_MAX && after_ms == INT64_MIN)
        return true;
    return time_ms != 0 && time_ms <= before_ms && time_ms >= after_ms;
}

bool fy_filter_matches_columns(const struct fy_filter *filter, enum fy_status status,
                               const char *name, int64_t creation_ms, int64_t expires_ms,
                               int64_t size)
{
    if (filter->statuses != 0 && (filter->statuses & fy_filter_status_bit(status)) == 0)
        return false;
    if (strncmp(name, filter->name_prefix, strlen(filter->name_prefix)) != 0)
        return false;
    if (filter->size_less != 0 && size > filter->size_less)
        return false;
    if (filter->size_greater != 0 && size < filter->size_greater)
        return false;
    return in_bounds(creation_ms, filter->creation_before_ms, filter->creation_after_ms) &&
           in_bounds(expires_ms, filter->expires_before_ms, filter->expires_after_ms);
}
