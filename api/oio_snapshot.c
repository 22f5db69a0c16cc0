/* oio_snapshot.c - snapshot: a copy of a container, onto the same bodies. */
/*
 * The catalogue makes it in steps that hold nobody up: a target that nobody sees, its rows, its
 * being seen, its orders for other sites. What fails before it is seen is taken back; from then on
 * the snapshot is there, and what is left are orders, which no time limit of the client's stops.
 */
#include <string.h>
#include <time.h>

#include "api/oio_make.h"
#include "common/adapters/oio_json.h"
#include "common/core/names.h"

#define ORDER_TRIES_MAX 20  /* of a step while the catalogue is away: */
#define ORDER_PAUSE_MS  500 /* ten seconds in all, then the answer says what is left */

static enum fy_code read_target(struct fy_oio *oio, struct fy_cat_snapshot *op, struct fy_err *err)
{
    size_t size_bytes = 0;
    const char *bytes = fy_body(oio->x, &size_bytes);
    enum fy_code code = fy_oio_json_target(bytes, size_bytes, op->to_account, op->to_name, err);
    if (code != FY_OK)
        return code;
    size_t account_bytes = strlen(op->to_account);
    if (account_bytes > FY_OIO_ACCOUNT_BYTES_MAX ||
        !fy_exact_client_is_valid(op->to_account, account_bytes))
        return fy_err_set(err, FY_EINPUT, "account: 1-%d bytes of UTF-8 without control characters",
                          FY_OIO_ACCOUNT_BYTES_MAX);
    if (!fy_exact_bucket_is_valid(op->to_name, strlen(op->to_name)))
        return fy_err_set(err, FY_EINPUT, "container: 1-%d bytes of UTF-8", FY_BUCKET_BYTES_MAX);
    if (strcmp(op->to_account, oio->account) == 0 && strcmp(op->to_name, oio->name) == 0)
        return fy_err_set(err, FY_EINPUT, "the target is the container itself");
    return FY_OK;
}

static enum fy_code step(struct fy_oio *oio, struct fy_cat_snapshot *op,
                         enum fy_snapshot_step which, struct fy_err *err)
{
    op->op = (struct fy_cat_op){.kind = FY_CAT_SNAPSHOT};
    op->step = which;
    return fy_oio_write(oio, &op->op, err);
}

static void from_the_start(struct fy_cat_snapshot *op)
{
    op->after[0] = '\0';
    op->after_version = 0;
    op->more = true;
}

static enum fy_code copy_rows(struct fy_oio *oio, struct fy_cat_snapshot *op, struct fy_err *err)
{
    enum fy_code code = FY_OK;
    from_the_start(op);
    while (code == FY_OK && op->more) {
        code = fy_oio_in_time(oio, err);
        if (code == FY_OK)
            code = step(oio, op, FY_SNAPSHOT_COPY, err);
    }
    return code;
}

/* What cannot be taken back now, since the catalogue is away, the keeper takes back once this
 * process has ended. */
static void undo(struct fy_oio *oio, struct fy_cat_snapshot *op)
{
    struct fy_err ignored;
    from_the_start(op);
    while (op->more && step(oio, op, FY_SNAPSHOT_UNDO, &ignored) == FY_OK)
        ;
}

static enum fy_code order_page(struct fy_oio *oio, struct fy_cat_snapshot *op, struct fy_err *err)
{
    const struct timespec pause = {.tv_nsec = ORDER_PAUSE_MS * 1000000L};
    enum fy_code code = step(oio, op, FY_SNAPSHOT_ORDER, err);
    for (int tries = 1; code == FY_EBUSY && tries < ORDER_TRIES_MAX; tries++) {
        if (atomic_load(&oio->node->stopping))
            break;
        (void)nanosleep(&pause, NULL); /* shorter on a signal: harmless */
        code = step(oio, op, FY_SNAPSHOT_ORDER, err);
    }
    return code;
}

static enum fy_code order_rows(struct fy_oio *oio, struct fy_cat_snapshot *op, struct fy_err *err)
{
    enum fy_code code = FY_OK;
    from_the_start(op);
    while (code == FY_OK && op->more) {
        code = order_page(oio, op, err);
        fy_oio_ordered(oio);
    }
    return code;
}

static enum fy_code make(struct fy_oio *oio, struct fy_cat_snapshot *op, struct fy_err *err)
{
    enum fy_code code = step(oio, op, FY_SNAPSHOT_BEGIN, err);
    if (code != FY_OK)
        return code;
    code = copy_rows(oio, op, err);
    if (code == FY_OK)
        code = step(oio, op, FY_SNAPSHOT_SHOW, err);
    if (code != FY_OK)
        undo(oio, op);
    return code;
}

static enum fy_code snapshot(struct fy_oio *oio, struct fy_err *err)
{
    struct fy_cat_snapshot op = {.asker = oio->asker, .limit = FY_SNAPSHOT_ROWS};
    memcpy(op.account, oio->account, sizeof(op.account));
    memcpy(op.name, oio->name, sizeof(op.name));
    FY_ASSERT(fy_text_copy(op.op_id, sizeof(op.op_id), fy_op_id(oio->x)));
    enum fy_code code = read_target(oio, &op, err);
    if (code == FY_OK)
        code = make(oio, &op, err);
    if (code != FY_OK)
        return code;
    fy_oio_container_changed(oio, op.to_name);
    code = order_rows(oio, &op, err);
    return code == FY_OK ? fy_oio_empty(oio, 204) : code;
}

FY_OIO_HANDLER(snapshot, FY_OIO_SNAPSHOT, FY_OIO_BY_CONTAINER)

static const struct fy_route routes[] = {FY_OIO_ROUTE("POST", "container/snapshot", snapshot)};
const struct fy_route_table fy_routes_oio_snapshot = {routes, FY_COUNT_OF(routes)};
