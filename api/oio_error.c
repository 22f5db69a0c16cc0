/* oio_error.c - the table of OpenIO's errors, and where operations differ from it. */
#include "api/oio_error.h"

/* What is said unless an operation says otherwise. */
static const struct fy_oio_error table[FY_CODE_COUNT] = {
    [FY_EINPUT] = {400, 400},     [FY_EUNAUTH] = {403, 403},
    [FY_EFORBIDDEN] = {403, 403}, [FY_ENOTFOUND] = {404, FY_OIO_CODE_NO_CONTAINER},
    [FY_EMETHOD] = {404, 404},    [FY_ENOTACCEPT] = {409, 438}, /* a container that is not empty */
    [FY_EEXISTS] = {409, 433},    [FY_EGONE] = {404, FY_OIO_CODE_NO_CONTAINER},
    [FY_ETOOBIG] = {413, 413},    [FY_EMEDIA] = {400, 400},
    [FY_ERANGE] = {400, 400},     [FY_EFULL] = {503, 503},
    [FY_EBUSY] = {503, 503},      [FY_EFROZEN] = {503, 436},
    [FY_EDISABLED] = {503, 436},  [FY_EQUOTA] = {500, 445},
    [FY_ENOSPACE] = {503, 503},   [FY_ENET] = {503, 503},
    [FY_ETIMEOUT] = {503, 504},   [FY_EPEER] = {503, 503},
    [FY_ECORRUPT] = {500, 500},   [FY_EIO] = {500, 500},
    [FY_ECANCELLED] = {503, 503}, [FY_EINTERNAL] = {500, 500},
};

static const struct peculiarity {
    enum fy_oio_operation operation;
    enum fy_code code;
    struct fy_oio_error error;
} peculiarities[] = {
    {FY_OIO_NO_OPERATION, FY_ENOTFOUND, {404, 404}},
    {FY_OIO_TOUCH, FY_ENOTFOUND, {403, FY_OIO_CODE_NO_CONTAINER}},
    {FY_OIO_DESTROY, FY_EDISABLED, {500, 437}},
    {FY_OIO_SNAPSHOT, FY_EEXISTS, {400, 400}},
    {FY_OIO_STATE, FY_EEXISTS, {500, 439}},
    {FY_OIO_CONTENT, FY_ENOTFOUND, {404, FY_OIO_CODE_NO_CONTENT}},
    {FY_OIO_CONTENT, FY_EEXISTS, {409, 421}},
    {FY_OIO_CONTENT, FY_ENOTACCEPT, {503, 503}}, /* it is being uploaded: again later */
};

struct fy_oio_error fy_oio_error(enum fy_oio_operation operation, enum fy_code code)
{
    FY_ASSERT(code > FY_OK);
    FY_ASSERT(code < FY_CODE_COUNT);
    for (size_t i = 0; i < FY_COUNT_OF(peculiarities); i++)
        if (peculiarities[i].operation == operation && peculiarities[i].code == code)
            return peculiarities[i].error;
    return table[code];
}
