/* api_oio_error_test.c - what OpenIO's clients are told for each way to fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/oio_error.h"

static void every_code_has_a_status_that_its_clients_know(void **state)
{
    (void)state;
    for (int operation = 0; operation < FY_OIO_OPERATION_COUNT; operation++) {
        for (int code = FY_OK + 1; code < FY_CODE_COUNT; code++) {
            struct fy_oio_error error =
                fy_oio_error((enum fy_oio_operation)operation, (enum fy_code)code);
            int status = error.http_status;
            assert_true(status == 400 || status == 403 || status == 404 || status == 409 ||
                        status == 413 || status == 500 || status == 503);
            assert_true(error.code >= 400);
        }
    }
}

/* What time heals is 503, the one status that clients take as a reason to come again. */
static void what_time_heals_is_503(void **state)
{
    (void)state;
    static const enum fy_code codes[] = {FY_EFULL,    FY_EBUSY, FY_EFROZEN,   FY_ETIMEOUT,
                                         FY_ENOSPACE, FY_ENET,  FY_ECANCELLED};
    for (size_t i = 0; i < FY_COUNT_OF(codes); i++)
        assert_int_equal(fy_oio_error(FY_OIO_CONTAINER, codes[i]).http_status, 503);
}

static void expect(enum fy_oio_operation operation, enum fy_code code, int http_status, int number)
{
    struct fy_oio_error error = fy_oio_error(operation, code);
    assert_int_equal(error.http_status, http_status);
    assert_int_equal(error.code, number);
}

static void codes_are_those_of_the_table(void **state)
{
    (void)state;
    expect(FY_OIO_NO_OPERATION, FY_ENOTFOUND, 404, 404);
    expect(FY_OIO_NO_OPERATION, FY_EMETHOD, 404, 404);
    expect(FY_OIO_CONTAINER, FY_EINPUT, 400, 400);
    expect(FY_OIO_CONTAINER, FY_EFORBIDDEN, 403, 403);
    expect(FY_OIO_CONTAINER, FY_ENOTFOUND, 404, 431);
    expect(FY_OIO_CONTAINER, FY_EEXISTS, 409, 433);
    expect(FY_OIO_CONTAINER, FY_ETOOBIG, 413, 413);
    expect(FY_OIO_CONTAINER, FY_EFROZEN, 503, 436);
    expect(FY_OIO_CONTAINER, FY_EDISABLED, 503, 436);
    expect(FY_OIO_CONTAINER, FY_EQUOTA, 500, 445);
    expect(FY_OIO_CONTAINER, FY_EBUSY, 503, 503);
    expect(FY_OIO_CONTAINER, FY_ETIMEOUT, 503, 504);
    expect(FY_OIO_CONTAINER, FY_EINTERNAL, 500, 500);
}

static void some_operations_have_their_own_words(void **state)
{
    (void)state;
    expect(FY_OIO_TOUCH, FY_ENOTFOUND, 403, 431);
    expect(FY_OIO_DESTROY, FY_ENOTACCEPT, 409, 438);
    expect(FY_OIO_DESTROY, FY_EDISABLED, 500, 437);
    expect(FY_OIO_SNAPSHOT, FY_EEXISTS, 400, 400);
    expect(FY_OIO_SNAPSHOT, FY_ENOTFOUND, 404, 431);
    expect(FY_OIO_STATE, FY_EEXISTS, 500, 439);
    expect(FY_OIO_STATE, FY_EFROZEN, 503, 436);
    expect(FY_OIO_CONTENT, FY_ENOTFOUND, 404, 420);
    expect(FY_OIO_CONTENT, FY_EEXISTS, 409, 421);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_status_that_its_clients_know),
        cmocka_unit_test(what_time_heals_is_503),
        cmocka_unit_test(codes_are_those_of_the_table),
        cmocka_unit_test(some_operations_have_their_own_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
