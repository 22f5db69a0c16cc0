/* pack_test.c - records as bytes, there and back, and bytes that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/pack.h"

static void add(struct fy_buf *buf, const char *key, size_t key_bytes, const char *value)
{
    size_t record = fy_pack_begin(buf, key, key_bytes);
    fy_buf_text(buf, value);
    fy_pack_end(buf, record);
}

static void expect(const struct fy_buf *buf, size_t *at, const char *key, size_t key_bytes,
                   const char *value)
{
    struct fy_packed packed;
    assert_true(fy_pack_next(buf->bytes, buf->size_bytes, at, &packed));
    assert_int_equal(packed.key_bytes, key_bytes);
    assert_memory_equal(packed.key, key, key_bytes);
    assert_int_equal(packed.value_bytes, strlen(value));
    assert_memory_equal(packed.value, value, strlen(value));
}

static void what_is_packed_comes_back_in_order(void **state)
{
    (void)state;
    struct fy_buf buf;
    struct fy_packed packed;
    char value[70001];
    size_t at = 0;
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    fy_buf_init(&buf, 1 << 20);
    add(&buf, "b\0o", 3, "{}");
    add(&buf, "", 0, "");
    add(&buf, "k", 1, value);
    expect(&buf, &at, "b\0o", 3, "{}");
    expect(&buf, &at, "", 0, "");
    expect(&buf, &at, "k", 1, value);
    assert_false(fy_pack_next(buf.bytes, buf.size_bytes, &at, &packed));
    assert_int_equal(at, buf.size_bytes);
    fy_buf_done(&buf);
}

static void bytes_that_break_off_are_no_record(void **state)
{
    (void)state;
    struct fy_buf buf;
    struct fy_packed packed;
    fy_buf_init(&buf, 1024);
    add(&buf, "key", 3, "value");
    for (size_t size = 0; size < buf.size_bytes; size++) {
        size_t at = 0;
        assert_false(fy_pack_next(buf.bytes, size, &at, &packed));
        assert_int_equal(at, 0);
    }
    for (size_t i = 0; i < 8; i++) { /* sizes that go beyond, their sum included */
        char *byte = &buf.bytes[i];
        char was = *byte;
        *byte = (char)0xff;
        size_t at = 0;
        assert_false(fy_pack_next(buf.bytes, buf.size_bytes, &at, &packed));
        *byte = was;
    }
    fy_buf_done(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_packed_comes_back_in_order),
        cmocka_unit_test(bytes_that_break_off_are_no_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
