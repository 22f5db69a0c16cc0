/* oio_snapshot.c - snapshot: a copy of a container, onto the same bodies. */
/*
 * The catalogue makes it in steps that hold nobody up: a target that nobody sees, its rows, its
 * being seen, its orders for other sites. What fails before it is seen is taken back; from then on
 * the snapshot is there, and what is left are orders. Neither is stopped by the client's time
 * limit.
 */
#include <string.h>
#include <time.h>

#include "api/oio_make.h"
#include "common/adapters/oio_json.h"
#include "common/core/log.h"
#include "common/core/names.h"

#define AGAIN_PAUSE_MS 500 /* between two tries while the catalogue is away */

static enum fy_code read_target(struct fy_oio *oio, struct fy_cat_snapshot *op, struct fy_err *err)
{
    enum fy_code code =
        fy_oio_json_target(oio->body, oio->body_bytes, op->to_account, op->to_name, err);
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

/* Away for a while: time heals it. */
static bool may_heal(enum fy_code code)
{
    return code == FY_EBUSY || code == FY_ENOSPACE || code == FY_EIO;
}

/* Repeats a step until there is nothing more to do. It is tried for as long as this process lives:
 * whoever finds it dead goes on. */
static enum fy_code finish(struct fy_oio *oio, struct fy_cat_snapshot *op,
                           enum fy_snapshot_step which, struct fy_err *err)
{
    const struct timespec pause = {.tv_nsec = AGAIN_PAUSE_MS * 1000000L};
    enum fy_code code = FY_OK;
    from_the_start(op);
    while (op->more && !atomic_load(&oio->node->stopping)) {
        code = step(oio, op, which, err);
        if (code != FY_OK && !may_heal(code))
            break;
        if (code == FY_OK)
            fy_oio_ordered(oio);
        else
            (void)nanosleep(&pause, NULL); /* shorter on a signal: harmless */
    }
    if (code != FY_OK)
        fy_log(fy_op_id(oio->x), FY_WARN, "snapshot.unfinished", fy_kv_str("name", op->to_name),
               fy_kv_err(err));
    return code;
}

/* A write whose answer was lost may have happened all the same. */
static bool is_shown(struct fy_oio *oio, const struct fy_cat_snapshot *op)
{
    struct fy_container_ref ref = {.account = op->to_account, .name = op->to_name};
    struct fy_container_info info;
    struct fy_err ignored;
    return fy_catalogue_container_info(oio->node->catalogue, &ref, &info, NULL, NULL, &ignored) ==
           FY_OK;
}

/* Until its target is seen a snapshot can be taken back; from then on it is there. */
static enum fy_code make(struct fy_oio *oio, struct fy_cat_snapshot *op, struct fy_err *err)
{
    struct fy_err undone = {0};
    enum fy_code code = step(oio, op, FY_SNAPSHOT_BEGIN, err);
    if (code != FY_OK && op->copy_id != 0) /* nobody heard whether: nobody else would end it */
        (void)finish(oio, op, FY_SNAPSHOT_UNDO, &undone);
    if (code != FY_OK)
        return code;
    code = copy_rows(oio, op, err);
    if (code == FY_OK)
        code = step(oio, op, FY_SNAPSHOT_SHOW, err);
    if (code == FY_OK)
        return FY_OK;
    /* There is nothing to take back where the answer alone was lost. */
    if (finish(oio, op, FY_SNAPSHOT_UNDO, &undone) != FY_OK && is_shown(oio, op))
        return FY_OK;
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
    (void)finish(oio, &op, FY_SNAPSHOT_ORDER, err); /* the snapshot is there, orders or not */
    return fy_oio_empty(oio, 204);
}

FY_OIO_TELLING_HANDLER(snapshot, FY_OIO_SNAPSHOT, FY_OIO_BY_CONTAINER)

static const struct fy_route routes[] = {FY_OIO_ROUTE("POST", "container/snapshot", snapshot)};
const struct fy_route_table fy_routes_oio_snapshot = {routes, FY_COUNT_OF(routes)};
