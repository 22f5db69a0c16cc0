/* sites_pack_test.c - the topology as bytes, there and back, and bytes that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/runtime/sites.h"

static const struct fy_site_row two_sites[] = {
    {.id = "site-a", .name = "A", .uri = "http://127.0.0.1:1", .status = FY_SITE_UP},
    {.id = "b", .uri = "http://b", .status = FY_SITE_DELETED, .paused = true},
};

static void what_is_packed_comes_back(void **state)
{
    uint8_t *bytes = fy_alloc(FY_SITES_PACK_BYTES_MAX);
    struct fy_site_row *rows = fy_alloc(FY_SITES_MAX * sizeof(*rows));
    size_t count = 0;
    (void)state;
    size_t size_bytes = fy_sites_pack(two_sites, 2, bytes);
    assert_int_equal(fy_sites_unpack(bytes, size_bytes, rows, &count), FY_OK);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(rows[i].id, two_sites[i].id);
        assert_string_equal(rows[i].name, two_sites[i].name);
        assert_string_equal(rows[i].uri, two_sites[i].uri);
        assert_int_equal(rows[i].status, two_sites[i].status);
        assert_int_equal(rows[i].paused, two_sites[i].paused);
    }
    size_bytes = fy_sites_pack(two_sites, 0, bytes);
    assert_int_equal(fy_sites_unpack(bytes, size_bytes, rows, &count), FY_OK);
    assert_int_equal(count, 0);
    free(rows);
    free(bytes);
}

static void the_largest_topology_fits(void **state)
{
    uint8_t *bytes = fy_alloc(FY_SITES_PACK_BYTES_MAX);
    struct fy_site_row *rows = fy_alloc(FY_SITES_MAX * sizeof(*rows));
    size_t count = 0;
    (void)state;
    for (size_t i = 0; i < FY_SITES_MAX; i++) {
        memset(rows[i].id, 'i', FY_SITE_BYTES_MAX);
        memset(rows[i].name, 'n', FY_SITE_BYTES_MAX);
        memset(rows[i].uri, 'u', FY_URI_BYTES_MAX);
        rows[i].status = FY_SITE_DOWN;
    }
    size_t size_bytes = fy_sites_pack(rows, FY_SITES_MAX, bytes);
    assert_int_equal(size_bytes, FY_SITES_PACK_BYTES_MAX);
    assert_int_equal(fy_sites_unpack(bytes, size_bytes, rows, &count), FY_OK);
    assert_int_equal(count, FY_SITES_MAX);
    free(rows);
    free(bytes);
}

/* Cut anywhere but between two sites, or one byte changed to what none of ours is. */
static void other_bytes_are_refused(void **state)
{
    uint8_t *bytes = fy_alloc(FY_SITES_PACK_BYTES_MAX);
    struct fy_site_row *rows = fy_alloc(FY_SITES_MAX * sizeof(*rows));
    size_t count = 99;
    (void)state;
    size_t first_bytes = fy_sites_pack(two_sites, 1, bytes);
    size_t size_bytes = fy_sites_pack(two_sites, 2, bytes);
    for (size_t cut = 0; cut < size_bytes; cut++) {
        if (cut == 1 || cut == first_bytes)
            continue;
        assert_int_equal(fy_sites_unpack(bytes, cut, rows, &count), FY_ECORRUPT);
        assert_int_equal(count, 99);
    }
    bytes[0] = '2'; /* another format */
    assert_int_equal(fy_sites_unpack(bytes, size_bytes, rows, &count), FY_ECORRUPT);
    bytes[0] = '1';
    bytes[size_bytes - 1] = 2; /* neither paused nor not */
    assert_int_equal(fy_sites_unpack(bytes, size_bytes, rows, &count), FY_ECORRUPT);
    bytes[size_bytes - 1] = 1;
    bytes[size_bytes - 2] = 9; /* no status */
    assert_int_equal(fy_sites_unpack(bytes, size_bytes, rows, &count), FY_ECORRUPT);
    free(rows);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_packed_comes_back),
        cmocka_unit_test(the_largest_topology_fits),
        cmocka_unit_test(other_bytes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
