/* hash_test.c - FNV-1a as its authors publish it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/core/hash.h"

static void hashes_are_those_that_are_published(void **state)
{
    (void)state;
    assert_int_equal(fy_hash_bytes(FY_HASH_START, "", 0), UINT64_C(0xcbf29ce484222325));
    assert_int_equal(fy_hash_bytes(FY_HASH_START, "a", 1), UINT64_C(0xaf63dc4c8601ec8c));
    assert_int_equal(fy_hash_bytes(FY_HASH_START, "foobar", 6), UINT64_C(0x85944171f73967e8));
    assert_int_equal(fy_hash_bytes(FY_HASH_START, "\xff", 1), UINT64_C(0xaf64724c8602eb6e));
}

static void pieces_are_hashed_as_the_whole(void **state)
{
    (void)state;
    uint64_t whole = fy_hash_bytes(FY_HASH_START, "foobar", 6);
    assert_int_equal(fy_hash_bytes(fy_hash_bytes(FY_HASH_START, "foo", 3), "bar", 3), whole);
}

static void texts_keep_their_ends(void **state)
{
    (void)state;
    uint64_t one = fy_hash_text(fy_hash_text(FY_HASH_START, "a"), "bc");
    uint64_t other = fy_hash_text(fy_hash_text(FY_HASH_START, "ab"), "c");
    assert_int_not_equal(one, other);
    assert_int_equal(fy_hash_text(FY_HASH_START, "a"), fy_hash_bytes(FY_HASH_START, "a", 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_those_that_are_published),
        cmocka_unit_test(pieces_are_hashed_as_the_whole),
        cmocka_unit_test(texts_keep_their_ends),
    };
    return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
