/* catalogue_sql_texts.h - what the statements of catalogue_sql_texts.c and catalogue_sql_texts_*.c
 * have in common; nobody else includes it. */
#ifndef FY_ADAPTERS_CATALOGUE_SQL_TEXTS_H
#define FY_ADAPTERS_CATALOGUE_SQL_TEXTS_H

#include "common/adapters/catalogue_sql_internal.h"

/* Statements about versions of names, and containers of them; NULL: not one of these. */
extern const char *const fy_cs_version_texts[FY_CS_SQL_COUNT];

/* Columns as fy_cs_take_container and fy_cs_take_object_row read them. */
#define FY_CS_CONTAINER_COLUMNS                                                                    \
    "c.id, c.account, c.name, c.status, c.stamp_time, c.stamp_site, c.created_ms, c.deleted_ms, "  \
    "c.expires_ms, c.there, c.ccs_visible, (SELECT a.rights FROM access a WHERE a.client = "       \
    "c.account AND a.bucket = c.name), " FY_CS_RULES_COLUMNS
/* Copied by a process that lives; hidden by any, until what it has made is removed. The last one is
 * for events alone, and still read along: it costs less than a statement of its own would. */
#define FY_CS_RULES_COLUMNS                                                                        \
    "c.versioned, c.policy, c.delete_exceeding, c.keep_deleted_s, c.quota, c.state, "              \
    "c.frozen_until_ms, c.has_registered, (c.copied_by IS NOT NULL AND EXISTS(SELECT 1 FROM "      \
    "lease WHERE lease.boot_id = c.copied_by AND lease.alive = 1)), (c.hidden_by IS NOT NULL), "   \
    "(SELECT substr(p.value, 1, 63) FROM property p WHERE p.container_id = c.id AND p.key = "      \
    "'sys.m2.bucket.name')"
#define FY_CS_OBJECT_COLUMNS                                                                       \
    "o.name, o.number, o.marker, o.id, o.status, o.stamp_time, o.stamp_site, o.size, o.hash, "     \
    "o.changed_ms, o.expires_ms, o.metadata, o.proof, o.upload_boot, o.body_id, b.sha, "           \
    "b.blob_ref, "                                                                                 \
    "b.damaged, o.kept_body"
/* The number of an object row: old ones say it by their stamp. */
#define FY_CS_OBJECT_NUMBER                                                                        \
    "CASE WHEN o.number <> 0 THEN o.number ELSE o.stamp_time / 65536 * 1000 + o.stamp_time / 256 " \
    "% 256 END"

#endif
