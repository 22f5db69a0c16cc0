/* export_fuzz.c - the file of an export: zstd, lines, rows. */
/*
 * The first byte says how it is fed: even, the rest is a file as it is; odd, the rest is its plain
 * text, compressed here, so that the lines are reached.
 */
#include "common/adapters/export_json_stream.h"
#include "common/ports/zstd.h"
#include "tests/fuzz/fuzz.h"

/* What was read is written and read as the same. */
static enum fy_code take(void *arg, const struct fy_export_line *line, struct fy_err *err)
{
    struct fy_buf first, second;
    struct fy_export_room *room = fy_alloc(sizeof(*room));
    struct fy_export_line again;
    (void)arg;
    fy_buf_init(&first, FY_EXPORT_LINE_BYTES);
    fy_buf_init(&second, FY_EXPORT_LINE_BYTES);
    fy_export_json_write(line, &first);
    FY_ASSERT(!first.overflow);
    enum fy_code code = fy_export_json_read(first.bytes, first.size_bytes - 1, room, &again, err);
    FY_ASSERT(code == FY_OK);
    fy_export_json_write(&again, &second);
    FY_ASSERT(strcmp(first.bytes, second.bytes) == 0);
    fy_buf_done(&first);
    fy_buf_done(&second);
    free(room);
    return FY_OK;
}

static enum fy_code feed_text(struct fy_export_stream *stream, const uint8_t *text,
                              size_t text_bytes, struct fy_err *err)
{
    uint8_t chunk[512];
    bool ended = false;
    enum fy_code code = FY_OK;
    struct fy_rezstd *zstd = fy_rezstd_new();
    while (code == FY_OK && !ended) {
        size_t made = fy_rezstd_step(zstd, &text, &text_bytes, true, chunk, sizeof(chunk), &ended);
        code = fy_export_stream_feed(stream, chunk, made, err);
    }
    fy_rezstd_free(zstd);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct fy_err err = {0};
    if (size_bytes == 0)
        return 0;
    struct fy_export_stream *stream = fy_export_stream_new(take, NULL);
    enum fy_code code = data[0] % 2 != 0
                            ? feed_text(stream, data + 1, size_bytes - 1, &err)
                            : fy_export_stream_feed(stream, data + 1, size_bytes - 1, &err);
    if (code == FY_OK)
        code = fy_export_stream_end(stream, &err);
    FY_ASSERT(code == FY_OK || code == FY_ECORRUPT || code == FY_EBUSY);
    FY_ASSERT(code == FY_OK || err.text[0] != '\0');
    fy_export_stream_free(stream);
    return 0;
}
