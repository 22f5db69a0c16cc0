/* catalogue_sql_version.h - versions of a name in the catalogues on SQL engines. */
/*
 * The object row of a name is its register: the newest version with a body (READY), or a tombstone,
 * which is a delete marker that lists show or says nothing but that the name is gone. All other
 * versions are rows of table `version`: older bodies, older delete markers, and registered ones,
 * whose body has not come; these may be newer than the object row. Under a tombstone that is no
 * marker there are registered ones alone: what is older came back, or went with the name.
 *
 * A container whose names are never written again (a CCS bucket) has no such rows until one is
 * registered there, and no statement asks for them.
 */
#ifndef FY_ADAPTERS_CATALOGUE_SQL_VERSION_H
#define FY_ADAPTERS_CATALOGUE_SQL_VERSION_H

#include "common/adapters/catalogue_sql_internal.h"

/* A name that an operation is about, as the transaction has read it. */
struct fy_cs_name {
    struct fy_cs_container *container;
    const char *name;
    struct fy_cs_object *object; /* changed with the row */
    const char *client, *op_id;  /* of the orders that it writes; NULL it writes none */
};

/* Whether the object row is a version of its name: it is READY, or a delete marker. */
static inline bool fy_cs_is_version(const struct fy_cs_object *object)
{
    return object->reg.status == FY_STATUS_READY || object->marker;
}
/* Rows of `version` may be in the container. */
static inline bool fy_cs_has_versions(const struct fy_cs_container *container)
{
    return container->row.rules.versioned || container->has_registered;
}
/* How many versions of a name the container keeps, as OpenIO counts them. */
int64_t fy_cs_policy(const struct fy_cs *self, const struct fy_cs_container *container);
/* Whether what is written again, or deleted, stays as an older version. */
bool fy_cs_keeps_versions(const struct fy_cs *self, const struct fy_cs_container *container);

/* ------------------------------------------------------------------ rows of `version` */

/* Each gives a row whole; false: there is none. */
bool fy_cs_version_find(struct fy_cs *self, struct fy_cs_conn *conn, int64_t container_id,
                        const char *name, int64_t number, struct fy_object_row *row);
/* The next above that number. */
bool fy_cs_version_newer(struct fy_cs *self, struct fy_cs_conn *conn, int64_t container_id,
                         const char *name, int64_t number, struct fy_object_row *row);
/* The one with the greatest number; the one with the greatest of those that are not registered; the
 * one with the least. */
bool fy_cs_version_top(struct fy_cs *self, struct fy_cs_conn *conn, int64_t container_id,
                       const char *name, struct fy_object_row *row);
bool fy_cs_version_older(struct fy_cs *self, struct fy_cs_conn *conn, int64_t container_id,
                         const char *name, struct fy_object_row *row);
bool fy_cs_version_oldest(struct fy_cs *self, struct fy_cs_conn *conn, int64_t container_id,
                          const char *name, struct fy_object_row *row);
/* The object row, if it is a version of its name. */
bool fy_cs_version_object(struct fy_cs *self, struct fy_cs_conn *conn, int64_t container_id,
                          const char *name, struct fy_object_row *row);
/* Whether the registered row is newer than the object. */
bool fy_cs_is_newer(const struct fy_object_row *registered, const struct fy_cs_object *object);

/* A row more, counted. Its stamp, body and facts are of *row. */
void fy_cs_version_add(struct fy_cs *self, const struct fy_cs_name *at,
                       const struct fy_object_row *row);
/* The object row, a version, as an older one, before another takes its seat. */
void fy_cs_version_keep(struct fy_cs *self, const struct fy_cs_name *at);
/* The row goes, and with it what is counted of it; its body stays for who takes it. */
void fy_cs_version_take(struct fy_cs *self, const struct fy_cs_name *at,
                        const struct fy_object_row *row);
/* Likewise, and its body is let go. */
void fy_cs_version_drop(struct fy_cs *self, const struct fy_cs_name *at,
                        const struct fy_object_row *row);
/* Drops versions of the name that are more than so many and older, at most limit of them; delete
 * markers are none, and the object, if it is READY, is one of them and stays. How many were. */
uint32_t fy_cs_versions_trim(struct fy_cs *self, const struct fy_cs_name *at, int64_t kept,
                             uint32_t limit);
/* Does that where the container wants it to be done at once. */
void fy_cs_versions_exceeding(struct fy_cs *self, const struct fy_cs_name *at);
/* A version is about to be registered in the container. In catalogue_sql_container.c. */
void fy_cs_container_registered(struct fy_cs *self, struct fy_cs_container *container);

/* ------------------------------------------------------------------ newest versions */

/* Where a version that is about to be written goes. */
struct fy_cs_seat {
    int64_t greatest; /* number of the name; what is made now is above it */
    int64_t number;   /* that was asked for, or of the registered version; 0: the next */
    bool below;       /* the object is newer, and stays */
    bool fills;       /* the version is registered, as */
    struct fy_object_row registered;
};
/* asked: a version's number; 0 the next, or the registered one that is the newest. FY_EEXISTS: that
 * one is there, or a newer one in a container that keeps none. */
FY_MUST_CHECK enum fy_code fy_cs_seat_find(struct fy_cs *self, const struct fy_cs_name *at,
                                           int64_t asked, struct fy_cs_seat *seat,
                                           struct fy_err *err);
/* The number of the version that a change with this stamp makes. */
int64_t fy_cs_seat_number(const struct fy_cs_seat *seat, const struct fy_stamp *stamp);
/* The body takes its seat, above the object that is there; the order is the caller's. */
void fy_cs_seat_ready(struct fy_cs *self, const struct fy_cs_name *at,
                      const struct fy_cs_seat *seat, struct fy_cs_ready *ready);
/* The name is deleted, with that stamp, by a delete marker, above what there is, which stays as
 * older versions; its number. */
int64_t fy_cs_name_mark(struct fy_cs *self, const struct fy_cs_name *at,
                        const struct fy_stamp *stamp);
/* The name is deleted, with that stamp: by a delete marker where versions are kept, or where older
 * ones would be seen again. */
void fy_cs_name_delete(struct fy_cs *self, const struct fy_cs_name *at,
                       const struct fy_stamp *stamp);
/* The version that the object row is, is erased, and the next older one comes back, or the name is
 * gone; with the order of what has changed for other sites. */
void fy_cs_newest_erase(struct fy_cs *self, const struct fy_cs_name *at);
/* All versions of the name and its delete markers go, oldest first, up to limit of them; the order
 * goes with the last. How many went: limit means that there may be more. */
uint32_t fy_cs_name_erase(struct fy_cs *self, const struct fy_cs_name *at, uint32_t limit);

/* ------------------------------------------------------------------ what is left */

/* catalogue_sql_left.c. Removes one row of what is left in a container that is gone; false: there
 * is none, which fy_cs_left_none notes. */
bool fy_cs_left_remove(struct fy_cs *self, const struct fy_cs_container *container);
void fy_cs_left_none(struct fy_cs *self, struct fy_cs_container *container);
/* Whether a container may come again: code if more is left than one transaction removes, which the
 * purge does meanwhile. Then, before it comes, all that is left goes. */
FY_MUST_CHECK enum fy_code fy_cs_left_check(struct fy_cs *self,
                                            const struct fy_cs_container *container,
                                            enum fy_code code, struct fy_err *err);
void fy_cs_left_clear(struct fy_cs *self, struct fy_cs_container *container);

/* ------------------------------------------------------------------ what changes share */

/* The container that a client's operation is about: there, taking changes, and the client has that
 * right. FY_ENOTFOUND, FY_EFORBIDDEN, FY_EFROZEN, FY_EDISABLED, FY_EBUSY. */
FY_MUST_CHECK enum fy_code fy_cs_container_for(struct fy_cs *self, struct fy_cat_op *op,
                                               const struct fy_object_key *key, const char *client,
                                               unsigned right, struct fy_cs_container *container);
/* Whether a body may be brought for the name now; by_rules: where the container's rules let it be
 * written again. Codes of fy_cs_container_for, FY_EEXISTS, FY_ENOTACCEPT, FY_ECANCELLED. */
FY_MUST_CHECK enum fy_code fy_cs_upload_check(struct fy_cs *self, struct fy_cat_op *op,
                                              const struct fy_object_key *key, const char *client,
                                              bool by_rules, struct fy_cs_container *container,
                                              struct fy_cs_object *object);
/* FY_EQUOTA: so many bytes more would be too many. */
FY_MUST_CHECK enum fy_code fy_cs_quota_check(struct fy_cs *self,
                                             const struct fy_cs_container *container, int64_t more,
                                             struct fy_err *err);
/* The order of a change of the name made here. digest NULL: none is known. */
void fy_cs_order_add(struct fy_cs *self, const struct fy_cs_name *at, enum fy_action action,
                     const struct fy_stamp *stamp, const struct fy_digest *digest, int64_t size);

#endif
