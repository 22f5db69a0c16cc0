/* catalogue_sql_port.h - what the port asks of the catalogues on SQL engines: operations, reads. */
#ifndef FY_ADAPTERS_CATALOGUE_SQL_PORT_H
#define FY_ADAPTERS_CATALOGUE_SQL_PORT_H

#include "common/adapters/catalogue_sql_use.h"

struct fy_cs_container;

/* Room for the text above all names: the last character of UTF-8, one more than a name may have. */
#define FY_CS_END_BYTES (FY_OBJECT_BYTES_MAX + 4 + 1)

/* The operations: FY_OK, or why it was refused (and *err set). Called inside the transaction. */
typedef enum fy_code fy_cs_op_fn(struct fy_cs *self, struct fy_cat_op *op);
fy_cs_op_fn fy_cs_bucket_create, fy_cs_bucket_delete, fy_cs_upload_begin, fy_cs_upload_finish,
    fy_cs_upload_fail, fy_cs_object_delete, fy_cs_undelete, fy_cs_apply, fy_cs_wait,
    fy_cs_wait_claim, fy_cs_wait_edit, fy_cs_settle, fy_cs_conflict_drop, fy_cs_outbox_done,
    fy_cs_events_done, fy_cs_events_trim, fy_cs_states_tell, fy_cs_site, fy_cs_targets, fy_cs_right,
    fy_cs_backfill, fy_cs_lease_renew, fy_cs_sweep, fy_cs_trash_done, fy_cs_purge, fy_cs_scan,
    fy_cs_damage, fy_cs_mend, fy_cs_journal_done, fy_cs_restore, fy_cs_forget, fy_cs_restored,
    fy_cs_container_make, fy_cs_container_destroy, fy_cs_properties, fy_cs_container_state,
    fy_cs_touch, fy_cs_flush, fy_cs_versions_purge, fy_cs_snapshot, fy_cs_register,
    fy_cs_object_properties;

/* The reads of the port, in the order of struct fy_catalogue_ops. */
enum fy_code fy_cs_look(struct fy_catalogue *port, struct fy_cat_look *looks, size_t count,
                        struct fy_err *err);
enum fy_code fy_cs_container_get(struct fy_catalogue *port, const char *account, const char *name,
                                 struct fy_container_row *row, struct fy_err *err);
enum fy_code fy_cs_container_list(struct fy_catalogue *port, const char *account, bool ccs_only,
                                  const char *after, uint32_t limit, fy_container_visit_fn *visit,
                                  void *arg, struct fy_err *err);
enum fy_code fy_cs_container_walk(struct fy_catalogue *port, const char *account, const char *name,
                                  uint32_t limit, fy_container_visit_fn *visit, void *arg,
                                  struct fy_err *err);
enum fy_code fy_cs_container_count(struct fy_catalogue *port, const char *account, const char *name,
                                   struct fy_cat_count *count, struct fy_err *err);
enum fy_code fy_cs_container_info(struct fy_catalogue *port, const struct fy_container_ref *ref,
                                  struct fy_container_info *info, fy_property_visit_fn *visit,
                                  void *arg, struct fy_err *err);
enum fy_code fy_cs_version_get(struct fy_catalogue *port, const struct fy_object_key *key,
                               int64_t version, struct fy_object_row *row, struct fy_err *err);
enum fy_code fy_cs_version_list(struct fy_catalogue *port, const struct fy_version_query *query,
                                fy_version_visit_fn *visit, void *arg, struct fy_err *err);
enum fy_code fy_cs_targets_get(struct fy_catalogue *port, const char *account, const char *name,
                               char targets[static FY_TARGETS_BYTES_MAX + 1], struct fy_err *err);
enum fy_code fy_cs_object_get(struct fy_catalogue *port, const struct fy_object_key *key,
                              struct fy_object_row *row, struct fy_err *err);
enum fy_code fy_cs_object_list(struct fy_catalogue *port, const char *account, const char *bucket,
                               const struct fy_filter *filter, const char *after, uint32_t limit,
                               fy_object_visit_fn *visit, void *arg, struct fy_err *err);
enum fy_code fy_cs_object_marks(struct fy_catalogue *port, const char *account, const char *bucket,
                                const char *prefix, const char *after, fy_mark_visit_fn *visit,
                                void *arg, struct fy_err *err);
enum fy_code fy_cs_prefix_ready(struct fy_catalogue *port, const struct fy_object_key *prefix,
                                bool *found, struct fy_err *err);
enum fy_code fy_cs_site_list(struct fy_catalogue *port, fy_site_visit_fn *visit, void *arg,
                             struct fy_err *err);
enum fy_code fy_cs_site_get(struct fy_catalogue *port, const char *id, struct fy_site_row *row,
                            struct fy_err *err);
enum fy_code fy_cs_right_get(struct fy_catalogue *port, const char *client, const char *bucket,
                             unsigned *rights, struct fy_err *err);
enum fy_code fy_cs_right_list(struct fy_catalogue *port, const char *client,
                              fy_right_visit_fn *visit, void *arg, struct fy_err *err);
enum fy_code fy_cs_outbox_read(struct fy_catalogue *port, uint32_t limit, fy_outbox_visit_fn *visit,
                               void *arg, struct fy_err *err);
enum fy_code fy_cs_events_read(struct fy_catalogue *port, enum fy_event_stream stream,
                               uint32_t limit, fy_event_visit_fn *visit, void *arg,
                               struct fy_err *err);
enum fy_code fy_cs_waiting_list(struct fy_catalogue *port, const struct fy_waiting_filter *filter,
                                fy_waiting_visit_fn *visit, void *arg, struct fy_err *err);
enum fy_code fy_cs_waiting_counts(struct fy_catalogue *port, fy_waiting_count_visit_fn *visit,
                                  void *arg, struct fy_err *err);
enum fy_code fy_cs_conflict_list(struct fy_catalogue *port, const struct fy_conflict_filter *filter,
                                 fy_conflict_visit_fn *visit, void *arg, struct fy_err *err);
enum fy_code fy_cs_outcome_list(struct fy_catalogue *port, const char *op_id,
                                fy_outcome_visit_fn *visit, void *arg, struct fy_err *err);
enum fy_code fy_cs_backfill_list(struct fy_catalogue *port, int64_t after_id, uint32_t limit,
                                 fy_backfill_visit_fn *visit, void *arg, struct fy_err *err);
enum fy_code fy_cs_backfill_running(struct fy_catalogue *port, fy_backfill_visit_fn *visit,
                                    void *arg, struct fy_err *err);
enum fy_code fy_cs_trash_due(struct fy_catalogue *port, int64_t now_ms, uint32_t limit,
                             fy_blob_visit_fn *visit, void *arg, struct fy_err *err);
enum fy_code fy_cs_blob_standing(struct fy_catalogue *port, const char *blob_ref,
                                 const char *boot_id, enum fy_blob_standing *standing,
                                 struct fy_err *err);
enum fy_code fy_cs_scan_get(struct fy_catalogue *port, struct fy_scan_row *row, struct fy_err *err);
enum fy_code fy_cs_body_list(struct fy_catalogue *port, int64_t after_id, uint32_t limit,
                             fy_body_visit_fn *visit, void *arg, struct fy_err *err);
enum fy_code fy_cs_body_objects(struct fy_catalogue *port, int64_t body_id, uint32_t limit,
                                fy_key_visit_fn *visit, void *arg, struct fy_err *err);
enum fy_code fy_cs_damage_list(struct fy_catalogue *port, const struct fy_damage_filter *filter,
                               fy_damage_visit_fn *visit, void *arg, struct fy_err *err);
enum fy_code fy_cs_audit(struct fy_catalogue *port, struct fy_catalogue_totals *counted,
                         fy_audit_visit_fn *visit, void *arg, struct fy_err *err);
enum fy_code fy_cs_identity(struct fy_catalogue *port, struct fy_identity_row *row,
                            struct fy_err *err);
enum fy_code fy_cs_journal_read(struct fy_catalogue *port, int64_t after_id, uint32_t limit,
                                fy_journal_visit_fn *visit, void *arg, struct fy_err *err);
enum fy_code fy_cs_export_rows(struct fy_catalogue *port, fy_line_visit_fn *visit, void *arg,
                               struct fy_err *err);
enum fy_code fy_cs_totals(struct fy_catalogue *port, struct fy_catalogue_totals *totals,
                          struct fy_err *err);

/* A list: pages of rows are read with a connection that is given back before they are visited, so a
 * visitor may be slow and may itself read the catalogue. */
struct fy_cs_list {
    enum fy_cs_sql sql;
    size_t row_bytes;
    uint32_t limit; /* rows to visit at most */
    /* Binds all parameters, with the cursor; the last is the count of rows wanted. */
    void (*bind)(struct fy_cs_list *list, struct fy_cs_use *use, int64_t row_count);
    /* Reads a row; false: it does not pass the filter. The cursor moves in either case. */
    bool (*take)(struct fy_cs_list *list, struct fy_cs_use *use, void *row);
    bool (*visit)(struct fy_cs_list *list, const void *row);
    void (*drop)(void *row); /* frees what a row owns; may be NULL */
    struct fy_cs *self;
};
/* Of all processes one reads the outbox and the events. FY_EEXISTS: it is another one. */
FY_MUST_CHECK enum fy_code fy_cs_may_pump(struct fy_cs *self, struct fy_err *err);
FY_MUST_CHECK enum fy_code fy_cs_list_run(struct fy_cs_list *list, struct fy_err *err);
/* By key, or by CCS name with account ""; FY_ENOTFOUND when there is no row at all. */
FY_MUST_CHECK enum fy_code fy_cs_container_look_up(struct fy_cs *self, const char *account,
                                                   const char *name,
                                                   struct fy_cs_container *container,
                                                   struct fy_err *err);
int64_t fy_cs_take_site(struct fy_cs_use *use,
                        struct fy_site_row *row); /* its place in the order */
/* Where the names end that begin with prefix, which is UTF-8 of up to FY_OBJECT_BYTES_MAX bytes:
 * the least text above them all. */
void fy_cs_names_end(const char *prefix, char end[static FY_CS_END_BYTES]);
/* Binds where the names end that begin with prefix; end is borrowed until fy_cs_end. */
void fy_cs_prefix_end(struct fy_cs_use *use, const char *prefix, char end[static FY_CS_END_BYTES]);

#endif
