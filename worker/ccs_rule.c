/* ccs_rule.c - what a real CCS site can be told, and what it is told next. */
#include "worker/ccs_rule.h"

#include <string.h>

#include "common/adapters/unicode_utf8proc.h"
#include "common/core/names.h"

bool fy_ccs_can_name(const struct fy_order *order)
{
    char clean[FY_OBJECT_BYTES_MAX + 1];
    if (!fy_ccs_client_is_valid(fy_order_account(order)))
        return false;
    if (fy_ccs_clean_bucket(order->bucket, fy_unicode_strip_marks, clean, NULL) != FY_OK ||
        strcmp(clean, order->bucket) != 0)
        return false;
    if (order->object[0] == '\0')
        return true;
    return fy_ccs_clean_object(order->object, fy_unicode_strip_marks, clean, NULL) == FY_OK &&
           strcmp(clean, order->object) == 0;
}

bool fy_ccs_is_promised(const struct fy_order *order, const char *hash, int64_t size)
{
    struct fy_digest promised, shown;
    if (order->hash[0] == '\0')
        return false; /* nothing was promised that could be recognised */
    if (order->size > 0 && size >= 0 && size != order->size)
        return false;
    if (fy_order_digest(order, &promised) && fy_digest_parse(hash, &shown))
        return memcmp(promised.bytes, shown.bytes, sizeof(promised.bytes)) == 0;
    return strcmp(order->hash, hash) == 0;
}

static struct fy_ccs_move stay(enum fy_ccs_step step)
{
    return (struct fy_ccs_move){step, FY_ACTION_UNKNOWN};
}

static struct fy_ccs_move look(enum fy_action want, bool unsure, enum fy_ccs_shows shows)
{
    const struct fy_ccs_move go = {FY_CCS_GOING, FY_ACTION_DELETE};
    if (want == FY_ACTION_DELETE)
        return go;
    switch (shows) {
    case FY_CCS_NOTHING:
        return (struct fy_ccs_move){FY_CCS_COMING, FY_ACTION_CREATE};
    case FY_CCS_PROMISED:
        return unsure ? go : stay(FY_CCS_DONE);
    case FY_CCS_OTHER:
        return go;
    case FY_CCS_UNCLEAR:
        break;
    }
    return stay(FY_CCS_LOOK);
}

struct fy_ccs_move fy_ccs_next(enum fy_ccs_step step, enum fy_action want, bool unsure,
                               enum fy_ccs_shows shows)
{
    switch (step) {
    case FY_CCS_LOOK:
        return look(want, unsure, shows);
    case FY_CCS_GOING:
        if (shows != FY_CCS_NOTHING)
            return stay(step);
        return want == FY_ACTION_DELETE ? stay(FY_CCS_DONE)
                                        : (struct fy_ccs_move){FY_CCS_COMING, FY_ACTION_CREATE};
    case FY_CCS_COMING:
        if (shows == FY_CCS_OTHER)
            return (struct fy_ccs_move){FY_CCS_GOING, FY_ACTION_DELETE};
        return stay(shows == FY_CCS_PROMISED ? FY_CCS_DONE : step);
    case FY_CCS_DONE:
    case FY_CCS_ASIDE:
    case FY_CCS_STEP_COUNT:
        break;
    }
    return stay(step);
}

void fy_ccs_tell(const struct fy_order *order, enum fy_action action, struct fy_order *told)
{
    const char *owner = fy_order_account(order);
    *told = *order;
    memcpy(told->account, owner, strlen(owner) + 1);
    memcpy(told->client, told->account, sizeof(told->client));
    told->action = action;
    if (action != FY_ACTION_DELETE || order->action == FY_ACTION_DELETE)
        return;
    told->size = 0;
    told->hash[0] = '\0';
    if (told->stamp.time > 1)
        told->stamp.time--;
}
