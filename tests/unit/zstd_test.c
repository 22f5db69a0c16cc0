/* zstd_test.c - a clean stream comes out whole, every other kind is told apart, and big windows are
 * few. The library itself is the other side of each test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include <cmocka.h>

#include "common/ports/zstd.h"

/* ---- plain bytes, and what they become ---- */

struct bytes {
    uint8_t *at;
    size_t size;
    size_t capacity;
};

static void bytes_add(struct bytes *bytes, const void *more, size_t size)
{
    if (bytes->size + size > bytes->capacity) {
        bytes->capacity = 2 * (bytes->size + size);
        bytes->at = fy_realloc(bytes->at, bytes->capacity);
    }
    if (size > 0)
        memcpy(bytes->at + bytes->size, more, size);
    bytes->size += size;
}

static void bytes_done(struct bytes *bytes)
{
    free(bytes->at);
    *bytes = (struct bytes){0};
}

/* Neither constant nor random, so that it compresses somewhat. */
static struct bytes plain_new(size_t size)
{
    struct bytes plain = {.at = fy_alloc(size + 1), .size = size, .capacity = size + 1};
    uint32_t random = 1;
    for (size_t i = 0; i < size; i++) {
        random = random * 1664525u + 1013904223u;
        plain.at[i] = (uint8_t)((random >> 24) % 16 + i / 1000);
    }
    return plain;
}

/* One frame of the library's, added to packed. window_log 0: what the level has. */
static void pack(struct bytes *packed, const struct bytes *plain, int window_log, bool size_known)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    size_t capacity = ZSTD_compressBound(plain->size);
    uint8_t *frame = fy_alloc(capacity);
    ZSTD_inBuffer in = {plain->at, plain->size, 0};
    ZSTD_outBuffer out = {frame, capacity, 0};
    assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log)));
    if (size_known)
        assert_false(ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(context, plain->size)));
    else /* else one call with all the input would tell the size */
        assert_false(ZSTD_isError(ZSTD_compressStream2(context, &out, &in, ZSTD_e_flush)));
    assert_int_equal(ZSTD_compressStream2(context, &out, &in, ZSTD_e_end), 0);
    bytes_add(packed, frame, out.pos);
    free(frame);
    ZSTD_freeCCtx(context);
}

static enum fy_code gather(void *arg, const void *bytes, size_t size_bytes, struct fy_err *err)
{
    (void)err;
    bytes_add(arg, bytes, size_bytes);
    return FY_OK;
}

/* Feeds in pieces of step until all is fed or the stream fails. */
static enum fy_code feed(struct fy_unzstd *stream, const struct bytes *packed, size_t step,
                         struct bytes *plain)
{
    struct fy_err err;
    enum fy_code code = FY_OK;
    for (size_t at = 0; at < packed->size && code == FY_OK; at += step) {
        size_t piece = packed->size - at < step ? packed->size - at : step;
        code = fy_unzstd_feed(stream, packed->at + at, piece, gather, plain, &err);
    }
    return code;
}

static void assert_unpacks(const struct bytes *packed, size_t step, const struct bytes *expected)
{
    struct bytes plain = {0};
    struct fy_unzstd *stream = fy_unzstd_new();
    assert_int_equal(feed(stream, packed, step, &plain), FY_OK);
    assert_true(fy_unzstd_at_frame_end(stream));
    assert_int_equal(plain.size, expected->size);
    if (plain.size > 0)
        assert_memory_equal(plain.at, expected->at, plain.size);
    fy_unzstd_free(stream);
    bytes_done(&plain);
}

static enum fy_code code_of(const void *head, size_t head_bytes)
{
    struct bytes plain = {0};
    struct fy_err err;
    struct fy_unzstd *stream = fy_unzstd_new();
    enum fy_code code = fy_unzstd_feed(stream, head, head_bytes, gather, &plain, &err);
    fy_unzstd_free(stream);
    bytes_done(&plain);
    return code;
}

/* ---- unpacking ---- */

static void frame_unpacks_in_pieces_of_any_size(void **state)
{
    static const size_t sizes[] = {0, 1, 100, 40000, 300000};
    static const size_t steps[] = {1, 7, 4096, SIZE_MAX / 2};
    (void)state;
    for (size_t i = 0; i < FY_COUNT_OF(sizes); i++) {
        for (size_t known = 0; known < 2; known++) {
            struct bytes plain = plain_new(sizes[i]);
            struct bytes packed = {0};
            pack(&packed, &plain, 0, known == 1);
            for (size_t step = 0; step < FY_COUNT_OF(steps); step++)
                assert_unpacks(&packed, steps[step], &plain);
            bytes_done(&packed);
            bytes_done(&plain);
        }
    }
}

/* CCS closes its frame at each flush, so a body may be many. */
static void concatenated_frames_are_one_body(void **state)
{
    static const uint8_t skippable[] = {0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 'a', 'b', 'c'};
    static const size_t sizes[] = {1000, 0, 1, 100000, 17};
    (void)state;
    struct bytes expected = {0};
    struct bytes packed = {0};
    for (size_t i = 0; i < FY_COUNT_OF(sizes); i++) {
        struct bytes plain = plain_new(sizes[i]);
        bytes_add(&expected, plain.at, plain.size);
        pack(&packed, &plain, 0, i % 2 == 0);
        bytes_add(&packed, skippable, sizeof(skippable));
        bytes_done(&plain);
    }
    assert_unpacks(&packed, 1, &expected);
    assert_unpacks(&packed, packed.size, &expected);
    bytes_done(&packed);
    bytes_done(&expected);
}

/* A peer that flushes and then thinks for a while must not keep us waiting for what it has sent. */
static void what_was_flushed_comes_out_at_once(void **state)
{
    (void)state;
    struct bytes plain = {.at = fy_alloc(1 << 20), .size = 1 << 20};
    struct bytes packed = {.at = fy_alloc(100000), .capacity = 100000};
    struct bytes out = {0};
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_inBuffer from = {plain.at, plain.size, 0};
    ZSTD_outBuffer to = {packed.at, packed.capacity, 0};
    assert_int_equal(ZSTD_compressStream2(context, &to, &from, ZSTD_e_flush), 0);
    packed.size = to.pos;
    struct fy_unzstd *stream = fy_unzstd_new();
    assert_int_equal(feed(stream, &packed, packed.size, &out), FY_OK);
    assert_int_equal(out.size, plain.size);
    assert_false(fy_unzstd_at_frame_end(stream));
    fy_unzstd_free(stream);
    ZSTD_freeCCtx(context);
    bytes_done(&out);
    bytes_done(&packed);
    bytes_done(&plain);
}

/* A reader that goes on and on would take a cut body for a complete one. */
static void body_cut_anywhere_is_not_at_its_end(void **state)
{
    (void)state;
    struct bytes plain = plain_new(3000);
    struct bytes packed = {0};
    pack(&packed, &plain, 0, false);
    size_t first_end = packed.size;
    pack(&packed, &plain, 0, true);
    for (size_t cut = 0; cut <= packed.size; cut++) {
        struct bytes part = {.at = packed.at, .size = cut};
        struct bytes out = {0};
        struct fy_unzstd *stream = fy_unzstd_new();
        assert_int_equal(feed(stream, &part, SIZE_MAX / 2, &out), FY_OK);
        bool whole = cut == 0 || cut == first_end || cut == packed.size;
        assert_int_equal(fy_unzstd_at_frame_end(stream), whole);
        fy_unzstd_free(stream);
        bytes_done(&out);
    }
    bytes_done(&packed);
    bytes_done(&plain);
}

static void garbage_is_corrupt(void **state)
{
    (void)state;
    assert_int_equal(code_of("Hello, world", 12), FY_ECORRUPT);
    assert_int_equal(code_of("\0\0\0\0", 4), FY_ECORRUPT);
    assert_int_equal(code_of("\x27\xb5\x2f\xfd\x00\x00", 6), FY_ECORRUPT); /* zstd 0.7 of 2016 */
    assert_int_equal(code_of("\x28\xb5\x2f\xfd\x08\x00\x01\x00\x00", 9),
                     FY_ECORRUPT); /* reserved */
}

static void flipped_byte_fails_or_leaves_other_bytes(void **state)
{
    (void)state;
    struct bytes plain = plain_new(2000);
    struct bytes packed = {0};
    pack(&packed, &plain, 0, false);
    for (size_t i = 0; i < packed.size; i++) {
        struct bytes out = {0};
        struct fy_unzstd *stream = fy_unzstd_new();
        packed.at[i] ^= 0x41;
        enum fy_code code = feed(stream, &packed, 100, &out);
        packed.at[i] ^= 0x41;
        assert_true(code == FY_OK || code == FY_ECORRUPT);
        if (code == FY_ECORRUPT)
            assert_false(fy_unzstd_at_frame_end(stream));
        fy_unzstd_free(stream);
        bytes_done(&out);
    }
    bytes_done(&packed);
    bytes_done(&plain);
}

static void failed_stream_stays_failed(void **state)
{
    (void)state;
    struct fy_err err;
    struct bytes plain = plain_new(100);
    struct bytes packed = {0};
    struct bytes out = {0};
    pack(&packed, &plain, 0, false);
    struct fy_unzstd *stream = fy_unzstd_new();
    assert_int_equal(fy_unzstd_feed(stream, "garbage", 7, gather, &out, &err), FY_ECORRUPT);
    assert_int_equal(fy_unzstd_feed(stream, packed.at, packed.size, gather, &out, &err),
                     FY_ECORRUPT);
    assert_string_equal(err.text, "zstd: the stream has failed before");
    assert_int_equal(out.size, 0);
    fy_unzstd_free(stream);
    bytes_done(&packed);
    bytes_done(&plain);
}

/* ---- the sink ---- */

static enum fy_code refuse_the_third(void *arg, const void *bytes, size_t size_bytes,
                                     struct fy_err *err)
{
    int *calls = arg;
    (void)bytes;
    assert_in_range(size_bytes, 1, 128 * 1024);
    return ++*calls == 3 ? fy_err_set(err, FY_ETOOBIG, "enough") : FY_OK;
}

/* A bomb: a few kilobytes that are 64 MiB. The sink decides when it is too much. */
static void sink_ends_the_feed_with_its_own_code(void **state)
{
    (void)state;
    struct fy_err err;
    struct bytes plain = {.at = fy_alloc(64 << 20), .size = 64 << 20};
    struct bytes packed = {0};
    int calls = 0;
    pack(&packed, &plain, 0, false);
    assert_in_range(packed.size, 1, 100000);
    struct fy_unzstd *stream = fy_unzstd_new();
    assert_int_equal(fy_unzstd_feed(stream, packed.at, packed.size, refuse_the_third, &calls, &err),
                     FY_ETOOBIG);
    assert_string_equal(err.text, "enough");
    assert_int_equal(calls, 3);
    fy_unzstd_free(stream);
    bytes_done(&packed);
    bytes_done(&plain);
}

/* ---- windows ---- */

/* The first bytes of a frame whose window descriptor is given. */
static enum fy_code code_of_window(uint8_t descriptor)
{
    uint8_t head[] = {0x28, 0xb5, 0x2f, 0xfd, 0, descriptor};
    return code_of(head, sizeof(head));
}

static void window_over_8_mib_is_refused(void **state)
{
    static const uint8_t whole_10_mib[] = {0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0xa0, 0};
    static const uint8_t whole_4_eib[] = {0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x40};
    (void)state;
    assert_int_equal(code_of_window((23 - 10) << 3), FY_OK);           /* 8 MiB */
    assert_int_equal(code_of_window((23 - 10) << 3 | 1), FY_ECORRUPT); /* and an eighth */
    assert_int_equal(code_of_window((27 - 10) << 3), FY_ECORRUPT);     /* zstd --long */
    assert_int_equal(code_of_window(0xff), FY_ECORRUPT);               /* the largest there is */
    assert_int_equal(code_of(whole_10_mib, sizeof(whole_10_mib)), FY_ECORRUPT);
    assert_int_equal(code_of(whole_4_eib, sizeof(whole_4_eib)), FY_ECORRUPT);
}

static void big_window_unpacks(void **state)
{
    (void)state;
    struct bytes plain = plain_new(10 << 20);
    struct bytes packed = {0};
    pack(&packed, &plain, 23, false);
    assert_unpacks(&packed, 100000, &plain);
    bytes_done(&packed);
    bytes_done(&plain);
}

/* The window of a body sent in one segment is the body: this one needs 2 MiB. */
static void big_windows_are_few_and_come_back(void **state)
{
    (void)state;
    struct fy_err err;
    struct bytes plain = plain_new(2 << 20);
    struct bytes one_segment = {0};
    struct bytes small = {0};
    struct bytes out = {0};
    struct fy_unzstd *streams[FY_ZSTD_BIG_WINDOWS_MAX];
    pack(&one_segment, &plain, 22, true);
    pack(&small, &plain, 20, false);
    for (size_t i = 0; i < FY_COUNT_OF(streams); i++) {
        streams[i] = fy_unzstd_new();
        assert_int_equal(fy_unzstd_feed(streams[i], one_segment.at, 100, gather, &out, &err),
                         FY_OK);
    }
    struct fy_unzstd *late = fy_unzstd_new();
    assert_int_equal(fy_unzstd_feed(late, one_segment.at, 100, gather, &out, &err), FY_EBUSY);
    assert_false(fy_unzstd_at_frame_end(late));
    fy_unzstd_free(late); /* it had none to give back */
    assert_int_equal(code_of(one_segment.at, 100), FY_EBUSY);
    assert_unpacks(&small, small.size, &plain); /* 1 MiB is for everyone */

    fy_unzstd_free(streams[0]);
    assert_unpacks(&one_segment, one_segment.size, &plain);
    assert_unpacks(&one_segment, one_segment.size, &plain); /* given back, and taken again */
    for (size_t i = 1; i < FY_COUNT_OF(streams); i++)
        fy_unzstd_free(streams[i]);
    fy_unzstd_free(NULL);
    bytes_done(&out);
    bytes_done(&small);
    bytes_done(&one_segment);
    bytes_done(&plain);
}

static void second_big_frame_of_a_stream_needs_no_second_slot(void **state)
{
    (void)state;
    struct bytes plain = plain_new(2 << 20);
    struct bytes twice = {0};
    struct bytes packed = {0};
    for (int i = 0; i < FY_ZSTD_BIG_WINDOWS_MAX + 1; i++) {
        bytes_add(&twice, plain.at, plain.size);
        pack(&packed, &plain, 22, true);
    }
    assert_unpacks(&packed, 65536, &twice);
    bytes_done(&packed);
    bytes_done(&twice);
    bytes_done(&plain);
}

/* ---- packing ---- */

/* Packs with at most in_step bytes taken and out_step written at a time. */
static void repack(struct bytes *packed, const struct bytes *plain, size_t in_step, size_t out_step)
{
    struct fy_rezstd *stream = fy_rezstd_new();
    uint8_t *out = fy_alloc(out_step);
    size_t fed = 0; /* given to the stream; some may wait in `in` */
    const uint8_t *in = plain->at;
    size_t in_bytes = 0;
    bool ended = false;
    while (!ended) {
        if (in_bytes == 0) {
            in_bytes = plain->size - fed < in_step ? plain->size - fed : in_step;
            fed += in_bytes;
        }
        size_t got =
            fy_rezstd_step(stream, &in, &in_bytes, fed == plain->size, out, out_step, &ended);
        assert_in_range(got, 0, out_step);
        bytes_add(packed, out, got);
    }
    assert_int_equal(in_bytes, 0);
    assert_ptr_equal(in, plain->at + plain->size);
    free(out);
    fy_rezstd_free(stream);
}

static void packed_bytes_come_back_through_tiny_steps(void **state)
{
    static const struct {
        size_t size, in_step, out_step;
    } runs[] = {
        {0, 1, 1},           {1, 1, 1},          {5000, 1, 1},
        {300000, 7, 100000}, {300000, 65536, 3}, {3 << 20, FY_CHUNK_BYTES, FY_CHUNK_BYTES},
    };
    (void)state;
    for (size_t i = 0; i < FY_COUNT_OF(runs); i++) {
        struct bytes plain = plain_new(runs[i].size);
        struct bytes packed = {0};
        repack(&packed, &plain, runs[i].in_step, runs[i].out_step);
        assert_unpacks(&packed, 1000, &plain);
        /* And by the library, which takes exactly one frame here. */
        assert_int_equal(ZSTD_findFrameCompressedSize(packed.at, packed.size), packed.size);
        uint8_t *back = fy_alloc(plain.size + 1);
        assert_int_equal(ZSTD_decompress(back, plain.size + 1, packed.at, packed.size), plain.size);
        assert_memory_equal(back, plain.at, plain.size);
        free(back);
        bytes_done(&packed);
        bytes_done(&plain);
    }
}

/* Else our own peers would queue for big-window slots. */
static void our_frames_never_need_a_big_window(void **state)
{
    (void)state;
    struct bytes plain = plain_new(9 << 20);
    struct bytes packed = {0};
    repack(&packed, &plain, FY_CHUNK_BYTES, FY_CHUNK_BYTES);
    ZSTD_DCtx *context = ZSTD_createDCtx();
    uint8_t *out = fy_alloc(FY_CHUNK_BYTES);
    assert_false(ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, 20)));
    ZSTD_inBuffer from = {packed.at, packed.size, 0};
    size_t result = 1;
    while (result != 0) {
        ZSTD_outBuffer to = {out, FY_CHUNK_BYTES, 0};
        result = ZSTD_decompressStream(context, &to, &from);
        assert_false(ZSTD_isError(result));
    }
    ZSTD_freeDCtx(context);
    free(out);
    fy_rezstd_free(NULL);
    bytes_done(&packed);
    bytes_done(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frame_unpacks_in_pieces_of_any_size),
        cmocka_unit_test(concatenated_frames_are_one_body),
        cmocka_unit_test(what_was_flushed_comes_out_at_once),
        cmocka_unit_test(body_cut_anywhere_is_not_at_its_end),
        cmocka_unit_test(garbage_is_corrupt),
        cmocka_unit_test(flipped_byte_fails_or_leaves_other_bytes),
        cmocka_unit_test(failed_stream_stays_failed),
        cmocka_unit_test(sink_ends_the_feed_with_its_own_code),
        cmocka_unit_test(window_over_8_mib_is_refused),
        cmocka_unit_test(big_window_unpacks),
        cmocka_unit_test(big_windows_are_few_and_come_back),
        cmocka_unit_test(second_big_frame_of_a_stream_needs_no_second_slot),
        cmocka_unit_test(packed_bytes_come_back_through_tiny_steps),
        cmocka_unit_test(our_frames_never_need_a_big_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
