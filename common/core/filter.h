/* filter.h - what a listing of objects asks for (spec 3.4), without the parts that are JSON. */
#ifndef FY_CORE_FILTER_H
#define FY_CORE_FILTER_H

#include "common/core/rule.h"

/* Fixed size, no pointers: copied by assignment. fy_filter_init makes one that lets everything
 * pass. Header names and JSON: adapters/filter_json.h. */
struct fy_filter {
    char name_prefix[FY_OBJECT_BYTES_MAX + 1]; /* cleaned, or exact for ours; "" = any */
    unsigned statuses;                         /* set of fy_filter_status_bit; 0 = any */
    bool kept;                                 /* only deleted ones that can be undeleted */
    int64_t creation_before_ms;                /* all bounds are inclusive; INT64_MAX = none */
    int64_t creation_after_ms;                 /* INT64_MIN = none */
    int64_t expires_before_ms;
    int64_t expires_after_ms;
    int64_t size_less;    /* 0 = none */
    int64_t size_greater; /* 0 = none */

    /* Metadata pairs that must all be equal. Texts lie in metadata_text, one after the other, each
     * with its zero byte; the pairs hold offsets, so that a copied filter is whole. */
    size_t pair_count; /* 0..FY_FILTER_PAIRS_MAX */
    struct {
        uint16_t key_offset;
        uint16_t value_offset;
    } pairs[FY_FILTER_PAIRS_MAX];
    size_t metadata_bytes; /* used of metadata_text */
    char metadata_text[FY_METADATA_BYTES_MAX];
};

void fy_filter_init(struct fy_filter *filter);
/* A copy to read from (free()), without the memory for metadata that it does not have. */
FY_MUST_CHECK const struct fy_filter *fy_filter_dup(const struct fy_filter *filter);
/* The bit of a status in filter.statuses; UNKNOWN has one, too. Thread: any. */
unsigned fy_filter_status_bit(enum fy_status status);
/* Adds a pair; both are copied. Errors: FY_EINPUT over FY_FILTER_PAIRS_MAX pairs, or together over
 * FY_METADATA_BYTES_MAX. */
FY_MUST_CHECK enum fy_code fy_filter_pair_add(struct fy_filter *filter, const char *key,
                                              const char *value, struct fy_err *err);
const char *fy_filter_pair_key(const struct fy_filter *filter, size_t index);
const char *fy_filter_pair_value(const struct fy_filter *filter, size_t index);

/* Everything but the metadata: what fy_filter_matches of filter_json.h asks first. creation_ms and
 * expires_ms: 0 = the object has none, which no bound of that time lets pass. Thread: any. */
bool fy_filter_matches_columns(const struct fy_filter *filter, enum fy_status status,
                               const char *name, int64_t creation_ms, int64_t expires_ms,
                               int64_t size);

#endif
