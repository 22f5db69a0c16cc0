/* err_test.c - codes have a name, a status and an exit; sentences keep to one line and to their
 * bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/err.h"
#include <cmocka.h>

static void a_sentence_gets_its_context_in_front(void **state)
{
    (void)state;
    struct fy_err err = {0};
    assert_int_equal(fy_err_set(&err, FY_ETIMEOUT, "read: no byte for %d ms", 5000), FY_ETIMEOUT);
    assert_int_equal(fy_err_add(&err, "copy %s", "b/a.bin"), FY_ETIMEOUT);
    assert_int_equal(err.code, FY_ETIMEOUT);
    assert_string_equal(err.text, "copy b/a.bin: read: no byte for 5000 ms");
}

static void an_error_may_be_rewritten_from_its_own_sentence(void **state)
{
    (void)state;
    struct fy_err err = {0};
    (void)fy_err_set(&err, FY_ENET, "reset");
    (void)fy_err_set(&err, FY_EPEER, "peer: %s", err.text);
    assert_string_equal(err.text, "peer: reset");
    assert_int_equal(fy_err_add(&err, "again %s", err.text), FY_EPEER);
    assert_string_equal(err.text, "again peer: reset: peer: reset");
}

static void a_long_sentence_is_cut_and_never_overflows(void **state)
{
    (void)state;
    struct fy_err err = {0};
    char endless[3 * FY_ERR_TEXT_BYTES];
    memset(endless, 'x', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';

    (void)fy_err_set(&err, FY_EINPUT, "%s", endless);
    assert_int_equal(strlen(err.text), FY_ERR_TEXT_BYTES - 1);
    (void)fy_err_add(&err, "%s", endless);
    assert_int_equal(strlen(err.text), FY_ERR_TEXT_BYTES - 1);
    (void)fy_err_set(&err, FY_EINPUT, "tail");
    for (int i = 0; i < 200; i++)
        (void)fy_err_add(&err, "%d", i);
    assert_int_equal(strlen(err.text), FY_ERR_TEXT_BYTES - 1);
    assert_memory_equal(err.text, "199: 198: ", 10);
}

static void bytes_of_the_outside_cannot_break_the_line(void **state)
{
    (void)state;
    struct fy_err err = {0};
    (void)fy_err_set(&err, FY_EINPUT, "name '%s'", "a\r\nSet-Cookie: b\x1b[2J\x7f");
    assert_string_equal(err.text, "name 'a??Set-Cookie: b?[2J?'");
    (void)fy_err_add(&err, "caf\xc3\xa9\n");
    assert_memory_equal(err.text, "caf\xc3\xa9?: ", 8);
}

static void an_absent_error_is_no_crash(void **state)
{
    (void)state;
    assert_int_equal(fy_err_set(NULL, FY_EIO, "x"), FY_EIO);
    assert_int_equal(fy_err_add(NULL, "x"), FY_EINTERNAL);
}

static void every_code_has_a_row(void **state)
{
    (void)state;
    for (int i = 0; i < FY_CODE_COUNT; i++) {
        enum fy_code code = (enum fy_code)i;
        assert_non_null(fy_code_name(code));
        assert_true(fy_code_http_status(code) == 200 || fy_code_http_status(code) >= 400);
        assert_int_equal(fy_code_exit_status(code) == 0, code == FY_OK);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(fy_code_name(code), fy_code_name((enum fy_code)j));
    }
}

static void codes_answer_as_the_contract_says(void **state)
{
    (void)state;
    static const struct {
        enum fy_code code;
        int http;
        int exit;
    } rows[] = {
        {FY_OK, 200, 0},         {FY_EINPUT, 400, 2},    {FY_EUNAUTH, 401, 6},
        {FY_EFORBIDDEN, 403, 6}, {FY_ENOTFOUND, 404, 4}, {FY_EMETHOD, 405, 6},
        {FY_ENOTACCEPT, 406, 6}, {FY_EEXISTS, 409, 6},   {FY_EGONE, 410, 4},
        {FY_ETOOBIG, 413, 8},    {FY_EMEDIA, 415, 6},    {FY_ERANGE, 416, 6},
        {FY_EFULL, 503, 5},      {FY_EBUSY, 503, 5},     {FY_ENOSPACE, 507, 5},
        {FY_ENET, 502, 5},       {FY_ETIMEOUT, 504, 5},  {FY_EPEER, 502, 5},
        {FY_ECORRUPT, 500, 1},   {FY_EIO, 500, 7},       {FY_ECANCELLED, 503, 130},
        {FY_EINTERNAL, 500, 7},  {FY_EFROZEN, 503, 5},   {FY_EDISABLED, 500, 6},
        {FY_EQUOTA, 507, 8},
    };
    assert_int_equal(FY_COUNT_OF(rows), FY_CODE_COUNT);
    for (size_t i = 0; i < FY_COUNT_OF(rows); i++) {
        assert_int_equal(fy_code_http_status(rows[i].code), rows[i].http);
        assert_int_equal(fy_code_exit_status(rows[i].code), rows[i].exit);
    }
}

static void every_reason_reads_back_and_nothing_else_does(void **state)
{
    (void)state;
    enum fy_reason reason = FY_RIGHTS;
    for (int i = 1; i < FY_REASON_COUNT; i++) {
        assert_int_equal(fy_reason_parse(fy_reason_name((enum fy_reason)i), &reason), FY_OK);
        assert_int_equal(reason, i);
    }
    reason = FY_RIGHTS;
    assert_string_equal(fy_reason_name(FY_REASON_NONE), "");
    assert_int_equal(fy_reason_parse("", &reason), FY_EINPUT);
    assert_int_equal(fy_reason_parse("src_not_found", &reason), FY_EINPUT);
    assert_int_equal(fy_reason_parse("SRC_NOT_FOUND ", &reason), FY_EINPUT);
    assert_int_equal(reason, FY_RIGHTS);
}

static void reasons_have_the_class_that_decides_their_path(void **state)
{
    (void)state;
    assert_int_equal(fy_reason_class(FY_BAD_ORDER), FY_CLASS_POISON);
    assert_int_equal(fy_reason_class(FY_EXPIRED), FY_CLASS_POISON);
    assert_int_equal(fy_reason_class(FY_SRC_NOT_FOUND), FY_CLASS_ORDER);
    assert_int_equal(fy_reason_class(FY_SRC_CHANGED), FY_CLASS_ORDER);
    assert_int_equal(fy_reason_class(FY_SIZE_MISMATCH), FY_CLASS_ORDER);
    assert_int_equal(fy_reason_class(FY_HASH_MISMATCH), FY_CLASS_ORDER);
    assert_int_equal(fy_reason_class(FY_RIGHTS), FY_CLASS_ORDER);
    assert_int_equal(fy_reason_class(FY_SRC_UNREACHABLE), FY_CLASS_SITE);
    assert_int_equal(fy_reason_class(FY_SRC_REFUSED), FY_CLASS_SITE);
    assert_int_equal(fy_reason_class(FY_STALLED), FY_CLASS_SITE);
    assert_int_equal(fy_reason_class(FY_TOPOLOGY_UNKNOWN), FY_CLASS_SITE);
    assert_int_equal(fy_reason_class(FY_STORE_FULL), FY_CLASS_LOCAL);
    assert_int_equal(fy_reason_class(FY_STORE_ERROR), FY_CLASS_LOCAL);
    assert_int_equal(fy_reason_class(FY_CATALOGUE_ERROR), FY_CLASS_LOCAL);
    assert_int_equal(fy_reason_class(FY_CANCELLED), FY_CLASS_LOCAL);
}

static void a_text_field_takes_all_or_nothing(void **state)
{
    (void)state;
    char field[4] = "old";
    assert_true(fy_text_copy(field, sizeof(field), "abc"));
    assert_string_equal(field, "abc");
    assert_false(fy_text_copy(field, sizeof(field), "abcd"));
    assert_string_equal(field, "");
    assert_true(fy_text_copy(field, sizeof(field), ""));
    assert_string_equal(field, "");
}

static void memory_is_zeroed_and_copies_may_be_empty(void **state)
{
    (void)state;
    unsigned char *block = fy_alloc(64);
    for (int i = 0; i < 64; i++)
        assert_int_equal(block[i], 0);
    block = fy_realloc(block, 128);
    block[127] = 1;
    free(block);
    void *nothing = fy_memdup(NULL, 0);
    assert_non_null(nothing);
    free(nothing);
    char *copy = fy_strdup("text");
    assert_string_equal(copy, "text");
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sentence_gets_its_context_in_front),
        cmocka_unit_test(an_error_may_be_rewritten_from_its_own_sentence),
        cmocka_unit_test(a_long_sentence_is_cut_and_never_overflows),
        cmocka_unit_test(bytes_of_the_outside_cannot_break_the_line),
        cmocka_unit_test(an_absent_error_is_no_crash),
        cmocka_unit_test(every_code_has_a_row),
        cmocka_unit_test(codes_answer_as_the_contract_says),
        cmocka_unit_test(every_reason_reads_back_and_nothing_else_does),
        cmocka_unit_test(reasons_have_the_class_that_decides_their_path),
        cmocka_unit_test(a_text_field_takes_all_or_nothing),
        cmocka_unit_test(memory_is_zeroed_and_copies_may_be_empty),
    };
    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
