/* log.h - JSON lines on stderr; one failure, one line (STYLE 8). */
#ifndef FY_CORE_LOG_H
#define FY_CORE_LOG_H

#include "common/core/err.h"

enum fy_log_level { FY_DEBUG, FY_INFO, FY_WARN, FY_ERROR };

/* Least level written; default FY_INFO. Before threads start. */
void fy_log_level_set(enum fy_log_level level);
bool fy_log_enabled(enum fy_log_level level);

struct fy_kv {
    const char *key;
    enum { FY_KV_STR, FY_KV_I64, FY_KV_ERR } kind;
    const char *str;
    int64_t i64;
    const struct fy_err *err;
};
#define fy_kv_str(k, v) ((struct fy_kv){.key = (k), .kind = FY_KV_STR, .str = (v)})
#define fy_kv_i64(k, v) ((struct fy_kv){.key = (k), .kind = FY_KV_I64, .i64 = (int64_t)(v)})
#define fy_kv_err(e)    ((struct fy_kv){.key = "error", .kind = FY_KV_ERR, .err = (e)})

/* Writes {"ts":...,"level":...,"event":event,"op":op_id,...} as one write(2). op_id may be NULL.
 * Thread: any. Use the macro. */
void fy_log_write(enum fy_log_level level, const char *op_id, const char *event,
                  const struct fy_kv *pairs, size_t pair_count);
#define fy_log(op_id, level, event, ...)                                                           \
    do {                                                                                           \
        if (fy_log_enabled(level)) {                                                               \
            const struct fy_kv fy_log_pairs_[] = {__VA_ARGS__};                                    \
            fy_log_write(level, op_id, event, fy_log_pairs_, FY_COUNT_OF(fy_log_pairs_));          \
        }                                                                                          \
    } while (0)

#endif
