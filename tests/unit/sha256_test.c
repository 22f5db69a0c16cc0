/* sha256_test.c - hashing gives the digests of FIPS 180, in whatever pieces the bytes come. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/ports/sha256.h"

#define MILLION 1000000

/* The examples that NIST publishes with FIPS 180. */
static const struct {
    const char *text;
    const char *sha256;
} examples[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlm"
     "nopqrsmnopqrstnopqrstu",
     "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
};
#define SHA256_OF_MILLION_A "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"

static void assert_digest(const struct fy_digest *digest, const char *expected)
{
    char hex[FY_HEX_DIGITS + 1];
    fy_digest_print_hex(digest, false, hex);
    assert_string_equal(hex, expected);
}

static void digests_are_those_of_the_standard(void **state)
{
    (void)state;
    for (size_t i = 0; i < FY_COUNT_OF(examples); i++) {
        struct fy_digest digest;
        fy_sha256_of(examples[i].text, strlen(examples[i].text), &digest);
        assert_digest(&digest, examples[i].sha256);
    }
}

static void pieces_give_the_digest_of_the_whole(void **state)
{
    static const size_t steps[] = {1, 63, 64, 65, 8191, MILLION};
    (void)state;
    char *bytes = fy_alloc(MILLION);
    memset(bytes, 'a', MILLION);
    struct fy_sha256 *hash = fy_sha256_new();
    for (size_t i = 0; i < FY_COUNT_OF(steps); i++) {
        for (size_t at = 0; at < MILLION; at += steps[i])
            fy_sha256_update(hash, bytes + at, MILLION - at < steps[i] ? MILLION - at : steps[i]);
        fy_sha256_update(hash, NULL, 0); /* nothing changes nothing */
        struct fy_digest digest;
        fy_sha256_final(hash, &digest);
        assert_digest(&digest, SHA256_OF_MILLION_A);
        fy_sha256_reset(hash);
    }
    fy_sha256_free(hash);
    free(bytes);
}

static void reset_forgets_what_was_hashed(void **state)
{
    (void)state;
    struct fy_sha256 *hash = fy_sha256_new();
    fy_sha256_update(hash, "something else", 14);
    fy_sha256_reset(hash);
    fy_sha256_update(hash, "abc", 3);
    struct fy_digest digest;
    fy_sha256_final(hash, &digest);
    assert_digest(&digest, examples[1].sha256);
    fy_sha256_free(hash);
    fy_sha256_free(NULL);
}

static void *hash_examples(void *arg)
{
    bool *good = arg;
    for (size_t i = 0; i < 200 && *good; i++) {
        struct fy_digest digest;
        char hex[FY_HEX_DIGITS + 1];
        size_t example = i % FY_COUNT_OF(examples);
        struct fy_sha256 *hash = fy_sha256_new();
        fy_sha256_update(hash, examples[example].text, strlen(examples[example].text));
        fy_sha256_final(hash, &digest);
        fy_sha256_free(hash);
        fy_digest_print_hex(&digest, false, hex);
        *good = strcmp(hex, examples[example].sha256) == 0;
    }
    return NULL;
}

static void threads_hash_side_by_side(void **state)
{
    (void)state;
    pthread_t threads[8];
    bool good[8];
    for (size_t i = 0; i < FY_COUNT_OF(threads); i++) {
        good[i] = true;
        assert_int_equal(pthread_create(&threads[i], NULL, hash_examples, &good[i]), 0);
    }
    for (size_t i = 0; i < FY_COUNT_OF(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(good[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_hash_side_by_side), /* first: the algorithm is fetched in a race */
        cmocka_unit_test(digests_are_those_of_the_standard),
        cmocka_unit_test(pieces_give_the_digest_of_the_whole),
        cmocka_unit_test(reset_forgets_what_was_hashed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
