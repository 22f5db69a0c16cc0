/* oio_query_fuzz.c - queries, paths and values of OpenIO's API. */
/* The input is a path, a '?' and a query. What is found in a query was sent, and no decoding is
 * longer than what it decodes. */
#include "common/core/oio_words.h"
#include "tests/fuzz/fuzz.h"

static void check_values(const char *value)
{
    int64_t number = 0;
    struct fy_digest cid;
    char guid[FY_GUID_DIGITS + 1], id[FY_OIO_ID_DIGITS + 1];
    (void)fy_oio_bool(value);
    if (fy_oio_integer(value, &number))
        FY_ASSERT(strtoll(value, NULL, 10) == number);
    if (fy_oio_cid_parse(value, &cid))
        FY_ASSERT(strlen(value) <= 4 || strlen(value) >= FY_HEX_DIGITS);
    if (fy_oio_id_parse(value, guid)) {
        fy_oio_id_print(guid, id);
        FY_ASSERT(strlen(value) == strlen(id));
    }
    fy_oio_id_print(value, id);
    char *header = fy_alloc(strlen(value) + FY_OIO_PROPERTY_HEADER_BYTES);
    FY_ASSERT(fy_oio_property_header(value, header, strlen(value) + FY_OIO_PROPERTY_HEADER_BYTES));
    free(header);
}

static void check_query(const char *raw)
{
    static const char *const names[] = {"acct", "ref", "cid", "path", "max", "all", ""};
    struct fy_oio_query query;
    struct fy_err err;
    if (fy_oio_query_parse(raw, &query, &err) != FY_OK) {
        FY_ASSERT(query.pieces == NULL);
        return;
    }
    for (size_t i = 0; i < FY_COUNT_OF(names); i++) {
        const char *value = fy_oio_query_get(&query, names[i]);
        if (value == NULL)
            continue;
        FY_ASSERT(strlen(value) < strlen(raw));
        check_values(value);
    }
    fy_oio_query_done(&query);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    char *text = fuzz_text(data, size_bytes);
    size_t path_bytes = strcspn(text, "?");
    check_query(text + path_bytes + (text[path_bytes] == '?'));
    text[path_bytes] = '\0';
    if (fy_oio_path(text)) {
        FY_ASSERT(strlen(text) <= FY_OIO_PATH_BYTES_MAX);
        FY_ASSERT(strlen(text) <= path_bytes);
    }
    (void)fy_oio_words_have(text, "force");
    free(text);
    return 0;
}
