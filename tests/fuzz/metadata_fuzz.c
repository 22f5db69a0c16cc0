/* metadata_fuzz.c - the metadata header of uploads and of peers' answers. */
/* What is taken is in its one form: cleaning that again changes nothing. What is not leaves out
 * alone. */
#include "common/adapters/metadata_json.h"
#include "tests/fuzz/fuzz.h"

static void check_clean(const char *text, bool ccs)
{
    char *out = fy_alloc(FY_METADATA_BYTES_MAX + 1); /* on the heap: one byte more is seen */
    char *again = fy_alloc(FY_METADATA_BYTES_MAX + 1);
    struct fy_err err = {0};
    strcpy(out, "untouched");

    enum fy_code code = fy_metadata_json_clean(text, ccs, out, &err);
    if (code != FY_OK) {
        bool named = code == FY_EINPUT || code == FY_ETOOBIG;
        FY_ASSERT(named);
        FY_ASSERT(err.text[0] != '\0');
        FY_ASSERT(strcmp(out, "untouched") == 0);
    } else {
        /* It goes into a header as it is. */
        FY_ASSERT(fy_utf8_is_valid(out, strlen(out)));
        FY_ASSERT(fy_ccs_text_is_sane(out));
        code = fy_metadata_json_clean(out, ccs, again, &err);
        FY_ASSERT(code == FY_OK);
        FY_ASSERT(strcmp(out, again) == 0);
        /* What is good for CCS is good for Ferry. */
        code = fy_metadata_json_clean(out, false, again, &err);
        FY_ASSERT(code == FY_OK);
        FY_ASSERT(strcmp(out, again) == 0);
    }
    free(again);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    char *text = fuzz_text(data, size_bytes);
    check_clean(text, true);
    check_clean(text, false);
    free(text);
    return 0;
}
