/* oio_error.h - how OpenIO's API says what went wrong: HTTP status and the code inside the body
 * (openio-container 4 and 6). */
#ifndef FY_API_OIO_ERROR_H
#define FY_API_OIO_ERROR_H

#include "common/core/err.h"

/* Whose words an error is said in: some operations have their own for the same thing. */
enum fy_oio_operation {
    FY_OIO_NO_OPERATION, /* the server itself: there is no such path */
    FY_OIO_CONTAINER,    /* operations on containers that are not below */
    FY_OIO_TOUCH,        /* what is not there is 403 */
    FY_OIO_DESTROY,      /* a disabled container is 500 */
    FY_OIO_SNAPSHOT,     /* a target that is there is 400 */
    FY_OIO_STATE,        /* enabled already is 500 */
    FY_OIO_CONTENT,      /* objects */
    FY_OIO_OPERATION_COUNT
};
struct fy_oio_error {
    int http_status;
    int code; /* inside the body */
};
/* code: not FY_OK. Thread: any. */
struct fy_oio_error fy_oio_error(enum fy_oio_operation operation, enum fy_code code);

/* Codes that stand for no enum fy_code. */
#define FY_OIO_CODE_OK             201 /* of an item of create_many */
#define FY_OIO_CODE_NO_CONTENT     420
#define FY_OIO_CODE_NO_CONTAINER   431
#define FY_OIO_CODE_UNKNOWN_POLICY 480

#endif
