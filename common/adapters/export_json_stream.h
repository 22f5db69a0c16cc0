/* export_json_stream.h - the bytes of an export's file back into lines. */
#ifndef FY_ADAPTERS_EXPORT_JSON_STREAM_H
#define FY_ADAPTERS_EXPORT_JSON_STREAM_H

#include "common/adapters/export_json.h"

/* Called for each line between head and end. Anything but FY_OK ends the feed with that code. The
 * line is borrowed until it returns. */
typedef enum fy_code fy_export_take_fn(void *arg, const struct fy_export_line *line,
                                       struct fy_err *err);

/* One file on its way in; one thread. It holds a line and a window of zstd, however long the file
 * is. */
struct fy_export_stream;
FY_MUST_CHECK struct fy_export_stream *fy_export_stream_new(fy_export_take_fn *take, void *arg);
void fy_export_stream_free(struct fy_export_stream *stream); /* accepts NULL */
/* The next bytes of the file. Errors: FY_ECORRUPT it is no export, of a format that this program
 * does not know, or damaged. A changed letter is known by the checksum alone, which is behind the
 * last line: before that, a line that was taken is only likely to be good. The taker's. FY_EBUSY as
 * fy_unzstd_feed. */
FY_MUST_CHECK enum fy_code fy_export_stream_feed(struct fy_export_stream *stream, const void *bytes,
                                                 size_t size_bytes, struct fy_err *err);
/* There are no more. Errors: FY_ECORRUPT the end is missing, or lines are. */
FY_MUST_CHECK enum fy_code fy_export_stream_end(struct fy_export_stream *stream,
                                                struct fy_err *err);
/* What the head said; its texts are those of the stream. NULL before it was read. */
const struct fy_export_line *fy_export_stream_head(const struct fy_export_stream *stream);
int64_t fy_export_stream_count(const struct fy_export_stream *stream); /* lines taken */

#endif
