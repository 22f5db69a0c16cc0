/* catalogue_sql_admin.c - what the administration writes: sites, rights; and the lease. */
#include <string.h>

#include "common/adapters/catalogue_sql_internal.h"
#include "common/core/targets.h"

/* ------------------------------------------------------------------ sites */

bool fy_cs_site_is_known(struct fy_cs *self, const char *id)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_SITE_GET);
    fy_cs_text(&use, id);
    bool found = fy_cs_row(&use);
    fy_cs_end(&use);
    return found;
}

static int64_t count_of(struct fy_cs *self, enum fy_cs_sql sql, const char *text)
{
    int64_t count = 0;
    struct fy_cs_use use = fy_cs_use(self->writer, sql);
    if (text != NULL)
        fy_cs_text(&use, text);
    if (fy_cs_row(&use))
        count = fy_cs_take_i64(&use);
    fy_cs_end(&use);
    return count;
}

static void site_insert(struct fy_cs *self, const struct fy_site_row *row)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_SITE_INSERT);
    fy_cs_text(&use, row->id);
    fy_cs_text(&use, row->name);
    fy_cs_text(&use, row->uri);
    fy_cs_i64(&use, row->status);
    fy_cs_i64(&use, row->paused);
    fy_cs_send(&use);
}

static void site_update(struct fy_cs *self, const struct fy_site_row *row)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_SITE_UPDATE);
    fy_cs_text(&use, row->name);
    fy_cs_text(&use, row->uri);
    fy_cs_i64(&use, row->status);
    fy_cs_text(&use, row->id);
    fy_cs_send(&use);
}

static void site_pause(struct fy_cs *self, const struct fy_site_row *row)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_SITE_PAUSE);
    fy_cs_i64(&use, row->paused);
    fy_cs_text(&use, row->id);
    fy_cs_send(&use);
}

void fy_cs_site_delete(struct fy_cs *self, const char *id)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_SITE_DELETE);
    fy_cs_text(&use, id);
    fy_cs_send(&use);
    fy_cs_journal_add(
        self, &(struct fy_export_line){.kind = FY_EXPORT_SITE, .site_id = id, .gone = true});
}

void fy_cs_site_put(struct fy_cs *self, const struct fy_site_row *row)
{
    if (fy_cs_site_is_known(self, row->id))
        site_update(self, row);
    else
        site_insert(self, row);
    site_pause(self, row);
}

/* As its row is now: a change sets a part of it. */
static void site_journal(struct fy_cs *self, const char *id)
{
    struct fy_site_row row;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_SITE_GET);
    fy_cs_text(&use, id);
    bool found = fy_cs_row(&use);
    if (found)
        (void)fy_cs_take_site(&use, &row);
    fy_cs_end(&use);
    if (found)
        fy_cs_journal_add(self, &(struct fy_export_line){.kind = FY_EXPORT_SITE,
                                                         .site_id = row.id,
                                                         .site_name = row.name,
                                                         .uri = row.uri,
                                                         .number = row.status,
                                                         .flag = row.paused});
}

enum fy_code fy_cs_site(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_site *site = (struct fy_cat_site *)(void *)op;
    const struct fy_site_row *row = &site->row;
    bool exists = fy_cs_site_is_known(self, row->id);
    if (exists && site->action == FY_SITE_INSERT)
        return fy_err_set(&op->err, FY_EEXISTS, "site %s is known already", row->id);
    if (!exists && site->action != FY_SITE_INSERT)
        return fy_err_set(&op->err, FY_ENOTFOUND, "site %s is not known", row->id);
    if (!exists && count_of(self, FY_CS_SITE_COUNT, NULL) >= FY_SITES_MAX)
        return fy_err_set(&op->err, FY_ETOOBIG, "there are %d sites, no more are taken",
                          FY_SITES_MAX);
    switch (site->action) {
    case FY_SITE_INSERT:
        site_insert(self, row);
        break;
    case FY_SITE_UPDATE:
        site_update(self, row);
        break;
    case FY_SITE_REMOVE:
        fy_cs_site_delete(self, row->id);
        return FY_OK;
    case FY_SITE_PAUSE:
        site_pause(self, row);
        break;
    }
    site_journal(self, row->id);
    return FY_OK;
}

/* ------------------------------------------------------------------ target sites of a bucket */

enum fy_code fy_cs_targets_known(struct fy_cs *self, const char *targets, struct fy_err *err)
{
    char site[FY_SITE_BYTES_MAX + 1];
    while (fy_targets_next(&targets, site))
        if (!fy_cs_site_is_known(self, site))
            return fy_err_set(err, FY_ENOTFOUND, "targets: site '%s' is not known", site);
    return FY_OK;
}

void fy_cs_targets_put(struct fy_cs *self, const struct fy_cs_container *container,
                       const char *targets)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_CONTAINER_SET_TARGETS);
    fy_cs_text(&use, targets);
    fy_cs_i64(&use, container->id);
    fy_cs_expect(&use);
    fy_cs_journal_add(self, &(struct fy_export_line){.kind = FY_EXPORT_TARGETS,
                                                     .account = container->row.account,
                                                     .bucket = container->row.name,
                                                     .targets = targets});
}

enum fy_code fy_cs_targets(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_targets *set = (struct fy_cat_targets *)(void *)op;
    struct fy_cs_container container;
    if (!fy_cs_container_find(self, set->account, set->bucket, &container) || !container.there)
        return fy_err_set(&op->err, FY_ENOTFOUND, "bucket %s is not here", set->bucket);
    if (strcmp(container.row.account, set->client) != 0)
        return fy_err_set(&op->err, FY_EFORBIDDEN, "bucket %s is not of client %s", set->bucket,
                          set->client);
    enum fy_code code = fy_cs_targets_known(self, set->targets, &op->err);
    if (code == FY_OK)
        fy_cs_targets_put(self, &container, set->targets);
    return code;
}

/* ------------------------------------------------------------------ rights */

static bool right_find(struct fy_cs *self, const struct fy_right_row *row, unsigned *rights)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_RIGHT_GET);
    fy_cs_text(&use, row->client);
    fy_cs_text(&use, row->bucket);
    bool found = fy_cs_row(&use);
    if (found) {
        *rights = (unsigned)fy_cs_take_i64(&use);
        found = fy_cs_take_i64(&use) == 0; /* a revoked row is there for the owner's orders alone */
    }
    fy_cs_end(&use);
    return found;
}

void fy_cs_right_put(struct fy_cs *self, const char *client, const char *bucket, unsigned rights,
                     bool revoked)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_RIGHT_PUT);
    fy_cs_text(&use, client);
    fy_cs_text(&use, bucket);
    fy_cs_i64(&use, rights);
    fy_cs_i64(&use, revoked);
    fy_cs_send(&use);
    fy_cs_journal_add(self, &(struct fy_export_line){.kind = FY_EXPORT_RIGHT,
                                                     .client = client,
                                                     .bucket = bucket,
                                                     .rights = rights,
                                                     .flag = revoked});
}

void fy_cs_right_delete(struct fy_cs *self, const char *client, const char *bucket)
{
    bool all = client[0] == '\0';
    struct fy_cs_use use =
        fy_cs_use(self->writer, all ? FY_CS_RIGHT_DELETE_BUCKET : FY_CS_RIGHT_DELETE);
    if (!all)
        fy_cs_text(&use, client);
    fy_cs_text(&use, bucket);
    fy_cs_send(&use);
    fy_cs_journal_add(
        self, &(struct fy_export_line){
                  .kind = FY_EXPORT_RIGHT, .client = client, .bucket = bucket, .gone = true});
}

/* The owner's right is not forgotten but revoked, else no row would mean "may do all". */
static void right_remove(struct fy_cs *self, const struct fy_right_row *row)
{
    struct fy_cs_container holder;
    if (fy_cs_container_by_name(self->writer, row->bucket, &holder) &&
        strcmp(holder.row.account, row->client) == 0) {
        fy_cs_right_put(self, row->client, row->bucket, 0, true);
        return;
    }
    fy_cs_right_delete(self, row->client, row->bucket);
}

static void right_remove_bucket(struct fy_cs *self, const char *bucket)
{
    struct fy_cs_container holder;
    fy_cs_right_delete(self, "", bucket);
    if (fy_cs_container_by_name(self->writer, bucket, &holder))
        fy_cs_right_put(self, holder.row.account, bucket, 0, true);
}

enum fy_code fy_cs_right(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_right *right = (struct fy_cat_right *)(void *)op;
    struct fy_right_row *row = &right->row;
    unsigned rights = 0;
    bool found = right->action == FY_RIGHT_REMOVE_BUCKET
                     ? count_of(self, FY_CS_RIGHT_COUNT_BUCKET, row->bucket) > 0
                     : right_find(self, row, &rights);
    if (found && right->action == FY_RIGHT_INSERT)
        return fy_err_set(&op->err, FY_EEXISTS, "client %s has rights on bucket %s", row->client,
                          row->bucket);
    if (!found && right->action != FY_RIGHT_INSERT)
        return fy_err_set(&op->err, FY_ENOTFOUND, "no rights on bucket %s to change", row->bucket);

    fy_cs_containers_forget(self); /* they hold their owner's right */
    switch (right->action) {
    case FY_RIGHT_INSERT:
    case FY_RIGHT_FUSE:
        row->rights = (row->rights | rights) & FY_RIGHT_OWNER;
        fy_cs_right_put(self, row->client, row->bucket, row->rights, false);
        break;
    case FY_RIGHT_REMOVE:
        right_remove(self, row);
        break;
    case FY_RIGHT_REMOVE_BUCKET:
        right_remove_bucket(self, row->bucket);
        break;
    }
    return FY_OK;
}

/* ------------------------------------------------------------------ the lease */

enum fy_code fy_cs_lease_renew(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_lease_renew *renew = (struct fy_cat_lease_renew *)(void *)op;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_LEASE_RENEW);
    fy_cs_i64(&use, (int64_t)renew->saved_time);
    fy_cs_i64(&use, self->slot);
    fy_cs_text(&use, self->boot_id);
    if (fy_cs_run(&use) != 1)
        return fy_err_set(&op->err, FY_ECANCELLED, "this process has no lease any more");
    fy_cs_waiting_refresh(self); /* once a second is often enough */
    renew->buried = self->engine->renewed != NULL ? self->engine->renewed(self, renew->bury) : 0;
    return FY_OK;
}
