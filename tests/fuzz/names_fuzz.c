/* names_fuzz.c - names, percent-escapes, site URIs and the other short texts of paths and headers.
 */
/*
 * Whatever comes in: what the sanitiser lets through matches its pattern, what cannot be read
 * leaves the result alone, and what Ferry writes it reads again.
 */
#include "common/adapters/unicode_utf8proc.h"
#include "common/core/clock.h"
#include "common/core/digest.h"
#include "common/core/names.h"
#include "common/core/order.h"
#include "common/core/stamp.h"
#include "tests/fuzz/fuzz.h"

#define UNTOUCHED "untouched"

static void check_sanitiser(const char *text)
{
    char name[FY_OBJECT_BYTES_MAX + 1] = UNTOUCHED;
    struct fy_err err = {0};

    if (fy_ccs_clean_object(text, fy_unicode_strip_marks, name, &err) == FY_OK)
        FY_ASSERT(fy_ccs_object_is_valid(name));
    else
        FY_ASSERT(strcmp(name, UNTOUCHED) == 0);

    strcpy(name, UNTOUCHED);
    if (fy_ccs_clean_bucket(text, fy_unicode_strip_marks, name, &err) == FY_OK)
        FY_ASSERT(fy_ccs_bucket_is_valid(name));
    else
        FY_ASSERT(strcmp(name, UNTOUCHED) == 0);

    /* A name that one of the patterns takes is valid UTF-8 and sane. */
    if (fy_ccs_object_is_valid(text)) {
        FY_ASSERT(fy_ccs_text_is_sane(text));
        FY_ASSERT(fy_utf8_is_valid(text, strlen(text)));
    }
    FY_ASSERT(!fy_ccs_client_is_valid(text) || fy_ccs_object_is_valid(text));
    FY_ASSERT(!fy_ccs_metadata_key_is_valid(text) || fy_utf8_is_valid(text, strlen(text)));
}

static void check_percent(const uint8_t *data, size_t size_bytes)
{
    uint8_t *in = fuzz_copy(data, size_bytes);
    char *out = fy_alloc(size_bytes + 1);
    struct fy_err err = {0};
    for (int plus_is_space = 0; plus_is_space <= 1; plus_is_space++) {
        if (fy_percent_decode((const char *)in, size_bytes, plus_is_space == 1, out, size_bytes + 1,
                              &err) != FY_OK)
            continue;
        FY_ASSERT(strlen(out) <= size_bytes);

        /* Encoding what was decoded, and decoding that, is where it was. */
        size_t room = 3 * strlen(out) + 1;
        char *encoded = fy_alloc(room);
        char *again = fy_alloc(room);
        bool fits = fy_percent_encode(out, plus_is_space == 1, encoded, room);
        FY_ASSERT(fits);
        enum fy_code code =
            fy_percent_decode(encoded, strlen(encoded), plus_is_space == 1, again, room, &err);
        FY_ASSERT(code == FY_OK);
        FY_ASSERT(strcmp(out, again) == 0);
        free(again);
        free(encoded);
    }
    free(out);
    free(in);
}

static void check_uri(const char *text)
{
    char uri[FY_URI_BYTES_MAX + 1] = UNTOUCHED;
    char again[FY_URI_BYTES_MAX + 1];
    struct fy_err err = {0};
    if (fy_uri_normalise(text, uri, &err) != FY_OK)
        return;
    enum fy_code code = fy_uri_normalise(uri, again, &err);
    FY_ASSERT(code == FY_OK);
    FY_ASSERT(strcmp(uri, again) == 0);
}

static void check_exact(const uint8_t *data, size_t size_bytes)
{
    uint8_t *copy = fuzz_copy(data, size_bytes);
    const char *bytes = (const char *)copy;
    bool utf8 = fy_utf8_is_valid(copy, size_bytes);
    FY_ASSERT(utf8 || !fy_exact_object_is_valid(bytes, size_bytes));
    FY_ASSERT(utf8 || !fy_exact_bucket_is_valid(bytes, size_bytes));
    FY_ASSERT(utf8 || !fy_exact_client_is_valid(bytes, size_bytes));
    free(copy);
}

static void check_stamp(const char *text)
{
    struct fy_stamp stamp;
    struct fy_err err = {0};
    char printed[FY_STAMP_TEXT_BYTES];
    if (fy_stamp_parse(text, &stamp, &err) != FY_OK)
        return;
    FY_ASSERT(fy_site_is_valid(stamp.site));
    fy_stamp_print(&stamp, printed);
    FY_ASSERT(strcmp(printed, text) == 0);
}

static void check_digest(const char *text)
{
    struct fy_digest digest;
    struct fy_digest again;
    char printed[FY_HEX_DIGITS + 1];
    if (!fy_digest_parse(text, &digest))
        return;
    fy_digest_print_base32hex(&digest, printed);
    bool parsed = fy_digest_parse(printed, &again);
    FY_ASSERT(parsed);
    FY_ASSERT(fy_digest_equal(&digest, &again));
}

static void check_instant(const char *text)
{
    int64_t wall_ms = 0;
    int64_t again_ms = 0;
    char printed[FY_INSTANT_BYTES];
    if (fy_instant_parse(text, &wall_ms) != FY_OK)
        return;
    fy_instant_print(wall_ms, printed);
    enum fy_code code = fy_instant_parse(printed, &again_ms);
    FY_ASSERT(code == FY_OK);
    FY_ASSERT(again_ms == wall_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    if (size_bytes > FY_CONNECTION_BYTES) /* no longer text reaches us: 431 */
        return 0;
    char *text = fuzz_text(data, size_bytes);
    check_sanitiser(text);
    check_percent(data, size_bytes);
    check_uri(text);
    check_exact(data, size_bytes);
    check_stamp(text);
    check_digest(text);
    check_instant(text);
    free(text);
    return 0;
}
