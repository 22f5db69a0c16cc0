/* sim_catalogue.c - each call may be late, fail, or have been done though it is said to have
 * failed. */
#include "tests/sim/sim_catalogue.h"

#include <stdlib.h>

#include "tests/sim/sim_plant.h"

struct sim_catalogue {
    struct fy_catalogue port;
    struct fy_catalogue *inner;
    const struct sim_catalogue_faults *faults;
    sim_catalogue_see_fn *see;
    void *arg;
};

static struct sim_catalogue *catalogue_from(struct fy_catalogue *port)
{
    return FY_CONTAINER_OF(port, struct sim_catalogue, port);
}

static enum fy_code lease_open(struct fy_catalogue *port, const char *boot_id, uint8_t *slot,
                               uint64_t *start_time, struct fy_err *err)
{
    return fy_catalogue_lease_open(catalogue_from(port)->inner, boot_id, slot, start_time, err);
}

static void attach(struct fy_catalogue *port, struct fy_hlc *hlc)
{
    fy_catalogue_attach(catalogue_from(port)->inner, hlc);
}

static enum fy_code fail(struct fy_cat_op *const *ops, size_t count, const char *why,
                         struct fy_err *err)
{
    enum fy_code code = fy_err_set(err, fiber_chance(2) ? FY_EBUSY : FY_EIO, "sim: %s", why);
    for (size_t i = 0; i < count; i++) {
        ops[i]->code = code;
        ops[i]->err = *err;
    }
    return code;
}

static enum fy_code catalogue_write(struct fy_catalogue *port, struct fy_cat_op *const *ops,
                                    size_t count, struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    if (err == NULL)
        err = &own;
    if (self->faults->delay_us_max > 0)
        fiber_sleep_us(fiber_some(self->faults->delay_us_max)); /* a kill here: nothing is done */
    if (fiber_chance(self->faults->before_one_of))
        return fail(ops, count, "not written", err);
    if (sim_planted(SIM_WAITING_FORGETS) && count == 1 && ops[0]->kind == FY_CAT_WAIT)
        return FY_OK;
    enum fy_code code = fy_catalogue_write(self->inner, ops, count, err);
    for (size_t i = 0; code == FY_OK && self->see != NULL && i < count; i++)
        self->see(self->arg, ops[i]);
    fiber_trace("catalogue: %zu, first kind %d: %s, %s", count, (int)ops[0]->kind,
                fy_code_name(code), fy_code_name(ops[0]->code));
    fiber_yield(); /* a kill here: all is done, nobody knows */
    if (code == FY_OK && fiber_chance(self->faults->after_one_of))
        return fail(ops, count, "the commit was not answered", err);
    return code;
}

static bool fails(const struct sim_catalogue *self, struct fy_err *err)
{
    fiber_yield();
    if (!fiber_chance(self->faults->read_one_of))
        return false;
    (void)fy_err_set(err, fiber_chance(2) ? FY_EBUSY : FY_EIO, "sim: not read");
    return true;
}

static enum fy_code look(struct fy_catalogue *port, struct fy_cat_look *looks, size_t count,
                         struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    return fails(self, err) ? err->code : fy_catalogue_look(self->inner, looks, count, err);
}

static enum fy_code container_get(struct fy_catalogue *port, const char *account, const char *name,
                                  struct fy_container_row *row, struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    return fails(self, err) ? err->code
                            : fy_catalogue_container_get(self->inner, account, name, row, err);
}

static enum fy_code container_list(struct fy_catalogue *port, const char *account, bool ccs_only,
                                   const char *after, uint32_t limit, fy_container_visit_fn *visit,
                                   void *arg, struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    return fails(self, err) ? err->code
                            : fy_catalogue_container_list(self->inner, account, ccs_only, after,
                                                          limit, visit, arg, err);
}

static enum fy_code container_walk(struct fy_catalogue *port, const char *account, const char *name,
                                   uint32_t limit, fy_container_visit_fn *visit, void *arg,
                                   struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    return fails(self, err)
               ? err->code
               : fy_catalogue_container_walk(self->inner, account, name, limit, visit, arg, err);
}

static enum fy_code targets_get(struct fy_catalogue *port, const char *account, const char *name,
                                char targets[static FY_TARGETS_BYTES_MAX + 1], struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    return fails(self, err) ? err->code
                            : fy_catalogue_targets_get(self->inner, account, name, targets, err);
}

static enum fy_code object_get(struct fy_catalogue *port, const struct fy_object_key *key,
                               struct fy_object_row *row, struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    return fails(self, err) ? err->code : fy_catalogue_object_get(self->inner, key, row, err);
}

static enum fy_code object_list(struct fy_catalogue *port, const char *account, const char *bucket,
                                const struct fy_filter *filter, const char *after, uint32_t limit,
                                fy_object_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    return fails(self, err) ? err->code
                            : fy_catalogue_object_list(self->inner, account, bucket, filter, after,
                                                       limit, visit, arg, err);
}

static enum fy_code object_marks(struct fy_catalogue *port, const char *account, const char *bucket,
                                 const char *prefix, const char *after, fy_mark_visit_fn *visit,
                                 void *arg, struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    return fails(self, err) ? err->code
                            : fy_catalogue_object_marks(self->inner, account, bucket, prefix, after,
                                                        visit, arg, err);
}

static enum fy_code prefix_ready(struct fy_catalogue *port, const struct fy_object_key *prefix,
                                 bool *found, struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    return fails(self, err) ? err->code
                            : fy_catalogue_prefix_ready(self->inner, prefix, found, err);
}

static enum fy_code site_list(struct fy_catalogue *port, fy_site_visit_fn *visit, void *arg,
                              struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    return fails(self, err) ? err->code : fy_catalogue_site_list(self->inner, visit, arg, err);
}

static enum fy_code site_get(struct fy_catalogue *port, const char *id, struct fy_site_row *row,
                             struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    return fails(self, err) ? err->code : fy_catalogue_site_get(self->inner, id, row, err);
}

static enum fy_code right_get(struct fy_catalogue *port, const char *client, const char *bucket,
                              unsigned *rights, struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    return fails(self, err) ? err->code
                            : fy_catalogue_right_get(self->inner, client, bucket, rights, err);
}

static enum fy_code right_list(struct fy_catalogue *port, const char *client,
                               fy_right_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    return fails(self, err) ? err->code
                            : fy_catalogue_right_list(self->inner, client, visit, arg, err);
}

static enum fy_code outbox_read(struct fy_catalogue *port, uint32_t limit,
                                fy_outbox_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    return fails(self, err) ? err->code
                            : fy_catalogue_outbox_read(self->inner, limit, visit, arg, err);
}

static enum fy_code events_read(struct fy_catalogue *port, enum fy_event_stream stream,
                                uint32_t limit, fy_event_visit_fn *visit, void *arg,
                                struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    return fails(self, err) ? err->code
                            : fy_catalogue_events_read(self->inner, stream, limit, visit, arg, err);
}

static enum fy_code waiting_list(struct fy_catalogue *port, const struct fy_waiting_filter *filter,
                                 fy_waiting_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    return fails(self, err) ? err->code
                            : fy_catalogue_waiting_list(self->inner, filter, visit, arg, err);
}

static enum fy_code waiting_counts(struct fy_catalogue *port, fy_waiting_count_visit_fn *visit,
                                   void *arg, struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    return fails(self, err) ? err->code : fy_catalogue_waiting_counts(self->inner, visit, arg, err);
}

static enum fy_code conflict_list(struct fy_catalogue *port,
                                  const struct fy_conflict_filter *filter,
                                  fy_conflict_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    return fails(self, err) ? err->code
                            : fy_catalogue_conflict_list(self->inner, filter, visit, arg, err);
}

static enum fy_code outcome_list(struct fy_catalogue *port, const char *op_id,
                                 fy_outcome_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    return fails(self, err) ? err->code
                            : fy_catalogue_outcome_list(self->inner, op_id, visit, arg, err);
}

static enum fy_code backfill_list(struct fy_catalogue *port, int64_t after_id, uint32_t limit,
                                  fy_backfill_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    return fails(self, err)
               ? err->code
               : fy_catalogue_backfill_list(self->inner, after_id, limit, visit, arg, err);
}

static enum fy_code backfill_running(struct fy_catalogue *port, fy_backfill_visit_fn *visit,
                                     void *arg, struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    return fails(self, err) ? err->code
                            : fy_catalogue_backfill_running(self->inner, visit, arg, err);
}

static enum fy_code trash_due(struct fy_catalogue *port, int64_t now_ms, uint32_t limit,
                              fy_blob_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    return fails(self, err) ? err->code
                            : fy_catalogue_trash_due(self->inner, now_ms, limit, visit, arg, err);
}

static enum fy_code blob_standing(struct fy_catalogue *port, const char *blob_ref,
                                  const char *boot_id, enum fy_blob_standing *standing,
                                  struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    if (fails(self, err))
        return err->code;
    enum fy_code code = fy_catalogue_blob_standing(self->inner, blob_ref, boot_id, standing, err);
    if (sim_planted(SIM_SWEEPS_NAMED))
        *standing = FY_BLOB_ORPHAN;
    return code;
}

static enum fy_code scan_get(struct fy_catalogue *port, struct fy_scan_row *row, struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    return fails(self, err) ? err->code : fy_catalogue_scan_get(self->inner, row, err);
}

static enum fy_code body_list(struct fy_catalogue *port, int64_t after_id, uint32_t limit,
                              fy_body_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    return fails(self, err) ? err->code
                            : fy_catalogue_body_list(self->inner, after_id, limit, visit, arg, err);
}

static enum fy_code body_objects(struct fy_catalogue *port, int64_t body_id, uint32_t limit,
                                 fy_key_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    return fails(self, err)
               ? err->code
               : fy_catalogue_body_objects(self->inner, body_id, limit, visit, arg, err);
}

static enum fy_code damage_list(struct fy_catalogue *port, const struct fy_damage_filter *filter,
                                fy_damage_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    return fails(self, err) ? err->code
                            : fy_catalogue_damage_list(self->inner, filter, visit, arg, err);
}

static enum fy_code identity(struct fy_catalogue *port, struct fy_identity_row *row,
                             struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    return fails(self, err) ? err->code : fy_catalogue_identity(self->inner, row, err);
}

static enum fy_code journal_read(struct fy_catalogue *port, int64_t after_id, uint32_t limit,
                                 fy_journal_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    return fails(self, err)
               ? err->code
               : fy_catalogue_journal_read(self->inner, after_id, limit, visit, arg, err);
}

static enum fy_code export_rows(struct fy_catalogue *port, fy_line_visit_fn *visit, void *arg,
                                struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    return fails(self, err) ? err->code : fy_catalogue_export_rows(self->inner, visit, arg, err);
}

static enum fy_code totals(struct fy_catalogue *port, struct fy_catalogue_totals *totals,
                           struct fy_err *err)
{
    struct sim_catalogue *self = catalogue_from(port);
    struct fy_err own = {0};
    err = err == NULL ? &own : err;
    return fails(self, err) ? err->code : fy_catalogue_totals(self->inner, totals, err);
}

static void catalogue_close(struct fy_catalogue *port)
{
    fy_catalogue_close(catalogue_from(port)->inner);
    free(catalogue_from(port));
}

static const struct fy_catalogue_ops sim_catalogue_ops = {
    .name = "sim",
    .lease_open = lease_open,
    .attach = attach,
    .write = catalogue_write,
    .look = look,
    .container_get = container_get,
    .container_list = container_list,
    .container_walk = container_walk,
    .targets_get = targets_get,
    .object_get = object_get,
    .object_list = object_list,
    .object_marks = object_marks,
    .prefix_ready = prefix_ready,
    .site_list = site_list,
    .site_get = site_get,
    .right_get = right_get,
    .right_list = right_list,
    .outbox_read = outbox_read,
    .events_read = events_read,
    .waiting_list = waiting_list,
    .waiting_counts = waiting_counts,
    .conflict_list = conflict_list,
    .outcome_list = outcome_list,
    .backfill_list = backfill_list,
    .backfill_running = backfill_running,
    .trash_due = trash_due,
    .blob_standing = blob_standing,
    .scan_get = scan_get,
    .body_list = body_list,
    .body_objects = body_objects,
    .damage_list = damage_list,
    .identity = identity,
    .journal_read = journal_read,
    .export_rows = export_rows,
    .totals = totals,
    .close = catalogue_close,
};

struct fy_catalogue *sim_catalogue_open(struct fy_catalogue *inner,
                                        const struct sim_catalogue_faults *faults,
                                        sim_catalogue_see_fn *see, void *arg)
{
    struct sim_catalogue *self = fy_alloc(sizeof(*self));
    *self = (struct sim_catalogue){.port = {.ops = &sim_catalogue_ops},
                                   .inner = inner,
                                   .faults = faults,
                                   .see = see,
                                   .arg = arg};
    return &self->port;
}
