/* doctor.h - what is said of the engines that the configuration at hand names. */
#ifndef FY_CLI_DOCTOR_H
#define FY_CLI_DOCTOR_H

#include "common/core/config.h"

enum fy_doctor_level { FY_DOCTOR_OK, FY_DOCTOR_WARN, FY_DOCTOR_FAIL, FY_DOCTOR_LEVELS };
/* As tables and JSON have it: "ok", "warn", "fail". */
const char *fy_doctor_level_name(enum fy_doctor_level level);

/* A sentence; text is borrowed for the call. */
typedef void fy_doctor_find_fn(void *arg, enum fy_doctor_level level, const char *text);

/* Who judges one thing. */
struct fy_doctor_judge {
    fy_doctor_find_fn *find;
    void *arg;
    bool spoke; /* anything at all was said of it */
};
/* Hands on a sentence; a long one is cut. */
FY_PRINTF(3, 4)
void fy_doctor_say(struct fy_doctor_judge *judge, enum fy_doctor_level level, const char *format,
                   ...);

struct fy_postgres_state;
struct fy_redis_state;

/* Each asks its engine when the configuration names it, and says what it finds: all that is right
 * in a line, and a line for each thing that is not, with what to do. doctor_postgres.c: */
void fy_doctor_postgres(const struct fy_config *config, fy_doctor_find_fn *find, void *arg);
/* doctor_redis.c: */
void fy_doctor_redis(const struct fy_config *config, fy_doctor_find_fn *find, void *arg);

/* What is to be said of a state; here_ms: our wall clock at that moment. */
void fy_postgres_judge(const struct fy_postgres_state *state, int64_t here_ms,
                       fy_doctor_find_fn *find, void *arg);
void fy_redis_judge(const struct fy_redis_state *state, int64_t timeout_ms, fy_doctor_find_fn *find,
                    void *arg);

#endif
