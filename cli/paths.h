/* paths.h - every route that the client commands use, and the queries behind them. */
#ifndef FY_CLI_PATHS_H
#define FY_CLI_PATHS_H

#include "common/core/buf.h"

#define FY_PATH_HELLO          "/ferry/v1/hello"
#define FY_PATH_READY          "/health/ready"
#define FY_PATH_STATUS         "/ferry/v1/status"
#define FY_PATH_LAG            "/ferry/v1/lag"
#define FY_PATH_SITES          "/ferry/v1/sites"
#define FY_PATH_CONTAINER      "/ferry/v1/container"
#define FY_PATH_CONTAINERS     "/ferry/v1/containers"
#define FY_PATH_CONTENT        "/ferry/v1/content"
#define FY_PATH_OBJECTS        "/ferry/v1/objects"
#define FY_PATH_DIGESTS        "/ferry/v1/digests"
#define FY_PATH_REMOTE_BUCKETS "/replicator/remote/buckets" /* CCS */
#define FY_PATH_CCS            "/cloudclonestore"           /* CCS, for clients */
#define FY_PATH_ORDERS         "/ferry/v1/orders"
#define FY_PATH_WAITING        "/ferry/v1/waiting"
#define FY_PATH_WAITING_RETRY  "/ferry/v1/waiting/retry"
#define FY_PATH_WAITING_DROP   "/ferry/v1/waiting/drop"
#define FY_PATH_CONFLICTS      "/ferry/v1/conflicts"
#define FY_PATH_CONFLICT_DROP  "/ferry/v1/conflicts/drop"
#define FY_PATH_VERIFY         "/ferry/v1/verify"
#define FY_PATH_DAMAGE         "/ferry/v1/damage"
#define FY_PATH_BACKFILLS      "/ferry/v1/backfills"
#define FY_PATH_DELETED        "/ferry/v1/deleted"
#define FY_PATH_UNDELETE       "/ferry/v1/undelete"

/* Begins a path with a route; path is init'ed here and ended by fy_buf_done. */
void fy_path(struct fy_buf *path, const char *route);
/* "/segment" and "?key=value" or "&key=value", percent-encoded; a NULL value adds nothing. */
void fy_path_segment(struct fy_buf *path, const char *segment);
void fy_path_query(struct fy_buf *path, const char *key, const char *value);
void fy_path_query_i64(struct fy_buf *path, const char *key, int64_t value);
/* "/segment" that is a number. */
void fy_path_segment_i64(struct fy_buf *path, int64_t segment);
/*
 * The query that names a bucket, and in it an object (NULL: none), as `client` sees them. Names
 * that CCS knows are looked up as CCS does, so that a bucket shared by its owner is found; any
 * other name is a container of the client's own account (DESIGN 8).
 */
void fy_path_names(struct fy_buf *path, const char *client, const char *bucket, const char *object);

#endif
