/* json_cut_fuzz.c - the body of orders/multiple, cut into its elements before anyone parses them.
 */
/*
 * A JSON library that reads the whole text is the judge: what it takes as an array the scanner cuts
 * into the same elements, and what the scanner cuts into good elements it takes as that array.
 */
#include <jansson.h>

#include "common/adapters/order_json.h"
#include "common/core/json_cut.h"
#include "tests/fuzz/fuzz.h"

#define ANY (JSON_DECODE_ANY | JSON_ALLOW_NUL)

/* Cuts the text. true: to its end, *good: every element is JSON. whole: what the judge made of all,
 * or NULL. */
static bool cut_all(const char *text, size_t size_bytes, const json_t *whole, bool *good)
{
    struct fy_json_cut cut;
    struct fy_err err = {0};
    const char *element = NULL;
    size_t element_bytes = 0;
    enum fy_json_cut_step step;

    *good = true;
    fy_json_cut_init(&cut, text, size_bytes);
    while ((step = fy_json_cut_next(&cut, &element, &element_bytes, &err)) == FY_JSON_CUT_ELEMENT) {
        FY_ASSERT(element_bytes > 0);
        FY_ASSERT(element >= text);
        FY_ASSERT(element + element_bytes <= text + size_bytes);
        json_t *tree = json_loadb(element, element_bytes, ANY, NULL);
        *good = *good && tree != NULL;
        if (whole != NULL)
            FY_ASSERT(json_equal(tree, json_array_get(whole, cut.count - 1)));
        json_decref(tree);
    }
    FY_ASSERT(whole == NULL || cut.count == json_array_size(whole));
    FY_ASSERT(cut.offset <= size_bytes);
    FY_ASSERT(step != FY_JSON_CUT_ERROR || err.code == FY_EINPUT);
    /* It stays where it is. */
    FY_ASSERT(fy_json_cut_next(&cut, &element, &element_bytes, &err) == step);
    return step == FY_JSON_CUT_END;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    char *text = (char *)fuzz_copy(data, size_bytes);
    struct fy_err err = {0};
    bool shallow = fy_json_depth_check(text, size_bytes, &err) == FY_OK;
    json_t *whole = json_loadb(text, size_bytes, ANY, NULL);
    /* The scanner counts an element's own levels, the depth check those of the array as well. The
     * library passes over a zero byte behind a number, which is no JSON. */
    bool is_array = json_is_array(whole) && shallow && memchr(text, '\0', size_bytes) == NULL;

    bool good;
    bool ended = cut_all(text, size_bytes, is_array ? whole : NULL, &good);
    FY_ASSERT(!is_array || ended);
    FY_ASSERT(!ended || !good || json_is_array(whole));
    json_decref(whole);
    free(text);
    return 0;
}
