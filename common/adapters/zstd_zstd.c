/* zstd_zstd.c - the zstd port over libzstd, its stable API only. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "common/ports/zstd.h"

/* RFC 8878, 3.1.1: the parts of a frame header that tell the window. */
#define FRAME_MAGIC       0xFD2FB528u
#define SKIPPABLE_MAGIC   0x184D2A50u /* and the 15 above it */
#define FRAME_MAGIC_BYTES 4
#define FRAME_HEAD_MAX    18 /* magic 4, descriptor 1, window 1, dictionary id 4, content size 8 */

#define WINDOW_SMALL_BYTES (1u << 20)
#define WINDOW_MAX_BYTES   (1u << FY_ZSTD_WINDOW_LOG_MAX)

/* Enough for a few calls of the sink per block, little enough for hundreds of streams. */
#define PLAIN_BYTES (16 << 10)

struct fy_unzstd {
    ZSTD_DCtx *context;
    enum fy_code failed; /* what ended the stream; FY_OK while it is good */
    bool in_frame;       /* a frame's header was taken and its end not seen */
    bool has_big_window; /* holds one of FY_ZSTD_BIG_WINDOWS_MAX until freed */
    size_t head_bytes;
    uint8_t head[FRAME_HEAD_MAX]; /* gathered until the window is known */
    uint8_t plain[PLAIN_BYTES];
};

/* Big windows in use in this process. The bound is on the memory of the process, so it is a count
 * of the process. */
static atomic_uint big_windows;

static bool big_window_take(void)
{
    unsigned taken = atomic_load_explicit(&big_windows, memory_order_relaxed);
    while (taken < FY_ZSTD_BIG_WINDOWS_MAX) {
        if (atomic_compare_exchange_weak(&big_windows, &taken, taken + 1))
            return true;
    }
    return false;
}

static void big_window_give(void)
{
    unsigned before = atomic_fetch_sub(&big_windows, 1);
    FY_ASSERT(before > 0);
}

struct fy_unzstd *fy_unzstd_new(void)
{
    struct fy_unzstd *self = fy_alloc(sizeof(*self));
    self->context = ZSTD_createDCtx();
    FY_ASSERT(self->context != NULL);
    /* Checked in frame_admit already; here once more by the library that allocates. */
    size_t result =
        ZSTD_DCtx_setParameter(self->context, ZSTD_d_windowLogMax, FY_ZSTD_WINDOW_LOG_MAX);
    FY_ASSERT(!ZSTD_isError(result));
    return self;
}

void fy_unzstd_free(struct fy_unzstd *self)
{
    if (self == NULL)
        return;
    ZSTD_freeDCtx(self->context);
    if (self->has_big_window)
        big_window_give();
    free(self);
}

static uint64_t little_endian(const uint8_t *bytes, size_t size_bytes)
{
    uint64_t value = 0;
    for (size_t i = size_bytes; i > 0; i--)
        value = value << 8 | bytes[i - 1];
    return value;
}

/* The window a frame asks for: 0 for a skippable one, UINT64_MAX for what is no frame at all (the
 * library would also take formats older than RFC 8878, whose windows we do not know). false: more
 * bytes of the header are needed. */
static bool frame_window(const uint8_t *head, size_t head_bytes, uint64_t *window_bytes)
{
    static const size_t dictionary_bytes[] = {0, 1, 2, 4};
    static const size_t content_bytes[] = {1, 2, 4, 8}; /* of a single segment */

    if (head_bytes < FRAME_MAGIC_BYTES)
        return false;
    uint64_t magic = little_endian(head, FRAME_MAGIC_BYTES);
    *window_bytes = (magic & ~UINT64_C(15)) == SKIPPABLE_MAGIC ? 0 : UINT64_MAX;
    if (magic != FRAME_MAGIC)
        return true;
    if (head_bytes < FRAME_MAGIC_BYTES + 2)
        return false;
    uint8_t descriptor = head[FRAME_MAGIC_BYTES];
    bool single_segment = (descriptor & 0x20) != 0;
    if (!single_segment) {
        uint8_t window = head[FRAME_MAGIC_BYTES + 1];
        uint64_t base = UINT64_C(1) << (10 + (window >> 3));
        *window_bytes = base + base / 8 * (window & 7);
        return true;
    }
    /* The window of a single segment is its content. */
    size_t at = FRAME_MAGIC_BYTES + 1 + dictionary_bytes[descriptor & 3];
    size_t size_bytes = content_bytes[descriptor >> 6];
    if (head_bytes < at + size_bytes)
        return false;
    /* (Two bytes of size mean 256 more, far from any limit.) */
    *window_bytes = little_endian(head + at, size_bytes);
    return true;
}

/* Decides whether this process can hold the window of the frame that begins. */
static enum fy_code frame_admit(struct fy_unzstd *self, uint64_t window_bytes, struct fy_err *err)
{
    if (window_bytes == UINT64_MAX)
        return fy_err_set(err, FY_ECORRUPT, "zstd: no frame begins with %02x%02x%02x%02x",
                          self->head[0], self->head[1], self->head[2], self->head[3]);
    if (window_bytes > WINDOW_MAX_BYTES)
        return fy_err_set(err, FY_ECORRUPT,
                          "zstd: window of %llu bytes, at most %u are taken (RFC 9659)",
                          (unsigned long long)window_bytes, WINDOW_MAX_BYTES);
    if (window_bytes > WINDOW_SMALL_BYTES && !self->has_big_window) {
        if (!big_window_take())
            return fy_err_set(err, FY_EBUSY, "zstd: all %d windows over 1 MiB are in use",
                              FY_ZSTD_BIG_WINDOWS_MAX);
        self->has_big_window = true;
    }
    return FY_OK;
}

/* Decodes until the input is used up or the frame ends. */
static enum fy_code frame_decode(struct fy_unzstd *self, ZSTD_inBuffer *in, fy_unzstd_sink_fn *sink,
                                 void *arg, struct fy_err *err)
{
    bool plain_was_full = false; /* then more may wait inside, with no input needed */
    while (self->in_frame && (in->pos < in->size || plain_was_full)) {
        ZSTD_outBuffer out = {self->plain, sizeof(self->plain), 0};
        size_t result = ZSTD_decompressStream(self->context, &out, in);
        if (ZSTD_isError(result))
            return fy_err_set(err, FY_ECORRUPT, "zstd: %s", ZSTD_getErrorName(result));
        if (out.pos > 0) {
            enum fy_code code = sink(arg, self->plain, out.pos, err);
            if (code != FY_OK)
                return code;
        }
        plain_was_full = out.pos == out.size;
        self->in_frame = result != 0;
    }
    return FY_OK;
}

/* Takes header bytes, one by one, until the window is known; then decodes them. */
static enum fy_code frame_begin(struct fy_unzstd *self, ZSTD_inBuffer *in, fy_unzstd_sink_fn *sink,
                                void *arg, struct fy_err *err)
{
    uint64_t window_bytes = 0;
    bool known = false;
    while (!known && in->pos < in->size) {
        FY_ASSERT(self->head_bytes < FRAME_HEAD_MAX);
        self->head[self->head_bytes++] = ((const uint8_t *)in->src)[in->pos++];
        known = frame_window(self->head, self->head_bytes, &window_bytes);
    }
    if (!known)
        return FY_OK;
    enum fy_code code = frame_admit(self, window_bytes, err);
    if (code != FY_OK)
        return code;
    ZSTD_inBuffer head = {self->head, self->head_bytes, 0};
    self->head_bytes = 0;
    self->in_frame = true;
    code = frame_decode(self, &head, sink, arg, err);
    FY_ASSERT(code != FY_OK || head.pos == head.size); /* no frame is as short as its header */
    return code;
}

enum fy_code fy_unzstd_feed(struct fy_unzstd *self, const void *bytes, size_t size_bytes,
                            fy_unzstd_sink_fn *sink, void *arg, struct fy_err *err)
{
    if (self->failed != FY_OK)
        return fy_err_set(err, self->failed, "zstd: the stream has failed before");
    ZSTD_inBuffer in = {bytes, size_bytes, 0};
    while (in.pos < in.size && self->failed == FY_OK) {
        self->failed = self->in_frame ? frame_decode(self, &in, sink, arg, err)
                                      : frame_begin(self, &in, sink, arg, err);
    }
    return self->failed;
}

bool fy_unzstd_at_frame_end(const struct fy_unzstd *self)
{
    return self->failed == FY_OK && !self->in_frame && self->head_bytes == 0;
}

struct fy_rezstd {
    ZSTD_CCtx *context;
    bool ended;
};

static void rezstd_set(struct fy_rezstd *self, ZSTD_cParameter parameter, int value)
{
    size_t result = ZSTD_CCtx_setParameter(self->context, parameter, value);
    FY_ASSERT(!ZSTD_isError(result));
}

struct fy_rezstd *fy_rezstd_new(void)
{
    struct fy_rezstd *self = fy_alloc(sizeof(*self));
    self->context = ZSTD_createCCtx();
    FY_ASSERT(self->context != NULL);
    rezstd_set(self, ZSTD_c_compressionLevel, 1);
    rezstd_set(self, ZSTD_c_windowLog, 18);   /* a MiB less than 20 takes, for hardly more bytes */
    rezstd_set(self, ZSTD_c_checksumFlag, 1); /* else a changed byte may be a changed letter */
    return self;
}

void fy_rezstd_free(struct fy_rezstd *self)
{
    if (self == NULL)
        return;
    ZSTD_freeCCtx(self->context);
    free(self);
}

size_t fy_rezstd_step(struct fy_rezstd *self, const uint8_t **in, size_t *in_bytes, bool end,
                      uint8_t *out, size_t out_bytes, bool *ended)
{
    FY_ASSERT(!self->ended);
    ZSTD_inBuffer input = {*in, *in_bytes, 0};
    ZSTD_outBuffer output = {out, out_bytes, 0};
    size_t left =
        ZSTD_compressStream2(self->context, &output, &input, end ? ZSTD_e_end : ZSTD_e_continue);
    FY_ASSERT(!ZSTD_isError(left));
    if (input.pos > 0) { /* *in may be NULL when nothing is left */
        *in += input.pos;
        *in_bytes -= input.pos;
    }
    self->ended = end && left == 0;
    *ended = self->ended;
    return output.pos;
}
