/* export_json_stream.c - zstd into lines, and head and end checked: a file that is cut is told from
 * one that is whole. */
#include "common/adapters/export_json_stream.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/ports/zstd.h"

struct fy_export_stream {
    fy_export_take_fn *take;
    void *arg;
    struct fy_unzstd *unzstd;
    struct fy_buf part; /* of a line whose newline has not come yet */
    int64_t count;
    bool has_head, ended;
    struct fy_export_line head, line;
    struct fy_export_room head_room, room;
};

struct fy_export_stream *fy_export_stream_new(fy_export_take_fn *take, void *arg)
{
    struct fy_export_stream *stream = fy_alloc(sizeof(*stream));
    stream->take = take;
    stream->arg = arg;
    stream->unzstd = fy_unzstd_new();
    fy_buf_init(&stream->part, FY_EXPORT_LINE_BYTES);
    return stream;
}

void fy_export_stream_free(struct fy_export_stream *stream)
{
    if (stream == NULL)
        return;
    fy_unzstd_free(stream->unzstd);
    fy_buf_done(&stream->part);
    free(stream);
}

static enum fy_code take_head(struct fy_export_stream *stream, const char *text, size_t text_bytes,
                              struct fy_err *err)
{
    enum fy_code code =
        fy_export_json_read(text, text_bytes, &stream->head_room, &stream->head, err);
    if (code != FY_OK)
        return code;
    if (stream->head.kind != FY_EXPORT_HEAD)
        return fy_err_set(err, FY_ECORRUPT, "the file does not begin as an export does");
    if (stream->head.format > FY_EXPORT_FORMAT)
        return fy_err_set(err, FY_ECORRUPT,
                          "the export has format %" PRId64 ", this program knows up to %d",
                          stream->head.format, FY_EXPORT_FORMAT);
    stream->has_head = true;
    return FY_OK;
}

static enum fy_code take_line(struct fy_export_stream *stream, const char *text, size_t text_bytes,
                              struct fy_err *err)
{
    if (stream->ended)
        return fy_err_set(err, FY_ECORRUPT, "the export goes on behind its end");
    if (!stream->has_head)
        return take_head(stream, text, text_bytes, err);
    enum fy_code code = fy_export_json_read(text, text_bytes, &stream->room, &stream->line, err);
    if (code != FY_OK)
        return code;
    switch (stream->line.kind) {
    case FY_EXPORT_HEAD:
        return fy_err_set(err, FY_ECORRUPT, "the export begins twice");
    case FY_EXPORT_END:
        stream->ended = true;
        if (stream->line.count != stream->count)
            return fy_err_set(err, FY_ECORRUPT, "of %" PRId64 " lines %" PRId64 " are there",
                              stream->line.count, stream->count);
        return FY_OK;
    default:
        stream->count++;
        return stream->take(stream->arg, &stream->line, err);
    }
}

/* Cuts plain bytes into lines; what follows the last newline waits for the rest of it. */
static enum fy_code take_plain(void *arg, const void *bytes, size_t size_bytes, struct fy_err *err)
{
    struct fy_export_stream *stream = arg;
    const char *at = bytes;
    enum fy_code code = FY_OK;
    while (code == FY_OK && size_bytes > 0) {
        const char *end = memchr(at, '\n', size_bytes);
        size_t step = end == NULL ? size_bytes : (size_t)(end - at);
        fy_buf_add(&stream->part, at, step);
        if (stream->part.overflow)
            return fy_err_set(err, FY_ECORRUPT, "a line of the export is too long");
        if (end != NULL) {
            code = take_line(stream, stream->part.bytes == NULL ? "" : stream->part.bytes,
                             stream->part.size_bytes, err);
            fy_buf_clear(&stream->part);
            step++;
        }
        at += step;
        size_bytes -= step;
    }
    return code;
}

enum fy_code fy_export_stream_feed(struct fy_export_stream *stream, const void *bytes,
                                   size_t size_bytes, struct fy_err *err)
{
    return fy_unzstd_feed(stream->unzstd, bytes, size_bytes, take_plain, stream, err);
}

enum fy_code fy_export_stream_end(struct fy_export_stream *stream, struct fy_err *err)
{
    if (stream->ended && stream->part.size_bytes == 0 && fy_unzstd_at_frame_end(stream->unzstd))
        return FY_OK;
    return fy_err_set(err, FY_ECORRUPT, "the file ends before the export does");
}

const struct fy_export_line *fy_export_stream_head(const struct fy_export_stream *stream)
{
    return stream->has_head ? &stream->head : NULL;
}

int64_t fy_export_stream_count(const struct fy_export_stream *stream)
{
    return stream->count;
}
