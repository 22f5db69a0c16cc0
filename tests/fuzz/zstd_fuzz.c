/* zstd_fuzz.c - compressed bodies as peers and clients send them. */
/*
 * The first byte of an input says in what pieces the rest arrives. However it is cut, a stream must
 * come to the same end with the same plain bytes; and what Ferry compresses itself must come back.
 */
#include "common/ports/zstd.h"
#include "tests/fuzz/fuzz.h"

/* A bomb is met by its reader's own bound; here it only must not slow the search down. */
#define PLAIN_BYTES_MAX (1 << 20)

struct outcome {
    enum fy_code code;
    bool at_frame_end;
    size_t plain_bytes;
    uint64_t plain_hash; /* FNV-1a: the bytes, whatever pieces they come in */
};

static enum fy_code count_plain(void *arg, const void *bytes, size_t size_bytes, struct fy_err *err)
{
    struct outcome *outcome = arg;
    FY_ASSERT(size_bytes > 0);
    for (size_t i = 0; i < size_bytes; i++) {
        if (outcome->plain_bytes == PLAIN_BYTES_MAX)
            return fy_err_set(err, FY_ETOOBIG, "enough");
        outcome->plain_hash = (outcome->plain_hash ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
        outcome->plain_bytes++;
    }
    return FY_OK;
}

static struct outcome decompress(const uint8_t *data, size_t size_bytes, size_t piece_bytes)
{
    struct outcome outcome = {.code = FY_OK, .plain_hash = 14695981039346656037u};
    struct fy_err err = {0};
    struct fy_unzstd *unzstd = fy_unzstd_new();
    for (size_t at = 0; at < size_bytes && outcome.code == FY_OK; at += piece_bytes) {
        size_t left = size_bytes - at;
        size_t piece = left < piece_bytes ? left : piece_bytes;
        uint8_t *copy = fuzz_copy(data + at, piece);
        outcome.code = fy_unzstd_feed(unzstd, copy, piece, count_plain, &outcome, &err);
        free(copy);
    }
    outcome.at_frame_end = fy_unzstd_at_frame_end(unzstd);
    fy_unzstd_free(unzstd);
    return outcome;
}

/* Compresses data given and taken in pieces, and returns the size. */
static size_t compress(const uint8_t *data, size_t size_bytes, size_t piece_bytes, uint8_t *out,
                       size_t out_bytes)
{
    struct fy_rezstd *rezstd = fy_rezstd_new();
    size_t written = 0;
    bool ended = false;
    const uint8_t *in = data;
    size_t left = size_bytes;
    while (!ended) {
        FY_ASSERT(written < out_bytes);
        size_t piece = left < piece_bytes ? left : piece_bytes;
        size_t room = out_bytes - written < piece_bytes ? out_bytes - written : piece_bytes;
        size_t piece_left = piece;
        written +=
            fy_rezstd_step(rezstd, &in, &piece_left, piece == left, out + written, room, &ended);
        left -= piece - piece_left;
    }
    FY_ASSERT(left == 0);
    fy_rezstd_free(rezstd);
    return written;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    size_t piece_bytes = (size_t)fuzz_byte(&data, &size_bytes) + 1;

    struct outcome whole = decompress(data, size_bytes, size_bytes + 1);
    struct outcome pieces = decompress(data, size_bytes, piece_bytes);
    FY_ASSERT(whole.code == pieces.code);
    FY_ASSERT(whole.at_frame_end == pieces.at_frame_end);
    FY_ASSERT(whole.code == FY_OK || !whole.at_frame_end);
    /* A stream that fails may have given more or less of its good beginning. */
    if (whole.code == FY_OK) {
        FY_ASSERT(whole.plain_bytes == pieces.plain_bytes);
        FY_ASSERT(whole.plain_hash == pieces.plain_hash);
    }

    size_t room = size_bytes + size_bytes / 8 + 1024;
    uint8_t *packed = fy_alloc(room);
    size_t packed_bytes = compress(data, size_bytes, piece_bytes, packed, room);
    struct outcome back = decompress(packed, packed_bytes, piece_bytes);
    free(packed);
    FY_ASSERT(back.code == FY_OK);
    FY_ASSERT(back.at_frame_end);
    FY_ASSERT(back.plain_bytes == size_bytes);
    return 0;
}
