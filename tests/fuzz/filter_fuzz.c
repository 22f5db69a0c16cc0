/* filter_fuzz.c - the headers that filter a listing, and the match against what is stored. */
/*
 * An input is lines. Each is one header, `name: value`, the common prefix left out; the last one is
 * the metadata of the object to be matched.
 */
#include <stdio.h>

#include "common/adapters/filter_json.h"
#include "common/adapters/metadata_json.h"
#include "common/adapters/unicode_utf8proc.h"
#include "tests/fuzz/fuzz.h"

static const enum fy_status all_statuses[] = {
    FY_STATUS_UNKNOWN, FY_STATUS_UPLOAD,  FY_STATUS_DELETING, FY_STATUS_READY,
    FY_STATUS_DELETED, FY_STATUS_ERR_DEL, FY_STATUS_ERR_UPL,
};

/* One header. false: refused, and the request with it. */
static bool take_line(struct fy_filter *filter, char *line)
{
    struct fy_err err = {0};
    char name[80];
    char *value = strstr(line, ": ");
    if (value == NULL)
        return true;
    *value = '\0';
    (void)snprintf(name, sizeof(name), "x-clonecloudstore-%s", line);
    enum fy_code code = fy_filter_header(filter, name, value + 2, fy_unicode_strip_marks, &err);
    FY_ASSERT(code == FY_OK || code == FY_EINPUT);
    FY_ASSERT(code == FY_OK || err.text[0] != '\0');
    return code == FY_OK;
}

static void check_match(const struct fy_filter *filter, const char *metadata)
{
    char name[FY_OBJECT_BYTES_MAX + 8];
    char clean[FY_METADATA_BYTES_MAX + 1];
    struct fy_filter copy = *filter; /* a copied filter is whole */
    (void)snprintf(name, sizeof(name), "%sx", filter->name_prefix);
    if (fy_metadata_json_clean(metadata, false, clean, NULL) != FY_OK)
        clean[0] = '\0';
    for (size_t i = 0; i < FY_COUNT_OF(all_statuses); i++) {
        int64_t time_ms = (int64_t)i * 86400000;
        bool matches = fy_filter_matches(filter, all_statuses[i], name, time_ms, 0, 1, clean);
        bool again = fy_filter_matches(&copy, all_statuses[i], name, time_ms, 0, 1, clean);
        FY_ASSERT(matches == again);
        /* The columns alone let more pass, never less. */
        FY_ASSERT(!matches ||
                  fy_filter_matches_columns(filter, all_statuses[i], name, time_ms, 0, 1));
        FY_ASSERT(!matches || filter->statuses == 0 ||
                  (filter->statuses & fy_filter_status_bit(all_statuses[i])) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    char *text = fuzz_text(data, size_bytes);
    struct fy_filter filter;
    fy_filter_init(&filter);
    bool taken = true;
    char *rest = text;
    char *line = NULL;
    while (taken && (line = strsep(&rest, "\n")) != NULL && rest != NULL)
        taken = take_line(&filter, line);
    if (taken)
        check_match(&filter, line);
    free(text);
    return 0;
}
