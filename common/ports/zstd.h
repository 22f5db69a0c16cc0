/* zstd.h - streaming zstd as a port. Adapter: adapters/zstd_zstd.c. Windows over 1 MiB share
 * FY_ZSTD_BIG_WINDOWS_MAX slots of the process; a stream that needs one while none is free fails
 * with FY_EBUSY and may be tried again. */
#ifndef FY_PORTS_ZSTD_H
#define FY_PORTS_ZSTD_H

#include "common/core/err.h"

struct fy_unzstd; /* one running decompression; any number of concatenated frames (spec 1.5) */

FY_MUST_CHECK struct fy_unzstd *fy_unzstd_new(void);
void fy_unzstd_free(struct fy_unzstd *self); /* accepts NULL; gives the big-window slot back */
/* Called with plain bytes, in order. Anything but FY_OK ends the feed with that code. */
typedef enum fy_code fy_unzstd_sink_fn(void *arg, const void *bytes, size_t size_bytes,
                                       struct fy_err *err);
/* Feeds compressed bytes. Errors: FY_ECORRUPT not zstd or window over 8 MiB; FY_EBUSY; the sink's.
 */
FY_MUST_CHECK enum fy_code fy_unzstd_feed(struct fy_unzstd *self, const void *bytes,
                                          size_t size_bytes, fy_unzstd_sink_fn *sink, void *arg,
                                          struct fy_err *err);
/* true when the last frame ended (or nothing was fed): what a clean end of body requires. */
bool fy_unzstd_at_frame_end(const struct fy_unzstd *self);

struct fy_rezstd; /* one running compression, one frame with a checksum, window 256 KiB, level 1 */
FY_MUST_CHECK struct fy_rezstd *fy_rezstd_new(void);
void fy_rezstd_free(struct fy_rezstd *self);
/* Takes plain bytes from *in (advances *in and *in_bytes), writes up to out_bytes. end: no more
 * input follows; *ended is set once the frame is closed. Returns the bytes written. Never fails but
 * by FY_ASSERT. */
size_t fy_rezstd_step(struct fy_rezstd *self, const uint8_t **in, size_t *in_bytes, bool end,
                      uint8_t *out, size_t out_bytes, bool *ended);

#endif
