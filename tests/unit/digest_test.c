/* digest_test.c - the two texts of a SHA-256 value (spec 2.5), and ids (spec 2.3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "common/core/guid.h"
#include "common/ports/sha256.h"

static void digests_have_the_texts_that_ccs_gives_them(void **state)
{
    (void)state;
    char many[120];
    memset(many, 'A', sizeof(many));
    const struct {
        const char *bytes;
        size_t size_bytes;
        const char *base32hex;
    } rows[] = {
        {"hello", 5, "5jp4reivm2hgs9n87clcbef2jodhc7is3ujk4njj0gpm54sbj0i0"},
        {"", 0, "seoc8gkovge196nruj49irtp4gjqsgf4cidp6j54imchmu2in1ag"},
        {many, sizeof(many), "kjq2aoapt9nr4ep7te65teefn4438tcobsqll1e7hnkf5vnimem0"},
    };
    for (size_t i = 0; i < FY_COUNT_OF(rows); i++) {
        struct fy_digest digest;
        fy_sha256_of(rows[i].bytes, rows[i].size_bytes, &digest);
        char text[FY_BASE32HEX_DIGITS + 1];
        fy_digest_print_base32hex(&digest, text);
        assert_string_equal(text, rows[i].base32hex);
        struct fy_digest back;
        assert_true(fy_digest_parse(text, &back));
        assert_true(fy_digest_equal(&back, &digest));
    }
}

static void hexadecimal_is_printed_in_both_cases_and_read_in_any(void **state)
{
    (void)state;
    const char *lower = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    const char *upper = "2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824";
    const char *mixed = "2Cf24dBa5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    const char *base32hex = "5JP4REIVM2HGS9N87CLCBEF2JODHC7IS3UJK4NJJ0GPM54SBJ0I0";
    struct fy_digest hello;
    fy_sha256_of("hello", 5, &hello);
    char text[FY_HEX_DIGITS + 1];
    fy_digest_print_hex(&hello, false, text);
    assert_string_equal(text, lower);
    fy_digest_print_hex(&hello, true, text);
    assert_string_equal(text, upper);

    const char *const forms[] = {lower, upper, mixed, base32hex};
    for (size_t i = 0; i < FY_COUNT_OF(forms); i++) {
        struct fy_digest digest = {{0}};
        assert_true(fy_digest_parse(forms[i], &digest));
        assert_true(fy_digest_equal(&digest, &hello));
    }
}

static void any_other_text_is_opaque(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "abc",
        "5jp4reivm2hgs9n87clcbef2jodhc7is3ujk4njj0gpm54sbj0i",   /* 51 */
        "5jp4reivm2hgs9n87clcbef2jodhc7is3ujk4njj0gpm54sbj0i00", /* 53 */
        "5jp4reivm2hgs9n87clcbef2jodhc7is3ujk4njj0gpm54sbj0i1",  /* a spare bit is set */
        "5jp4reivm2hgs9n87clcbef2jodhc7is3ujk4njj0gpm54sbj0if",  /* all spare bits are set */
        "5jp4reivm2hgs9n87clcbef2jodhc7is3ujk4njj0gpm54sbj0w0",  /* w is no digit */
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b982",   /* 63 */
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b98244", /* 65 */
        "gcf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",  /* g is no digit */
    };
    for (size_t i = 0; i < FY_COUNT_OF(texts); i++) {
        struct fy_digest digest = {{9}};
        if (fy_digest_parse(texts[i], &digest))
            fail_msg("'%s' was taken for a digest", texts[i]);
        assert_int_equal(digest.bytes[0], 9);
    }
}

static void base32hex_agrees_with_the_vectors_of_rfc_4648(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", ""},
        {"f", "co"},
        {"fo", "cpng"},
        {"foo", "cpnmu"},
        {"foob", "cpnmuog"},
        {"fooba", "cpnmuoj1"},
        {"foobar", "cpnmuoj1e8"},
    };
    for (size_t i = 0; i < FY_COUNT_OF(rows); i++) {
        char text[16];
        fy_base32hex((const uint8_t *)rows[i][0], strlen(rows[i][0]), text);
        assert_string_equal(text, rows[i][1]);
    }
}

static int64_t fixed_ms(struct fy_clock *clock)
{
    (void)clock;
    return 0x018dcb1a2b3c;
}

static unsigned digit(char c)
{
    assert_true((c >= '0' && c <= '9') || (c >= 'a' && c <= 'v'));
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a') + 10;
}

static void guid_bytes(const char *text, uint8_t bytes[static 16])
{
    assert_int_equal(strlen(text), FY_GUID_DIGITS);
    unsigned pending = 0;
    unsigned bits = 0;
    size_t filled = 0;
    for (size_t i = 0; i < FY_GUID_DIGITS; i++) {
        pending = (pending << 5 | digit(text[i])) & 0xfff;
        bits += 5;
        if (bits >= 8 && filled < 16) {
            bits -= 8;
            bytes[filled++] = (uint8_t)(pending >> bits);
        }
    }
}

static void a_guid_carries_time_version_process_and_counter(void **state)
{
    (void)state;
    struct fy_clock clock = {.wall_ms = fixed_ms, .mono_ms = fixed_ms};
    char first[FY_GUID_DIGITS + 1];
    char second[FY_GUID_DIGITS + 1];
    fy_guid_new(&clock, first);
    fy_guid_new(&clock, second);

    uint8_t a[16];
    uint8_t b[16];
    guid_bytes(first, a);
    guid_bytes(second, b);
    assert_memory_equal(a, "\x3c\x2b\x1a\xcb\x8d\x01\x01", 7);
    assert_memory_equal(a, b, 13); /* same moment, same process */
    uint32_t count_a = (uint32_t)(a[13] | a[14] << 8 | a[15] << 16);
    uint32_t count_b = (uint32_t)(b[13] | b[14] << 8 | b[15] << 16);
    assert_int_equal(count_b, (count_a + 1) & 0xffffff);
}

#define GUID_THREADS 4
#define GUIDS        2000

static void *take_guids(void *arg)
{
    char(*guids)[FY_GUID_DIGITS + 1] = arg;
    for (size_t i = 0; i < GUIDS; i++)
        fy_guid_new(fy_clock_system(), guids[i]);
    return NULL;
}

static int compare_guids(const void *a, const void *b)
{
    return memcmp(a, b, FY_GUID_DIGITS);
}

static void no_two_threads_get_the_same_guid(void **state)
{
    (void)state;
    const size_t total = (size_t)GUID_THREADS * GUIDS;
    char(*guids)[FY_GUID_DIGITS + 1] = fy_alloc(total * sizeof(*guids));
    pthread_t threads[GUID_THREADS];
    for (size_t i = 0; i < GUID_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_guids, guids + i * GUIDS), 0);
    for (size_t i = 0; i < GUID_THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    qsort(guids, total, sizeof(*guids), compare_guids);
    for (size_t i = 1; i < total; i++)
        assert_string_not_equal(guids[i], guids[i - 1]);
    free(guids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_have_the_texts_that_ccs_gives_them),
        cmocka_unit_test(hexadecimal_is_printed_in_both_cases_and_read_in_any),
        cmocka_unit_test(any_other_text_is_opaque),
        cmocka_unit_test(base32hex_agrees_with_the_vectors_of_rfc_4648),
        cmocka_unit_test(a_guid_carries_time_version_process_and_counter),
        cmocka_unit_test(no_two_threads_get_the_same_guid),
    };
    return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
