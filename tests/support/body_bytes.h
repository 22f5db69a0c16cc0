/* body_bytes.h - one long body that tests of answers give out, and what must arrive of it. */
#ifndef FY_TESTS_BODY_BYTES_H
#define FY_TESTS_BODY_BYTES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/core/buf.h"
#include "common/ports/zstd.h"
#include "tests/support/http_client.h"

#define BODY_BYTES 1000003 /* no multiple of any buffer */

static inline char byte_at(size_t at)
{
    return (char)((at * 2654435761u) >> 13);
}

/* The caller's. */
static inline char *body_bytes(size_t bytes)
{
    char *text = fy_alloc(bytes + 1);
    for (size_t i = 0; i < bytes; i++)
        text[i] = byte_at(i);
    return text;
}

/* count bytes of it, from `first` on. */
static inline void expect_bytes(const char *bytes, size_t size_bytes, size_t first, size_t count)
{
    assert_int_equal(size_bytes, count);
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] != byte_at(first + i))
            fail_msg("byte %zu differs", first + i);
    }
}

static inline enum fy_code body_gather(void *arg, const void *bytes, size_t size_bytes,
                                       struct fy_err *err)
{
    (void)err;
    fy_buf_add(arg, bytes, size_bytes);
    return FY_OK;
}

/* The whole of it, compressed. */
static inline void expect_zstd(const struct http_answer *answer)
{
    assert_string_equal(http_header(answer, "Content-Encoding"), "zstd");
    struct fy_buf plain;
    fy_buf_init(&plain, 2 * BODY_BYTES);
    struct fy_unzstd *unzstd = fy_unzstd_new();
    struct fy_err err;
    assert_int_equal(
        fy_unzstd_feed(unzstd, answer->body, answer->body_bytes, body_gather, &plain, &err), FY_OK);
    assert_true(fy_unzstd_at_frame_end(unzstd));
    fy_unzstd_free(unzstd);
    expect_bytes(plain.bytes, plain.size_bytes, 0, BODY_BYTES);
    fy_buf_done(&plain);
}

#endif
