/* catalogue.h - port: what a site knows. Containers, objects, bodies, sites, rights, outbox,
 * waiting. */
/* Adapters: catalogue_sqlite*.c, later catalogue_postgres*.c. Contract:
 * tests/contract/catalogue_contract.c */
/*
 * catalogue_row.h has the rows, catalogue_op.h the writes, this file the reads and the port itself.
 * Reads may run on any thread, beside the writer, and see committed states only.
 *
 * A bucket of CCS is a container whose account is its owner's client-id (DESIGN 8).
 */
#ifndef FY_PORTS_CATALOGUE_H
#define FY_PORTS_CATALOGUE_H

#include "common/core/filter.h"
#include "common/ports/catalogue_op.h"
#include "common/ports/catalogue_row.h"

/* What the worker asks before it moves anything, for many orders in one read. */
struct fy_cat_look {
    const struct fy_order *order; /* in, stamped */
    enum fy_verdict verdict;      /* against the row's stamp */
    bool container_known;         /* a row of the container exists (present or tombstone) */
    bool allowed;                 /* order->client may do it (owner, or WRITE / DELETE right) */
    bool invisible;               /* unstamped door: the CCS name belongs to another owner */
    char account[FY_CLIENT_BYTES_MAX + 1];    /* resolved owner of the container */
    int64_t body_id;                          /* body with the promised digest and size, or 0 */
    char blob_ref[FY_BLOB_REF_BYTES_MAX + 1]; /* where it was stored; look there before linking */
};

typedef bool fy_container_visit_fn(void *arg, const struct fy_container_row *row);
typedef bool fy_object_visit_fn(void *arg, const struct fy_object_row *row);
typedef bool fy_property_visit_fn(void *arg, const struct fy_property *property);
typedef bool fy_version_visit_fn(void *arg, const struct fy_version_entry *entry);
typedef bool fy_mark_visit_fn(void *arg, const struct fy_object_mark *mark);
typedef bool fy_site_visit_fn(void *arg, const struct fy_site_row *row);
typedef bool fy_right_visit_fn(void *arg, const struct fy_right_row *row);
typedef bool fy_outbox_visit_fn(void *arg, const struct fy_outbox_row *row);
typedef bool fy_event_visit_fn(void *arg, const struct fy_event_row *row);
typedef bool fy_waiting_visit_fn(void *arg, const struct fy_waiting_row *row);
typedef bool fy_waiting_count_visit_fn(void *arg, const struct fy_waiting_count *count);
typedef bool fy_conflict_visit_fn(void *arg, const struct fy_conflict_row *row);
typedef bool fy_backfill_visit_fn(void *arg, const struct fy_backfill_row *row);
typedef bool fy_outcome_visit_fn(void *arg, const struct fy_outcome_row *row);
typedef bool fy_blob_visit_fn(void *arg, const char *blob_ref);
typedef bool fy_journal_visit_fn(void *arg, const struct fy_journal_row *row);
/* line: of an export, with its newline; borrowed until visit returns. */
typedef bool fy_line_visit_fn(void *arg, const char *line, size_t line_bytes);
typedef bool fy_body_visit_fn(void *arg, const struct fy_body_row *row);
typedef bool fy_damage_visit_fn(void *arg, const struct fy_damage_row *row);
/* version: 0 the object itself, else the number of another version of its name. */
typedef bool fy_key_visit_fn(void *arg, const struct fy_object_key *key, int64_t version);
/* check: which rule is broken, "object.body"; about: what it is about; text: a sentence's end. All
 * borrowed until visit returns. */
typedef bool fy_audit_visit_fn(void *arg, const char *check, const char *about, const char *text);

struct fy_catalogue;
struct fy_catalogue_ops {
    const char *name;
    enum fy_code (*lease_open)(struct fy_catalogue *self, const char *boot_id, uint8_t *slot,
                               uint64_t *start_time, struct fy_err *err);
    void (*attach)(struct fy_catalogue *self, struct fy_hlc *hlc);
    enum fy_code (*write)(struct fy_catalogue *self, struct fy_cat_op *const *ops, size_t count,
                          struct fy_err *err);
    enum fy_code (*look)(struct fy_catalogue *self, struct fy_cat_look *looks, size_t count,
                         struct fy_err *err);
    enum fy_code (*container_get)(struct fy_catalogue *self, const char *account, const char *name,
                                  struct fy_container_row *row, struct fy_err *err);
    enum fy_code (*container_list)(struct fy_catalogue *self, const char *account, bool ccs_only,
                                   const char *after, uint32_t limit, fy_container_visit_fn *visit,
                                   void *arg, struct fy_err *err);
    enum fy_code (*container_walk)(struct fy_catalogue *self, const char *account, const char *name,
                                   uint32_t limit, fy_container_visit_fn *visit, void *arg,
                                   struct fy_err *err);
    enum fy_code (*container_count)(struct fy_catalogue *self, const char *account,
                                    const char *name, struct fy_cat_count *count,
                                    struct fy_err *err);
    enum fy_code (*container_info)(struct fy_catalogue *self, const struct fy_container_ref *ref,
                                   struct fy_container_info *info, fy_property_visit_fn *visit,
                                   void *arg, struct fy_err *err);
    enum fy_code (*version_get)(struct fy_catalogue *self, const struct fy_object_key *key,
                                int64_t version, struct fy_object_row *row, struct fy_err *err);
    enum fy_code (*version_list)(struct fy_catalogue *self, const struct fy_version_query *query,
                                 fy_version_visit_fn *visit, void *arg, struct fy_err *err);
    enum fy_code (*targets_get)(struct fy_catalogue *self, const char *account, const char *name,
                                char targets[static FY_TARGETS_BYTES_MAX + 1], struct fy_err *err);
    enum fy_code (*object_get)(struct fy_catalogue *self, const struct fy_object_key *key,
                               struct fy_object_row *row, struct fy_err *err);
    enum fy_code (*object_list)(struct fy_catalogue *self, const char *account, const char *bucket,
                                const struct fy_filter *filter, const char *after, uint32_t limit,
                                fy_object_visit_fn *visit, void *arg, struct fy_err *err);
    enum fy_code (*object_marks)(struct fy_catalogue *self, const char *account, const char *bucket,
                                 const char *prefix, const char *after, fy_mark_visit_fn *visit,
                                 void *arg, struct fy_err *err);
    enum fy_code (*prefix_ready)(struct fy_catalogue *self, const struct fy_object_key *prefix,
                                 bool *found, struct fy_err *err);
    enum fy_code (*site_list)(struct fy_catalogue *self, fy_site_visit_fn *visit, void *arg,
                              struct fy_err *err);
    enum fy_code (*site_get)(struct fy_catalogue *self, const char *id, struct fy_site_row *row,
                             struct fy_err *err);
    enum fy_code (*right_get)(struct fy_catalogue *self, const char *client, const char *bucket,
                              unsigned *rights, struct fy_err *err);
    enum fy_code (*right_list)(struct fy_catalogue *self, const char *client,
                               fy_right_visit_fn *visit, void *arg, struct fy_err *err);
    enum fy_code (*outbox_read)(struct fy_catalogue *self, uint32_t limit,
                                fy_outbox_visit_fn *visit, void *arg, struct fy_err *err);
    enum fy_code (*events_read)(struct fy_catalogue *self, enum fy_event_stream stream,
                                uint32_t limit, fy_event_visit_fn *visit, void *arg,
                                struct fy_err *err);
    enum fy_code (*waiting_list)(struct fy_catalogue *self, const struct fy_waiting_filter *filter,
                                 fy_waiting_visit_fn *visit, void *arg, struct fy_err *err);
    enum fy_code (*waiting_counts)(struct fy_catalogue *self, fy_waiting_count_visit_fn *visit,
                                   void *arg, struct fy_err *err);
    enum fy_code (*conflict_list)(struct fy_catalogue *self,
                                  const struct fy_conflict_filter *filter,
                                  fy_conflict_visit_fn *visit, void *arg, struct fy_err *err);
    enum fy_code (*outcome_list)(struct fy_catalogue *self, const char *op_id,
                                 fy_outcome_visit_fn *visit, void *arg, struct fy_err *err);
    enum fy_code (*backfill_list)(struct fy_catalogue *self, int64_t after_id, uint32_t limit,
                                  fy_backfill_visit_fn *visit, void *arg, struct fy_err *err);
    enum fy_code (*backfill_running)(struct fy_catalogue *self, fy_backfill_visit_fn *visit,
                                     void *arg, struct fy_err *err);
    enum fy_code (*trash_due)(struct fy_catalogue *self, int64_t now_ms, uint32_t limit,
                              fy_blob_visit_fn *visit, void *arg, struct fy_err *err);
    enum fy_code (*blob_standing)(struct fy_catalogue *self, const char *blob_ref,
                                  const char *boot_id, enum fy_blob_standing *standing,
                                  struct fy_err *err);
    enum fy_code (*scan_get)(struct fy_catalogue *self, struct fy_scan_row *row,
                             struct fy_err *err);
    enum fy_code (*body_list)(struct fy_catalogue *self, int64_t after_id, uint32_t limit,
                              fy_body_visit_fn *visit, void *arg, struct fy_err *err);
    enum fy_code (*body_objects)(struct fy_catalogue *self, int64_t body_id, uint32_t limit,
                                 fy_key_visit_fn *visit, void *arg, struct fy_err *err);
    enum fy_code (*damage_list)(struct fy_catalogue *self, const struct fy_damage_filter *filter,
                                fy_damage_visit_fn *visit, void *arg, struct fy_err *err);
    enum fy_code (*audit)(struct fy_catalogue *self, struct fy_catalogue_totals *counted,
                          fy_audit_visit_fn *visit, void *arg, struct fy_err *err);
    enum fy_code (*identity)(struct fy_catalogue *self, struct fy_identity_row *row,
                             struct fy_err *err);
    enum fy_code (*journal_read)(struct fy_catalogue *self, int64_t after_id, uint32_t limit,
                                 fy_journal_visit_fn *visit, void *arg, struct fy_err *err);
    enum fy_code (*export_rows)(struct fy_catalogue *self, fy_line_visit_fn *visit, void *arg,
                                struct fy_err *err);
    enum fy_code (*totals)(struct fy_catalogue *self, struct fy_catalogue_totals *totals,
                           struct fy_err *err);
    void (*close)(struct fy_catalogue *self);
};
struct fy_catalogue {
    const struct fy_catalogue_ops *ops;
};

/* Takes a lease for this boot id: a slot of its own, and the time its stamps must start above (the
 * greatest saved in the slot plus one second). Once, before attach. Errors: FY_EBUSY no slot free.
 */
FY_MUST_CHECK static inline enum fy_code fy_catalogue_lease_open(struct fy_catalogue *self,
                                                                 const char *boot_id, uint8_t *slot,
                                                                 uint64_t *start_time,
                                                                 struct fy_err *err)
{
    return self->ops->lease_open(self, boot_id, slot, start_time, err);
}
/* Gives the process's stamps to the local operations; before the first of them. hlc is borrowed. */
static inline void fy_catalogue_attach(struct fy_catalogue *self, struct fy_hlc *hlc)
{
    self->ops->attach(self, hlc);
}
/*
 * Runs 1..FY_CAT_BATCH_MAX operations in order in one transaction and returns after its commit.
 *   FY_OK: each op->code says what became of it. Otherwise nothing of the batch is known to have
 *   happened (every op->code is set to the code returned): submitters re-read before they act
 * again. Errors: FY_EBUSY the engine is away or locked; FY_ENOSPACE; FY_EIO. Thread: the catalogue
 * thread.
 */
FY_MUST_CHECK static inline enum fy_code fy_catalogue_write(struct fy_catalogue *self,
                                                            struct fy_cat_op *const *ops,
                                                            size_t count, struct fy_err *err)
{
    FY_ASSERT(count >= 1);
    FY_ASSERT(count <= FY_CAT_BATCH_MAX);
    return self->ops->write(self, ops, count, err);
}
FY_MUST_CHECK static inline enum fy_code fy_catalogue_look(struct fy_catalogue *self,
                                                           struct fy_cat_look *looks, size_t count,
                                                           struct fy_err *err)
{
    return self->ops->look(self, looks, count, err);
}
/* account "": the CCS-visible container of that name. FY_ENOTFOUND when there is no row at all (a
 * deleted one is found, status DELETED). */
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_container_get(struct fy_catalogue *self, const char *account, const char *name,
                           struct fy_container_row *row, struct fy_err *err)
{
    return self->ops->container_get(self, account, name, row, err);
}
/* Containers of the account by name (bytes), all statuses, after that name ("" first). */
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_container_list(struct fy_catalogue *self, const char *account, bool ccs_only,
                            const char *after, uint32_t limit, fy_container_visit_fn *visit,
                            void *arg, struct fy_err *err)
{
    return self->ops->container_list(self, account, ccs_only, after, limit, visit, arg, err);
}
/* Containers of every account by (account, name), all statuses, after that pair ("", "" first). */
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_container_walk(struct fy_catalogue *self, const char *account, const char *name,
                            uint32_t limit, fy_container_visit_fn *visit, void *arg,
                            struct fy_err *err)
{
    return self->ops->container_walk(self, account, name, limit, visit, arg, err);
}
/* A container that is there, its sums and, for each by key, its properties (visit NULL: none).
 * FY_ENOTFOUND when it is not there, or is being made by a snapshot. All as of one moment: visit is
 * quick and asks nothing of the catalogue. */
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_container_info(struct fy_catalogue *self, const struct fy_container_ref *ref,
                            struct fy_container_info *info, fy_property_visit_fn *visit, void *arg,
                            struct fy_err *err)
{
    return self->ops->container_info(self, ref, info, visit, arg, err);
}
/* Counts the rows of a container that is there, by its exact names, as of one moment, for a touch.
 * It takes seconds for millions of versions, and holds no writer up. FY_ENOTFOUND. */
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_container_count(struct fy_catalogue *self, const char *account, const char *name,
                             struct fy_cat_count *count, struct fy_err *err)
{
    return self->ops->container_count(self, account, name, count, err);
}
/* A version of an object, the newest with 0: READY, or registered, or a delete marker.
 * FY_ENOTFOUND: there is none. */
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_version_get(struct fy_catalogue *self, const struct fy_object_key *key,
                         int64_t version, struct fy_object_row *row, struct fy_err *err)
{
    return self->ops->version_get(self, key, version, row, err);
}
/* Versions by name (bytes), newest first, and groups where they begin. visit may be slow, as with
 * object_list. FY_ENOTFOUND: the container is not there; FY_EINPUT: a text is no UTF-8. */
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_version_list(struct fy_catalogue *self, const struct fy_version_query *query,
                          fy_version_visit_fn *visit, void *arg, struct fy_err *err)
{
    FY_ASSERT(query->limit >= 1);
    return self->ops->version_list(self, query, visit, arg, err);
}
/* The bucket's target sites (FY_CAT_TARGETS), "" all; of a deleted one as it was. FY_ENOTFOUND:
 * there is no row at all. */
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_targets_get(struct fy_catalogue *self, const char *account, const char *name,
                         char targets[static FY_TARGETS_BYTES_MAX + 1], struct fy_err *err)
{
    return self->ops->targets_get(self, account, name, targets, err);
}
/* The row in any status (tombstones too); FY_ENOTFOUND when there is none. */
FY_MUST_CHECK static inline enum fy_code fy_catalogue_object_get(struct fy_catalogue *self,
                                                                 const struct fy_object_key *key,
                                                                 struct fy_object_row *row,
                                                                 struct fy_err *err)
{
    return self->ops->object_get(self, key, row, err);
}
/* Objects by name (bytes) after that name, at most limit that pass the filter (NULL: all statuses).
 * The prefix and statuses of the filter use the index. visit may be slow: no lock is held that
 * would stop the writer. */
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_object_list(struct fy_catalogue *self, const char *account, const char *bucket,
                         const struct fy_filter *filter, const char *after, uint32_t limit,
                         fy_object_visit_fn *visit, void *arg, struct fy_err *err)
{
    return self->ops->object_list(self, account, bucket, filter, after, limit, visit, arg, err);
}
/* READY objects whose names begin with prefix ("" all), by name (bytes) after that name, until
 * visit says false; for walks over millions: they are read in pages, each in a transaction of its
 * own, and no lock is held while visit runs. prefix and after are UTF-8. FY_ENOTFOUND: no row of
 * the container. */
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_object_marks(struct fy_catalogue *self, const char *account, const char *bucket,
                          const char *prefix, const char *after, fy_mark_visit_fn *visit, void *arg,
                          struct fy_err *err)
{
    return self->ops->object_marks(self, account, bucket, prefix, after, visit, arg, err);
}
/* Whether any READY name starts with prefix->object (DIRECTORY of spec 6.2). */
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_prefix_ready(struct fy_catalogue *self, const struct fy_object_key *prefix,
                          bool *found, struct fy_err *err)
{
    return self->ops->prefix_ready(self, prefix, found, err);
}
/* In insertion order. */
FY_MUST_CHECK static inline enum fy_code fy_catalogue_site_list(struct fy_catalogue *self,
                                                                fy_site_visit_fn *visit, void *arg,
                                                                struct fy_err *err)
{
    return self->ops->site_list(self, visit, arg, err);
}
FY_MUST_CHECK static inline enum fy_code fy_catalogue_site_get(struct fy_catalogue *self,
                                                               const char *id,
                                                               struct fy_site_row *row,
                                                               struct fy_err *err)
{
    return self->ops->site_get(self, id, row, err);
}
/* FY_ENOTFOUND when the client has no row for the bucket. */
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_right_get(struct fy_catalogue *self, const char *client, const char *bucket,
                       unsigned *rights, struct fy_err *err)
{
    return self->ops->right_get(self, client, bucket, rights, err);
}
FY_MUST_CHECK static inline enum fy_code fy_catalogue_right_list(struct fy_catalogue *self,
                                                                 const char *client,
                                                                 fy_right_visit_fn *visit,
                                                                 void *arg, struct fy_err *err)
{
    return self->ops->right_list(self, client, visit, arg, err);
}
/* Lowest ids first; rows stay until FY_CAT_OUTBOX_DONE. FY_EEXISTS: of the processes of the site
 * another one reads it, and this one is not needed. */
FY_MUST_CHECK static inline enum fy_code fy_catalogue_outbox_read(struct fy_catalogue *self,
                                                                  uint32_t limit,
                                                                  fy_outbox_visit_fn *visit,
                                                                  void *arg, struct fy_err *err)
{
    return self->ops->outbox_read(self, limit, visit, arg, err);
}
/* What is to be told of orders, in the order it happened for each object. Every final outcome here
 * (applied, duplicate, superseded, settled, dead, dropped) is written with the transaction that
 * made it so, where the catalogue was opened to tell. Lowest ids first; rows stay until
 * FY_CAT_EVENTS_DONE. FY_EEXISTS: as of the outbox. */
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_events_read(struct fy_catalogue *self, enum fy_event_stream stream, uint32_t limit,
                         fy_event_visit_fn *visit, void *arg, struct fy_err *err)
{
    return self->ops->events_read(self, stream, limit, visit, arg, err);
}
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_waiting_list(struct fy_catalogue *self, const struct fy_waiting_filter *filter,
                          fy_waiting_visit_fn *visit, void *arg, struct fy_err *err)
{
    return self->ops->waiting_list(self, filter, visit, arg, err);
}
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_waiting_counts(struct fy_catalogue *self, fy_waiting_count_visit_fn *visit, void *arg,
                            struct fy_err *err)
{
    return self->ops->waiting_counts(self, visit, arg, err);
}
/* Losing bodies of conflicts by id. A row's body stays readable for as long as the store keeps what
 * a reader has open, whoever drops the row meanwhile. */
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_conflict_list(struct fy_catalogue *self, const struct fy_conflict_filter *filter,
                           fy_conflict_visit_fn *visit, void *arg, struct fy_err *err)
{
    FY_ASSERT(filter->limit >= 1);
    FY_ASSERT(filter->limit <= FY_LIST_PAGE_MAX);
    return self->ops->conflict_list(self, filter, visit, arg, err);
}
/* Outcomes of exactly this opId, and of the orders of its array ("opId-0", "opId-1", ...); newest
 * state of each order once. */
FY_MUST_CHECK static inline enum fy_code fy_catalogue_outcome_list(struct fy_catalogue *self,
                                                                   const char *op_id,
                                                                   fy_outcome_visit_fn *visit,
                                                                   void *arg, struct fy_err *err)
{
    return self->ops->outcome_list(self, op_id, visit, arg, err);
}
/* Backfills in any state by id, after that id. */
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_backfill_list(struct fy_catalogue *self, int64_t after_id, uint32_t limit,
                           fy_backfill_visit_fn *visit, void *arg, struct fy_err *err)
{
    return self->ops->backfill_list(self, after_id, limit, visit, arg, err);
}
/* Those that run, by id, FY_BACKFILLS_MAX at most. FY_EEXISTS: as of the outbox. */
FY_MUST_CHECK static inline enum fy_code fy_catalogue_backfill_running(struct fy_catalogue *self,
                                                                       fy_backfill_visit_fn *visit,
                                                                       void *arg,
                                                                       struct fy_err *err)
{
    return self->ops->backfill_running(self, visit, arg, err);
}
FY_MUST_CHECK static inline enum fy_code fy_catalogue_trash_due(struct fy_catalogue *self,
                                                                int64_t now_ms, uint32_t limit,
                                                                fy_blob_visit_fn *visit, void *arg,
                                                                struct fy_err *err)
{
    return self->ops->trash_due(self, now_ms, limit, visit, arg, err);
}
/* Who answers for a stored body, all of it as of one moment. Errors: FY_ECANCELLED nobody does, but
 * this process had a lease and the catalogue does not know it (any more): it must remove nothing.
 */
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_blob_standing(struct fy_catalogue *self, const char *blob_ref, const char *boot_id,
                           enum fy_blob_standing *standing, struct fy_err *err)
{
    return self->ops->blob_standing(self, blob_ref, boot_id, standing, err);
}
/* Body rows by id, above after_id (0: from the first). visit may be slow, as with object_list. */
FY_MUST_CHECK static inline enum fy_code fy_catalogue_body_list(struct fy_catalogue *self,
                                                                int64_t after_id, uint32_t limit,
                                                                fy_body_visit_fn *visit, void *arg,
                                                                struct fy_err *err)
{
    return self->ops->body_list(self, after_id, limit, visit, arg, err);
}
/* Objects that point at the body, then other versions of names that do, limit of both at most;
 * their accounts are filled. visit must not ask the catalogue. */
FY_MUST_CHECK static inline enum fy_code fy_catalogue_body_objects(struct fy_catalogue *self,
                                                                   int64_t body_id, uint32_t limit,
                                                                   fy_key_visit_fn *visit,
                                                                   void *arg, struct fy_err *err)
{
    FY_ASSERT(limit >= 1);
    FY_ASSERT(limit <= FY_LIST_PAGE_MAX);
    return self->ops->body_objects(self, body_id, limit, visit, arg, err);
}
/*
 * Reads all rows as of one moment and holds them against each other: what is there against what
 * points at it, and sums against what they are sums of.
 *   counted  what there really is; of it containers, objects, bytes, outbox_orders, waiting_orders,
 *            dead_orders, conflicts, events and what is kept of deleted objects, the rest is 0
 *   visit    for each contradiction; false ends the audit. It must not ask the catalogue.
 * Takes as long as reading every row does, and keeps a snapshot open meanwhile.
 */
FY_MUST_CHECK static inline enum fy_code fy_catalogue_audit(struct fy_catalogue *self,
                                                            struct fy_catalogue_totals *counted,
                                                            fy_audit_visit_fn *visit, void *arg,
                                                            struct fy_err *err)
{
    return self->ops->audit(self, counted, visit, arg, err);
}
/* The scan that runs, or the last; number 0 when there was none. */
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_scan_get(struct fy_catalogue *self, struct fy_scan_row *row, struct fy_err *err)
{
    return self->ops->scan_get(self, row, err);
}
/* Bodies that were found damaged, mended or not, for as long as their rows are here. */
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_damage_list(struct fy_catalogue *self, const struct fy_damage_filter *filter,
                         fy_damage_visit_fn *visit, void *arg, struct fy_err *err)
{
    FY_ASSERT(filter->limit >= 1);
    FY_ASSERT(filter->limit <= FY_LIST_PAGE_MAX);
    return self->ops->damage_list(self, filter, visit, arg, err);
}
/* What is written down for the day the catalogue is lost says whose it is. A store with a file of a
 * greater number than `exported` has seen more of the catalogue than is in it now. */
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_identity(struct fy_catalogue *self, struct fy_identity_row *row, struct fy_err *err)
{
    return self->ops->identity(self, row, err);
}
/*
 * What transactions have changed, as lines of an export, lowest ids first and above after_id; rows
 * stay until FY_CAT_JOURNAL_DONE. What is about one row of the catalogue is in the order it
 * happened. A row without lines says that anything may have changed, and an export of all rows is
 * wanted: of a new catalogue it is the first. FY_EEXISTS: as of the outbox.
 */
FY_MUST_CHECK static inline enum fy_code fy_catalogue_journal_read(struct fy_catalogue *self,
                                                                   int64_t after_id, uint32_t limit,
                                                                   fy_journal_visit_fn *visit,
                                                                   void *arg, struct fy_err *err)
{
    return self->ops->journal_read(self, after_id, limit, visit, arg, err);
}
/*
 * All rows as lines of an export: sites, buckets with their targets, objects (READY ones and
 * tombstones), rights. No snapshot: each page is of the moment it is read, so that a row that
 * changes meanwhile may be shown as before or after. Whoever has these lines and then the journal's
 * of all changes since the call began, has the catalogue. visit may be slow and may write.
 */
FY_MUST_CHECK static inline enum fy_code fy_catalogue_export_rows(struct fy_catalogue *self,
                                                                  fy_line_visit_fn *visit,
                                                                  void *arg, struct fy_err *err)
{
    return self->ops->export_rows(self, visit, arg, err);
}
FY_MUST_CHECK static inline enum fy_code fy_catalogue_totals(struct fy_catalogue *self,
                                                             struct fy_catalogue_totals *totals,
                                                             struct fy_err *err)
{
    return self->ops->totals(self, totals, err);
}
/* Accepts NULL. The lease is released (dead at once). */
static inline void fy_catalogue_close(struct fy_catalogue *self)
{
    if (self != NULL)
        self->ops->close(self);
}

#endif
