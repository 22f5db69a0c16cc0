/* oio_json_fuzz.c - the bodies of OpenIO's requests; the first byte chooses which. */
/* What is taken has texts only, and what is refused leaves nothing behind. */
#include "common/adapters/oio_json.h"
#include "common/core/names.h"
#include "tests/fuzz/fuzz.h"

static void check_body(enum fy_code code, const struct fy_err *err, struct fy_oio_body *body)
{
    if (code != FY_OK) {
        FY_ASSERT(code == FY_EINPUT || code == FY_ETOOBIG);
        FY_ASSERT(err->text[0] != '\0');
        FY_ASSERT(body->tree == NULL);
        FY_ASSERT(body->properties == NULL);
        FY_ASSERT(body->keys == NULL);
        return;
    }
    for (size_t i = 0; i < body->count; i++) {
        const char *key = body->properties[i].key, *value = body->properties[i].value;
        FY_ASSERT(fy_utf8_is_valid(key, strlen(key)));
        FY_ASSERT(value == NULL || fy_utf8_is_valid(value, strlen(value)));
    }
    fy_oio_body_done(body);
}

static void check_many(const char *bytes, size_t size_bytes)
{
    struct fy_oio_many many;
    struct fy_err err = {0};
    enum fy_code code = fy_oio_json_many(bytes, size_bytes, &many, &err);
    FY_ASSERT(code == FY_OK || code == FY_EINPUT || code == FY_ETOOBIG);
    FY_ASSERT(many.count <= FY_OIO_MANY_MAX);
    for (size_t i = 0; i < many.count; i++)
        FY_ASSERT(many.items[i].name != NULL);
    if (code == FY_OK)
        fy_oio_many_done(&many);
}

static void check_content(const char *bytes, size_t size_bytes)
{
    char *metadata = fy_alloc(FY_METADATA_BYTES_MAX + 1);
    char mime_type[64];
    struct fy_err err = {0};
    struct fy_buf json;
    if (fy_oio_json_content(bytes, size_bytes, "text/plain", metadata, &err) == FY_OK) {
        fy_buf_init(&json, (size_t)6 * FY_METADATA_BYTES_MAX);
        (void)fy_oio_metadata_print(metadata, &json, mime_type, sizeof(mime_type));
        FY_ASSERT(!json.overflow);
        FY_ASSERT(strcmp(mime_type, "text/plain") == 0);
        fy_buf_done(&json);
    }
    free(metadata);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    uint8_t which = fuzz_byte(&data, &size_bytes);
    char *bytes = (char *)fuzz_copy(data, size_bytes);
    char account[FY_CLIENT_BYTES_MAX + 1], container[FY_BUCKET_BYTES_MAX + 1];
    struct fy_oio_body body;
    struct fy_err err = {0};
    switch (which % 8) {
    case 0:
    case 1:
        check_body(fy_oio_json_properties(bytes, size_bytes, which % 2 == 1, &body, &err), &err,
                   &body);
        break;
    case 2:
        check_body(fy_oio_json_keys(bytes, size_bytes, &body, &err), &err, &body);
        break;
    case 3:
        check_many(bytes, size_bytes);
        break;
    case 4:
        (void)fy_oio_json_target(bytes, size_bytes, account, container, &err);
        break;
    case 5:
        check_content(bytes, size_bytes);
        break;
    case 6:
        check_body(fy_oio_json_content_set(bytes, size_bytes, &body, &err), &err, &body);
        break;
    default:
        check_body(fy_oio_json_content_del(bytes, size_bytes, &body, &err), &err, &body);
    }
    free(bytes);
    return 0;
}
